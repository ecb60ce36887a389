import { sql } from 'kysely';
import { isServing, LEASE_STATES, type LeaseState } from '../domain/lease.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { poolColumns, textArray, time } from './columns.ts';
import { isNotFinal, type LeaseRow, leaseOf, type NewLease } from './lease-row.ts';
import { notify } from './notifications.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

export type { LeaseRow, NewLease } from './lease-row.ts';
export { claimDueLeases, clearLocks, extendLock, nextDueAt, releaseLock, transitionLease } from './lease-work.ts';

const SERVING_STATES = LEASE_STATES.filter(isServing);

/** New leases are `planned`, wanted, and due at once. Wakes the workers of all processes. */
export async function insertLeases(transaction: Handle, leases: readonly NewLease[]): Promise<void> {
  if (leases.length === 0) return;
  const rows = leases.map((lease) => ({
    id: lease.id,
    workload_id: lease.workloadId,
    plan_id: lease.planId,
    replicas: [...lease.replicas],
    part: lease.part,
    part_count: lease.partCount,
    ...poolColumns(lease.pool),
    accelerator: lease.accelerator,
    accelerator_count: lease.acceleratorCount,
    price_micro_usd_per_hour: lease.priceMicroUsdPerHour,
    adjusted_price_micro_usd_per_hour: lease.adjustedPriceMicroUsdPerHour,
    state: 'planned' as const,
    state_reason: null,
    instance_id: null,
    attempt_id: null,
    wanted: true,
    not_before: time(lease.at),
    created_at: time(lease.at),
    updated_at: time(lease.at),
    ready_at: null,
    gone_at: null,
    lock_token: null,
    lock_expires_at: null,
  }));
  // Far below the 65,535 parameters that one statement may have.
  for (let start = 0; start < rows.length; start += 1000) {
    await transaction
      .insertInto('leases')
      .values(rows.slice(start, start + 1000))
      .execute();
  }
  await notify(transaction, 'leases');
}

export async function getLease(handle: Handle, id: string): Promise<LeaseRow | null> {
  const row = await handle.selectFrom('leases').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : leaseOf(row);
}

/** The lease that an attempt was made for; it may have had another attempt since (`attemptId`). */
export async function findLeaseByAttempt(handle: Handle, attemptId: string): Promise<LeaseRow | null> {
  const row = await handle
    .selectFrom('leases')
    .selectAll('leases')
    .innerJoin('attempts', 'attempts.lease_id', 'leases.id')
    .where('attempts.id', '=', attemptId)
    .executeTakeFirst();
  return row === undefined ? null : leaseOf(row);
}

/** All leases of a workload, final ones included, oldest first. */
export async function leasesOfWorkload(handle: Handle, workloadId: string): Promise<readonly LeaseRow[]> {
  const rows = await handle
    .selectFrom('leases')
    .selectAll()
    .where('workload_id', '=', workloadId)
    .orderBy('id')
    .execute();
  return rows.map(leaseOf);
}

/** Leases that serve their workload, or will: in a serving state and wanted. Oldest first. */
export async function listServingLeases(handle: Handle): Promise<readonly LeaseRow[]> {
  const rows = await handle
    .selectFrom('leases')
    .selectAll()
    .where('state', 'in', SERVING_STATES)
    .where(isNotFinal)
    .where('wanted', '=', true)
    .orderBy('id')
    .execute();
  return rows.map(leaseOf);
}

/** Leases for which something exists or may exist at the cloud. Oldest first. */
export async function listNonFinalLeases(handle: Handle): Promise<readonly LeaseRow[]> {
  const rows = await handle.selectFrom('leases').selectAll().where(isNotFinal).orderBy('id').execute();
  return rows.map(leaseOf);
}

/** `listNonFinalLeases` of one provider. */
export async function listLiveLeases(handle: Handle, provider: ProviderId): Promise<readonly LeaseRow[]> {
  const rows = await handle
    .selectFrom('leases')
    .selectAll()
    .where('provider', '=', provider)
    .where(isNotFinal)
    .orderBy('id')
    .execute();
  return rows.map(leaseOf);
}

export interface LeaseFilter {
  readonly workloadId: string | null;
  readonly state: LeaseState | null;
}

/** Final ones included, oldest first. */
export async function listLeases(handle: Handle, filter: LeaseFilter, page: PageQuery): Promise<Page<LeaseRow>> {
  let query = handle
    .selectFrom('leases')
    .selectAll()
    .where('id', '>', page.cursor ?? '')
    .orderBy('id')
    .limit(page.limit + 1);
  if (filter.workloadId !== null) query = query.where('workload_id', '=', filter.workloadId);
  if (filter.state !== null) query = query.where('state', '=', filter.state);
  const rows = await query.execute();
  return pageOf(rows.map(leaseOf), page.limit, ({ id }) => id);
}

export async function countLeasesByState(handle: Handle): Promise<ReadonlyMap<LeaseState, number>> {
  const rows = await handle
    .selectFrom('leases')
    .select(['state', (column) => column.fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute();
  return new Map(rows.map(({ state, count }) => [state, count]));
}

/** The machines of these leases are to be released; wakes the workers. Final leases are left as they are. */
export async function unwantLeases(transaction: Handle, ids: readonly string[], at: EpochMs): Promise<void> {
  if (ids.length === 0) return;
  const unwanted = await transaction
    .updateTable('leases')
    .set({ wanted: false, not_before: time(at), woken: true, updated_at: time(at) })
    .where('id', '=', sql<string>`any(${textArray(ids)})`)
    .where('wanted', '=', true)
    .where(isNotFinal)
    .returning('id')
    .execute();
  if (unwanted.length > 0) await notify(transaction, 'leases');
}

/** The lease whose machine the cloud calls so; null = no lease that is not final. */
export async function findLeaseByInstance(
  handle: Handle,
  machine: { readonly provider: ProviderId; readonly region: string; readonly instanceId: string },
): Promise<LeaseRow | null> {
  const row = await handle
    .selectFrom('leases')
    .selectAll()
    .where('provider', '=', machine.provider)
    .where('region', '=', machine.region)
    .where('instance_id', '=', machine.instanceId)
    .where(isNotFinal)
    .executeTakeFirst();
  return row === undefined ? null : leaseOf(row);
}

export interface TakenLease {
  readonly id: string;
  /** In words, for people. */
  readonly reason: string;
  /** The machine may serve until then. */
  readonly drainUntil: EpochMs | null;
  /** The machine is gone already. */
  readonly taken: boolean;
  readonly at: EpochMs;
}

/**
 * The cloud takes the machine: the lease serves its workload no more and its worker is woken. Returns whether it served until now, so that
 * its place is to be filled again.
 */
export async function takeLease(transaction: Handle, take: TakenLease): Promise<boolean> {
  const { id, reason, drainUntil, taken, at } = take;
  const changes = { not_before: time(at), woken: true, updated_at: time(at), ...(taken ? { taken } : {}) };
  const served = await transaction
    .updateTable('leases')
    .set({
      ...changes,
      wanted: false,
      unwanted_reason: reason,
      drain_until: drainUntil === null ? null : time(drainUntil),
    })
    .where('id', '=', id)
    .where('wanted', '=', true)
    .where('state', 'in', SERVING_STATES)
    .returning('id')
    .execute();
  if (served.length === 0) {
    await transaction.updateTable('leases').set(changes).where('id', '=', id).where(isNotFinal).execute();
  }
  await notify(transaction, 'leases');
  return served.length > 0;
}

/** Makes a lease due now, also when somebody works it and is about to put it off. */
export async function wakeLease(handle: Handle, id: string, at: EpochMs): Promise<void> {
  await handle
    .updateTable('leases')
    .set({ not_before: time(at), woken: true })
    .where('id', '=', id)
    .where(isNotFinal)
    .execute();
  await notify(handle, 'leases');
}
