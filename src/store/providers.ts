import { sql } from 'kysely';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, textArray, time } from './columns.ts';
import type { Handle } from './schema.ts';

export interface RegionState {
  readonly provider: ProviderId;
  readonly region: string;
  /** When the copy that we have was read; null = never read yet. */
  readonly observedAt: EpochMs | null;
  /** When reading it was tried last. */
  readonly attemptedAt: EpochMs | null;
  /** Why the last try failed; null after a good one. */
  readonly error: string | null;
  readonly offerCount: number;
}

/** All regions that were ever claimed, by name. */
export async function regionStates(handle: Handle): Promise<readonly RegionState[]> {
  const rows = await handle.selectFrom('provider_regions').selectAll().orderBy('provider').orderBy('region').execute();
  return rows.map((row) => ({
    provider: row.provider,
    region: row.region,
    observedAt: epochMsOrNull(row.observed_at),
    attemptedAt: epochMsOrNull(row.attempted_at),
    error: row.error,
    offerCount: row.offer_count,
  }));
}

export interface RegionClaim {
  readonly provider: ProviderId;
  /** Those to look after; others of the provider are left alone. */
  readonly regions: readonly string[];
  readonly now: EpochMs;
  /** A region is due this long after its last good reading … */
  readonly everySeconds: number;
  /** … or this long after a try that failed. */
  readonly retrySeconds: number;
  /** Others may take the region over after this. */
  readonly claimSeconds: number;
}

/** Claims the regions that are due, so that of several processes one reads them; `recordRegionRead` ends the claim. */
export async function claimDueRegions(handle: Handle, claim: RegionClaim): Promise<readonly string[]> {
  if (claim.regions.length === 0) return [];
  const now = time(claim.now);
  const readBefore = time(claim.now - claim.everySeconds * 1000);
  const failedBefore = time(claim.now - claim.retrySeconds * 1000);
  const { rows } = await sql<{ readonly region: string }>`
    insert into provider_regions as known (provider, region, claimed_until)
    select ${claim.provider}, wanted.region, ${time(claim.now + claim.claimSeconds * 1000)}::timestamptz
    from unnest(${textArray(claim.regions.toSorted())}) as wanted (region)
    on conflict (provider, region) do update set claimed_until = excluded.claimed_until
    where (known.claimed_until is null or known.claimed_until <= ${now}::timestamptz)
      and (
        known.attempted_at is null
        or (known.error is null and known.attempted_at <= ${readBefore}::timestamptz)
        or (known.error is not null and known.attempted_at <= ${failedBefore}::timestamptz)
      )
    returning region`.execute(handle);
  return rows.map(({ region }) => region).toSorted();
}

/** Drops all claims: for the start of a process that is known to be the only one. */
export async function clearClaims(handle: Handle): Promise<void> {
  await handle
    .updateTable('provider_regions')
    .set({ claimed_until: null })
    .where('claimed_until', 'is not', null)
    .execute();
}

export interface RegionReading {
  readonly provider: ProviderId;
  readonly region: string;
  readonly at: EpochMs;
  /** Null where the try failed: the count of the last good copy stays. */
  readonly offerCount: number | null;
  /** Null where the try succeeded. */
  readonly error: string | null;
}

/** How reading a region ended; a failure keeps the last good copy and its age. */
export async function recordRegionRead(handle: Handle, reading: RegionReading): Promise<void> {
  const at = time(reading.at);
  const columns = {
    attempted_at: at,
    error: reading.error,
    claimed_until: null,
    ...(reading.error === null ? { observed_at: at } : {}),
    ...(reading.offerCount === null ? {} : { offer_count: reading.offerCount }),
  };
  await handle
    .insertInto('provider_regions')
    .values({ observed_at: null, ...columns, provider: reading.provider, region: reading.region })
    .onConflict((conflict) => conflict.columns(['provider', 'region']).doUpdateSet(columns))
    .execute();
}

/**
 * Drops offers, quotas and states of a provider's regions that are no longer configured: nothing is planned there any more. Leases
 * stay, since machines do.
 */
export async function forgetOtherRegions(
  transaction: Handle,
  provider: ProviderId,
  kept: readonly string[],
): Promise<void> {
  const others = sql<string>`all(${textArray(kept)})`;
  for (const table of ['offers', 'quotas', 'provider_regions'] as const) {
    await transaction.deleteFrom(table).where('provider', '=', provider).where('region', '!=', others).execute();
  }
}

export interface Suspension {
  readonly provider: ProviderId;
  readonly since: EpochMs;
  readonly until: EpochMs;
  readonly reason: string;
}

/** Nothing is launched at the provider until then. While it is suspended, `since` stays. Writes no event. */
export async function suspendProvider(
  transaction: Handle,
  suspension: { readonly provider: ProviderId; readonly until: EpochMs; readonly reason: string; readonly at: EpochMs },
): Promise<void> {
  const { provider, reason } = suspension;
  const at = time(suspension.at);
  const columns = { until: time(suspension.until), reason };
  await transaction
    .insertInto('provider_suspensions')
    .values({ provider, since: at, ...columns })
    .onConflict((conflict) =>
      conflict.column('provider').doUpdateSet({
        ...columns,
        since: sql<Date>`case when provider_suspensions.until > excluded.since then provider_suspensions.since
          else excluded.since end`,
      }),
    )
    .execute();
}

/** Returns whether it was suspended. */
export async function liftSuspension(handle: Handle, provider: ProviderId): Promise<boolean> {
  const lifted = await handle
    .deleteFrom('provider_suspensions')
    .where('provider', '=', provider)
    .returning('provider')
    .execute();
  return lifted.length > 0;
}

/** Suspensions in force at `at`, by provider. */
export async function listSuspensions(handle: Handle, at: EpochMs): Promise<readonly Suspension[]> {
  const rows = await handle
    .selectFrom('provider_suspensions')
    .selectAll()
    .where('until', '>', time(at))
    .orderBy('provider')
    .execute();
  return rows.map((row) => ({
    provider: row.provider,
    since: epochMs(row.since),
    until: epochMs(row.until),
    reason: row.reason,
  }));
}
