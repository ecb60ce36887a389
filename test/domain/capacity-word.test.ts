import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adviceWeight, type CapacityWord, interruptionsPerHourOf } from '../../src/domain/capacity-word.ts';
import { anOffer } from '../support/samples.ts';

const HOUR = 3_600_000;

describe('the weight of what a cloud says', () => {
  it('is that of ten launches when fresh, halves each hour, and is nothing after six', () => {
    expect([0, HOUR, 2 * HOUR, 6 * HOUR].map(adviceWeight)).toEqual([10, 5, 2.5, 0]);
    expect(adviceWeight(-HOUR), 'a clock that is ahead').toBe(10);
  });

  it('never grows with age', () => {
    fc.assert(
      fc.property(fc.nat(10 * HOUR), fc.nat(10 * HOUR), (a, b) => {
        expect(adviceWeight(Math.max(a, b))).toBeLessThanOrEqual(adviceWeight(Math.min(a, b)));
      }),
    );
  });
});

describe('interruptions per hour', () => {
  const word: CapacityWord = { obtainability: null, interruptionsPerHour: 0.2, words: '', observedAt: 0 };
  const spot = anOffer({ pool: { ...anOffer().pool, market: 'spot' }, interruptionsPerHour: 0.05 });

  it('are the cloud’s own for spot while they are good, else the offer’s', () => {
    expect(interruptionsPerHourOf(spot, word, HOUR)).toBe(0.2);
    expect(interruptionsPerHourOf(spot, word, 6 * HOUR)).toBe(0.05);
    expect(interruptionsPerHourOf(spot, { ...word, interruptionsPerHour: null }, HOUR)).toBe(0.05);
    expect(interruptionsPerHourOf(spot, undefined, HOUR)).toBe(0.05);
    expect(interruptionsPerHourOf(anOffer(), word, HOUR)).toBe(0);
  });
});
