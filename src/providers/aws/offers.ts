import type { MicroUsdPerHour } from '../../domain/money.ts';
import { parseUsd } from '../../domain/money.ts';
import type { Offer } from '../../domain/offer.ts';
import type { Market, Pool } from '../../domain/pool.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Call, OfferQuery, OfferSnapshot, QuarantinedPrice } from '../provider.ts';
import type { GpuType, ZoneOffering } from './catalogue.ts';
import { gpuTypes, zoneOfferings } from './catalogue.ts';
import type { Clients } from './clients.ts';
import { PROVIDER_ID } from './errors.ts';
import { interruptionsPerHourOf, quotaCodeOf } from './instance-types.ts';
import type { PriceText } from './prices.ts';
import { listPrices, spotKey, spotPrices } from './prices.ts';
import { askRegions } from './regions.ts';
import type { CapacityReservation } from './reservations.ts';
import { activeReservations } from './reservations.ts';

/** Everything EC2 says about one region, before it becomes offers. */
export interface RegionMarket {
  readonly region: string;
  readonly types: readonly GpuType[];
  readonly offerings: readonly ZoneOffering[];
  /** Those active now. */
  readonly reservations: readonly CapacityReservation[];
  /** By instance type. */
  readonly listPrices: ReadonlyMap<string, PriceText>;
  /** By `spotKey`. */
  readonly spotPrices: ReadonlyMap<string, PriceText>;
  readonly observedAt: EpochMs;
}

export interface RegionOffers {
  readonly offers: readonly Offer[];
  readonly quarantined: readonly QuarantinedPrice[];
}

export async function listOffers(
  clients: Clients,
  configured: readonly string[],
  clock: Clock,
  query: OfferQuery,
  call: Call,
): Promise<OfferSnapshot> {
  const { results, regions } = await askRegions(query.regions, configured, call, async (region) =>
    offersOf(await readMarket(clients, region, clock, call)),
  );
  return {
    offers: results.flatMap(({ offers }) => offers),
    quarantined: results.flatMap(({ quarantined }) => quarantined),
    regions,
  };
}

async function readMarket(clients: Clients, region: string, clock: Clock, call: Call): Promise<RegionMarket> {
  const ec2 = clients.ec2(region);
  const observedAt = clock.now();
  const [types, offerings, reservations] = await Promise.all([
    gpuTypes(ec2, call),
    zoneOfferings(ec2, call),
    activeReservations(ec2, call),
  ]);
  const names = types.map(({ name }) => name);
  if (names.length === 0) {
    return { region, types, offerings, reservations, listPrices: new Map(), spotPrices: new Map(), observedAt };
  }
  const [onDemand, spot] = await Promise.all([
    listPrices(clients.pricing(), region, names, call),
    spotPrices(ec2, names, new Date(observedAt), call),
  ]);
  return { region, types, offerings, reservations, listPrices: onDemand, spotPrices: spot, observedAt };
}

/** One offer per zone, type and market that has a believable price. A pool without any price is not for sale. */
export function offersOf(market: RegionMarket): RegionOffers {
  const types = new Map(market.types.map((type) => [type.name, type]));
  const offers: Offer[] = [];
  const quarantined: QuarantinedPrice[] = [];
  for (const offering of market.offerings) {
    const type = types.get(offering.instanceType);
    if (type === undefined) continue;
    for (const sale of salesOf(market, type, offering)) {
      const pool: Pool = {
        provider: PROVIDER_ID,
        region: market.region,
        zone: offering.zone,
        instanceType: type.name,
        market: sale.market,
        reservation: null,
      };
      const price = readPrice(sale.price);
      if ('reason' in price) quarantined.push({ pool, reason: price.reason });
      else offers.push(offerOf(pool, type, offering, price.microUsdPerHour, market.observedAt));
    }
  }
  for (const reservation of market.reservations) {
    const type = types.get(reservation.instanceType);
    if (type === undefined) continue;
    const reserved = reservedOffer(market, type, reservation);
    if ('reason' in reserved) quarantined.push(reserved);
    else offers.push(reserved);
  }
  return { offers, quarantined };
}

/**
 * Priced like on-demand, whose list price is what the reservation is billed at; what is paid for already is a matter of
 * `priceAdjustments`. It claims no quota: an on-demand reservation counts from the day it was made, a block not at all.
 */
function reservedOffer(
  market: RegionMarket,
  type: GpuType,
  { id, zone, instanceType, availableCount }: CapacityReservation,
): Offer | QuarantinedPrice {
  const { region } = market;
  const pool: Pool = { provider: PROVIDER_ID, region, zone, instanceType, market: 'reserved', reservation: id };
  const list = market.listPrices.get(instanceType);
  if (list === undefined) return { pool, reason: 'AWS names no on-demand price to put on the reservation' };
  const price = readPrice(list);
  if ('reason' in price) return { pool, reason: price.reason };
  const zonePhysicalId = market.offerings.find((offering) => offering.zone === zone)?.zonePhysicalId ?? null;
  const offering = { zone, zonePhysicalId, instanceType };
  const offer = offerOf(pool, type, offering, price.microUsdPerHour, market.observedAt);
  return { ...offer, availableCount, quotaClaims: [] };
}

function salesOf(
  market: RegionMarket,
  type: GpuType,
  offering: ZoneOffering,
): readonly { readonly market: Market; readonly price: PriceText }[] {
  const list = type.onDemand ? market.listPrices.get(type.name) : undefined;
  const spot = type.spot ? market.spotPrices.get(spotKey(offering.zone, type.name)) : undefined;
  return [
    ...(list === undefined ? [] : [{ market: 'on-demand' as const, price: list }]),
    ...(spot === undefined ? [] : [{ market: 'spot' as const, price: spot }]),
  ];
}

function readPrice(text: PriceText): { readonly microUsdPerHour: MicroUsdPerHour } | { readonly reason: string } {
  try {
    const price = parseUsd(text);
    return price > 0 ? { microUsdPerHour: price } : { reason: `AWS names the price ${text}, which cannot be true` };
  } catch {
    return { reason: `AWS names the price "${text}", which is not an amount` };
  }
}

function offerOf(
  pool: Pool,
  type: GpuType,
  { zonePhysicalId }: ZoneOffering,
  priceMicroUsdPerHour: MicroUsdPerHour,
  observedAt: EpochMs,
): Offer {
  const quota = quotaCodeOf(type.name, pool.market);
  return {
    pool,
    zonePhysicalId,
    accelerator: type.gpu.accelerator.name,
    acceleratorCount: type.gpu.count,
    vcpuCount: type.vcpuCount,
    memoryGiB: type.memoryGiB,
    architecture: type.architecture,
    priceMicroUsdPerHour,
    availability: 'available',
    availableCount: null,
    quotaClaims: quota === null ? [] : [{ quota, scope: 'region', units: type.vcpuCount }],
    interruptionsPerHour: interruptionsPerHourOf(type.name, pool.market),
    observedAt,
  };
}
