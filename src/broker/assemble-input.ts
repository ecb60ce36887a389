import { isFinal, type LeaseState } from '../domain/lease.ts';
import type { Offer, Quota, QuotaClaim } from '../domain/offer.ts';
import { quotaKey } from '../domain/offer.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';

/** What quota arithmetic needs of a lease. */
export interface QuotaHolder {
  readonly pool: Pool;
  readonly state: LeaseState;
  readonly createdAt: EpochMs;
}

type ObservedQuota = Quota & { readonly observedAt: EpochMs };

/**
 * Units by quota key of what we have set going and the cloud's figure cannot hold yet: launches not accepted so far, and machines
 * accepted after the observation.
 */
export function inFlightUnits(
  quotas: readonly ObservedQuota[],
  holders: readonly QuotaHolder[],
  offers: readonly Pick<Offer, 'pool' | 'quotaClaims'>[],
): ReadonlyMap<string, number> {
  const offerByPool = new Map(offers.map((offer) => [poolKey(offer.pool), offer]));
  const observedAt = new Map(quotas.map((quota) => [keyOf(quota), quota.observedAt]));
  const inFlight = new Map<string, number>();
  for (const holder of holders) {
    for (const claim of offerByPool.get(poolKey(holder.pool))?.quotaClaims ?? []) {
      const key = claimKey(holder.pool, claim);
      if (isUncounted(holder, observedAt.get(key))) inFlight.set(key, (inFlight.get(key) ?? 0) + claim.units);
    }
  }
  return inFlight;
}

/**
 * Usage as the cloud last told it, plus what is in flight. Leases that ended since are not subtracted: headroom errs on the side of
 * refusing ourselves, never of being refused.
 */
export function quotasWithInFlight(
  quotas: readonly ObservedQuota[],
  holders: readonly QuotaHolder[],
  offers: readonly Pick<Offer, 'pool' | 'quotaClaims'>[],
): Quota[] {
  const inFlight = inFlightUnits(quotas, holders, offers);
  return quotas.map(({ observedAt: _, ...quota }) => ({
    ...quota,
    usage: quota.usage === null ? null : quota.usage + (inFlight.get(keyOf(quota)) ?? 0),
  }));
}

function keyOf(quota: Quota): string {
  return quotaKey(quota.provider, quota.region, quota.name);
}

/** The quota that a machine of the pool counts against. */
export function claimKey(pool: Pool, claim: QuotaClaim): string {
  return quotaKey(pool.provider, claim.scope === 'global' ? null : pool.region, claim.quota);
}

/** Whether a figure of that time cannot hold this machine yet: not accepted so far, or made since, however far it has come. */
function isUncounted({ state, createdAt }: QuotaHolder, observedAt: EpochMs | undefined): boolean {
  // Of a lost machine the cloud itself says that it is no more.
  if (observedAt === undefined || isFinal(state) || state === 'lost') return false;
  return state === 'planned' || state === 'launching' || createdAt >= observedAt;
}
