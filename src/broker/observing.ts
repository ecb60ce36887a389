import type { EpochMs } from '../domain/time.ts';
import type { Instance, Provider } from '../providers/provider.ts';
import { attemptOf, settleAttempt } from '../store/attempts.ts';
import type { LeaseRow } from '../store/leases.ts';
import { recordSuccess } from '../store/pool-outcomes.ts';
import { clearSoldOut } from '../store/sold-outs.ts';
import { getWorkload } from '../store/workloads.ts';
import { callProvider, READ_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';
import { refOf } from './launching.ts';
import { move, type StepResult, unwanted, wait } from './lease-moves.ts';
import { blockPool, endRefused, giveUpAttempt } from './refusals.ts';

const START_POLL_MS = 1_000;
const DRAIN_POLL_MS = 5_000;
/** Looks for the end of a machine within one step, so that having seen it is remembered. */
const END_POLLS = 30;
/** A ready lease is looked at when the reconciler finds it missing, and else only this often. */
export const READY_LOOK_MS = 3_600_000;

/** `starting`: ask the cloud until it runs, or says that it never will. */
export async function stepStarting(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<StepResult> {
  if (!lease.wanted) return move(context, lease, lease.taken ? 'lost' : 'terminating', { reason: unwanted(lease) });
  const attempt = await attemptOf(context.store.database, lease);
  const instance = await observe(context, lease, provider);
  const age = context.clock.now() - attempt.createdAt;
  if (instance === null) return notVisible(context, lease, age);
  switch (instance.state) {
    case 'running':
      return becomeReady(context, lease, instance, attempt.sentAt);
    case 'pending':
      if (age <= context.settings.attemptTimeoutSeconds * 1000) return wait(START_POLL_MS);
      return giveUpAttempt(context, lease, attempt, `Not running ${Math.round(age / 1000)} s after its launch`);
    case 'failed':
      if (instance.refusal !== null) return endRefused(context, lease, attempt, instance.refusal, 'terminating');
      return move(context, lease, 'terminating', {
        reason: `Its launch failed: ${instance.failure ?? 'no reason given'}`,
        replan: true,
        also: async (transaction, at) => {
          const error = instance.failure ?? 'no reason given';
          await settleAttempt(transaction, attempt.id, { state: 'failed', at, error });
          await blockPool(transaction, lease, error, at);
        },
      });
    case 'stopping':
    case 'gone':
      return lost(context, lease, `Its machine is ${instance.state} before it was ready`);
  }
}

/** `ready`: only looked at when someone doubts it, or wants it no more. */
export async function stepReady(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<StepResult> {
  if (!lease.wanted) return move(context, lease, lease.taken ? 'lost' : 'draining', { reason: unwanted(lease) });
  const instance = await observe(context, lease, provider);
  if (instance === null) return lost(context, lease, `${lease.pool.provider} denies machine ${lease.instanceId}`);
  if (instance.state === 'running' || instance.state === 'pending') return wait(READY_LOOK_MS);
  return lost(context, lease, `Its machine is ${instance.state}, though nobody here ended it`);
}

/**
 * `draining`: a machine that the cloud takes at a stated time may work until then (save its state, answer what it has begun), while its
 * replacement starts; any other ends at once, as does one whose workload was deleted meanwhile.
 */
export async function stepDraining(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<StepResult> {
  const now = context.clock.now();
  if (lease.taken) return move(context, lease, 'lost', { reason: unwanted(lease) });
  if (lease.drainUntil === null) return move(context, lease, 'terminating', { reason: 'Drained' });
  if (now >= lease.drainUntil) return move(context, lease, 'terminating', { reason: 'Its time is up' });
  const workload = await getWorkload(context.store.database, lease.workloadId);
  if (workload === null || workload.state === 'deleting' || workload.state === 'deleted') {
    return move(context, lease, 'terminating', { reason: 'Its workload is deleted' });
  }
  const instance = await observe(context, lease, provider);
  if (instance?.state === 'running') return wait(Math.min(DRAIN_POLL_MS, lease.drainUntil - now));
  return move(context, lease, 'terminating', { reason: `Its machine is ${instance?.state ?? 'gone'}` });
}

/**
 * `terminating`: repeat until the cloud itself says that the machine is gone. A cloud whose reads lag behind its writes also calls a
 * machine gone that it does not show yet, so before it was ever seen, `gone` proves nothing until the reads must have caught up.
 */
export async function stepTerminating(
  context: BrokerContext,
  lease: LeaseRow,
  provider: Provider,
): Promise<StepResult> {
  const attempt = await attemptOf(context.store.database, lease);
  const ref = refOf(lease, attempt.id);
  let seen = lease.readyAt !== null || (await observe(context, lease, provider)) !== null;
  for (let poll = 0; poll < END_POLLS; poll += 1) {
    const answer = await callProvider(context, READ_LIMITS, (call) => provider.terminate(ref, call));
    if (answer === 'gone') {
      const visibleAt = (attempt.sentAt ?? attempt.createdAt) + context.settings.visibilitySeconds * 1000;
      const now = context.clock.now();
      if (!seen && now < visibleAt) return wait(visibleAt - now);
      return move(context, lease, 'gone', { reason: `${lease.pool.provider} says that it is gone` });
    }
    seen = true;
    await context.clock.sleep(START_POLL_MS, context.signal);
  }
  return wait(START_POLL_MS);
}

function observe(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<Instance | null> {
  const ref = refOf(lease, lease.attemptId ?? '');
  return callProvider(context, READ_LIMITS, (call) => provider.getInstance(ref, call));
}

function notVisible(context: BrokerContext, lease: LeaseRow, age: number): Promise<StepResult> | StepResult {
  if (age <= context.settings.visibilitySeconds * 1000) return wait(START_POLL_MS);
  return lost(
    context,
    lease,
    `${lease.pool.provider} accepted it and does not know it ${Math.round(age / 1000)} s later`,
  );
}

function becomeReady(
  context: BrokerContext,
  lease: LeaseRow,
  instance: Instance,
  sentAt: EpochMs | null,
): Promise<StepResult> {
  return move(context, lease, 'ready', {
    reason: `Running in ${instance.pool.zone ?? instance.pool.region}`,
    instanceId: instance.ref.instanceId,
    also: async (transaction, at) => {
      await recordSuccess(transaction, lease.pool, at);
      await clearSoldOut(transaction, lease.pool, sentAt);
    },
  });
}

function lost(context: BrokerContext, lease: LeaseRow, reason: string): Promise<StepResult> {
  return move(context, lease, 'lost', { reason, replan: true });
}
