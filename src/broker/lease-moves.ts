import { isFinal, type LeaseState } from '../domain/lease.ts';
import type { EpochMs } from '../domain/time.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { type LeaseRow, transitionLease } from '../store/leases.ts';
import type { Handle } from '../store/open-store.ts';
import { settleDeletedWorkload } from '../store/workloads.ts';
import type { BrokerContext } from './context.ts';

/** What a step did: moved to another state (more work may be due at once), `stale` (someone else holds the lease now), or a pause before the next look. */
export type StepResult = { readonly moved: LeaseState } | 'stale' | { readonly waitMs: number };

export function wait(ms: number): StepResult {
  return { waitMs: ms };
}

/** Why a lease is released, in words. */
export function unwanted(lease: LeaseRow): string {
  return lease.unwantedReason ?? 'No longer wanted';
}

export interface Move {
  /** In words, for people; stored with the lease and in its event. */
  readonly reason: string;
  readonly instanceId?: string | null;
  /** The workload lost (or never got) this machine: its place is to be filled again. */
  readonly replan?: boolean;
  /** Further writes of the same transaction. */
  readonly also?: (transaction: Handle, at: EpochMs) => Promise<void>;
}

/**
 * Moves a lease that this process holds, with its event and everything that belongs to it, in one transaction. A stale token writes
 * nothing at all.
 */
export async function move(context: BrokerContext, lease: LeaseRow, to: LeaseState, how: Move): Promise<StepResult> {
  const at = context.clock.now();
  const moved = await context.store.transaction(async (transaction) => {
    const { id, lockToken: token, state: from } = lease;
    const patch = how.instanceId === undefined ? {} : { instanceId: how.instanceId };
    if (!(await transitionLease(transaction, { id, token, from, to, reason: how.reason, at, patch }))) return false;
    await how.also?.(transaction, at);
    if (how.replan === true) await raiseFleetRevision(transaction);
    // Here, and not afterwards: a final lease is never worked again, so after a crash in between nobody would.
    if (isFinal(to)) await settleDeletedWorkload(transaction, lease.workloadId, at);
    return true;
  });
  if (!moved) return 'stale';
  if (how.replan === true) context.wakePlacing();
  return { moved: to };
}
