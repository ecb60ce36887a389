import { sql } from 'kysely';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, textArray, time } from './columns.ts';
import type { RegionReadKind } from './market-tables.ts';
import type { Handle } from './schema.ts';

export type { RegionReadKind } from './market-tables.ts';

export interface RegionState {
  readonly provider: ProviderId;
  readonly region: string;
  /** When the copy that we have was read; null = never read yet. */
  readonly observedAt: EpochMs | null;
  /** When reading it was tried last, to its end. */
  readonly attemptedAt: EpochMs | null;
  /** Why the last try failed; null after a good one. */
  readonly error: string | null;
  /** Kind of the provider error; null after a good try. */
  readonly errorKind: string | null;
  /** Failed tries in a row. */
  readonly failureCount: number;
  /** When it is tried again after a failure; null after a good try. */
  readonly retryAt: EpochMs | null;
  /** Offers (or quotas) of the last good copy. */
  readonly itemCount: number;
}

/** All regions that were ever claimed for this kind of reading, by name. */
export async function regionStates(handle: Handle, kind: RegionReadKind = 'offers'): Promise<readonly RegionState[]> {
  const rows = await handle
    .selectFrom('provider_regions')
    .selectAll()
    .where('kind', '=', kind)
    .orderBy('provider')
    .orderBy('region')
    .execute();
  return rows.map((row) => ({
    provider: row.provider,
    region: row.region,
    observedAt: epochMsOrNull(row.observed_at),
    attemptedAt: epochMsOrNull(row.attempted_at),
    error: row.error,
    errorKind: row.error_kind,
    failureCount: row.failures,
    retryAt: epochMsOrNull(row.retry_at),
    itemCount: row.item_count,
  }));
}

export interface RegionClaim {
  readonly provider: ProviderId;
  readonly kind: RegionReadKind;
  /** Those to look after; others of the provider are left alone. */
  readonly regions: readonly string[];
  readonly now: EpochMs;
  /** A region is due this long after its last good reading; after a failure when `recordRegionRead` said. */
  readonly everySeconds: number;
  /** Others may take the region over after this. */
  readonly claimSeconds: number;
  /** Most regions to claim. */
  readonly limit: number;
}

export interface ClaimedRegion {
  readonly region: string;
  /** Failed tries in a row so far. */
  readonly failureCount: number;
}

/**
 * Claims regions that are due, so that of several processes one reads them; `recordRegionRead` ends the claim. Those that answered
 * last time come first, the longest unread among them first: a failing region takes no turn from a sound one.
 */
export async function claimDueRegions(handle: Handle, claim: RegionClaim): Promise<readonly ClaimedRegion[]> {
  const { provider, kind, limit } = claim;
  if (claim.regions.length === 0 || limit < 1) return [];
  const now = time(claim.now);
  const readBefore = time(claim.now - claim.everySeconds * 1000);
  const regions = textArray(claim.regions.toSorted());
  await sql`
    insert into provider_regions (provider, region, kind)
    select ${provider}, wanted.region, ${kind} from unnest(${regions}) as wanted (region)
    on conflict (provider, region, kind) do nothing`.execute(handle);
  const { rows } = await sql<{ readonly region: string; readonly failures: number }>`
    with due as materialized (
      select region from provider_regions
      where provider = ${provider} and kind = ${kind} and region = any(${regions})
        and (claimed_until is null or claimed_until <= ${now}::timestamptz)
        and (
          attempted_at is null
          or (error is null and attempted_at <= ${readBefore}::timestamptz)
          or (error is not null and (retry_at is null or retry_at <= ${now}::timestamptz))
        )
      order by failures, attempted_at nulls first, region
      limit ${limit}
      for update skip locked
    )
    update provider_regions as known
    set claimed_until = ${time(claim.now + claim.claimSeconds * 1000)}::timestamptz
    from due
    where known.provider = ${provider} and known.kind = ${kind} and known.region = due.region
    returning known.region, known.failures`.execute(handle);
  return rows
    .map(({ region, failures }) => ({ region, failureCount: failures }))
    .toSorted((a, b) => (a.region < b.region ? -1 : 1));
}

/** Drops all claims: for the start of a process that is known to be the only one. */
export async function clearClaims(handle: Handle): Promise<void> {
  await handle
    .updateTable('provider_regions')
    .set({ claimed_until: null })
    .where('claimed_until', 'is not', null)
    .execute();
}

/** Has the region's offers read at the next look, whenever they would be due; a failing region keeps its pause. */
export async function makeRegionDue(handle: Handle, provider: ProviderId, region: string): Promise<void> {
  await handle
    .updateTable('provider_regions')
    .set({ attempted_at: time(0) })
    .where('provider', '=', provider)
    .where('region', '=', region)
    .where('kind', '=', 'offers')
    .where('error', 'is', null)
    .execute();
}

export interface RegionReading {
  readonly provider: ProviderId;
  readonly region: string;
  readonly kind: RegionReadKind;
  readonly at: EpochMs;
  /** Null where the try failed: the count of the last good copy stays. */
  readonly itemCount: number | null;
  /** Null where the try succeeded. */
  readonly failure: {
    readonly error: string;
    readonly errorKind: string;
    readonly count: number;
    readonly retryAt: EpochMs;
  } | null;
}

/** How reading a region ended; a failure keeps the last good copy and its age. */
export async function recordRegionRead(handle: Handle, reading: RegionReading): Promise<void> {
  const { provider, region, kind, failure } = reading;
  const at = time(reading.at);
  const columns = {
    attempted_at: at,
    error: failure?.error ?? null,
    error_kind: failure?.errorKind ?? null,
    failures: failure?.count ?? 0,
    retry_at: failure === null ? null : time(failure.retryAt),
    claimed_until: null,
    ...(failure === null ? { observed_at: at } : {}),
    ...(reading.itemCount === null ? {} : { item_count: reading.itemCount }),
  };
  await handle
    .insertInto('provider_regions')
    .values({ observed_at: null, ...columns, provider, region, kind })
    .onConflict((conflict) => conflict.columns(['provider', 'region', 'kind']).doUpdateSet(columns))
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
  for (const table of ['offers', 'quotas', 'provider_regions', 'quarantined_prices', 'capacity_advice'] as const) {
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
