import { sql } from 'kysely';
import { isFinal, type LeaseState, mayTransition } from '../domain/lease.ts';
import { poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, poolOf, time } from './columns.ts';
import { StoreError } from './errors.ts';
import { appendEvent } from './events.ts';
import { isNotFinal, type LeaseRow, leaseOf } from './lease-row.ts';
import type { Handle } from './schema.ts';

/*
 * How a lease is worked: claimed with a token in a short statement, worked outside any transaction, and written to only by id and
 * token. Whoever finds no row to write has lost the lease to somebody else and drops what it was doing.
 */

export interface Claim {
  readonly now: EpochMs;
  /** Most leases to claim. */
  readonly limit: number;
  /** The token: new for each claim, or a slow worker of this process could write over a fast one. */
  readonly holder: string;
  /** Others may take the lease over after this. */
  readonly lockSeconds: number;
}

/**
 * Locks leases that have work to do and that nobody works, longest due first. Two claims never get the same lease.
 * Uses `skip locked`: a lease that another claim is just taking is passed over, not waited for.
 */
export async function claimDueLeases(handle: Handle, claim: Claim): Promise<readonly LeaseRow[]> {
  const rows = await handle
    // Materialized, or the planner may run the locking query again for each row that it joins.
    .with(
      (name) => name('due').materialized(),
      (query) =>
        query
          .selectFrom('leases')
          .select('id')
          .where(isNotFinal)
          .where('not_before', '<=', time(claim.now))
          .where((column) =>
            column.or([column('lock_expires_at', 'is', null), column('lock_expires_at', '<=', time(claim.now))]),
          )
          .orderBy('not_before')
          .orderBy('id')
          .limit(claim.limit)
          .forUpdate()
          .skipLocked(),
    )
    .updateTable('leases')
    .from('due')
    .set({
      lock_token: claim.holder,
      lock_expires_at: time(claim.now + claim.lockSeconds * 1000),
      woken: false,
    })
    .whereRef('leases.id', '=', 'due.id')
    .returningAll('leases')
    .execute();
  return rows.map(leaseOf).toSorted((a, b) => a.notBefore - b.notBefore || (a.id < b.id ? -1 : 1));
}

/** When the next lease has work to do that can be claimed: its own time, or the end of a lock; null = no lease. */
export async function nextDueAt(handle: Handle): Promise<EpochMs | null> {
  const { next } = await handle
    .selectFrom('leases')
    .select(sql<Date | null>`min(greatest(not_before, coalesce(lock_expires_at, not_before)))`.as('next'))
    .where(isNotFinal)
    .executeTakeFirstOrThrow();
  return next === null ? null : epochMs(next);
}

export interface LockExtension {
  readonly id: string;
  readonly token: string | null;
  readonly now: EpochMs;
  readonly lockSeconds: number;
}

/** Keeps a lock for as long again. False = the lease is somebody else's now. */
export async function extendLock(handle: Handle, lock: LockExtension): Promise<boolean> {
  const extended = await handle
    .updateTable('leases')
    .set({ lock_expires_at: time(lock.now + lock.lockSeconds * 1000) })
    .where('id', '=', lock.id)
    .where('lock_token', '=', lock.token)
    .returning('id')
    .execute();
  return extended.length > 0;
}

export interface LockRelease {
  readonly id: string;
  readonly token: string | null;
  /** When there is work to do next; a wake-up since the claim comes before it. */
  readonly notBefore: EpochMs;
}

/** Gives a lock back. False = the lease is somebody else's now, or final: nothing was written. */
export async function releaseLock(handle: Handle, release: LockRelease): Promise<boolean> {
  const released = await handle
    .updateTable('leases')
    .set({
      lock_token: null,
      lock_expires_at: null,
      not_before: sql<Date>`case when woken then not_before else ${time(release.notBefore)}::timestamptz end`,
      woken: false,
    })
    .where('id', '=', release.id)
    .where('lock_token', '=', release.token)
    .returning('id')
    .execute();
  return released.length > 0;
}

/** Drops all locks: for the start of a process that is known to be the only one. */
export async function clearLocks(handle: Handle): Promise<void> {
  await handle
    .updateTable('leases')
    .set({ lock_token: null, lock_expires_at: null })
    .where('lock_token', 'is not', null)
    .execute();
}

export interface Transition {
  readonly id: string;
  /** The lock's token: null never matches. */
  readonly token: string | null;
  readonly from: LeaseState;
  readonly to: LeaseState;
  /** In words, for people; kept with the lease and in its event. */
  readonly reason: string;
  readonly at: EpochMs;
  readonly patch?: {
    readonly instanceId?: string | null | undefined;
    readonly attemptId?: string | undefined;
    /** Where the cloud chose the zone. */
    readonly zone?: string | undefined;
  };
}

/**
 * Moves a lease to another state and writes its event (`lease.<state>`). False = stale: the lease is not in `from`, or its lock is
 * somebody else's; nothing was written. A lease that becomes final loses its lock.
 * Throws StoreError `illegal-transition` for a move that the domain's table does not have.
 */
export async function transitionLease(transaction: Handle, transition: Transition): Promise<boolean> {
  const { id, token, from, to, reason, at } = transition;
  if (!mayTransition(from, to)) {
    throw new StoreError('illegal-transition', `Lease ${id} may not go from ${from} to ${to}`);
  }
  const moved = await transaction
    .updateTable('leases')
    .set({ state: to, state_reason: reason, updated_at: time(at), ...entering(to, at), ...patchColumns(transition) })
    .where('id', '=', id)
    .where('lock_token', '=', token)
    .where('state', '=', from)
    .returningAll()
    .executeTakeFirst();
  if (moved === undefined) return false;
  await appendEvent(transaction, {
    at,
    type: `lease.${to}`,
    workloadId: moved.workload_id,
    leaseId: id,
    message: reason,
    data: { from, to, pool: poolKey(poolOf(moved)), replicas: moved.replicas, instanceId: moved.instance_id },
  });
  return true;
}

function entering(to: LeaseState, at: EpochMs) {
  if (to === 'ready') return { ready_at: time(at) };
  if (isFinal(to)) return { gone_at: time(at), lock_token: null, lock_expires_at: null };
  return {};
}

function patchColumns({ patch }: Transition) {
  return {
    ...(patch?.instanceId === undefined ? {} : { instance_id: patch.instanceId }),
    ...(patch?.attemptId === undefined ? {} : { attempt_id: patch.attemptId }),
    ...(patch?.zone === undefined ? {} : { zone: patch.zone }),
  };
}
