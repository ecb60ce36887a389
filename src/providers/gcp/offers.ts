import type { Offer } from '../../domain/offer.ts';
import type { Pool } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { Call, OfferQuery, OfferSnapshot, QuarantinedPrice, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { ZoneCatalog } from './catalog.ts';
import type { Clients } from './clients.ts';
import { asProviderError } from './errors.ts';
import type { FamilyLimits } from './family-limits.ts';
import type { SoldMarket } from './identity.ts';
import type { Shape } from './machine-types.ts';
import { GLOBAL_GPU_QUOTA, quotaOf, shapesOf } from './machine-types.ts';
import type { PriceList } from './prices.ts';
import { composePrice } from './prices.ts';
import type { RegionState } from './quotas.ts';
import { readRegion } from './quotas.ts';
import type { ReservationState, SpecificReservation } from './reservations.ts';
import { outcomeOf } from './scopes.ts';
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
  readonly reservations: (call: Call) => Promise<Observed<ReservationState>>;
  readonly familyLimits: (call: Call) => Promise<Observed<FamilyLimits>>;
}

interface Market {
  readonly prices: PriceList;
  readonly catalog: ZoneCatalog;
  readonly observedAt: EpochMs;
  readonly reserved: Observed<ReservationState>;
  /** A failure to read them takes no offer away, since they only tell what may not be bought; but nothing is whole without them. */
  readonly limits: FamilyLimits | ProviderError;
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
    regions.push(completeness(region, market));
  }
  return { offers, quarantined, regions };
}

function asError(market: Market | ProviderError): ProviderError | null {
  return market instanceof ProviderError ? market : null;
}

async function readMarket(sources: OfferSources, call: Call): Promise<Market> {
  const [prices, catalog, reserved, limits] = await Promise.all([
    sources.prices(call),
    sources.catalog(call),
    sources.reservations(call),
    sources.familyLimits(call).catch(asProviderError),
  ]);
  return {
    ...{ prices: prices.value, catalog: catalog.value, reserved },
    observedAt: Math.min(prices.observedAt, catalog.observedAt),
    limits: limits instanceof ProviderError ? limits : limits.value,
  };
}

function completeness(region: string, { catalog, reserved, limits }: Market): RegionOutcome {
  if (limits instanceof ProviderError) return { region, complete: false, error: limits };
  const lists = [
    outcomeOf('machineTypes.aggregatedList', region, [...catalog.unreachable]),
    outcomeOf('reservations.aggregatedList', region, reserved.value.silent),
  ];
  return lists.find(({ complete }) => !complete) ?? { region, complete: true, error: null };
}

function* pricedPools(market: Market, region: string, state: RegionState): Generator<Offer | QuarantinedPrice> {
  for (const zone of state.zones) {
    const gpus = market.catalog.gpus.get(zone) ?? new Map<string, number>();
    const shapes = (market.catalog.hosts.get(zone) ?? []).flatMap((host) => shapesOf(host, gpus));
    for (const shape of shapes) yield* pricedShape({ market, region, zone, state, shape });
  }
}

function* pricedShape(place: ShapeInZone): Generator<Offer | QuarantinedPrice> {
  const { market, zone, shape } = place;
  for (const sold of shape.markets) yield pricedPool(place, sold);
  const held = market.reserved.value.reservations.filter(
    (reservation) => reservation.zone === zone && reservation.instanceType === shape.instanceType,
  );
  for (const reservation of held) yield reservedPool(place, reservation);
}

interface ShapeInZone {
  readonly market: Market;
  readonly region: string;
  readonly zone: string;
  readonly state: RegionState;
  readonly shape: Shape;
}

/** What does not depend on how the machine is bought. */
function describe({ accelerator, gpuCount, host }: Shape) {
  return {
    ...{ zonePhysicalId: null, accelerator, acceleratorCount: gpuCount },
    ...{ vcpuCount: host.vcpuCount, memoryGiB: host.memoryGiB, architecture: host.architecture },
  };
}

function pricedPool({ market, region, zone, state, shape }: ShapeInZone, sold: SoldMarket): Offer | QuarantinedPrice {
  const { instanceType, gpu, gpuCount } = shape;
  const pool: Pool = { provider: 'gcp', region, zone, instanceType, market: sold, reservation: null };
  const price = composePrice(market.prices, region, sold, shape);
  if (!price.known) return { pool, reason: price.reason };
  const quota = quotaOf(gpu, sold);
  return {
    pool,
    ...describe(shape),
    priceMicroUsdPerHour: price.microUsdPerHour,
    // A limit of zero is how this cloud says that the account may not buy a GPU here.
    availability: quota !== null && limitIn(market, state, quota, region) === 0 ? 'restricted' : 'available',
    availableCount: null,
    quotaClaims: [
      ...(quota === null ? [] : [{ quota, scope: 'region' as const, units: gpuCount }]),
      { quota: GLOBAL_GPU_QUOTA, scope: 'global', units: gpuCount },
    ],
    interruptionsPerHour: sold === 'spot' ? ASSUMED_SPOT_INTERRUPTIONS_PER_HOUR : 0,
    observedAt: market.observedAt,
  };
}

function limitIn(market: Market, { limits }: RegionState, quota: string, region: string): number | null {
  const told = limits.get(quota);
  if (told !== undefined) return told.limit;
  return market.limits instanceof ProviderError ? null : market.limits(quota, region);
}

/** At the list price, which the reservation costs whether used or not. Its quota was taken when it was made: launches claim none. */
function reservedPool(place: ShapeInZone, { name, freeCount }: SpecificReservation): Offer | QuarantinedPrice {
  const { market, region, zone, shape } = place;
  const { instanceType } = shape;
  const pool: Pool = { provider: 'gcp', region, zone, instanceType, market: 'reserved', reservation: name };
  const price = composePrice(market.prices, region, 'on-demand', shape);
  if (!price.known) return { pool, reason: price.reason };
  return {
    pool,
    ...describe(shape),
    priceMicroUsdPerHour: price.microUsdPerHour,
    ...{ availability: 'available', availableCount: freeCount, quotaClaims: [], interruptionsPerHour: 0 },
    observedAt: Math.min(market.observedAt, market.reserved.observedAt),
  };
}
