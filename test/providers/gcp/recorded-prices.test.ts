import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { HostType } from '../../../src/providers/gcp/machine-types.ts';
import { LISTED_TYPES, shapesOf } from '../../../src/providers/gcp/machine-types.ts';
import { composePrice, priceListOf } from '../../../src/providers/gcp/prices.ts';
import type { Sku } from '../../../src/providers/gcp/responses.ts';
import { skusPage } from '../../../src/providers/gcp/responses.ts';

/** Answers of the real catalogue, recorded by others; they lie beside the repository, where they lie at all. */
const FOLDER = path.resolve(import.meta.dirname, '../../../../shared/data/fixtures');

function recorded<T extends z.ZodType>(name: string, shape: T): z.output<T> {
  return shape.parse(JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8')));
}

/** `describe` where the file is there; skipped, saying which one is missing, where it is not. */
function describeRecorded(name: string, body: (file: string) => void): void {
  if (existsSync(path.join(FOLDER, name))) describe(`recorded: ${name}`, () => body(name));
  else describe.skip(`recorded: ${name} — skipped: the file is not in ../shared/data/fixtures`, () => body(name));
}

/** The Python client writes `usage_type` where the API writes `usageType`. */
function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelCased(item),
    ]),
  );
}

describeRecorded('gcp_billing_skus_h100_spot_2025-10.json', (file) => {
  it('gives the spot price of an H100 in each of its regions', () => {
    const { skus } = skusPage.parse({ skus: camelCased(recorded(file, z.array(z.unknown()))) });
    const regions = new Set(skus.flatMap(({ serviceRegions }) => serviceRegions));
    const prices = priceListOf(skus, regions);
    expect(regions.size).toBe(9);
    for (const region of regions) {
      const price = prices.get(`${region}/spot/Nvidia H100 80GB GPU`);
      expect(price, region).toMatchObject({ nanos: expect.any(Number), doubt: null });
      expect(prices.get(`${region}/on-demand/Nvidia H100 80GB GPU`), region).toBeUndefined();
    }
    expect(prices.get('asia-south2/spot/Nvidia H100 80GB GPU')?.nanos).toBe(8_298_989_000);
    expect(prices.size).toBe(9);
  });
});

const composition = z.array(
  z.object({
    region: z.string(),
    machine_type: z.string(),
    price: z.number(),
    components: z.array(
      z.object({ description: z.string(), usage_unit: z.string(), unit_price: z.number(), quantity: z.number() }),
    ),
  }),
);

function skuOf(region: string, component: z.output<typeof composition>[number]['components'][number]): Sku {
  const { description, usage_unit: usageUnit, unit_price: usd } = component;
  const nanos = Math.round(usd * 1e9);
  const unitPrice = { currencyCode: 'USD', units: String(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 };
  const [sku] = skusPage.parse({
    skus: [
      {
        ...{ description, category: { usageType: 'Preemptible' }, serviceRegions: [region] },
        pricingInfo: [{ pricingExpression: { usageUnit, tieredRates: [{ startUsageAmount: 0, unitPrice }] } }],
      },
    ],
  }).skus;
  if (sku === undefined) throw new Error('no SKU');
  return sku;
}

describeRecorded('gcp_a3_spot_price_components_2025-10-23.json', (file) => {
  it('adds up to the price that others composed of the same components', () => {
    const machines = recorded(file, composition);
    expect(machines.length).toBeGreaterThan(3);
    for (const { region, machine_type: name, price, components } of machines) {
      const quantity = (term: string) =>
        components.find(({ description }) => description.includes(term))?.quantity ?? 0;
      const host: HostType = {
        ...{ name, architecture: 'x86_64', localSsdGiB: 0 },
        ...{ vcpuCount: quantity(' Core '), memoryGiB: quantity(' Ram ') },
        gpu: { name: 'nvidia-h100-80gb', count: quantity(' GPU ') },
      };
      const [shape] = shapesOf(host, new Map());
      if (shape === undefined) throw new Error('no shape');
      const prices = priceListOf(
        components.map((component) => skuOf(region, component)),
        new Set([region]),
      );
      // Those others left the local SSD out.
      const composed = composePrice(prices, region, 'spot', {
        ...shape,
        series: { ...shape.series, billsLocalSsd: false },
      });
      expect(composed, region).toEqual({ known: true, microUsdPerHour: Math.round(price * 1e6) });
    }
  });
});

describeRecorded('gcp_gpu_machine_types_by_zone_2026-05-20.json', (file) => {
  it('names no accelerator-optimised type that is not asked for, but those that are known to be left out', () => {
    const zones = recorded(file, z.record(z.string(), z.array(z.string())));
    const types = new Set(Object.values(zones).flat());
    const listed = new RegExp(`^(?:${LISTED_TYPES})$`);
    const notAsked = [...types].filter((type) => !listed.test(type) && !type.startsWith('n1-'));
    expect(types.size).toBeGreaterThan(20);
    // Grace-Blackwell machines: arm64, sold by reservation only.
    expect(notAsked.filter((type) => !type.startsWith('a4x-'))).toEqual([]);
  });
});
