import type { LeaseState } from '../domain/lease.ts';
import type { Offer, Quota } from '../domain/offer.ts';
import { quotaKey } from '../domain/offer.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';

/** What quota arithmetic needs of a lease. */
export interface QuotaHolder {
  readonly pool: Pool;
  readonly state: LeaseState;
  readonly createdAt: EpochMs;
}

/**
 * Usage as the cloud last told it, plus what we have set going and the figure cannot hold yet: launches not accepted so far, and
 * machines accepted after the observation. Leases that ended since are not subtracted: headroom errs on the side of refusing
 * ourselves, never of being refused.
 */
export function quotasWithInFlight(
  quotas: readonly (Quota & { readonly observedAt: EpochMs })[],
  holders: readonly QuotaHolder[],
  offers: readonly Offer[],
): Quota[] {
  const offerByPool = new Map(offers.map((offer) => [poolKey(offer.pool), offer]));
  const observedAt = new Map(
    quotas.map((quota) => [quotaKey(quota.provider, quota.region, quota.name), quota.observedAt]),
  );
  const inFlight = new Map<string, number>();
  for (const holder of holders) {
    for (const claim of offerByPool.get(poolKey(holder.pool))?.quotaClaims ?? []) {
      const region = claim.scope === 'global' ? null : holder.pool.region;
      const key = quotaKey(holder.pool.provider, region, claim.quota);
      if (isUncounted(holder, observedAt.get(key))) inFlight.set(key, (inFlight.get(key) ?? 0) + claim.units);
    }
  }
  return quotas.map(({ observedAt: _, ...quota }) => ({
    ...quota,
    usage:
      quota.usage === null
        ? null
        : quota.usage + (inFlight.get(quotaKey(quota.provider, quota.region, quota.name)) ?? 0),
  }));
}

/** Whether a figure of that time cannot hold this machine yet. */
function isUncounted(holder: QuotaHolder, observedAt: EpochMs | undefined): boolean {
  if (observedAt === undefined) return false;
  if (holder.state === 'planned' || holder.state === 'launching') return true;
  return holder.state === 'starting' && holder.createdAt >= observedAt;
}
