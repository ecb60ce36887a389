import { beforeAll, describe, expect, it } from 'vitest';
import { findAccelerator } from '../../../src/domain/accelerators.ts';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';
import type { MarketFacts } from '../../../src/emulators/world/market-facts.ts';

let market: MarketFacts;

beforeAll(async () => {
  market = await loadMarket('aws');
});

function soldIn(region: string): readonly string[] {
  return Object.keys(market.listPricesUsd[region] ?? {});
}

describe('the AWS market table', () => {
  it('has regions, types and zones enough for a real choice', () => {
    expect(market.regions.length).toBeGreaterThanOrEqual(8);
    expect(market.instanceTypes.length).toBeGreaterThan(40);
    for (const region of market.regions) {
      expect(region.zones.length).toBeGreaterThanOrEqual(3);
      expect(soldIn(region.name).length).toBeGreaterThan(10);
      for (const zone of region.zones) {
        expect(zone.name.startsWith(region.name)).toBe(true);
        expect(zone.physicalId).toMatch(/^[a-z]+\d-az\d$/);
      }
    }
  });

  it.each([
    ['us-east-1', 'p5.48xlarge', '55.04'],
    ['us-east-1', 'p4d.24xlarge', '21.957642'],
    ['us-east-1', 'p3.2xlarge', '3.06'],
    ['us-east-1', 'g5.xlarge', '1.006'],
    ['us-east-1', 'g4dn.xlarge', '0.526'],
  ])('%s %s costs %s', (region, type, price) => {
    expect(Number(market.listPricesUsd[region]?.[type])).toBe(Number(price));
  });

  it('prices the same type alike in all regions, within what AWS asks more elsewhere', () => {
    for (const region of market.regions) {
      for (const [type, price] of Object.entries(market.listPricesUsd[region.name] ?? {})) {
        const home = market.listPricesUsd['us-east-1']?.[type];
        if (home === undefined) continue;
        const ratio = Number(price) / Number(home);
        expect({ region: region.name, type, alike: ratio > 0.8 && ratio < 2.3 }).toEqual({
          region: region.name,
          type,
          alike: true,
        });
      }
    }
  });

  it('offers every priced type in a zone', () => {
    for (const [region, offering] of Object.entries(market.zonesOffering)) {
      for (const [type, zones] of Object.entries(offering)) {
        expect({ region, type, zones: zones.length > 0 }).toEqual({ region, type, zones: true });
      }
    }
  });

  it('reports GPU memory near the nominal one', () => {
    for (const { name, accelerator, gpuMemoryMiB } of market.instanceTypes) {
      const lookup = findAccelerator(accelerator);
      const nominal = lookup.found ? lookup.accelerator.memoryGiB * 1024 : 0;
      expect({ name, near: Math.abs(gpuMemoryMiB - nominal) < nominal * 0.1 }).toEqual({ name, near: true });
    }
  });

  it('counts vCPUs against exactly one quota per market, with room for some thirty big machines', () => {
    for (const type of market.instanceTypes) {
      for (const kind of ['on-demand', 'spot'] as const) {
        const [claim, ...others] = type.quotaClaims[kind];
        expect(others).toEqual([]);
        expect(claim?.units).toBe(type.vcpus);
        const quota = market.quotas.find(({ name }) => name === claim?.quota);
        expect((quota?.defaultLimit ?? 0) / type.vcpus).toBeGreaterThanOrEqual(30);
        expect(quota?.displayName.includes('Spot')).toBe(kind === 'spot');
      }
    }
  });
});
