import type { LeaseState } from '../domain/lease.ts';
import { poolScope } from '../domain/sold-out.ts';
import type { EpochMs } from '../domain/time.ts';
import type { Refusal } from '../providers/provider.ts';
import { type AttemptRow, settleAttempt } from '../store/attempts.ts';
import { appendEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import type { LeaseRow } from '../store/leases.ts';
import type { Handle } from '../store/open-store.ts';
import { recordRefusal } from '../store/pool-outcomes.ts';
import { suspendProvider as storeSuspension } from '../store/providers.ts';
import { listActiveSoldOuts, rememberRefusal } from '../store/sold-outs.ts';
import type { BrokerContext } from './context.ts';
import { escalationReason, widerScope } from './escalation.ts';
import { move, type StepResult } from './lease-moves.ts';

/** A pool that failed for no stated reason (time-out, bad input there) is left alone this long at first. */
const BLOCK_SECONDS = 180;
const SUSPENSION_SECONDS = 600;

/** The cloud refused: remember the scope, end the attempt and have the place filled elsewhere, all in one transaction. */
export function endRefused(
  context: BrokerContext,
  lease: LeaseRow,
  attempt: AttemptRow,
  refusal: Refusal,
  to: Extract<LeaseState, 'failed' | 'terminating'>,
): Promise<StepResult> {
  return move(context, lease, to, {
    reason: `Refused by ${lease.pool.provider}: ${refusal.code}: ${refusal.message}`,
    replan: true,
    also: async (transaction, at) => {
      await settleAttempt(transaction, attempt.id, { state: 'refused', at, refusal });
      await remember(transaction, lease, refusal, at);
      if (refusal.kind === 'capacity') {
        await recordRefusal(transaction, lease.pool, at);
        await escalate(transaction, lease, refusal, at);
      }
    },
  });
}

/** We refuse ourselves before anything is written or sent: the cloud would, and each such answer costs a round trip. */
export function holdBack(context: BrokerContext, lease: LeaseRow, refusal: Refusal): Promise<StepResult> {
  return move(context, lease, 'failed', {
    reason: `Not launched: ${refusal.message}`,
    replan: true,
    also: (transaction, at) => remember(transaction, lease, refusal, at),
  });
}

async function remember(transaction: Handle, lease: LeaseRow, refusal: Refusal, at: EpochMs): Promise<void> {
  await rememberRefusal(transaction, {
    // Another reservation of the same machines, or the open market, may well have room.
    scope: refusal.kind === 'reservation' ? poolScope(lease.pool) : refusal.scope,
    reason: `${refusal.kind}: ${refusal.code}`,
    code: refusal.code,
    retryAfterSeconds: refusal.retryAfterSeconds,
    at,
  });
}

/** A shortage that shows in several zones is remembered for the region, or the provider, at once. */
async function escalate(transaction: Handle, lease: LeaseRow, refusal: Refusal, at: EpochMs): Promise<void> {
  const scope = widerScope(lease.pool, await listActiveSoldOuts(transaction, at));
  if (scope === null) return;
  const reason = escalationReason(lease.pool, scope);
  await rememberRefusal(transaction, { scope, reason, code: refusal.code, retryAfterSeconds: BLOCK_SECONDS, at });
}

/** The attempt took too long or cannot end well: make sure that nothing is left of it, and have the place filled elsewhere. */
export function giveUpAttempt(
  context: BrokerContext,
  lease: LeaseRow,
  attempt: AttemptRow,
  reason: string,
): Promise<StepResult> {
  return move(context, lease, 'terminating', {
    reason,
    replan: true,
    also: async (transaction, at) => {
      await settleAttempt(transaction, attempt.id, { state: 'failed', at, error: reason });
      await blockPool(transaction, lease, reason, at);
    },
  });
}

/** Leaves exactly this pool alone for a while, growing on repeats. */
export async function blockPool(transaction: Handle, lease: LeaseRow, reason: string, at: EpochMs): Promise<void> {
  await rememberRefusal(transaction, {
    scope: poolScope(lease.pool),
    reason,
    code: '',
    retryAfterSeconds: BLOCK_SECONDS,
    at,
  });
}

/** Nothing is launched at a provider that refused our credentials until the time is up; people are told by an event. */
export async function suspendProvider(context: BrokerContext, provider: string, reason: string): Promise<void> {
  const at = context.clock.now();
  await context.store.transaction(async (transaction) => {
    await storeSuspension(transaction, { provider, until: at + SUSPENSION_SECONDS * 1000, reason, at });
    await appendEvent(transaction, {
      at,
      type: 'provider.suspended',
      workloadId: null,
      leaseId: null,
      message: `${provider} refused our credentials; nothing is launched there for ${SUSPENSION_SECONDS / 60} minutes: ${reason}`,
      data: { provider },
    });
    await raiseFleetRevision(transaction);
  });
}
