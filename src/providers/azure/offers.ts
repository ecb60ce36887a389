import type { ResourceSku } from '@azure/arm-compute';
import type { Architecture, Offer, QuotaClaim } from '../../domain/offer.ts';
import type { Pool } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { Call, OfferQuery, OfferSnapshot, QuarantinedPrice } from '../provider.ts';
import { allPages, callAzure } from './calls.ts';
import type { AdapterContext } from './context.ts';
import type { PricedMarket, PriceList } from './prices.ts';
import { readPriceList } from './prices.ts';
import { outcomeOf } from './region-outcomes.ts';
import type { ReservedCapacity } from './reservations.ts';
import { readReservations } from './reservations.ts';
import { canonicalQuotaName, REGIONAL_CORES_QUOTA, SPOT_CORES_QUOTA, sizeLineOf } from './sizes.ts';

/**
 * Expected spot evictions per machine-hour. Azure publishes eviction rates only as bands through Resource Graph (0–5 % … 20 %+
 * of machines per hour); this is the upper end of the lowest band, the same for every size, until that is read.
 */
export const SPOT_INTERRUPTIONS_PER_HOUR = 0.05;

/** A GPU size as the account may buy it in one region. */
export interface SizeOnSale {
  readonly name: string;
  readonly accelerator: string;
  readonly acceleratorCount: number;
  readonly vcpuCount: number;
  readonly memoryGiB: number;
  readonly architecture: Architecture;
  readonly spot: boolean;
  readonly family: string;
  /** Zones with whether the account may buy there; one zone `null` where the size is sold in the region, but in no zone. */
  readonly zones: readonly { readonly zone: string | null; readonly restricted: boolean }[];
}

/** Regions are read side by side: one that fails or is slow holds up no other. Never throws for one failing region. */
export async function listOffers(context: AdapterContext, query: OfferQuery, call: Call): Promise<OfferSnapshot> {
  const offers: Offer[] = [];
  const quarantined: QuarantinedPrice[] = [];
  const regions = await Promise.all(
    query.regions.map((region) =>
      outcomeOf(region, call, async () => {
        const [sizes, prices, reservations] = await Promise.all([
          readSizes(context, region, call),
          readPriceList(context.clients, context.clock, region, call),
          readReservations(context, region, call),
        ]);
        const now = context.clock.now();
        const found = offersOf(region, sizes, prices, now);
        offers.push(...found.offers, ...reservedOffersOf(region, sizes, prices, reservations, now));
        quarantined.push(...found.quarantined);
      }),
    ),
  );
  return { offers, quarantined, regions };
}

async function readSizes(context: AdapterContext, region: string, call: Call): Promise<readonly SizeOnSale[]> {
  const { resourceSkus } = context.clients.compute;
  const skus = await callAzure('resourceSkus.list', 'read', call, () =>
    allPages(resourceSkus.list({ filter: `location eq '${region}'`, abortSignal: call.signal }).byPage(), call),
  );
  return skus.flatMap((sku) => sizeOnSale(sku, region) ?? []);
}

/** Null for what is no whole-GPU machine of a known model in the region. */
export function sizeOnSale(sku: ResourceSku, region: string): SizeOnSale | null {
  const line = sizeLineOf(sku.name ?? '');
  const location = sku.locationInfo?.find((info) => sameRegion(info.location, region));
  if (sku.resourceType !== 'virtualMachines' || sku.name === undefined || line === null || location === undefined)
    return null;
  const capabilities = new Map(sku.capabilities?.map(({ name, value }) => [name ?? '', value ?? '']));
  const acceleratorCount = Number(capabilities.get('GPUs') ?? '0');
  const vcpuCount = Number(capabilities.get('vCPUs') ?? '0');
  const memoryGiB = Number(capabilities.get('MemoryGB') ?? '0');
  if (!Number.isInteger(acceleratorCount) || acceleratorCount < 1 || !(vcpuCount > 0) || !(memoryGiB > 0)) return null;
  return {
    name: sku.name,
    accelerator: line.accelerator,
    acceleratorCount,
    vcpuCount,
    memoryGiB,
    architecture: capabilities.get('CpuArchitectureType')?.toLowerCase() === 'arm64' ? 'arm64' : 'x86_64',
    spot: capabilities.get('LowPriorityCapable')?.toLowerCase() === 'true',
    family: canonicalQuotaName(sku.family ?? line.family),
    zones: zonesOf(sku, location.zones ?? [], region),
  };
}

function zonesOf(sku: ResourceSku, zones: readonly string[], region: string): SizeOnSale['zones'] {
  const restrictions = sku.restrictions ?? [];
  const everywhere = restrictions.some(
    ({ type, values, restrictionInfo }) =>
      type === 'Location' &&
      [...(values ?? []), ...(restrictionInfo?.locations ?? [])].some((name) => sameRegion(name, region)),
  );
  const restricted = new Set(
    restrictions.filter(({ type }) => type === 'Zone').flatMap(({ restrictionInfo }) => restrictionInfo?.zones ?? []),
  );
  if (zones.length === 0) return [{ zone: null, restricted: everywhere }];
  return zones.toSorted().map((zone) => ({ zone, restricted: everywhere || restricted.has(zone) }));
}

function sameRegion(name: string | undefined, region: string): boolean {
  return name?.toLowerCase() === region.toLowerCase();
}

/** What one machine counts against: spot only the regional spot vCPUs, on-demand its family's and the region's at once. */
export function quotaClaimsOf(
  size: Pick<SizeOnSale, 'family' | 'vcpuCount'>,
  market: PricedMarket,
): readonly QuotaClaim[] {
  const quotas = market === 'spot' ? [SPOT_CORES_QUOTA] : [size.family, REGIONAL_CORES_QUOTA];
  return quotas.map((quota) => ({ quota, scope: 'region' as const, units: size.vcpuCount }));
}

/** Sizes × zones × markets with their prices. A size without a meter of a market is not sold in that market. */
export function offersOf(
  region: string,
  sizes: readonly SizeOnSale[],
  prices: PriceList,
  observedAt: EpochMs,
): { readonly offers: readonly Offer[]; readonly quarantined: readonly QuarantinedPrice[] } {
  const offers: Offer[] = [];
  const quarantined: QuarantinedPrice[] = [];
  for (const { size, market, zone, restricted } of sizes.flatMap(poolsOf)) {
    const price = prices.priceOf(size.name, market);
    if (price === null) continue;
    const pool: Pool = { provider: 'azure', region, zone, instanceType: size.name, market, reservation: null };
    if (price.micro === null) quarantined.push({ pool, reason: price.reason });
    else
      offers.push({
        ...offerOf(size, pool, market),
        priceMicroUsdPerHour: price.micro,
        availability: restricted ? 'restricted' : 'available',
        observedAt,
      });
  }
  return { offers, quarantined };
}

/**
 * Pools of capacity that was set aside, at the list price: what of it is paid already is the operator's to say (`priceAdjustments`).
 * A reservation of a size that is no GPU machine, or whose price is unknown, makes no offer.
 */
export function reservedOffersOf(
  region: string,
  sizes: readonly SizeOnSale[],
  prices: PriceList,
  reservations: readonly ReservedCapacity[],
  observedAt: EpochMs,
): readonly Offer[] {
  return reservations.flatMap(({ groupId, instanceType, zone, freeCount }) => {
    const size = sizes.find(({ name }) => name.toLowerCase() === instanceType.toLowerCase());
    const price = size === undefined ? null : prices.priceOf(size.name, 'on-demand');
    if (size === undefined || price === null || price.micro === null) return [];
    const { name } = size;
    const pool: Pool = {
      provider: 'azure',
      region,
      zone,
      instanceType: name,
      market: 'reserved',
      reservation: groupId,
    };
    return [
      {
        ...offerOf(size, pool, 'on-demand'),
        priceMicroUsdPerHour: price.micro,
        availability: 'available' as const,
        availableCount: freeCount,
        observedAt,
      },
    ];
  });
}

interface SizeInPool {
  readonly size: SizeOnSale;
  readonly market: PricedMarket;
  readonly zone: string | null;
  readonly restricted: boolean;
}

function poolsOf(size: SizeOnSale): readonly SizeInPool[] {
  const markets: readonly PricedMarket[] = size.spot ? ['on-demand', 'spot'] : ['on-demand'];
  return markets.flatMap((market) => size.zones.map(({ zone, restricted }) => ({ size, market, zone, restricted })));
}

function offerOf(
  size: SizeOnSale,
  pool: Pool,
  market: PricedMarket,
): Omit<Offer, 'priceMicroUsdPerHour' | 'availability' | 'observedAt'> {
  return {
    pool,
    zonePhysicalId: null,
    accelerator: size.accelerator,
    acceleratorCount: size.acceleratorCount,
    vcpuCount: size.vcpuCount,
    memoryGiB: size.memoryGiB,
    architecture: size.architecture,
    availableCount: null,
    quotaClaims: quotaClaimsOf(size, market),
    interruptionsPerHour: market === 'spot' ? SPOT_INTERRUPTIONS_PER_HOUR : 0,
  };
}
