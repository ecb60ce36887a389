import type { LeaseState } from '../domain/lease.ts';
import type { Offer } from '../domain/offer.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';

/** What counting free machines needs of a lease. */
export interface CountedLease {
  readonly pool: Pool;
  readonly state: LeaseState;
  readonly createdAt: EpochMs;
}

/**
 * Offers that say how many machines are free (reservations), less those that we have taken since they said so: launches not accepted so
 * far, and leases made after the observation. Leases that ended since are not added: a reservation is rather left half used for a minute
 * than launched into twice.
 */
export function withoutTaken<Kind extends Offer>(
  offers: readonly Kind[],
  leases: readonly CountedLease[],
): readonly Kind[] {
  const byPool = Map.groupBy(leases, ({ pool }) => poolKey(pool));
  return offers.map((offer) => {
    if (offer.availableCount === null) return offer;
    const taken = (byPool.get(poolKey(offer.pool)) ?? []).filter(
      ({ state, createdAt }) => state === 'planned' || state === 'launching' || createdAt >= offer.observedAt,
    );
    return { ...offer, availableCount: Math.max(0, offer.availableCount - taken.length) };
  });
}
