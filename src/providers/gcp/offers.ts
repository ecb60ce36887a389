import type { Offer } from '../../domain/offer.ts';
import type { Pool } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { Call, OfferQuery, OfferSnapshot, QuarantinedPrice, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { ZoneCatalog } from './catalog.ts';
import { EVERY_ZONE } from './catalog.ts';
import type { Clients } from './clients.ts';
import { asProviderError, unreachableZones } from './errors.ts';
import type { SoldMarket } from './identity.ts';
import type { Shape } from './machine-types.ts';
import { GLOBAL_GPU_QUOTA, quotaOf, shapesOf } from './machine-types.ts';
import type { PriceList } from './prices.ts';
import { composePrice } from './prices.ts';
import type { RegionState } from './quotas.ts';
import { readRegion } from './quotas.ts';
import type { Observed } from './shared-read.ts';

/**
 * Spot machines taken back per machine-hour where nothing better is known. The cloud publishes no rate; traces of spot GPUs over
 * weeks (SkyPilot's spot-traces) lie between 0.02 and 0.1. The broker's own observations replace it.
 */
export const ASSUMED_SPOT_INTERRUPTIONS_PER_HOUR = 0.05;

export interface OfferSources {
  readonly clients: Clients;
  readonly project: string;
  readonly prices: (call: Call) => Promise<Observed<PriceList>>;
  readonly catalog: (call: Call) => Promise<Observed<ZoneCatalog>>;
}

interface Market {
  readonly prices: PriceList;
  readonly catalog: ZoneCatalog;
  readonly observedAt: EpochMs;
}

/** Prices and machine types are read for all regions at once, a region's zones and limits from the region itself. */
export async function listOffers(sources: OfferSources, query: OfferQuery, call: Call): Promise<OfferSnapshot> {
  const market = await readMarket(sources, call).catch(asProviderError);
  const results = await Promise.all(
    query.regions.map(async (region) => ({
      region,
      state: await readRegion(sources.clients, sources.project, region, call).catch(asProviderError),
    })),
  );
  const offers: Offer[] = [];
  const quarantined: QuarantinedPrice[] = [];
  const regions: RegionOutcome[] = [];
  for (const { region, state } of results) {
    if (state instanceof ProviderError || market instanceof ProviderError) {
      const error = state instanceof ProviderError ? state : asError(market);
      regions.push({ region, complete: false, error });
      continue;
    }
    for (const priced of pricedPools(market, region, state)) {
      if ('priceMicroUsdPerHour' in priced) offers.push(priced);
      else quarantined.push(priced);
    }
    regions.push(completeness(region, state, market.catalog));
  }
  return { offers, quarantined, regions };
}

function asError(market: Market | ProviderError): ProviderError | null {
  return market instanceof ProviderError ? market : null;
}

async function readMarket(sources: OfferSources, call: Call): Promise<Market> {
  const [prices, catalog] = await Promise.all([sources.prices(call), sources.catalog(call)]);
  const observedAt = Math.min(prices.observedAt, catalog.observedAt);
  return { prices: prices.value, catalog: catalog.value, observedAt };
}

function completeness(region: string, state: RegionState, { unreachable }: ZoneCatalog): RegionOutcome {
  const missing = state.zones.filter((zone) => unreachable.has(zone) || unreachable.has(EVERY_ZONE));
  if (missing.length === 0) return { region, complete: true, error: null };
  return { region, complete: false, error: unreachableZones('machineTypes.aggregatedList', missing) };
}

function* pricedPools(market: Market, region: string, state: RegionState): Generator<Offer | QuarantinedPrice> {
  for (const zone of state.zones) {
    const gpus = market.catalog.gpus.get(zone) ?? new Map<string, number>();
    for (const host of market.catalog.hosts.get(zone) ?? []) {
      for (const shape of shapesOf(host, gpus)) {
        for (const sold of shape.markets) yield pricedPool(market, region, zone, state, shape, sold);
      }
    }
  }
}

function pricedPool(
  market: Market,
  region: string,
  zone: string,
  state: RegionState,
  shape: Shape,
  sold: SoldMarket,
): Offer | QuarantinedPrice {
  const { instanceType, host, gpu, gpuCount, accelerator } = shape;
  const pool: Pool = { provider: 'gcp', region, zone, instanceType, market: sold, reservation: null };
  const price = composePrice(market.prices, region, sold, shape);
  if (!price.known) return { pool, reason: price.reason };
  const quota = quotaOf(gpu, sold);
  return {
    pool,
    zonePhysicalId: null,
    accelerator,
    acceleratorCount: gpuCount,
    vcpuCount: host.vcpuCount,
    memoryGiB: host.memoryGiB,
    architecture: host.architecture,
    priceMicroUsdPerHour: price.microUsdPerHour,
    // A limit of zero is how this cloud says that the account may not buy a GPU here.
    availability: quota !== null && state.limits.get(quota)?.limit === 0 ? 'restricted' : 'available',
    availableCount: null,
    quotaClaims: [
      ...(quota === null ? [] : [{ quota, scope: 'region' as const, units: gpuCount }]),
      { quota: GLOBAL_GPU_QUOTA, scope: 'global', units: gpuCount },
    ],
    interruptionsPerHour: sold === 'spot' ? ASSUMED_SPOT_INTERRUPTIONS_PER_HOUR : 0,
    observedAt: market.observedAt,
  };
}
