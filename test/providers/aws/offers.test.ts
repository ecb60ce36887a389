import { describe, expect, it } from 'vitest';
import type { GpuType } from '../../../src/providers/aws/catalogue.ts';
import type { RegionMarket } from '../../../src/providers/aws/offers.ts';
import { offersOf } from '../../../src/providers/aws/offers.ts';
import { readListPrice } from '../../../src/providers/aws/prices.ts';

const H100 = { name: 'H100-80GB-SXM', memoryGiB: 80, aliases: [] };
const P5: GpuType = {
  name: 'p5.48xlarge',
  gpu: { accelerator: H100, count: 8 },
  vcpuCount: 192,
  memoryGiB: 2048,
  architecture: 'x86_64',
  onDemand: true,
  spot: true,
};

function market(changes: Partial<RegionMarket> = {}): RegionMarket {
  return {
    region: 'us-east-1',
    types: [P5],
    offerings: [{ zone: 'us-east-1a', zonePhysicalId: 'use1-az6', instanceType: 'p5.48xlarge' }],
    reservations: [],
    listPrices: new Map([['p5.48xlarge', '55.0400000000']]),
    spotPrices: new Map([['us-east-1a p5.48xlarge', '20.123456']]),
    observedAt: 1000,
    ...changes,
  };
}

describe('offersOf', () => {
  it('makes one offer per zone and market', () => {
    const { offers, quarantined } = offersOf(market());
    expect(quarantined).toEqual([]);
    const shared = {
      zonePhysicalId: 'use1-az6',
      accelerator: 'H100-80GB-SXM',
      acceleratorCount: 8,
      vcpuCount: 192,
      memoryGiB: 2048,
      architecture: 'x86_64',
      availability: 'available',
      availableCount: null,
      observedAt: 1000,
    };
    const pool = {
      provider: 'aws',
      region: 'us-east-1',
      zone: 'us-east-1a',
      instanceType: 'p5.48xlarge',
      reservation: null,
    };
    expect(offers).toEqual([
      {
        ...shared,
        pool: { ...pool, market: 'on-demand' },
        priceMicroUsdPerHour: 55_040_000,
        quotaClaims: [{ quota: 'L-417A185B', scope: 'region', units: 192 }],
        interruptionsPerHour: 0,
      },
      {
        ...shared,
        pool: { ...pool, market: 'spot' },
        priceMicroUsdPerHour: 20_123_456,
        quotaClaims: [{ quota: 'L-C4BD4855', scope: 'region', units: 192 }],
        interruptionsPerHour: 0.0032,
      },
    ]);
  });

  it('sells nothing without a price, of an unknown type, or in a market that the type does not have', () => {
    expect(offersOf(market({ listPrices: new Map(), spotPrices: new Map() }))).toEqual({ offers: [], quarantined: [] });
    expect(offersOf(market({ types: [] })).offers).toEqual([]);
    const onDemandOnly = offersOf(market({ types: [{ ...P5, spot: false }] }));
    expect(onDemandOnly.offers.map(({ pool }) => pool.market)).toEqual(['on-demand']);
    const elsewhere = new Map([['us-east-1b p5.48xlarge', '20']]);
    expect(offersOf(market({ spotPrices: elsewhere })).offers.map(({ pool }) => pool.market)).toEqual(['on-demand']);
  });

  it.each([
    ['0.0000000000', 'cannot be true'],
    ['-1', 'cannot be true'],
    ['free', 'not an amount'],
    ['', 'not an amount'],
  ])('keeps the price "%s" out', (price, reason) => {
    const { offers, quarantined } = offersOf(market({ listPrices: new Map([['p5.48xlarge', price]]) }));
    expect(offers.map(({ pool }) => pool.market)).toEqual(['spot']);
    expect(quarantined).toHaveLength(1);
    expect(quarantined[0]?.pool).toMatchObject({ market: 'on-demand', zone: 'us-east-1a' });
    expect(quarantined[0]?.reason).toContain(reason);
  });
});

describe('readListPrice', () => {
  const plain = {
    instanceType: 'p5.48xlarge',
    regionCode: 'us-east-1',
    operatingSystem: 'Linux',
    tenancy: 'Shared',
    preInstalledSw: 'NA',
    capacitystatus: 'Used',
  };
  const entry = (attributes: object, dimensions: object = { r: { unit: 'Hrs', pricePerUnit: { USD: '55.04' } } }) =>
    JSON.stringify({ product: { attributes }, terms: { OnDemand: { t: { priceDimensions: dimensions } } } });

  it('reads the plain hourly price', () => {
    expect(readListPrice(entry(plain), 'us-east-1')).toEqual({ instanceType: 'p5.48xlarge', usd: '55.04' });
  });

  it.each([
    ['dedicated hardware', entry({ ...plain, tenancy: 'Dedicated' })],
    ['Windows', entry({ ...plain, operatingSystem: 'Windows' })],
    ['software on top', entry({ ...plain, preInstalledSw: 'SQL Web' })],
    ['capacity that is already paid', entry({ ...plain, capacitystatus: 'AllocatedCapacityReservation' })],
    ['another region', entry({ ...plain, regionCode: 'us-east-2' })],
    ['a one-off fee', entry(plain, { r: { unit: 'Quantity', pricePerUnit: { USD: '9' } } })],
    ['another currency', entry(plain, { r: { unit: 'Hrs', pricePerUnit: { CNY: '9' } } })],
    ['reserved terms only', JSON.stringify({ product: { attributes: plain }, terms: { Reserved: {} } })],
    ['nonsense', '{'],
    ['nothing', 'null'],
  ])('passes over %s', (_title, text) => {
    expect(readListPrice(text, 'us-east-1')).toBeNull();
  });
});
