import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertMicroUsd, formatUsd, parseUsd, scaleMoney, sumMoney } from '../../src/domain/money.ts';

const amount = fc.maxSafeInteger();

/** Rounding done with integers of any size: what `parseUsd` must agree with. */
function exactMicroUsd(sign: string, whole: string, fraction: string): bigint {
  const scaled = BigInt(whole + fraction.padEnd(7, '0'));
  const divisor = 10n ** BigInt(Math.max(7, fraction.length) - 6);
  const magnitude = (scaled * 2n + divisor) / (divisor * 2n);
  return sign === '-' ? -magnitude : magnitude;
}

describe('parseUsd', () => {
  it.each([
    ['98.32', 98_320_000],
    ['0.706832', 706_832],
    ['12', 12_000_000],
    [' 1.5 ', 1_500_000],
    ['-0.25', -250_000],
    ['007.10', 7_100_000],
    ['9007199254.740991', Number.MAX_SAFE_INTEGER],
    [0.7068, 706_800],
    [0.1 + 0.2, 300_000],
    [1e-7, 0],
    [5e-7, 1],
    [-5e-7, -1],
    [4.99999999999999e-7, 0],
    [98.32, 98_320_000],
  ])('reads %s as %i micro-dollars', (text, expected) => {
    expect(parseUsd(text)).toBe(expected);
  });

  it.each([
    ['0.0000004999999999', 0],
    ['0.0000005', 1],
    ['-0.0000005', -1],
    ['1.0000014999', 1_000_001],
    ['1.0000015', 1_000_002],
    ['0.9999995', 1_000_000],
    ['-1.9999999', -2_000_000],
    ['-0.0000001', 0],
  ])('rounds %s half away from zero', (text, expected) => {
    expect(parseUsd(text)).toBe(expected);
  });

  it('agrees with exact integer arithmetic on decimals of any length', () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }).map((list) => list.join(''));
    const whole = fc.integer({ min: 0, max: 9_007_199_253 }).map(String);
    fc.assert(
      fc.property(fc.constantFrom('', '-'), whole, digits, (sign, units, fraction) => {
        const text = fraction === '' ? `${sign}${units}` : `${sign}${units}.${fraction}`;
        expect(BigInt(parseUsd(text))).toBe(exactMicroUsd(sign, units, fraction));
      }),
    );
  });

  it('reads a number as its shortest decimal text', () => {
    fc.assert(
      fc.property(fc.integer({ min: -9e9, max: 9e9 }), fc.integer({ min: 0, max: 6 }), (value, decimals) => {
        const text = (value / 10 ** decimals).toFixed(decimals);
        expect(parseUsd(Number(text))).toBe(parseUsd(text));
      }),
    );
  });

  it.each(['', ' ', '.', '1.', '.5', '1,5', '1_000', '$1', '1e3', '0x10', '+1', '--1', '1.2.3', 'NaN', '1 2', '１'])(
    'refuses %j and says what to write',
    (junk) => {
      expect(() => parseUsd(junk)).toThrow(RangeError);
      expect(() => parseUsd(junk)).toThrow('write a decimal number such as 12.50');
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e21, 1e16, '9007199254.740992', '9'.repeat(400)])(
    'refuses %s',
    (junk) => {
      expect(() => parseUsd(junk)).toThrow(RangeError);
    },
  );

  it('never gives a negative zero', () => {
    for (const zero of ['-0', '-0.00', -0, '-0.0000004', -1e-9]) expect(Object.is(parseUsd(zero), 0)).toBe(true);
  });
});

describe('formatUsd', () => {
  it.each([
    [706_832, '0.706832'],
    [98_320_000, '98.32'],
    [0, '0.00'],
    [1, '0.000001'],
    [1_000_000, '1.00'],
    [1_500_000, '1.50'],
    [1_230_000, '1.23'],
    [1_234_000, '1.234'],
    [-250_000, '-0.25'],
    [10_000_000, '10.00'],
  ])('prints %i as %s', (value, expected) => {
    expect(formatUsd(value)).toBe(expected);
  });

  it('is undone by parseUsd for every amount', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(parseUsd(formatUsd(value))).toBe(value);
      }),
    );
  });

  it('keeps at least two decimals and no needless zero', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(formatUsd(value)).toMatch(/^-?\d+\.(\d\d|\d{2,5}[1-9])$/);
      }),
    );
  });

  it('refuses what is not a whole number of micro-dollars', () => {
    for (const wrong of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => formatUsd(wrong)).toThrow(RangeError);
    }
  });
});

describe('assertMicroUsd', () => {
  it('returns whole amounts and names the others', () => {
    expect(assertMicroUsd(-3, 'the price')).toBe(-3);
    expect(() => assertMicroUsd(1.5, 'the price')).toThrow(
      'the price must be a whole number of micro-dollars, not 1.5',
    );
  });
});

describe('scaleMoney', () => {
  it.each([
    [100, 0.5, 50],
    [101, 0.5, 51],
    [-101, 0.5, -50],
    [55_040_000, 0.72, 39_628_800],
    [1, 0, 0],
    [0, -1, 0],
  ])('%i × %d is %i', (value, factor, expected) => {
    expect(scaleMoney(value, factor)).toBe(expected);
  });

  it('gives a whole amount at most half a micro-dollar from the product', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (value, factor) => {
          const scaled = scaleMoney(value, factor);
          expect(Number.isSafeInteger(scaled)).toBe(true);
          expect(Math.abs(scaled - value * factor)).toBeLessThanOrEqual(0.5);
          expect(Object.is(scaled, -0)).toBe(false);
        },
      ),
    );
  });

  it('refuses a factor that is no number and a product that is too large', () => {
    expect(() => scaleMoney(1, Number.NaN)).toThrow(RangeError);
    expect(() => scaleMoney(Number.MAX_SAFE_INTEGER, 2)).toThrow(RangeError);
  });
});

describe('sumMoney', () => {
  it('adds exactly, in any order', () => {
    const list = fc.array(fc.integer({ min: -1e12, max: 1e12 }), { maxLength: 50 });
    fc.assert(
      fc.property(list, (values) => {
        const exact = values.reduce((total, value) => total + BigInt(value), 0n);
        expect(BigInt(sumMoney(values))).toBe(exact);
        expect(sumMoney(values.toReversed())).toBe(sumMoney(values));
      }),
    );
  });

  it('is 0 for nothing', () => {
    expect(sumMoney([])).toBe(0);
  });

  it('refuses fractions even where they add up, and sums that pass the safe range on the way', () => {
    expect(() => sumMoney([0.5, 0.5])).toThrow(RangeError);
    expect(() => sumMoney([2 ** 52 + 1, 0.5])).toThrow(RangeError);
    expect(() => sumMoney([Number.MAX_SAFE_INTEGER, 1, 1, -3])).toThrow(RangeError);
  });
});
