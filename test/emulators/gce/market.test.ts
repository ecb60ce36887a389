import { beforeEach, describe, expect, it } from 'vitest';
import { findAccelerator } from '../../../src/domain/accelerators.ts';
import { parseUsd } from '../../../src/domain/money.ts';
import {
  componentFacts,
  HOURS_PER_MONTH,
  listPrices,
  spotPrices,
} from '../../../src/emulators/gce/component-prices.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { World } from '../../../src/emulators/world/contract.ts';
import type { WorldControl } from '../../../src/emulators/world/control-contract.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';
import type { MarketFacts } from '../../../src/emulators/world/market-facts.ts';

let facts: MarketFacts;
let world: World;
let control: WorldControl;

beforeEach(async () => {
  facts = await loadMarket('gcp');
  ({ world, control } = createWorld({ seed: 3, clock: createManualClock(Date.UTC(2026, 9, 1)), facts: [facts] }));
});

/** Micro-dollars per hour that a machine's components add up to. */
function composed(prices: ReadonlyMap<string, number>, instanceType: string): number {
  const { compositions, components } = componentFacts(world);
  const nanos = Object.entries(compositions[instanceType] ?? {}).reduce((sum, [component, quantity]) => {
    const price = prices.get(component);
    if (price === undefined) throw new Error(`no price of ${component}`);
    return sum + (price * quantity) / (components[component]?.kind === 'ssd' ? HOURS_PER_MONTH : 1);
  }, 0);
  return Math.round(nanos / 1000);
}

describe('the market table of GCP', () => {
  it('covers at least eight regions on three continents, with the families that the world buys', () => {
    expect(facts.regions.length).toBeGreaterThanOrEqual(8);
    expect(new Set(facts.regions.map(({ area }) => area))).toEqual(new Set(['na', 'eu', 'ap']));
    expect(new Set(facts.instanceTypes.map(({ family }) => family))).toEqual(
      new Set(['a2', 'a3', 'a4', 'g2', 'g4', 'n1']),
    );
  });

  it('lists every machine at exactly what its components add up to', () => {
    const wrong: string[] = [];
    let checked = 0;
    for (const [region, prices] of Object.entries(facts.listPricesUsd)) {
      const components = listPrices(componentFacts(world), region);
      for (const [type, usd] of Object.entries(prices)) {
        checked += 1;
        if (composed(components, type) !== parseUsd(usd)) wrong.push(`${region} ${type}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(200);
  });

  it('agrees with list prices that are well known', () => {
    const usCentral = facts.listPricesUsd['us-central1'];
    expect(usCentral).toMatchObject({
      'a2-highgpu-1g': '3.673385',
      'a2-ultragpu-1g': '5.068798',
      'a3-highgpu-8g': '88.490000',
      'g2-standard-4': '0.706832',
      'n1-standard-4+nvidia-tesla-t4x1': '0.539999',
    });
  });

  it('names a composition, a known GPU and quotas that exist for every type', () => {
    const { compositions } = componentFacts(world);
    const quotas = new Set(facts.quotas.map(({ name }) => name));
    for (const type of facts.instanceTypes) {
      expect(compositions[type.name], type.name).toBeDefined();
      const found = findAccelerator(type.vendorGpuName ?? '');
      expect(found.found && found.accelerator.name, type.name).toBe(type.accelerator);
      for (const market of type.markets) {
        const claims = type.quotaClaims[market];
        expect(claims.map(({ units }) => units)).toEqual([type.acceleratorCount, type.acceleratorCount]);
        for (const { quota } of claims) expect(quotas.has(quota), quota).toBe(true);
      }
    }
  });

  it('sells the small H100 machines on spot only', () => {
    for (const count of [1, 2, 4]) {
      expect(world.instanceType('gcp', `a3-highgpu-${count}g`)?.markets).toEqual(['spot']);
    }
    expect(world.instanceType('gcp', 'a3-highgpu-8g')?.markets).toEqual(['on-demand', 'spot']);
  });
});

describe('spot prices of components', () => {
  it('are above nothing and below the list price', () => {
    for (const { name } of facts.regions) {
      const list = listPrices(componentFacts(world), name);
      const spot = spotPrices(world, componentFacts(world), name);
      // Some regions sell no machine with a local SSD of its own.
      const needed = [...list.keys()].filter((component) => component !== 'local-ssd');
      expect([...spot.keys()]).toEqual(expect.arrayContaining(needed));
      for (const [component, price] of spot) {
        expect(price, `${name} ${component}`).toBeGreaterThan(0);
        expect(price, `${name} ${component}`).toBeLessThanOrEqual(list.get(component) ?? 0);
      }
    }
  });

  it('add up to the world’s price exactly for the smallest type of each GPU', () => {
    const exact = new Set<string>();
    for (const { name: region } of facts.regions) {
      const spot = spotPrices(world, componentFacts(world), region);
      const seen = new Set<string>();
      for (const type of facts.instanceTypes) {
        const zone = world.zonesOffering('gcp', region, type.name)[0];
        if (zone === undefined || seen.has(type.vendorGpuName ?? '')) continue;
        seen.add(type.vendorGpuName ?? '');
        const price = world.price({ cloud: 'gcp', region, zone, instanceType: type.name, market: 'spot' });
        expect(composed(spot, type.name), `${region} ${type.name}`).toBe(price);
        exact.add(type.vendorGpuName ?? '');
      }
    }
    expect(exact.size).toBe(11);
  });

  it('stay above nothing when one of the GPUs that share a host becomes a bargain', () => {
    const instanceType = 'n1-standard-4+nvidia-tesla-t4x1';
    const pattern = { cloud: 'gcp' as const, region: 'us-central1', zone: null, instanceType };
    control.setSpotPrice({ ...pattern, accelerator: null, market: 'spot' }, 20_000);
    const spot = spotPrices(world, componentFacts(world), 'us-central1');
    for (const [component, price] of spot) expect(price, component).toBeGreaterThan(0);
    expect(composed(spot, instanceType)).toBe(20_000);
  });
});
