import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Call } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import type { SoldMarket } from './identity.ts';
import type { Shape } from './machine-types.ts';
import type { Sku } from './responses.ts';
import { skusPage } from './responses.ts';

/** Compute Engine in the billing catalogue. */
const COMPUTE_SERVICE = 'services/6F81-5844-456A';
const NANOS_PER_USD = 1_000_000_000;
const NANOS_PER_MICRO_USD = 1_000;
/** The catalogue's month, for what is priced by the month. */
const HOURS_PER_MONTH = 730;
const LOCAL_SSD = 'SSD backed Local Storage';

/** Prices of components in nano-dollars per unit and hour, by {@link componentKey}. */
export type PriceList = ReadonlyMap<string, number>;

export function componentKey(region: string, market: SoldMarket, component: string): string {
  return `${region}/${market}/${component}`;
}

/** SKUs that read like an hourly price and are none, or one of other machines: commitments, capacity sold in advance, sole tenancy. */
const NOT_A_PRICE =
  /^Commitment|^Reserved |Calendar Mode|DWS|Defined Duration|Flex Start|Sole Tenancy|Custom|Upgrade Premium/i;
const SPOT = /\bpreemptible\b/i;

/** What a SKU prices: `Spot Preemptible A2 Instance Core running in Americas` → `A2 Instance Core`. */
function componentName(description: string): string {
  return description
    .replace(/^Spot Preemptible /i, '')
    .replace(/ attached to (?:Spot )?Preemptible VMs/i, '')
    .replace(/ (?:running )?in .+$/, '')
    .trim();
}

/** Null for SKUs without an hourly price in dollars. */
function nanosPerHour(sku: Sku): number | null {
  // Prices that change come as several entries; the last is in force.
  const expression = sku.pricingInfo.at(-1)?.pricingExpression;
  const price = expression?.tieredRates.find(({ startUsageAmount }) => startUsageAmount === 0)?.unitPrice;
  if (price === null || price === undefined || price.currencyCode !== 'USD') return null;
  const nanos = price.units * NANOS_PER_USD + price.nanos;
  switch (expression?.usageUnit ?? '') {
    case 'h':
    case 'GiBy.h':
      return nanos;
    case 'GiBy.mo':
      return nanos / HOURS_PER_MONTH;
    default:
      return null;
  }
}

/**
 * Reads SKUs into a price list. A SKU is known by its description alone: nothing else tells a machine's series from another's. The
 * description also decides what is spot, since a spot SKU has been seen that calls itself OnDemand. Where two SKUs claim the same
 * component the dearer one counts, so that no offer looks cheaper than it can be.
 */
export function priceListOf(skus: Iterable<Sku>, regions: ReadonlySet<string>): PriceList {
  const prices = new Map<string, number>();
  for (const sku of skus) {
    const priced = pricedComponent(sku);
    if (priced === null) continue;
    for (const region of sku.serviceRegions) {
      if (!regions.has(region)) continue;
      const key = componentKey(region, priced.market, priced.component);
      prices.set(key, Math.max(priced.nanos, prices.get(key) ?? 0));
    }
  }
  return prices;
}

/** Null for a SKU that is no hourly price of a component. */
function pricedComponent(sku: Sku): { component: string; market: SoldMarket; nanos: number } | null {
  const usage = sku.category?.usageType ?? '';
  if (usage.startsWith('Commit') || NOT_A_PRICE.test(sku.description)) return null;
  const nanos = nanosPerHour(sku);
  if (nanos === null) return null;
  const market = usage === 'Preemptible' || SPOT.test(sku.description) ? 'spot' : 'on-demand';
  return { component: componentName(sku.description), market, nanos };
}

/** Reads the whole price list (some 28,000 SKUs in six pages) and keeps what the regions' machines are made of. */
export async function readPriceList(clients: Clients, regions: readonly string[], call: Call): Promise<PriceList> {
  const pages = await allPages(
    {
      ...{ client: clients.catalog, method: 'listSkus', operation: 'services.skus.list', mutating: false },
      request: { parent: COMPUTE_SERVICE, pageSize: 5000 },
      response: skusPage,
    },
    call,
  );
  const wanted = new Set(regions);
  return priceListOf(
    pages.flatMap(({ skus }) => skus),
    wanted,
  );
}

export type ComposedPrice =
  | { readonly known: true; readonly microUsdPerHour: MicroUsdPerHour }
  | { readonly known: false; readonly reason: string };

/** The price of a machine is no SKU: it is the sum of its vCPUs, memory, GPUs and local SSD. */
export function composePrice(prices: PriceList, region: string, market: SoldMarket, shape: Shape): ComposedPrice {
  const { host, series } = shape;
  const parts: (readonly [names: readonly string[], quantity: number])[] = [[shape.gpuSkuNames, shape.gpuCount]];
  if (series.skuName !== null) {
    parts.push([[`${series.skuName} Core`], host.vcpuCount], [[`${series.skuName} Ram`], host.memoryGiB]);
  }
  if (series.billsLocalSsd) parts.push([[LOCAL_SSD], host.localSsdGiB]);
  let nanos = 0;
  for (const [names, quantity] of parts) {
    const price = names
      .map((name) => prices.get(componentKey(region, market, name)))
      .find((found) => found !== undefined);
    if (price === undefined) return { known: false, reason: `the price list has no ${market} price of ${names[0]}` };
    if (price <= 0) return { known: false, reason: `the price list gives ${names[0]} away at ${price} nano-dollars` };
    nanos += price * quantity;
  }
  return { known: true, microUsdPerHour: Math.round(nanos / NANOS_PER_MICRO_USD) };
}
