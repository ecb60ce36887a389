import { type Selectable, sql } from 'kysely';
import type { LeftoverKind, LeftoverState, SweepOutcome, SweepSubject } from '../domain/leftover.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, time } from './columns.ts';
import type { LeftoversTable } from './fleet-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

/** Something in a cloud, as its own name for it tells it apart. */
export interface LeftoverKey {
  readonly provider: ProviderId;
  readonly region: string;
  readonly kind: LeftoverKind;
  readonly cloudId: string;
}

export interface SeenLeftover extends LeftoverKey {
  readonly zone: string | null;
  /** Of the attempt that it says it was made for. */
  readonly attemptId: string | null;
  /** Of our lease of that attempt; null = nobody here knows it. */
  readonly leaseId: string | null;
  readonly createdAt: EpochMs | null;
}

export interface LeftoverRow extends SeenLeftover {
  readonly firstSeenAt: EpochMs;
  readonly lastSeenAt: EpochMs;
  readonly state: LeftoverState;
  /** Why it could not be removed last time. */
  readonly error: string | null;
}

function keyColumns({ provider, region, kind, cloudId }: LeftoverKey) {
  return { provider, region, kind, cloud_id: cloudId };
}

/** Writes down that it was seen; `firstSeenAt` and `state` stay. Returns it as it then is. */
export async function seeLeftover(handle: Handle, seen: SeenLeftover, at: EpochMs): Promise<LeftoverRow> {
  const facts = {
    zone: seen.zone,
    attempt_id: seen.attemptId,
    lease_id: seen.leaseId,
    created_at: seen.createdAt === null ? null : time(seen.createdAt),
    last_seen_at: time(at),
  };
  const row = await handle
    .insertInto('leftovers')
    .values({
      ...keyColumns(seen),
      ...facts,
      first_seen_at: time(at),
      state: 'waiting',
      error: null,
    })
    .onConflict((conflict) => conflict.columns(['provider', 'region', 'kind', 'cloud_id']).doUpdateSet(facts))
    .returningAll()
    .executeTakeFirstOrThrow();
  return leftoverOf(row);
}

/** Returns whether it was in another state until now: of several processes one hears so. */
export async function setLeftoverState(handle: Handle, key: LeftoverKey, state: LeftoverState): Promise<boolean> {
  const changed = await handle
    .updateTable('leftovers')
    .set({ state, error: null })
    .where((columns) => columns.and(keyColumns(key)))
    .where('state', '!=', state)
    .returning('cloud_id')
    .execute();
  return changed.length > 0;
}

export async function noteLeftoverError(handle: Handle, key: LeftoverKey, error: string): Promise<void> {
  await handle
    .updateTable('leftovers')
    .set({ error })
    .where((columns) => columns.and(keyColumns(key)))
    .execute();
}

/** It is gone, or somebody's after all. Returns whether it was known until now. */
export async function forgetLeftover(handle: Handle, key: LeftoverKey): Promise<boolean> {
  const forgotten = await handle
    .deleteFrom('leftovers')
    .where((columns) => columns.and(keyColumns(key)))
    .returning('cloud_id')
    .execute();
  return forgotten.length > 0;
}

/**
 * Drops what a listing of the region that began at `since` and was complete did not show: it is gone. Returns what was dropped.
 */
export async function forgetUnseen(
  handle: Handle,
  listing: {
    readonly provider: ProviderId;
    readonly region: string;
    readonly subject: SweepSubject;
    readonly since: EpochMs;
  },
): Promise<readonly LeftoverRow[]> {
  const rows = await handle
    .deleteFrom('leftovers')
    .where('provider', '=', listing.provider)
    .where('region', '=', listing.region)
    .where('kind', listing.subject === 'machines' ? '=' : '!=', 'machine')
    .where('last_seen_at', '<', time(listing.since))
    .returningAll()
    .execute();
  return rows.map(leftoverOf);
}

/** By provider, region, kind and id. */
export async function listLeftovers(
  handle: Handle,
  provider: ProviderId | null,
  page: PageQuery,
): Promise<Page<LeftoverRow>> {
  const key = sql<string>`concat_ws('/', provider, region, kind, cloud_id) collate "C"`;
  let query = handle
    .selectFrom('leftovers')
    .selectAll()
    .where(key, '>', page.cursor ?? '')
    .orderBy(key)
    .limit(page.limit + 1);
  if (provider !== null) query = query.where('provider', '=', provider);
  const rows = (await query.execute()).map(leftoverOf);
  return pageOf(rows, page.limit, (row) => [row.provider, row.region, row.kind, row.cloudId].join('/'));
}

export interface SweepRow {
  readonly provider: ProviderId;
  readonly region: string;
  readonly subject: SweepSubject;
  /** Only `complete` proves that nothing else is there. */
  readonly outcome: SweepOutcome;
  readonly sweptAt: EpochMs;
  /** Of the last complete one; null = there was none yet. */
  readonly completeAt: EpochMs | null;
  readonly error: string | null;
}

export async function recordSweep(handle: Handle, sweep: Omit<SweepRow, 'completeAt'>): Promise<void> {
  const { provider, region, subject, outcome, error } = sweep;
  const at = time(sweep.sweptAt);
  const columns = { outcome, error, swept_at: at, ...(outcome === 'complete' ? { complete_at: at } : {}) };
  await handle
    .insertInto('sweeps')
    .values({ provider, region, subject, complete_at: null, ...columns })
    .onConflict((conflict) => conflict.columns(['provider', 'region', 'subject']).doUpdateSet(columns))
    .execute();
}

/** How the last sweep of each region ended, by provider, region and subject. */
export async function listSweeps(handle: Handle): Promise<readonly SweepRow[]> {
  const rows = await handle
    .selectFrom('sweeps')
    .selectAll()
    .orderBy('provider')
    .orderBy('region')
    .orderBy('subject')
    .execute();
  return rows.map((row) => ({
    ...{ provider: row.provider, region: row.region, subject: row.subject, outcome: row.outcome, error: row.error },
    sweptAt: epochMs(row.swept_at),
    completeAt: epochMsOrNull(row.complete_at),
  }));
}

function leftoverOf(row: Selectable<LeftoversTable>): LeftoverRow {
  return {
    provider: row.provider,
    region: row.region,
    kind: row.kind,
    cloudId: row.cloud_id,
    zone: row.zone,
    attemptId: row.attempt_id,
    leaseId: row.lease_id,
    createdAt: epochMsOrNull(row.created_at),
    firstSeenAt: epochMs(row.first_seen_at),
    lastSeenAt: epochMs(row.last_seen_at),
    state: row.state,
    error: row.error,
  };
}
