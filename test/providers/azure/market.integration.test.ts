import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poolKey } from '../../../src/domain/pool.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, startEmulatedAzure } from './emulated-azure.ts';

let azure: EmulatedAzure;
let provider: Provider;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
});

afterEach(async () => {
  await azure.close();
});

describe('listOffers', () => {
  it('offers every size, zone and market of the world at the world’s price', async () => {
    const { world } = azure.clouds;
    const { offers, quarantined, regions } = await provider.listOffers(
      { regions: ['eastus', 'southcentralus'] },
      anyCall(),
    );
    expect(regions).toEqual([
      { region: 'eastus', complete: true, error: null },
      { region: 'southcentralus', complete: true, error: null },
    ]);
    expect(quarantined).toEqual([]);
    const expected = world.facts('azure').instanceTypes.flatMap((type) =>
      ['eastus', 'southcentralus'].flatMap((region) =>
        world.zonesOffering('azure', region, type.name).flatMap((zone) =>
          type.markets.map((market) => {
            const price = world.price({ cloud: 'azure', region, zone, instanceType: type.name, market });
            const key = poolKey({
              provider: 'azure',
              region,
              zone,
              instanceType: type.name,
              market,
              reservation: null,
            });
            return `${key} ${type.accelerator}×${type.acceleratorCount} ${price}`;
          }),
        ),
      ),
    );
    const available = offers.filter(({ availability }) => availability === 'available');
    const actual = available.map(
      (offer) => `${poolKey(offer.pool)} ${offer.accelerator}×${offer.acceleratorCount} ${offer.priceMicroUsdPerHour}`,
    );
    expect(actual.length).toBeGreaterThan(100);
    expect(actual.toSorted()).toEqual(expected.toSorted());
  });

  it('reads the price list page by page', async () => {
    await provider.listOffers({ regions: ['eastus'] }, anyCall());
    expect(azure.requests('RetailPrices').length).toBeGreaterThan(1);
    expect(azure.requests('resourceSkus.list').length).toBeGreaterThan(1);
  });

  it('shows zones that the account may not buy in as restricted', async () => {
    const { offers } = await provider.listOffers({ regions: ['eastus'] }, anyCall());
    const restricted = offers.filter(({ availability }) => availability === 'restricted').map(({ pool }) => pool);
    expect(restricted.map(({ instanceType }) => instanceType)).toContain('Standard_ND96isr_H100_v5');
    expect(restricted.every(({ instanceType }) => instanceType === 'Standard_ND96isr_H100_v5')).toBe(true);
  });

  it('claims the quotas that the usages API lists, on-demand two, spot one', async () => {
    const { offers } = await provider.listOffers({ regions: ['eastus'] }, anyCall());
    const { quotas, regions } = await provider.listQuotas({ regions: ['eastus'] }, anyCall());
    expect(regions).toEqual([{ region: 'eastus', complete: true, error: null }]);
    const claimed = new Set(offers.flatMap(({ quotaClaims }) => quotaClaims.map(({ quota }) => quota)));
    const listed = new Set(quotas.map(({ name }) => name));
    expect([...claimed].filter((name) => !listed.has(name))).toEqual([]);
    for (const { pool, quotaClaims, vcpuCount } of offers) {
      expect(quotaClaims).toHaveLength(pool.market === 'spot' ? 1 : 2);
      expect(quotaClaims.every(({ units }) => units === vcpuCount)).toBe(true);
    }
  });

  it('names a failed region and keeps the others', async () => {
    azure.fail('throttle', 'RetailPrices');
    const { offers, regions } = await provider.listOffers({ regions: ['eastus', 'westeurope'] }, anyCall());
    const failed = regions.filter(({ complete }) => !complete);
    expect(failed).toHaveLength(1);
    expect(failed[0]?.error).toMatchObject({ kind: 'rate-limited', retryAfterSeconds: 60 });
    expect(new Set(offers.map(({ pool }) => pool.region)).size).toBe(1);
  });

  it.each([
    ['unavailable', 'unavailable'],
    ['lost-reply', 'unavailable'],
    ['html', 'unavailable'],
    ['unauthorized', 'unauthorized'],
  ] as const)('%s of the SKU list is %s', async (fault, kind) => {
    azure.fail(fault, 'resourceSkus.list');
    const { regions, offers } = await provider.listOffers({ regions: ['eastus'] }, anyCall());
    expect(regions[0]).toMatchObject({ complete: false, error: { kind } });
    expect(offers).toEqual([]);
  });

  it.each([
    ['fails', 'HTTP 500', (base: string) => `${base}/broken`],
    ['leads elsewhere', 'leads elsewhere', () => 'https://prices.example/api'],
    ['comes again for ever', 'more than', (base: string) => `${base}/again`],
  ])('a price list whose next page %s fails its region', async (_what, words, linkOf) => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/broken' ? 500 : 200;
      const { port } = server.address() as AddressInfo;
      response.end(JSON.stringify({ Items: [], NextPageLink: linkOf(`http://127.0.0.1:${port}`) }));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const endpoints = { ...azure.clouds.endpoints.azure, 'retail-prices': `http://127.0.0.1:${port}` };
    const adapter = await azure.adapter({ endpoints });
    const { regions, offers } = await adapter.listOffers({ regions: ['eastus'] }, anyCall());
    expect(regions[0]).toMatchObject({ complete: false, error: { kind: 'unavailable' } });
    expect(regions[0]?.error?.message).toContain(words);
    expect(offers).toEqual([]);
    server.closeAllConnections();
    server.close();
  });

  it('ends with the signal’s reason', async () => {
    azure.fail('slow', 'RetailPrices');
    const abort = new AbortController();
    const listing = provider.listOffers({ regions: ['eastus'] }, { signal: abort.signal });
    const reason = new Error('deadline');
    setImmediate(() => abort.abort(reason));
    await expect(listing).rejects.toBe(reason);
  });
});

describe('listQuotas', () => {
  it('tells limit and usage, and only quotas that GPU machines claim', async () => {
    azure.clouds.control.setQuotaLimit('azure', 'eastus', 'Standard NCASv3_T4 Family', 128);
    const { quotas } = await provider.listQuotas({ regions: ['eastus'] }, anyCall());
    expect(quotas).toContainEqual({
      provider: 'azure',
      region: 'eastus',
      name: 'Standard NCASv3_T4 Family',
      unit: 'vcpus',
      limit: 128,
      usage: 0,
    });
    const facts = azure.clouds.world.facts('azure').quotas.map(({ name }) => name);
    expect(quotas.map(({ name }) => name).toSorted()).toEqual(facts.toSorted());
  });

  it('a throttled answer is a failed region, never an empty list', async () => {
    azure.fail('throttle', 'usage.list');
    const { regions } = await provider.listQuotas({ regions: ['eastus'] }, anyCall());
    expect(regions[0]).toMatchObject({ complete: false, error: { kind: 'rate-limited', code: 'TooManyRequests' } });
  });
});
