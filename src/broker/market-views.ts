import { isFinal } from '../domain/lease.ts';
import { sumMoney } from '../domain/money.ts';
import { headroomOf } from '../domain/offer.ts';
import type { ProviderId } from '../domain/pool.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import { listLiveLeases } from '../store/leases.ts';
import { findOffers } from '../store/offers.ts';
import { listSuspensions, regionStates } from '../store/providers.ts';
import { listQuotas } from '../store/quotas.ts';
import { listActiveSoldOuts } from '../store/sold-outs.ts';
import type { BrokerContext } from './context.ts';
import { servesStill } from './placing.ts';
import type { OfferFilter, OfferView, Page, PageQuery, ProviderView } from './service.ts';

export async function listOfferViews(
  context: BrokerContext,
  filter: OfferFilter,
  page: PageQuery,
): Promise<Page<OfferView>> {
  const now = context.clock.now();
  const { database } = context.store;
  const soldOut = await listActiveSoldOuts(database, now);
  const offers = await findOffers(database, filter, page);
  return {
    next: offers.next,
    items: offers.items.map((offer) => {
      const quotas = offer.quotaClaims.map(({ quota }) => quota);
      const covering = soldOut.filter(({ scope }) => scopeCovers(scope, offer.pool, quotas)).map(({ until }) => until);
      return {
        ...offer,
        soldOutUntil: covering.length === 0 ? null : Math.max(...covering),
        ageSeconds: Math.max(0, Math.round((now - offer.observedAt) / 1000)),
      };
    }),
  };
}

export async function providerView(context: BrokerContext, id: ProviderId): Promise<ProviderView> {
  const now = context.clock.now();
  const { database } = context.store;
  const states = (await regionStates(database)).filter(({ provider }) => provider === id);
  const byRegion = new Map(states.map((state) => [state.region, state]));
  const regions = (context.regions.get(id) ?? []).map((region) => {
    const state = byRegion.get(region);
    return {
      region,
      offerCount: state?.offerCount ?? 0,
      observedAt: state?.observedAt ?? null,
      error: state?.error ?? null,
    };
  });
  const suspension = (await listSuspensions(database, now)).find(({ provider }) => provider === id);
  const serving = (await listLiveLeases(database, id)).filter((lease) => !isFinal(lease.state));
  const quotas = (await listQuotas(database)).filter(({ provider }) => provider === id);
  return {
    id,
    ...health(regions, suspension?.reason ?? null),
    regions,
    quotas: quotas.map(({ observedAt: _, ...quota }) => ({ ...quota, headroom: headroomOf(quota, 0) })),
    soldOut: (await listActiveSoldOuts(database, now)).filter(({ scope }) => scope.provider === id),
    leaseCount: serving.length,
    costMicroUsdPerHour: sumMoney(serving.filter(servesStill).map((lease) => lease.priceMicroUsdPerHour)),
  };
}

function health(
  regions: ProviderView['regions'],
  suspension: string | null,
): Pick<ProviderView, 'health' | 'healthReason'> {
  if (suspension !== null) return { health: 'suspended', healthReason: suspension };
  const failing = regions.filter(({ error }) => error !== null);
  if (failing.length > 0) {
    const names = failing.map(({ region }) => region).join(', ');
    return { health: 'degraded', healthReason: `could not be read: ${names}` };
  }
  const unread = regions.filter(({ observedAt }) => observedAt === null).length;
  if (unread > 0) return { health: 'starting', healthReason: `${unread} of ${regions.length} regions not read yet` };
  return { health: 'ok', healthReason: null };
}
