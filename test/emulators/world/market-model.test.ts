import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelCapacity } from '../../../src/emulators/world/capacity.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldPool } from '../../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../../src/emulators/world/create-world.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { noiseAt, streamOf, uniformAt } from '../../../src/emulators/world/random.ts';
import { spotShare } from '../../../src/emulators/world/spot-price.ts';
import { BEHAVIOUR, smallMarket } from './small-market.ts';

const START = Date.UTC(2026, 0, 5);
const HOUR = 3_600_000;
const SMALL = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small', market: 'spot' } as const;

function worldAt(clock = createManualClock(START), seed = 1): CreatedWorld {
  return createWorld({ seed, clock, facts: [smallMarket('aws'), smallMarket('azure'), smallMarket('gcp')] });
}

describe('random', () => {
  it('is uniform enough, and every stream is its own', () => {
    const stream = streamOf(1, 'a');
    const draws = Array.from({ length: 10_000 }, (_, step) => uniformAt(stream, step - 5_000));
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    const tenths = draws.filter((draw) => draw < 0.1).length;
    expect(tenths).toBeGreaterThan(900);
    expect(tenths).toBeLessThan(1_100);
    expect(new Set([streamOf(1, 'a'), streamOf(2, 'a'), streamOf(1, 'b')]).size).toBe(3);
  });

  it('noise moves little between steps and stays within its bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1e6, max: 1e6 }), (seed, step) => {
        const stream = streamOf(seed, 'noise');
        const here = noiseAt(stream, step, 24);
        expect(Math.abs(here)).toBeLessThanOrEqual(1);
        expect(Math.abs(noiseAt(stream, step + 1, 24) - here)).toBeLessThan(0.13);
      }),
    );
  });
});

describe('spot prices', () => {
  it('stay between a tenth of the list price and the list price', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom('aws', 'azure', 'gcp'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: -100_000, max: 100_000 }),
        (seed, cloud, scarcity, hour) => {
          const share = spotShare(
            seed,
            { ...SMALL, cloud },
            { scarcity, area: 'na', behaviour: BEHAVIOUR[cloud] },
            hour,
          );
          expect(share).toBeGreaterThanOrEqual(0.1);
          expect(share).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('move from hour to hour, not within one', async () => {
    const clock = createManualClock(START);
    const { world } = worldAt(clock);
    const first = world.price(SMALL);
    await clock.advance(HOUR - 1);
    expect(world.price(SMALL)).toBe(first);
    await clock.advance(1);
    expect(world.price(SMALL)).not.toBe(first);
  });

  it('do not depend on when the world began by the calendar, only on its age', () => {
    const later = worldAt(createManualClock(START + 12_345_678));
    expect(later.world.price(SMALL)).toBe(worldAt().world.price(SMALL));
  });

  it('differ by zone on AWS and by region only on Azure and GCP', () => {
    const { world } = worldAt();
    function pricesOf(cloud: 'aws' | 'azure' | 'gcp'): Set<number | null> {
      return new Set(['north-a', 'north-b'].map((zone) => world.price({ ...SMALL, cloud, zone })));
    }
    expect(pricesOf('aws').size).toBe(2);
    expect(pricesOf('azure').size).toBe(1);
    expect(pricesOf('gcp').size).toBe(1);
  });

  it('keep the band of their cloud whatever is scarce', () => {
    const { world } = worldAt();
    const large: WorldPool = { ...SMALL, zone: 'north-b', instanceType: 'large' };
    expect(world.price(large)).toBeGreaterThan(55_040_000 * 0.25);
    expect(world.price({ ...large, market: 'on-demand' })).toBe(55_040_000);
  });

  it('are not there for what is not sold', () => {
    const { world } = worldAt();
    expect(world.price({ ...SMALL, instanceType: 'large' })).toBeNull();
    expect(world.price({ ...SMALL, region: 'south', zone: 'south-a', instanceType: 'large' })).toBeNull();
    expect(world.price({ ...SMALL, zone: 'nowhere' })).toBeNull();
    expect(world.zonesOffering('aws', 'south', 'large')).toEqual([]);
    expect(world.zonesOffering('aws', 'north', 'large')).toEqual(['north-b']);
  });

  it('the history tells every change, and the price in force at its beginning first', async () => {
    const clock = createManualClock(START);
    const { world } = worldAt(clock);
    const prices: { at: number; price: number | null }[] = [];
    for (let hour = 0; hour < 48; hour += 1) {
      prices.push({ at: clock.now(), price: world.price(SMALL) });
      await clock.advance(HOUR);
    }
    const from = START + 10 * HOUR + 1_000;
    const history = world.spotHistory(SMALL, from, START + 48 * HOUR - 1);
    expect(history[0]).toEqual({ at: START + 10 * HOUR, priceMicroUsdPerHour: prices[10]?.price });
    for (const { at, price } of prices.slice(10)) {
      expect(history.findLast((point) => point.at <= at)?.priceMicroUsdPerHour, `at ${at}`).toBe(price);
    }
    for (const [index, point] of history.entries()) {
      expect(point.priceMicroUsdPerHour).not.toBe(history[index + 1]?.priceMicroUsdPerHour);
      expect(point.at).toBeLessThan(history[index + 1]?.at ?? Number.POSITIVE_INFINITY);
    }
    expect(world.spotHistory(SMALL, START - 90 * 24 * HOUR, START).length).toBeGreaterThan(1_000);
  });

  it('set by hand hold from then on, are in the history, and are given back', async () => {
    const clock = createManualClock(START);
    const { world, control } = worldAt(clock);
    const model = world.price(SMALL);
    await clock.advance(1_000);
    const pattern = {
      cloud: 'aws',
      region: 'north',
      zone: null,
      instanceType: 'small',
      accelerator: null,
      market: null,
    } as const;
    control.setSpotPrice(pattern, 123_456);
    expect(world.price(SMALL)).toBe(123_456);
    expect(world.price({ ...SMALL, market: 'on-demand' })).toBe(526_000);
    expect(world.price({ ...SMALL, region: 'south', zone: 'south-a' })).not.toBe(123_456);
    await clock.advance(1_000);
    control.setSpotPrice(pattern, null);
    expect(world.price(SMALL)).toBe(model);
    expect(world.spotHistory(SMALL, START, clock.now())).toEqual([
      { at: START, priceMicroUsdPerHour: model },
      { at: START + 1_000, priceMicroUsdPerHour: 123_456 },
      { at: START + 2_000, priceMicroUsdPerHour: model },
    ]);
    expect(world.spotHistory(SMALL, START + 1_500, START + 1_600)).toEqual([
      { at: START + 1_000, priceMicroUsdPerHour: 123_456 },
    ]);
    expect(() => control.setSpotPrice(pattern, 0)).toThrow(RangeError);
  });
});

describe('capacity model', () => {
  const SCARCE = { scarcity: 0.82, acceleratorCount: 8 };
  const PLENTIFUL = { scarcity: 0.1, acceleratorCount: 1 };

  function sample(traits: typeof SCARCE, market: WorldPool['market']): { soldOut: number; mean: number } {
    const counts = Array.from({ length: 4_000 }, (_, index) =>
      modelCapacity(3, { ...SMALL, zone: `z${index % 40}`, market }, traits, Math.floor(index / 40) * 5),
    );
    return {
      soldOut: counts.filter((count) => count === 0).length / counts.length,
      mean: counts.reduce((sum, count) => sum + count, 0) / counts.length,
    };
  }

  it('the scarce sell out now and then, spot more often; the plentiful hardly ever', () => {
    const onDemand = sample(SCARCE, 'on-demand');
    const spot = sample(SCARCE, 'spot');
    expect(onDemand.soldOut).toBeGreaterThan(0.05);
    expect(onDemand.soldOut).toBeLessThan(0.11);
    expect(spot.soldOut).toBeGreaterThan(0.105);
    expect(spot.soldOut).toBeLessThan(0.16);
    expect(sample(PLENTIFUL, 'on-demand').soldOut).toBeLessThan(0.03);
    expect(onDemand.mean).toBeLessThan(6);
    expect(spot.mean).toBeLessThan(onDemand.mean);
    expect(sample(PLENTIFUL, 'on-demand').mean).toBeGreaterThan(40);
  });
});
