import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concentrationOf, effectiveCount, sharesOf } from '../../src/domain/concentration.ts';

const amounts = fc
  .array(fc.tuple(fc.string({ maxLength: 4 }), fc.integer({ min: 1, max: 1e12 })), { minLength: 1, maxLength: 12 })
  .map((entries) => new Map(entries));

describe('sharesOf', () => {
  it('sums to 1, each share in proportion', () => {
    fc.assert(
      fc.property(amounts, (fleet) => {
        const shares = sharesOf(fleet);
        const total = [...fleet.values()].reduce((sum, amount) => sum + amount, 0);
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        for (const [key, share] of shares) expect(share).toBeCloseTo((fleet.get(key) ?? 0) / total, 12);
        expect(shares.size).toBe(fleet.size);
      }),
    );
  });

  it('comes largest first, ties by key, whatever the order of input', () => {
    fc.assert(
      fc.property(amounts, (fleet) => {
        const entries = [...sharesOf(fleet)];
        expect([...sharesOf(new Map([...fleet].toReversed()))]).toEqual(entries);
        for (const [index, [key, share]] of entries.entries()) {
          const [nextKey, nextShare] = entries[index + 1] ?? [];
          if (nextKey === undefined || nextShare === undefined) continue;
          expect(share > nextShare || (share === nextShare && key < nextKey)).toBe(true);
        }
      }),
    );
  });

  it('leaves out what holds nothing', () => {
    const shares = sharesOf(
      new Map([
        ['gcp', 0],
        ['azure', 25],
        ['aws', 75],
      ]),
    );
    expect([...shares]).toEqual([
      ['aws', 0.75],
      ['azure', 0.25],
    ]);
    expect(sharesOf(new Map()).size).toBe(0);
    expect(sharesOf(new Map([['aws', 0]])).size).toBe(0);
  });

  it('a credit (negative amount) neither has a share nor inflates the others', () => {
    const shares = sharesOf(
      new Map([
        ['aws', 10],
        ['azure', 10],
        ['gcp', -10],
      ]),
    );
    expect([...shares]).toEqual([
      ['aws', 0.5],
      ['azure', 0.5],
    ]);
  });
});

describe('concentrationOf', () => {
  it('lies between 1/n and 1', () => {
    fc.assert(
      fc.property(amounts, (fleet) => {
        const concentration = concentrationOf(fleet);
        expect(concentration).toBeGreaterThanOrEqual(1 / fleet.size - 1e-12);
        expect(concentration).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is 1/n for n equal holders, and they are n effective ones', () => {
    for (let count = 1; count <= 10; count += 1) {
      const fleet = new Map(Array.from({ length: count }, (_, index) => [`provider-${index}`, 7]));
      expect(concentrationOf(fleet)).toBeCloseTo(1 / count, 12);
      expect(effectiveCount(fleet)).toBeCloseTo(count, 9);
    }
  });

  it('does not depend on the unit', () => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 2, max: 1000 }), (fleet, factor) => {
        const scaled = new Map([...fleet].map(([key, amount]) => [key, amount * factor]));
        expect(concentrationOf(scaled)).toBeCloseTo(concentrationOf(fleet), 12);
      }),
    );
  });

  it('grows when one holder takes over another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), (first, second) => {
        const apart = new Map([
          ['a', first],
          ['b', second],
        ]);
        expect(concentrationOf(new Map([['a', first + second]]))).toBeGreaterThan(concentrationOf(apart));
      }),
    );
  });

  it('an empty fleet has concentration 0 and 0 effective providers', () => {
    expect(concentrationOf(new Map())).toBe(0);
    expect(effectiveCount(new Map())).toBe(0);
  });
});
