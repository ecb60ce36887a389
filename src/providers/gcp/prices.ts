import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Call } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import type { SoldMarket } from './identity.ts';
import { SOLD_MARKETS } from './identity.ts';
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

export interface ComponentPrice {
  /** Per unit and hour; null where no SKU says so without contradicting itself. */
  readonly nanos: number | null;
  /** Why a SKU that could be meant does not count. */
  readonly doubt: string | null;
}

/** Prices of components in nano-dollars, by {@link componentKey}. */
export type PriceList = ReadonlyMap<string, ComponentPrice>;

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
  const tiers = (expression?.tieredRates ?? []).flatMap(({ unitPrice }) => unitPrice ?? []);
  if (tiers.length === 0 || tiers.some(({ currencyCode }) => currencyCode !== 'USD')) return null;
  // A free or cheaper allowance does not make a machine cheaper: the dearest tier counts.
  const nanos = Math.max(...tiers.map((price) => price.units * NANOS_PER_USD + price.nanos));
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
 * Reads SKUs into a price list. What a SKU prices is known by its description alone: nothing else tells a machine's series from
 * another's. Whether it is spot, description and usage type say both; where they disagree (a spot SKU has been seen that calls itself
 * OnDemand) its price counts for neither market. Where two SKUs claim the same component the dearer one counts, so that no offer
 * looks cheaper than it can be.
 */
export function priceListOf(skus: Iterable<Sku>, regions: ReadonlySet<string>): PriceList {
  const prices = new Map<string, ComponentPrice>();
  for (const sku of skus) {
    const found = pricedComponent(sku);
    if (found === null) continue;
    for (const region of sku.serviceRegions) {
      if (!regions.has(region)) continue;
      for (const market of found.markets) {
        const key = componentKey(region, market, found.component);
        prices.set(key, merged(prices.get(key), found.price));
      }
    }
  }
  return prices;
}

function merged(known: ComponentPrice | undefined, next: ComponentPrice): ComponentPrice {
  if (known === undefined) return next;
  const nanos =
    known.nanos === null || next.nanos === null ? (known.nanos ?? next.nanos) : Math.max(known.nanos, next.nanos);
  return { nanos, doubt: known.doubt ?? next.doubt };
}

interface PricedComponent {
  readonly component: string;
  readonly markets: readonly SoldMarket[];
  readonly price: ComponentPrice;
}

/** Null for a SKU that is no hourly price of a component. */
function pricedComponent(sku: Sku): PricedComponent | null {
  const usage = sku.category?.usageType ?? '';
  if (usage.startsWith('Commit') || NOT_A_PRICE.test(sku.description)) return null;
  const nanos = nanosPerHour(sku);
  if (nanos === null) return null;
  const component = componentName(sku.description);
  const market = SPOT.test(sku.description) ? 'spot' : 'on-demand';
  if (usage === USAGE_TYPES[market]) return { component, markets: [market], price: { nanos, doubt: null } };
  const doubt = `the SKU "${sku.description}" calls itself ${usage === '' ? 'nothing' : usage}`;
  return { component, markets: SOLD_MARKETS, price: { nanos: null, doubt } };
}

const USAGE_TYPES: Readonly<Record<SoldMarket, string>> = { 'on-demand': 'OnDemand', spot: 'Preemptible' };

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
    const found = names.flatMap((name) => prices.get(componentKey(region, market, name)) ?? []);
    const price = found.find(({ nanos: known }) => known !== null)?.nanos ?? null;
    if (price === null) return { known: false, reason: missing(market, names, found) };
    if (price <= 0) return { known: false, reason: `the price list gives ${names[0]} away at ${price} nano-dollars` };
    nanos += price * quantity;
  }
  return { known: true, microUsdPerHour: Math.round(nanos / NANOS_PER_MICRO_USD) };
}

function missing(market: SoldMarket, names: readonly string[], found: readonly ComponentPrice[]): string {
  const reason = `the price list has no ${market} price of ${names[0]}`;
  const doubt = found.find((price) => price.doubt !== null)?.doubt ?? null;
  return doubt === null ? reason : `${reason} that can be trusted: ${doubt}`;
}
