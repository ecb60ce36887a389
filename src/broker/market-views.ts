import { formatUsd } from '../domain/money.ts';
import type { Offer } from '../domain/offer.ts';
import { headroomOf, quotaKey } from '../domain/offer.ts';
import { type ProviderId, poolKey } from '../domain/pool.ts';
import { SIGHTINGS_TO_RELEASE } from '../domain/price-band.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import type { EpochMs } from '../domain/time.ts';
import { appendEvent } from '../store/events.ts';
import { listNonFinalLeases } from '../store/leases.ts';
import { findOffers, offersOfPools, priceHistory } from '../store/offers.ts';
import { makeRegionDue } from '../store/providers.ts';
import { acceptPrice, listQuarantined, type QuarantinedRow, quarantinedPrice } from '../store/quarantine.ts';
import { listQuotas } from '../store/quotas.ts';
import { listActiveSoldOuts } from '../store/sold-outs.ts';
import { quotasWithInFlight } from './assemble-input.ts';
import type { BrokerContext } from './context.ts';
import { headroomMachines } from './headroom.ts';
import { planOffers, wordsAt } from './plan-offers.ts';
import {
  type OfferFilter,
  type OfferView,
  type Page,
  type PageQuery,
  type PriceHistoryView,
  type QuarantinedPriceView,
  ServiceError,
} from './service.ts';

export async function listOfferViews(
  context: BrokerContext,
  filter: OfferFilter,
  page: PageQuery,
): Promise<Page<OfferView>> {
  const offers = await findOffers(context.store.database, filter, page);
  return { next: offers.next, items: await offerViews(context, offers.items) };
}

async function offerViews(context: BrokerContext, offers: readonly Offer[]): Promise<OfferView[]> {
  const now = context.clock.now();
  const { database } = context.store;
  const soldOut = await listActiveSoldOuts(database, now);
  const left = await headroomByQuota(context);
  const words = await wordsAt(database, now);
  return (await planOffers(database, offers, now)).map((offer) => {
    const names = offer.quotaClaims.map(({ quota }) => quota);
    const covering = soldOut.filter(({ scope }) => scopeCovers(scope, offer.pool, names)).map(({ until }) => until);
    return {
      ...offer,
      soldOutUntil: covering.length === 0 ? null : Math.max(...covering),
      ageSeconds: Math.max(0, Math.round((now - offer.observedAt) / 1000)),
      headroomMachines: headroomMachines(offer, left),
      advice: words.get(poolKey(offer.pool)) ?? null,
    };
  });
}

/** Units left by quota key, launches in flight counted; null = the cloud does not tell. */
async function headroomByQuota(context: BrokerContext): Promise<ReadonlyMap<string, number | null>> {
  const { database } = context.store;
  const leases = await listNonFinalLeases(database);
  const held = await offersOfPools(database, [...new Set(leases.map(({ pool }) => poolKey(pool)))]);
  const quotas = quotasWithInFlight(await listQuotas(database), leases, held);
  return new Map(quotas.map((quota) => [quotaKey(quota.provider, quota.region, quota.name), headroomOf(quota, 0)]));
}

export async function listQuarantineViews(
  context: BrokerContext,
  filter: { readonly provider: ProviderId | null },
  page: PageQuery,
): Promise<Page<QuarantinedPriceView>> {
  const rows = await listQuarantined(context.store.database, filter, page);
  return { items: rows.items.map(quarantineView), next: rows.next };
}

function quarantineView(row: QuarantinedRow): QuarantinedPriceView {
  return { ...row, sightingsToRelease: SIGHTINGS_TO_RELEASE };
}

/** Accepts a price out of band, writes who-did-what as an event, and has its region read again at once. */
export async function acceptQuarantinedPrice(context: BrokerContext, key: string): Promise<QuarantinedPriceView> {
  return context.store.transaction(async (transaction) => {
    const row = await quarantinedPrice(transaction, key);
    if (row === null) {
      throw new ServiceError(
        'price-not-quarantined',
        `No price of "${key}" is in quarantine; list them with GET /v1/quarantined-prices`,
      );
    }
    const price = row.priceMicroUsdPerHour;
    if (price === null || price <= 0) {
      throw new ServiceError(
        'price-unreadable',
        `The cloud names no amount above zero for "${key}" (${row.reason}): there is nothing to accept; it is ranked when the cloud names one`,
      );
    }
    const at = context.clock.now();
    await acceptPrice(transaction, key, price, at);
    await makeRegionDue(transaction, row.pool.provider, row.pool.region);
    await appendEvent(transaction, {
      ...{ at, type: 'market.accepted', workloadId: null, leaseId: null },
      message: `The price of ${key}, ${formatUsd(price)} $/h, was accepted by an operator (${row.reason})`,
      data: { pool: key, priceMicroUsdPerHour: price, referenceMicroUsdPerHour: row.referenceMicroUsdPerHour },
    });
    return quarantineView(row);
  });
}

export async function priceHistoryView(context: BrokerContext, key: string, since: EpochMs): Promise<PriceHistoryView> {
  const { database } = context.store;
  const points = await priceHistory(database, key, since);
  const [current = null] = await offerViews(context, await offersOfPools(database, [key]));
  if (points.length === 0 && current === null) {
    throw new ServiceError('pool-not-found', `No pool "${key}" is known; GET /v1/offers shows each pool's key`);
  }
  return { pool: key, current, points };
}
