import { readFileSync } from 'node:fs';
import type { ResourceSku } from '@azure/arm-compute';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACCELERATORS } from '../../../src/domain/accelerators.ts';
import { offersOf, sizeOnSale } from '../../../src/providers/azure/offers.ts';
import { canonicalQuotaName, isGpuQuota, SIZE_LINES, sizeLineOf } from '../../../src/providers/azure/sizes.ts';

const market = z
  .object({
    instanceTypes: z.array(z.object({ name: z.string(), accelerator: z.string(), family: z.string() })),
    quotas: z.array(z.object({ name: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL('../../../src/emulators/world/market/azure.json', import.meta.url), 'utf8')));

describe('sizes', () => {
  it('names canonical accelerators', () => {
    const known = new Set(ACCELERATORS.map(({ name }) => name));
    expect(SIZE_LINES.filter(({ accelerator }) => !known.has(accelerator))).toEqual([]);
  });

  it.each(market.instanceTypes.map(({ name, accelerator, family }) => [name, accelerator, family]))(
    '%s holds %s of %s',
    (name, accelerator, family) => {
      expect(sizeLineOf(name)).toMatchObject({ accelerator, family });
    },
  );

  it.each(['Standard_NV6ads_A10_v5', 'Standard_NV18ads_A10_v5', 'Standard_NV16as_v4', 'Standard_D4s_v5', 'ND96asr_v4'])(
    '%s is none of ours',
    (name) => {
      expect(sizeLineOf(name)).toBeNull();
    },
  );
});

describe('quota names', () => {
  it.each([
    [' Standard NCASv3_T4 Family ', 'Standard NCASv3_T4 Family'],
    ['StandardNCASv3_T4Family', 'Standard NCASv3_T4 Family'],
    ['standardNCADSA100v4Family', 'StandardNCADSA100v4Family'],
    ['Cores', 'cores'],
    ['LowPriorityCores', 'lowPriorityCores'],
    [' standardDSv5Family ', 'standardDSv5Family'],
  ])('"%s" is "%s"', (name, canonical) => {
    expect(canonicalQuotaName(name)).toBe(canonical);
  });

  it('knows every quota of the market table and no other', () => {
    expect(market.quotas.filter(({ name }) => !isGpuQuota(name))).toEqual([]);
    expect(isGpuQuota('standardDSv5Family')).toBe(false);
  });
});

const SKU: ResourceSku = {
  resourceType: 'virtualMachines',
  name: 'Standard_NC24ads_A100_v4',
  family: 'standardNCADSA100v4Family',
  locationInfo: [{ location: 'EastUS', zones: ['3', '1'] }],
  capabilities: [
    { name: 'GPUs', value: '1' },
    { name: 'vCPUs', value: '24' },
    { name: 'MemoryGB', value: '220' },
    { name: 'LowPriorityCapable', value: 'True' },
    { name: 'CpuArchitectureType', value: 'x64' },
  ],
  restrictions: [],
};

describe('sizeOnSale', () => {
  it('reads a machine of the list', () => {
    expect(sizeOnSale(SKU, 'eastus')).toEqual({
      name: 'Standard_NC24ads_A100_v4',
      accelerator: 'A100-80GB',
      acceleratorCount: 1,
      vcpuCount: 24,
      memoryGiB: 220,
      architecture: 'x86_64',
      spot: true,
      family: 'StandardNCADSA100v4Family',
      zones: [
        { zone: '1', restricted: false },
        { zone: '3', restricted: false },
      ],
    });
  });

  it('marks restricted zones, and everything where the location is restricted', () => {
    const zone = { type: 'Zone' as const, restrictionInfo: { zones: ['3'] } };
    expect(sizeOnSale({ ...SKU, restrictions: [zone] }, 'eastus')?.zones).toEqual([
      { zone: '1', restricted: false },
      { zone: '3', restricted: true },
    ]);
    const location = { type: 'Location' as const, values: ['eastus'], reasonCode: 'QuotaId' as const };
    const zones = sizeOnSale({ ...SKU, restrictions: [location] }, 'eastus')?.zones ?? [];
    expect(zones.every(({ restricted }) => restricted)).toBe(true);
  });

  it('offers a size without zones in the region as a whole', () => {
    const regional = { ...SKU, locationInfo: [{ location: 'eastus', zones: [] }] };
    expect(sizeOnSale(regional, 'eastus')?.zones).toEqual([{ zone: null, restricted: false }]);
  });

  it('leaves out other regions, other resources and machines without a whole GPU', () => {
    expect(sizeOnSale(SKU, 'westus2')).toBeNull();
    expect(sizeOnSale({ ...SKU, resourceType: 'disks' }, 'eastus')).toBeNull();
    expect(sizeOnSale({ ...SKU, capabilities: [] }, 'eastus')).toBeNull();
    const half = [...(SKU.capabilities ?? []), { name: 'GPUs', value: '0.5' }];
    expect(sizeOnSale({ ...SKU, capabilities: half }, 'eastus')).toBeNull();
  });
});

describe('offersOf', () => {
  it('quarantines impossible prices pool by pool and leaves unpriced markets out', () => {
    const size = sizeOnSale(SKU, 'eastus');
    if (size === null) throw new Error('no size');
    const { offers, quarantined } = offersOf(
      'eastus',
      [size],
      {
        priceOf: (_size, wanted) => (wanted === 'spot' ? { micro: null, reason: 'lists 0' } : { micro: 3, reason: '' }),
      },
      5,
    );
    expect(
      offers.map(({ pool, priceMicroUsdPerHour, observedAt }) => [pool.zone, priceMicroUsdPerHour, observedAt]),
    ).toEqual([
      ['1', 3, 5],
      ['3', 3, 5],
    ]);
    expect(quarantined.map(({ pool, reason }) => [pool.zone, pool.market, reason])).toEqual([
      ['1', 'spot', 'lists 0'],
      ['3', 'spot', 'lists 0'],
    ]);
    expect(offersOf('eastus', [size], { priceOf: () => null }, 5)).toEqual({ offers: [], quarantined: [] });
  });
});
