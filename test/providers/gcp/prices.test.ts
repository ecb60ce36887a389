import { describe, expect, it } from 'vitest';
import type { HostType, Shape } from '../../../src/providers/gcp/machine-types.ts';
import { gpuOf, shapesOf, splitInstanceType } from '../../../src/providers/gcp/machine-types.ts';
import type { ComponentPrice } from '../../../src/providers/gcp/prices.ts';
import { componentKey, composePrice, priceListOf } from '../../../src/providers/gcp/prices.ts';
import { skusPage } from '../../../src/providers/gcp/responses.ts';

interface SkuChanges {
  readonly usageType?: string;
  readonly usageUnit?: string;
  readonly currencyCode?: string;
  readonly nanos?: number;
  readonly regions?: readonly string[];
}

function sku(description: string, changes: SkuChanges = {}) {
  const { usageType = 'OnDemand', usageUnit = 'h', currencyCode = 'USD', nanos = 500_000_000 } = changes;
  const unitPrice = { currencyCode, units: '1', nanos };
  const pricingInfo = [{ pricingExpression: { usageUnit, tieredRates: [{ startUsageAmount: 0, unitPrice }] } }];
  const serviceRegions = [...(changes.regions ?? ['us-central1'])];
  const [parsed] = skusPage.parse({
    skus: [{ description, category: { usageType }, serviceRegions, pricingInfo }],
  }).skus;
  if (parsed === undefined) throw new Error('no SKU');
  return parsed;
}

const REGIONS = new Set(['us-central1', 'us-east1']);

function entries(...skus: ReturnType<typeof sku>[]): Record<string, number> {
  return Object.fromEntries(
    [...priceListOf(skus, REGIONS)].flatMap(([key, { nanos }]) => (nanos === null ? [] : [[key, nanos]])),
  );
}

describe('the price list', () => {
  it.each([
    ['A2 Instance Core running in Americas', 'OnDemand', 'us-central1/on-demand/A2 Instance Core'],
    ['Spot Preemptible A2 Instance Ram running in Japan', 'Preemptible', 'us-central1/spot/A2 Instance Ram'],
    [
      'Nvidia Tesla T4 GPU attached to preemptible VMs running in Iowa',
      'Preemptible',
      'us-central1/spot/Nvidia Tesla T4 GPU',
    ],
    [
      'Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs running in Las Vegas',
      'Preemptible',
      'us-central1/spot/Nvidia Tesla A100 80GB GPU',
    ],
    [
      'Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Americas',
      'Preemptible',
      'us-central1/spot/A4 Nvidia B200 (1 gpu slice)',
    ],
    ['SSD backed Local Storage in Belgium', 'OnDemand', 'us-central1/on-demand/SSD backed Local Storage'],
    ['SSD backed Local Storage', 'OnDemand', 'us-central1/on-demand/SSD backed Local Storage'],
  ])('reads %s (%s) as %s', (description, usageType, key) => {
    expect(entries(sku(description, { usageType }))).toEqual({ [key]: 1_500_000_000 });
  });

  it.each([
    ['Commitment v1: Nvidia H100 80GB GPU running in Americas for 1 Year', 'Commit1Yr'],
    ['Commitment v1: Nvidia H100 80GB GPU running in Americas for 1 Year', 'OnDemand'],
    ['Reserved Nvidia H100 80GB Mega GPU in Americas in Calendar Mode', 'OnDemand'],
    ['Nvidia H100 Mega 80GB GPU attached to DWS Defined Duration VMs running in Americas', 'OnDemand'],
    ['H200 141GB GPU in Americas in Calendar Mode', 'OnDemand'],
    ['A2 Instance Core running in Americas with Sole Tenancy', 'OnDemand'],
    ['N1 Custom Instance Core running in Americas', 'OnDemand'],
  ])('leaves out %s (%s)', (description, usageType) => {
    expect(entries(sku(description, { usageType }))).toEqual({});
  });

  it('counts a monthly price by the hour, and knows no other unit or currency', () => {
    const ssd = sku('SSD backed Local Storage', { usageUnit: 'GiBy.mo', nanos: 0 });
    expect(Object.values(entries(ssd))).toEqual([1_000_000_000 / 730]);
    expect(entries(sku('A2 Instance Core running in Americas', { usageUnit: 'GiBy' }))).toEqual({});
    expect(entries(sku('A2 Instance Core running in Americas', { currencyCode: 'EUR' }))).toEqual({});
  });

  it.each([
    ['Spot Preemptible A2 Instance Core running in Americas', 'OnDemand'],
    ['A2 Instance Core running in Americas', 'Preemptible'],
    ['A2 Instance Core running in Americas', 'SomethingNew'],
    ['A2 Instance Core running in Americas', ''],
  ])('trap: %s that calls itself "%s" is a price of neither market, and says why', (description, usageType) => {
    const list = priceListOf([sku(description, { usageType })], REGIONS);
    const doubted = { nanos: null, doubt: expect.stringContaining(description) };
    expect(Object.fromEntries(list)).toEqual({
      'us-central1/on-demand/A2 Instance Core': doubted,
      'us-central1/spot/A2 Instance Core': doubted,
    });
    const right = sku('Spot Preemptible A2 Instance Core running in Americas', { usageType: 'Preemptible', nanos: 7 });
    for (const skus of [
      [right, sku(description, { usageType })],
      [sku(description, { usageType }), right],
    ]) {
      expect(priceListOf(skus, REGIONS).get('us-central1/spot/A2 Instance Core')?.nanos).toBe(1_000_000_007);
    }
  });

  it('counts the dearest tier: an allowance at the start makes no machine cheaper', () => {
    const tiered = sku('A2 Instance Core running in Americas');
    const [info] = tiered.pricingInfo;
    const free = { startUsageAmount: 0, unitPrice: { currencyCode: 'USD', units: 0, nanos: 0 } };
    info?.pricingExpression?.tieredRates.unshift(free);
    expect(Object.values(entries(tiered))).toEqual([1_500_000_000]);
  });

  it('keeps the regions asked for, and the dearer of two claims', () => {
    const cheap = sku('A2 Instance Core running in Americas', { nanos: 1, regions: ['us-central1', 'moon-1'] });
    const dear = sku('A2 Instance Core running in Americas', { nanos: 9 });
    for (const skus of [
      [cheap, dear],
      [dear, cheap],
    ]) {
      expect(entries(...skus)).toEqual({ 'us-central1/on-demand/A2 Instance Core': 1_000_000_009 });
    }
  });
});

const A2: HostType = {
  ...{ name: 'a2-ultragpu-2g', vcpuCount: 24, memoryGiB: 340, architecture: 'x86_64' as const, localSsdGiB: 750 },
  gpu: { name: 'nvidia-a100-80gb', count: 2 },
};

function onlyShape(host: HostType): Shape {
  const [shape] = shapesOf(host, new Map());
  if (shape === undefined) throw new Error('no shape');
  return shape;
}

function known(nanos: number): ComponentPrice {
  return { nanos, doubt: null };
}

describe('the price of a machine', () => {
  const names = ['A2 Instance Core', 'A2 Instance Ram', 'Nvidia Tesla A100 80GB GPU', 'SSD backed Local Storage'];
  const prices = new Map(names.map((name, index) => [componentKey('r', 'spot', name), known(10 ** (index + 3))]));

  it('is the sum of vCPUs, memory, GPUs and bundled SSD', () => {
    const composed = composePrice(prices, 'r', 'spot', onlyShape(A2));
    expect(composed).toEqual({ known: true, microUsdPerHour: 24 + 340 * 10 + 2 * 100 + 750 * 1000 });
  });

  it('is quarantined with the reason where only a SKU that contradicts itself would give it', () => {
    const doubt = 'the SKU "Spot Preemptible A2 Instance Core" calls itself OnDemand';
    const doubted = new Map<string, ComponentPrice>(prices).set(componentKey('r', 'spot', 'A2 Instance Core'), {
      ...{ nanos: null, doubt },
    });
    expect(composePrice(doubted, 'r', 'spot', onlyShape(A2))).toEqual({
      known: false,
      reason: `the price list has no spot price of A2 Instance Core that can be trusted: ${doubt}`,
    });
  });

  it.each(names)('is unknown without %s, or where that costs nothing', (name) => {
    const missing = new Map(prices);
    missing.delete(componentKey('r', 'spot', name));
    expect(composePrice(missing, 'r', 'spot', onlyShape(A2))).toMatchObject({ known: false });
    const free = new Map(prices).set(componentKey('r', 'spot', name), known(0));
    expect(composePrice(free, 'r', 'spot', onlyShape(A2))).toMatchObject({
      known: false,
      reason: expect.stringContaining(name),
    });
  });
});

describe('machine types', () => {
  const host = { vcpuCount: 8, memoryGiB: 30, architecture: 'x86_64' as const, localSsdGiB: 0, gpu: null };

  it('with attached GPUs come in the shapes that the zone has GPUs for', () => {
    const gpus = new Map([
      ['nvidia-tesla-t4', 4],
      ['nvidia-tesla-p100', 4],
      ['nvidia-tesla-v100', 0],
    ]);
    const types = shapesOf({ ...host, name: 'n1-standard-8' }, gpus).map(({ instanceType }) => instanceType);
    expect(types).toEqual(['n1-standard-8+nvidia-tesla-t4x2', 'n1-standard-8+nvidia-tesla-p100x1']);
  });

  it('with GPUs or of series that nobody knows are no offer', () => {
    const gpu = { name: 'nvidia-z9000', count: 1 };
    expect(shapesOf({ ...host, name: 'a2-highgpu-1g', gpu }, new Map())).toEqual([]);
    expect(shapesOf({ ...A2, name: 'z9-standard-1' }, new Map())).toEqual([]);
  });

  it('are taken apart again', () => {
    expect(splitInstanceType('n1-standard-8+nvidia-tesla-t4x2')).toEqual({
      machineType: 'n1-standard-8',
      attached: { gpu: 'nvidia-tesla-t4', count: 2 },
    });
    expect(splitInstanceType('a2-highgpu-1g')).toEqual({ machineType: 'a2-highgpu-1g', attached: null });
    expect(gpuOf('n1-standard-8+nvidia-tesla-t4x2')).toBe('nvidia-tesla-t4');
    expect(gpuOf('a2-ultragpu-8g')).toBe('nvidia-a100-80gb');
    expect(gpuOf('a2-megagpu-16g')).toBe('nvidia-tesla-a100');
  });
});
