import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeadlinePlanner, decideNext } from '../../../src/planning/deadlines/decide-next.ts';
import type { Situation } from '../../../src/planning/deadlines/situation.ts';
import { createMarketWatch, observe } from '../../../src/planning/deadlines/watch.ts';
import { carryOut, type MarketCase, placesAt, type Told } from './random-market.ts';

const series = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
/** Runs of some length, as markets have them. */
const runs = fc
  .array(fc.record({ up: fc.boolean(), ticks: fc.integer({ min: 1, max: 30 }) }), { minLength: 1, maxLength: 12 })
  .map((list) => list.flatMap(({ up, ticks }) => Array.from({ length: ticks }, () => up)));
const prices = fc.array(fc.integer({ min: 100_000, max: 4_000_000 }), { minLength: 1, maxLength: 5 });

const markets: fc.Arbitrary<MarketCase> = fc
  .record({
    stepSeconds: fc.integer({ min: 60, max: 1200 }),
    overheadSeconds: fc.integer({ min: 0, max: 3000 }),
    workTicks: fc.integer({ min: 1, max: 60 }),
    spareTicks: fc.integer({ min: 1, max: 40 }),
    onDemandPrice: fc.integer({ min: 1_000_000, max: 4_000_000 }),
    available: fc.array(fc.oneof(series, runs), { minLength: 0, maxLength: 3 }),
    prices: fc.array(prices, { minLength: 3, maxLength: 3 }),
  })
  .map(({ workTicks, spareTicks, ...rest }) => {
    const workSeconds = workTicks * rest.stepSeconds;
    // On-demand from the start is just in time at the least.
    const least = Math.ceil((workSeconds + rest.overheadSeconds) / rest.stepSeconds);
    return { ...rest, workSeconds, ticks: least + spareTicks - 1 };
  });

function broker(market: MarketCase): Told {
  const watch = createMarketWatch();
  const planner = createDeadlinePlanner(watch);
  return carryOut(market, (tick, situation) => {
    observe(
      watch,
      tick * market.stepSeconds,
      situation.places.filter((one) => one.market === 'spot'),
    );
    return decideNext(planner, situation);
  });
}

function onDemandOnly(market: MarketCase): number {
  const ticks = Math.ceil((market.workSeconds + market.overheadSeconds) / market.stepSeconds);
  return (ticks * market.onDemandPrice * market.stepSeconds) / 3600;
}

describe('decideNext', () => {
  it('is never late while on-demand exists', () => {
    fc.assert(
      fc.property(markets, (market) => {
        expect(broker(market).workLeftSeconds).toBeLessThanOrEqual(0);
      }),
      { numRuns: 100 },
    );
  });

  it('never costs more than on-demand only, but for the dearest price on all time there is', () => {
    fc.assert(
      fc.property(markets, (market) => {
        const dearest = Math.max(market.onDemandPrice, ...market.prices.flat());
        // Slack is all that starts can waste: no schedule that keeps the deadline bills more ticks than there are.
        const most = (market.ticks * dearest * market.stepSeconds) / 3600;
        expect(broker(market).cost).toBeLessThanOrEqual(Math.max(most, onDemandOnly(market)) + 1e-6);
      }),
      { numRuns: 50 },
    );
  });

  it('costs what on-demand only does where there never is spot', () => {
    fc.assert(
      fc.property(markets, (market) => {
        const told = broker({ ...market, available: [[false]] });
        expect(told.cost).toBeCloseTo(onDemandOnly(market), 0);
      }),
      { numRuns: 100 },
    );
  });

  it('stays on spot that is always there and cheap, from the first tick', () => {
    const market: MarketCase = {
      ...{ stepSeconds: 300, overheadSeconds: 720, workSeconds: 24 * 3600, ticks: 300 + 12, onDemandPrice: 3_060_000 },
      ...{ available: [[true]], prices: [[973_100]] },
    };
    const { decisions } = broker(market);
    expect(decisions[0]).toEqual({ action: 'start', place: 'spot-0', reason: 'cost' });
    expect(decisions.slice(1).every(({ action }) => action === 'stay')).toBe(true);
  });

  it('waits out an outage while there is slack, and runs on-demand when there is none', () => {
    const long: MarketCase = {
      ...{ stepSeconds: 600, overheadSeconds: 720, workSeconds: 4 * 3600, ticks: 600, onDemandPrice: 3_060_000 },
      ...{ available: [[false]], prices: [[973_100]] },
    };
    expect(broker(long).decisions[0]).toMatchObject({ action: 'wait' });
    expect(broker({ ...long, ticks: 26 }).decisions[0]).toEqual({
      action: 'start',
      place: 'on-demand',
      reason: 'safety',
    });
  });

  it('goes to the zone whose runs last, at the same price', () => {
    const watch = createMarketWatch();
    const flaky = [true, true, false];
    for (let tick = 0; tick < 900; tick++) {
      observe(watch, tick * 600, [
        { place: 'flaky', isAvailable: flaky[tick % 3] ?? false, price: 973_100 },
        { place: 'steady', isAvailable: true, price: 973_100 },
      ]);
    }
    const situation = situationOf(['flaky', 'steady']);
    expect(decideNext(createDeadlinePlanner(watch), situation)).toMatchObject({ action: 'start', place: 'steady' });
  });

  it('stays rather than pay a move for a slightly better price, and moves for a much better one', () => {
    const watch = createMarketWatch();
    for (let tick = 0; tick < 400; tick++) {
      observe(
        watch,
        tick * 600,
        ['here', 'there'].map((place) => ({ place, isAvailable: true, price: 1_000_000 })),
      );
    }
    const at = { ...situationOf(['here', 'there']), running: { place: 'here', pendingSeconds: 0 } };
    const decide = (price: number, moveCost: number): string | null => {
      const places = at.places.map((one) => (one.place === 'there' ? { ...one, price, moveCost } : one));
      return decideNext(createDeadlinePlanner(watch), { ...at, places }).place;
    };
    expect(decide(990_000, 0)).toBe('here');
    expect(decide(300_000, 0)).toBe('there');
    expect(decide(300_000, 50_000_000)).toBe('here');
  });

  it('does the same for the same sightings', () => {
    fc.assert(
      fc.property(markets, (market) => {
        expect(broker(market)).toEqual(broker(market));
      }),
      { numRuns: 20 },
    );
  });

  it('goes on where there is no on-demand, and says when there is nothing at all', () => {
    const watch = createMarketWatch();
    observe(watch, 0, [{ place: 'only', isAvailable: true, price: 1_000_000 }]);
    const situation = situationOf(['only']);
    const spot = situation.places.filter(({ market }) => market === 'spot');
    const late = { ...situation, timeLeftSeconds: 60, places: spot };
    expect(decideNext(createDeadlinePlanner(watch), late)).toMatchObject({ action: 'start', place: 'only' });
    const nothing = { ...late, places: spot.map((one) => ({ ...one, isAvailable: false })) };
    expect(decideNext(createDeadlinePlanner(watch), nothing)).toEqual({
      action: 'wait',
      place: null,
      reason: 'nothing-available',
    });
    expect(decideNext(createDeadlinePlanner(watch), { ...situation, workLeftSeconds: 0 }).reason).toBe('done');
  });
});

/** Ten hours of work and as much time again. */
function situationOf(names: readonly string[]): Situation {
  const market: MarketCase = {
    ...{ stepSeconds: 600, overheadSeconds: 720, workSeconds: 36_000, ticks: 120, onDemandPrice: 3_060_000 },
    ...{ available: names.map(() => [true]), prices: names.map(() => [973_100]) },
  };
  const places = placesAt(market, 0).map((one, index) => ({ ...one, place: names[index] ?? one.place }));
  return {
    workLeftSeconds: 36_000,
    timeLeftSeconds: 72_000,
    overheadSeconds: 720,
    stepSeconds: 600,
    running: null,
    places,
  };
}
