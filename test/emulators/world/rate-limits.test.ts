import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { RateLimits } from '../../../src/emulators/world/rate-limits.ts';
import { createRateLimits } from '../../../src/emulators/world/rate-limits.ts';

const RUN = { cloud: 'aws', bucket: 'RunInstances', region: 'north' } as const;

function stage(): { readonly clock: ManualClock; readonly limits: RateLimits } {
  const clock = createManualClock(0);
  return { clock, limits: createRateLimits(() => clock.now()) };
}

/** Requests let through when asking until refused. */
function drain(limits: RateLimits, target: Parameters<RateLimits['take']>[0] = RUN): number {
  let taken = 0;
  while (taken < 10_000 && limits.take(target)) taken += 1;
  return taken;
}

describe('rate limits', () => {
  it('let through what a bucket holds, then what comes in, to the millisecond, and never save up more than it holds', async () => {
    const { clock, limits } = stage();
    limits.set('aws', 'RunInstances', { capacity: 3, refillPerSecond: 2 });
    expect(drain(limits)).toBe(3);
    await clock.advance(499);
    expect(drain(limits)).toBe(0);
    await clock.advance(1);
    expect(drain(limits)).toBe(1);
    await clock.advance(3_600_000);
    expect(drain(limits)).toBe(3);
  });

  it.each([0.1, 0.4, 1, 20, 500 / 60, 25])(
    'at %f a second let through exactly that, however often asked',
    async (rate) => {
      const { clock, limits } = stage();
      limits.set('aws', '*', { capacity: 1, refillPerSecond: rate });
      expect(drain(limits)).toBe(1);
      for (let ms = 0; ms < 1_000 / rate; ms += 1) {
        expect(limits.take(RUN)).toBe(false);
        await clock.advance(1);
      }
      expect(drain(limits)).toBe(1);
    },
  );

  it('never let through more than capacity and refill allow in any stretch of time', async () => {
    const limit = fc.record({ capacity: fc.integer({ min: 1, max: 20 }), refillPerSecond: fc.nat(50) });
    const steps = fc.array(fc.record({ ask: fc.nat(30), ms: fc.nat(1_500) }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(limit, steps, async ({ capacity, refillPerSecond }, asked) => {
        const { clock, limits } = stage();
        limits.set('aws', '*', { capacity, refillPerSecond });
        // The oracle counts in thousandths of a token, which are whole numbers.
        let held = capacity * 1_000;
        for (const { ask, ms } of asked) {
          const taken = Array.from({ length: ask }, () => limits.take(RUN)).filter(Boolean).length;
          expect(taken).toBe(Math.min(ask, Math.floor(held / 1_000)));
          await clock.advance(ms);
          held = Math.min(capacity * 1_000, held - taken * 1_000 + ms * refillPerSecond);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keep a bucket for each region and each name, for the cloud they are set for', () => {
    const { limits } = stage();
    limits.set('aws', 'Describe*', { capacity: 2, refillPerSecond: 0 });
    const instances = { cloud: 'aws', bucket: 'DescribeInstances', region: 'north' } as const;
    expect(drain(limits, instances)).toBe(2);
    expect(drain(limits, { ...instances, region: 'south' })).toBe(2);
    expect(drain(limits, { ...instances, region: null })).toBe(2);
    expect(drain(limits, { ...instances, bucket: 'DescribeRegions' })).toBe(2);
    expect([limits.take(RUN), limits.take({ ...instances, cloud: 'gcp' })]).toEqual([true, true]);
  });

  it('the one set last decides, and is taken away by its own name', () => {
    const { limits } = stage();
    limits.set('aws', 'RunInstances', { capacity: 5, refillPerSecond: 0 });
    limits.set('aws', '*', { capacity: 2, refillPerSecond: 0 });
    expect(drain(limits)).toBe(2);
    limits.set('aws', 'RunInstances', { capacity: 1, refillPerSecond: 0 });
    expect(limits.list().map(({ bucket, capacity }) => [bucket, capacity])).toEqual([
      ['*', 2],
      ['RunInstances', 1],
    ]);
    expect(drain(limits)).toBe(1);
    limits.set('aws', 'RunInstances', null);
    // The bucket of the other limit is as it was left.
    expect(limits.take(RUN)).toBe(false);
    limits.set('aws', '*', null);
    expect(limits.take(RUN)).toBe(true);
  });

  it('refuse impossible numbers', () => {
    const { limits } = stage();
    const wrong = [
      { capacity: 0, refillPerSecond: 1 },
      { capacity: 1, refillPerSecond: -1 },
      { capacity: Number.NaN, refillPerSecond: 1 },
      { capacity: 1, refillPerSecond: Number.POSITIVE_INFINITY },
    ];
    for (const limit of wrong) expect(() => limits.set('aws', '*', limit)).toThrow(RangeError);
    expect(limits.list()).toEqual([]);
  });
});
