import { z } from 'zod';
import type { MicroUsdPerHour } from '../../domain/money.ts';
import { parseUsd } from '../../domain/money.ts';
import type { Clock } from '../../domain/time.ts';
import type { Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { answerOf } from './calls.ts';
import type { AzureClients } from './clients.ts';
import type { VendorFailure } from './errors.ts';
import { providerErrorOf, readRetryAfter } from './errors.ts';

const OPERATION = 'RetailPrices';
const API_VERSION = '2023-01-01-preview';
/** A region's GPU meters fit into a few pages; a service that never stops paging must not keep us for ever. */
const MAX_PAGES = 200;

/** The fields of a Retail Prices item that we read. */
const itemSchema = z.object({
  armSkuName: z.string().nullish(),
  skuName: z.string(),
  meterName: z.string(),
  productName: z.string(),
  retailPrice: z.number(),
  unitOfMeasure: z.string(),
  currencyCode: z.string().nullish(),
  type: z.string(),
  isPrimaryMeterRegion: z.boolean().nullish(),
  effectiveStartDate: z.string().nullish(),
});
export type RetailItem = z.infer<typeof itemSchema>;
const pageSchema = z.object({ Items: z.array(itemSchema), NextPageLink: z.string().nullish() });

export type PricedMarket = 'on-demand' | 'spot';

/** `micro` null: the list names a price that cannot be true; `reason` says which. */
export interface ListedPrice {
  readonly micro: MicroUsdPerHour | null;
  readonly reason: string;
}

/** Linux prices of one region. */
export interface PriceList {
  /** Null where the size has no meter of that market. */
  priceOf(instanceType: string, market: PricedMarket): ListedPrice | null;
}

/** Reads a region's price list, page by page. Throws the signal's reason or a ProviderError. */
export async function readPriceList(
  clients: Pick<AzureClients, 'retailPricesUrl'>,
  clock: Clock,
  region: string,
  call: Call,
): Promise<PriceList> {
  const items: RetailItem[] = [];
  const first = firstPage(clients.retailPricesUrl, region);
  let next: URL | null = first;
  for (let pages = 0; next !== null; pages += 1) {
    if (pages >= MAX_PAGES) throw unusable(`more than ${MAX_PAGES} pages for ${region}`);
    const page = await readPage(next, call);
    items.push(...page.Items);
    next = nextPage(page.NextPageLink ?? '', first);
  }
  return priceListOf(items, clock.now());
}

function firstPage(baseUrl: string, region: string): URL {
  const url = new URL('/api/retail/prices', baseUrl);
  url.searchParams.set('api-version', API_VERSION);
  const filter = [
    `serviceName eq 'Virtual Machines'`,
    `armRegionName eq '${region}'`,
    `priceType eq 'Consumption'`,
    // Every GPU size's name starts so; the whole list of a region is ten times as long.
    `contains(armSkuName, 'Standard_N')`,
  ];
  url.searchParams.set('$filter', filter.join(' and '));
  return url;
}

/** Follows the link only to where the first page came from. */
function nextPage(link: string, first: URL): URL | null {
  if (link === '') return null;
  const url = URL.parse(link, first.origin);
  if (url === null || url.origin !== first.origin) throw unusable(`NextPageLink leads elsewhere: ${link}`);
  return url;
}

async function readPage(url: URL, call: Call): Promise<z.infer<typeof pageSchema>> {
  const answer = await answerOf(call, async () => {
    const response = await fetch(url, { signal: call.signal, headers: { accept: 'application/json' } });
    return { response, text: await response.text() };
  });
  if (!answer.ok) throw providerErrorOf(answer.failure, OPERATION, 'read');
  const { response, text } = answer.value;
  if (!response.ok) throw providerErrorOf(failureOf(response, text), OPERATION, 'read');
  const page = pageSchema.safeParse(parsedJson(text));
  if (!page.success) throw unusable(`the answer is not a price list: ${z.prettifyError(page.error)}`);
  return page.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const errorSchema = z.object({ Error: z.object({ Code: z.string(), Message: z.string() }).partial() });

function failureOf(response: Response, text: string): VendorFailure {
  const { headers, status } = response;
  const error = errorSchema.safeParse(parsedJson(text)).data?.Error;
  return {
    code: error?.Code ?? '',
    message: error?.Message ?? `HTTP ${status} ${response.statusText}`.trimEnd(),
    status,
    retryAfterSeconds: readRetryAfter(
      headers.get('x-ms-ratelimit-retailprices-retry-after') ?? headers.get('retry-after'),
    ),
    sent: 'answered',
  };
}

function unusable(message: string): ProviderError {
  return new ProviderError({ kind: 'unavailable', provider: 'azure', operation: OPERATION, code: '', message });
}

/**
 * One size has up to a dozen meters: Linux and Windows, each plain, Spot and Low Priority, reservations, dev/test, dedicated
 * hosts. Only the plain and the Spot meter of Linux are prices of ours. Windows shows in the product's name alone (`… Series Windows`,
 * `… Srs Win`); Linux may or may not be named there.
 */
export function marketOf(item: RetailItem): PricedMarket | null {
  if (item.type !== 'Consumption' || item.unitOfMeasure !== '1 Hour') return null;
  if ((item.currencyCode ?? 'USD') !== 'USD') return null;
  if (/\bwin(dows)?\b|cloud ?services|dedicated/i.test(item.productName)) return null;
  const meter = `${item.skuName} ${item.meterName}`;
  if (/low priority|expired/i.test(meter)) return null;
  return /\bspot\b/i.test(meter) ? 'spot' : 'on-demand';
}

/** Sizes by a spelling that all of Azure's have in common: `Standard_ND96isr_H100_v5`, `ND96isrH100v5 Spot`, `ND96isr H100 v5`. */
function foldedSize(name: string): string {
  return name
    .replace(/\s+(spot|low priority)$/i, '')
    .replaceAll(/[\s_-]+/g, '')
    .toLowerCase()
    .replace(/^standard/, '');
}

export function priceListOf(items: readonly RetailItem[], now: number): PriceList {
  const best = new Map<string, RetailItem>();
  for (const item of items) {
    const market = marketOf(item);
    if (market === null) continue;
    const size = item.armSkuName === null || item.armSkuName === undefined ? item.skuName : item.armSkuName;
    const key = `${foldedSize(size)}/${market}`;
    const other = best.get(key);
    if (other === undefined || isBetter(item, other, now)) best.set(key, item);
  }
  return {
    priceOf(instanceType, market) {
      const item = best.get(`${foldedSize(instanceType)}/${market}`);
      return item === undefined ? null : listedPrice(item);
    },
  };
}

/** Of two meters for one thing: one in force rather than one announced, then the later one, then the primary one, then the dearer. */
function isBetter(item: RetailItem, other: RetailItem, now: number): boolean {
  const [mine, theirs] = [startOf(item), startOf(other)];
  if (mine <= now !== theirs <= now) return mine <= now;
  if (mine !== theirs) return mine <= now ? mine > theirs : mine < theirs;
  const primary = item.isPrimaryMeterRegion === true;
  if (primary !== (other.isPrimaryMeterRegion === true)) return primary;
  return item.retailPrice > other.retailPrice;
}

function startOf(item: RetailItem): number {
  const at = Date.parse(item.effectiveStartDate ?? '');
  return Number.isNaN(at) ? 0 : at;
}

function listedPrice(item: RetailItem): ListedPrice {
  const micro = microOf(item.retailPrice);
  if (micro !== null && micro > 0) return { micro, reason: '' };
  return {
    micro: null,
    reason: `Azure lists ${item.retailPrice} USD per hour (${item.productName}, ${item.meterName})`,
  };
}

function microOf(usd: number): MicroUsdPerHour | null {
  try {
    return parseUsd(usd);
  } catch {
    return null;
  }
}
