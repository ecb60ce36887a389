import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolPattern, TracePoint } from '../../../src/emulators/world/control-contract.ts';
import { EVERYWHERE, launched, ON_DEMAND, SPOT, START, stage } from './world-stage.ts';

const ZONE_A: PoolPattern = { ...EVERYWHERE, region: 'north', zone: 'north-a', instanceType: 'small', market: 'spot' };
const ZONE_B: PoolPattern = { ...ZONE_A, zone: 'north-b' };
const IN_B = { ...SPOT, zone: 'north-b' };

function point(offsetMs: number, free: number | null, price: number | null, pattern = ZONE_A): TracePoint {
  return { offsetMs, pattern, free, priceMicroUsdPerHour: price };
}

describe('a replayed trace', () => {
  it('says what holds in its pools from each point on; what it leaves blank stays as it was', async () => {
    const on = stage();
    on.control.replay({ points: [point(1_000, 2, 300_000), point(2_000, null, 310_000), point(3_000, 0, null)] });
    const model = on.world.price(SPOT);
    const seen: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      seen.push([on.control.freeOf(SPOT), on.world.price(SPOT)]);
      await on.clock.advance(1_000);
    }
    expect(seen).toEqual([
      [20, model],
      [2, 300_000],
      [2, 310_000],
      [0, 310_000],
    ]);
    expect(on.control.freeOf(ON_DEMAND)).toBe(20);
    expect(on.control.freeOf(IN_B)).toBe(20);
  });

  it('follows the model in what it says nothing of, and gives pools back to it', async () => {
    const [on, plain] = [stage(), stage()];
    for (const { control } of [on, plain]) control.setFree(EVERYWHERE, null);
    on.control.replay({ points: [point(0, 1, 300_000)] });
    for (const { clock } of [on, plain]) await clock.advance(7_200_000);
    expect([on.world.price(IN_B), on.control.freeOf(IN_B)]).toEqual([
      ...[plain.world.price(IN_B), plain.control.freeOf(IN_B)],
    ]);
    on.control.setFree(ZONE_A, null);
    on.control.setSpotPrice(ZONE_A, null);
    expect([on.world.price(SPOT), on.control.freeOf(SPOT)]).toEqual([
      ...[plain.world.price(SPOT), plain.control.freeOf(SPOT)],
    ]);
  });

  it('is taken from by launches between its points, and launches see it without anybody asking first', async () => {
    const on = stage();
    on.control.replay({ points: [point(0, 1, 300_000), point(10_000, 1, null)] });
    const first = launched(on, { pool: SPOT });
    expect([first.priceMicroUsdPerHour, on.control.freeOf(SPOT)]).toEqual([300_000, 0]);
    await on.clock.advance(10_000);
    launched(on, { pool: SPOT });
    expect(on.control.freeOf(SPOT)).toBe(0);
  });

  it('is in the history of prices at the time of each point, though nobody looked', async () => {
    const on = stage();
    on.control.replay({ points: [point(1_000, null, 300_000), point(2_000, null, 310_000)] });
    await on.clock.advance(10_000);
    const history = on.world.spotHistory(SPOT, START + 500, START + 10_000);
    expect(history.slice(1)).toEqual([
      { at: START + 1_000, priceMicroUsdPerHour: 300_000 },
      { at: START + 2_000, priceMicroUsdPerHour: 310_000 },
    ]);
  });

  it('gives way to what is set by hand after a point, until the next', async () => {
    const on = stage();
    on.control.replay({ points: [point(1_000, 5, 300_000), point(5_000, 6, 310_000)] });
    await on.clock.advance(2_000);
    on.control.setSpotPrice(ZONE_A, 400_000);
    on.control.setFree(ZONE_A, 0);
    expect([on.control.freeOf(SPOT), on.world.price(SPOT)]).toEqual([0, 400_000]);
    await on.clock.advance(3_000);
    expect([on.control.freeOf(SPOT), on.world.price(SPOT)]).toEqual([6, 310_000]);
  });

  it('is replaced by the next one, whose time starts then', async () => {
    const on = stage();
    on.control.replay({ points: [point(1_000, 5, null), point(3_000, 9, null)] });
    await on.clock.advance(2_000);
    on.control.replay({ points: [point(2_000, 7, null)] });
    const seen: number[] = [];
    for (let step = 0; step < 3; step += 1) {
      seen.push(on.control.freeOf(SPOT));
      await on.clock.advance(1_000);
    }
    expect(seen).toEqual([5, 5, 7]);
  });

  it('refuses points that cannot be, and goes on with the trace under way', async () => {
    const on = stage();
    on.control.replay({ points: [point(1_000, 5, null)] });
    const wrong: readonly [TracePoint, string][] = [
      [point(-1, 1, null), '≥ 0 ms after its start'],
      [point(0, 1.5, null), 'whole number ≥ 0'],
      [point(0, null, 0), 'micro-dollars above 0'],
      [point(0, null, 5, { ...ZONE_A, market: 'on-demand' }), 'prices of spot'],
      [point(0, 1, null, { ...ZONE_A, zone: 'west' }), 'not for sale'],
    ];
    for (const [bad, message] of wrong) {
      expect(() => on.control.replay({ points: [point(0, 1, null), bad] })).toThrow(message);
    }
    expect(on.control.freeOf(SPOT)).toBe(20);
    await on.clock.advance(1_000);
    expect(on.control.freeOf(SPOT)).toBe(5);
  });

  it('shows at any moment the last point of each pool, in whatever order they were given', async () => {
    const points = fc.array(
      fc.record({
        offsetMs: fc.nat(5_000),
        inA: fc.boolean(),
        free: fc.option(fc.nat(9)),
        price: fc.option(fc.integer({ min: 1, max: 900_000 })),
      }),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(points, fc.array(fc.nat(900), { maxLength: 8 }), async (given, pauses) => {
        const on = stage();
        const start = { free: 20, price: on.world.price(SPOT) };
        on.control.replay({
          points: given.map(({ offsetMs, inA, free, price }) => point(offsetMs, free, price, inA ? ZONE_A : ZONE_B)),
        });
        const inOrder = given.filter(({ inA }) => inA).toSorted((a, b) => a.offsetMs - b.offsetMs);
        for (const pause of pauses) {
          await on.clock.advance(pause);
          const past = inOrder.filter(({ offsetMs }) => offsetMs <= on.clock.now() - START);
          const free = past.findLast((entry) => entry.free !== null)?.free ?? start.free;
          const price = past.findLast((entry) => entry.price !== null)?.price ?? start.price;
          expect([on.control.freeOf(SPOT), on.world.price(SPOT)]).toEqual([free, price]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
