import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listenOnLoopback } from '../../../src/emulators/http/listening.ts';
import { sizeOnSale } from '../../../src/providers/azure/offers.ts';
import type { PriceList } from '../../../src/providers/azure/prices.ts';
import { readPriceList } from '../../../src/providers/azure/prices.ts';
import { isGpuQuota, sizeLineOf } from '../../../src/providers/azure/sizes.ts';
import { anyCall } from './emulated-azure.ts';

/** Real answers of Azure's, beside the checkout. They are not shipped: without them these tests are skipped. */
const FIXTURES = path.resolve(import.meta.dirname, '../../../../shared/data/fixtures');
const PRICES = path.join(FIXTURES, 'azure_retail_prices_n_series_5_regions_2026-08-20.json.gz');
const SKUS = path.join(FIXTURES, 'azure_resource_skus_2_regions.json.gz');
const CLOCK = { now: () => Date.UTC(2026, 7, 20), sleep: () => Promise.resolve() };
const PAGE = 100;

const pricesSchema = z.object({
  Items: z.array(z.looseObject({ armRegionName: z.string(), armSkuName_derived: z.string(), retailPrice: z.number() })),
});

function readFixture(file: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8'));
}

/** Serves the recorded price list as the real API does: filtered by region, a hundred at a time. */
async function priceListOf(region: string): Promise<{ readonly prices: PriceList; readonly pages: number }> {
  const items = pricesSchema
    .parse(readFixture(PRICES))
    .Items.map(({ armSkuName_derived: armSkuName, ...item }) => ({ ...item, armSkuName }));
  let pages = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    const asked = /armRegionName eq '([^']+)'/.exec(url.searchParams.get('$filter') ?? '')?.[1];
    const found = items.filter(({ armRegionName }) => armRegionName === asked);
    const start = Number(url.searchParams.get('$skip') ?? '0');
    pages += 1;
    url.searchParams.set('$skip', String(start + PAGE));
    const NextPageLink = start + PAGE < found.length ? url.href : null;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ BillingCurrency: 'USD', Items: found.slice(start, start + PAGE), NextPageLink }));
  });
  const port = await listenOnLoopback(server, 0);
  try {
    const prices = await readPriceList({ retailPricesUrl: `http://127.0.0.1:${port}` }, CLOCK, region, anyCall());
    return { prices, pages };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe.skipIf(!existsSync(PRICES))(`the real price list of 2026-08-20 (skipped without ${PRICES})`, () => {
  it('gives Linux prices on demand and spot, whatever else the list holds', async () => {
    const { prices, pages } = await priceListOf('westeurope');
    expect(pages).toBe(4);
    // Read off the list by hand, Linux, per hour.
    const expected = [
      ['Standard_ND96amsr_A100_v4', 'on-demand', 40_962_000],
      ['Standard_ND96amsr_A100_v4', 'spot', 10_650_120],
      ['Standard_NC24ads_A100_v4', 'on-demand', 4_775_000],
      ['Standard_NC24ads_A100_v4', 'spot', 1_097_295],
      ['Standard_NC6s_v3', 'on-demand', 3_823_000],
      ['Standard_NC6s_v3', 'spot', 706_490],
      // Its Windows meters say so only by a short "Win".
      ['Standard_NCC40adsH100v5', 'on-demand', 8_900_000],
      ['Standard_NCC40adsH100v5', 'spot', 1_644_720],
    ] as const;
    for (const [size, market, micro] of expected)
      expect([size, market, prices.priceOf(size, market)?.micro]).toEqual([size, market, micro]);
    expect(prices.priceOf('Standard_ND96isr_H200_v5', 'on-demand')).toBeNull();
  });

  it('never takes a Windows meter for a price: Linux is the cheaper of the two', async () => {
    const { Items } = pricesSchema.parse(readFixture(PRICES));
    const { prices } = await priceListOf('westeurope');
    const sizes = new Set(Items.map((item) => item.armSkuName_derived).filter((size) => sizeLineOf(size) !== null));
    expect(sizes.size).toBeGreaterThan(10);
    for (const size of sizes) {
      for (const market of ['on-demand', 'spot'] as const) {
        const price = prices.priceOf(size, market);
        if (price === null) continue;
        const alike = Items.filter(
          (item) =>
            item.armRegionName === 'westeurope' &&
            item.armSkuName_derived === size &&
            /low priority/i.test(String(item['meterName'])) === false &&
            /\bspot\b/i.test(String(item['meterName'])) === (market === 'spot'),
        );
        const lowest = Math.min(...alike.map(({ retailPrice }) => Math.round(retailPrice * 1e6)));
        expect(`${size} ${market} ${price.micro}`).toBe(`${size} ${market} ${lowest}`);
      }
    }
  });
});

const skusSchema = z.object({ value: z.array(z.looseObject({ name: z.string(), locations: z.array(z.string()) })) });

describe.skipIf(!existsSync(SKUS))(`real resource SKUs (skipped without ${SKUS})`, () => {
  it('yields the GPU sizes with their zones and families, and nothing else', () => {
    const { value } = skusSchema.parse(readFixture(SKUS));
    const sizes = value.flatMap((sku) => sku.locations.flatMap((region) => sizeOnSale(sku, region) ?? []));
    expect(
      sizes.map(({ name, accelerator, acceleratorCount, vcpuCount, zones }) => [
        ...[name, accelerator, acceleratorCount, vcpuCount],
        zones.map(({ zone }) => zone),
      ]),
    ).toEqual([
      ['Standard_NC16as_T4_v3', 'T4', 1, 16, ['1', '2', '3']],
      ['Standard_NC24ads_A100_v4', 'A100-80GB', 1, 24, ['1', '3']],
      ['Standard_NC6s_v3', 'V100-16GB', 1, 6, [null]],
    ]);
    for (const { family } of sizes) expect(isGpuQuota(family)).toBe(true);
  });
});
