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

/** Everything EC2 says about one region, before it becomes offers. */
export interface RegionMarket {
  readonly region: string;
  readonly types: readonly GpuType[];
  readonly offerings: readonly ZoneOffering[];
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
  const [types, offerings] = await Promise.all([gpuTypes(ec2, call), zoneOfferings(ec2, call)]);
  const names = types.map(({ name }) => name);
  if (names.length === 0) {
    return { region, types, offerings, listPrices: new Map(), spotPrices: new Map(), observedAt };
  }
  const [onDemand, spot] = await Promise.all([
    listPrices(clients.pricing(), region, names, call),
    spotPrices(ec2, names, new Date(observedAt), call),
  ]);
  return { region, types, offerings, listPrices: onDemand, spotPrices: spot, observedAt };
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
  return { offers, quarantined };
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
