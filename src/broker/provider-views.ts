import { isFinal } from '../domain/lease.ts';
import { sumMoney } from '../domain/money.ts';
import { headroomOf, quotaKey } from '../domain/offer.ts';
import { type ProviderId, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { listLiveLeases } from '../store/leases.ts';
import { offersOfPools } from '../store/offers.ts';
import { listSuspensions, regionStates } from '../store/providers.ts';
import { listQuotas } from '../store/quotas.ts';
import { listActiveSoldOuts } from '../store/sold-outs.ts';
import { inFlightUnits } from './assemble-input.ts';
import type { BrokerContext } from './context.ts';
import { servesStill } from './placing.ts';
import type { ProviderView, QuotaView } from './service.ts';

export async function providerView(context: BrokerContext, id: ProviderId): Promise<ProviderView> {
  const now = context.clock.now();
  const { database } = context.store;
  const regions = await regionViews(context, id);
  const suspension = (await listSuspensions(database, now)).find(({ provider }) => provider === id);
  const serving = (await listLiveLeases(database, id)).filter((lease) => !isFinal(lease.state));
  return {
    id,
    ...health(regions, suspension?.reason ?? null, now),
    regions,
    quotas: await quotaViews(context, id),
    soldOut: (await listActiveSoldOuts(database, now)).filter(({ scope }) => scope.provider === id),
    leaseCount: serving.length,
    costMicroUsdPerHour: sumMoney(serving.filter(servesStill).map((lease) => lease.priceMicroUsdPerHour)),
  };
}

async function regionViews(context: BrokerContext, id: ProviderId): Promise<ProviderView['regions']> {
  const { database } = context.store;
  const offers = new Map((await regionStates(database)).map((state) => [`${state.provider}:${state.region}`, state]));
  const quotas = new Map(
    (await regionStates(database, 'quotas')).map((state) => [`${state.provider}:${state.region}`, state]),
  );
  return (context.regions.get(id) ?? []).map((region) => {
    const state = offers.get(`${id}:${region}`);
    const quotaState = quotas.get(`${id}:${region}`);
    const quotaError = quotaState?.error ?? null;
    return {
      region,
      offerCount: state?.itemCount ?? 0,
      observedAt: state?.observedAt ?? null,
      error: state?.error ?? (quotaError === null ? null : `quotas: ${quotaError}`),
      failureCount: state?.failureCount ?? 0,
      retryAt: state?.retryAt ?? null,
      quotasObservedAt: quotaState?.observedAt ?? null,
    };
  });
}

async function quotaViews(context: BrokerContext, id: ProviderId): Promise<readonly QuotaView[]> {
  const { database } = context.store;
  const quotas = (await listQuotas(database)).filter(({ provider }) => provider === id);
  const leases = await listLiveLeases(database, id);
  const offers = await offersOfPools(database, [...new Set(leases.map(({ pool }) => poolKey(pool)))]);
  const inFlight = inFlightUnits(quotas, leases, offers);
  return quotas.map((quota) => {
    const units = inFlight.get(quotaKey(quota.provider, quota.region, quota.name)) ?? 0;
    return { ...quota, inFlight: units, headroom: headroomOf(quota, units) };
  });
}

const REGIONS_IN_WORDS = 3;

function health(
  regions: ProviderView['regions'],
  suspension: string | null,
  now: EpochMs,
): Pick<ProviderView, 'health' | 'healthReason'> {
  if (suspension !== null) return { health: 'suspended', healthReason: suspension };
  const failing = regions.filter(({ error }) => error !== null);
  if (failing.length > 0) {
    const words = failing.slice(0, REGIONS_IN_WORDS).map((region) => `${region.region} (${troubleOf(region, now)})`);
    const more = failing.length - words.length;
    const rest = more > 0 ? `, and ${more} more` : '';
    return { health: 'degraded', healthReason: `could not be read: ${words.join(', ')}${rest}` };
  }
  const unread = regions.filter(({ observedAt }) => observedAt === null).length;
  if (unread > 0) return { health: 'starting', healthReason: `${unread} of ${regions.length} regions not read yet` };
  return { health: 'ok', healthReason: null };
}

function troubleOf({ error, observedAt }: ProviderView['regions'][number], now: EpochMs): string {
  const copy = observedAt === null ? 'never read' : `last read ${Math.round((now - observedAt) / 60_000)} min ago`;
  return `${copy}; ${error ?? ''}`;
}
