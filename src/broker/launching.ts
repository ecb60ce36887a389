import type { WorkloadSpec } from '../domain/workload.ts';
import type { InstanceRef, LaunchRequest, LaunchResult, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import {
  type AttemptRow,
  attemptOf,
  markSent,
  type NewAttempt,
  settleAttempt,
  writeAttempt,
} from '../store/attempts.ts';
import type { LeaseRow } from '../store/leases.ts';
import { getWorkload } from '../store/workloads.ts';
import { bootScriptFor, takesCallback } from './boot-script.ts';
import { callProvider, MUTATION_LIMITS } from './call-provider.ts';
import { callbackUrlOf } from './callbacks.ts';
import type { BrokerContext } from './context.ts';
import { FAILURE_POLICY } from './failure-policy.ts';
import { headroomRefusal } from './headroom.ts';
import { move, type StepResult, unwanted, wait } from './lease-moves.ts';
import { blockPool, endRefused, giveUpAttempt, holdBack, suspendProvider } from './refusals.ts';

/** How the machine of a lease is asked for at its cloud. */
export function refOf(lease: LeaseRow, attemptId: string): InstanceRef {
  const { region, zone } = lease.pool;
  return { region, zone, idempotencyKey: attemptId, index: 0, instanceId: lease.instanceId };
}

/** `planned`: write the attempt down, then send it. A lease nobody wants any more ends here, before anything was sent. */
export async function stepPlanned(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<StepResult> {
  if (!lease.wanted) return move(context, lease, 'failed', { reason: 'No longer wanted; nothing was sent' });
  const workload = await getWorkload(context.store.database, lease.workloadId);
  if (workload === null) return move(context, lease, 'failed', { reason: 'Its workload is gone; nothing was sent' });
  // The plan counted headroom too, but others use the account's quotas as well, and figures have been read since.
  const noHeadroom = await headroomRefusal(context.store.database, lease, context.clock.now());
  if (noHeadroom !== null) return holdBack(context, lease, noHeadroom);
  const attempt = newAttempt(context, lease, workload.spec, provider);
  const written = await context.store.transaction((transaction) => writeAttempt(transaction, lease, attempt));
  if (written === null) return 'stale';
  return send(context, { ...lease, state: 'launching', attemptId: attempt.id }, written, provider);
}

function newAttempt(context: BrokerContext, lease: LeaseRow, spec: WorkloadSpec, provider: Provider): NewAttempt {
  const id = context.newId();
  const url = callbackUrlOf(context, id);
  const script = provider.noticeRelay?.script;
  const callback = url === null || script === undefined || !takesCallback(spec) ? null : { url, script };
  // The stored script holds a place for the token, not the token.
  const parts = callback === null ? null : { ...callback, token: tokenPlace(id) };
  return {
    id,
    leaseId: lease.id,
    pool: lease.pool,
    priceMicroUsdPerHour: lease.priceMicroUsdPerHour,
    parameters: {
      userData: bootScriptFor(spec, { workload: spec.name, ...lease }, parts),
      tags: { workload: spec.name, team: spec.team, lease: lease.id },
    },
    callbackToken: callback === null ? null : context.newToken(),
    at: context.clock.now(),
  };
}

function tokenPlace(attemptId: string): string {
  return `token-of-${attemptId}`;
}

/** The boot script as it is sent: with the token in its place, the same each time. */
function userDataOf({ id, parameters, callbackToken }: AttemptRow): string | null {
  if (parameters.userData === null || callbackToken === null) return parameters.userData;
  return parameters.userData.replaceAll(tokenPlace(id), callbackToken);
}

/** `launching`: the outcome is unknown (crash, lost reply, busy cloud). The same key again tells, and starts at most one machine. */
export async function stepLaunching(context: BrokerContext, lease: LeaseRow, provider: Provider): Promise<StepResult> {
  const attempt = await attemptOf(context.store.database, lease);
  if (!lease.wanted)
    return move(context, lease, 'terminating', { reason: `${unwanted(lease)}, while its launch was under way` });
  const age = context.clock.now() - attempt.createdAt;
  if (age > context.settings.attemptTimeoutSeconds * 1000) {
    return giveUpAttempt(context, lease, attempt, `No answer to the launch within ${Math.round(age / 1000)} s`);
  }
  return send(context, lease, attempt, provider);
}

async function send(
  context: BrokerContext,
  lease: LeaseRow,
  attempt: AttemptRow,
  provider: Provider,
): Promise<StepResult> {
  const sent = { id: attempt.id, token: lease.lockToken, at: context.clock.now() };
  const sending = await markSent(context.store.database, sent);
  if (sending === 'stale') return 'stale';
  const request: LaunchRequest = {
    owner: context.settings.owner,
    idempotencyKey: attempt.id,
    resend: sending === 'again',
    pool: attempt.pool,
    accelerator: lease.accelerator,
    count: 1,
    tags: attempt.parameters.tags,
    userData: userDataOf(attempt),
  };
  try {
    const result = await callProvider(context, MUTATION_LIMITS, (call) => provider.launch(request, call));
    return await settle(context, lease, attempt, result);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return afterError(context, lease, attempt, error, request.resend);
  }
}

async function settle(
  context: BrokerContext,
  lease: LeaseRow,
  attempt: AttemptRow,
  result: LaunchResult,
): Promise<StepResult> {
  const [instance] = result.instances;
  if (instance !== undefined) {
    return move(context, lease, 'starting', {
      reason: `Accepted by ${lease.pool.provider} as ${instance.ref.instanceId ?? attempt.id}`,
      instanceId: instance.ref.instanceId,
      also: (transaction, at) => settleAttempt(transaction, attempt.id, { state: 'accepted', at }),
    });
  }
  const [refused] = result.refusals;
  if (refused === undefined) {
    throw new ProviderError({
      kind: 'outcome-unknown',
      provider: lease.pool.provider,
      operation: 'launch',
      code: '',
      message: 'the answer names neither an instance nor a refusal',
    });
  }
  return endRefused(context, lease, attempt, refused.refusal, 'failed');
}

/** A launch that threw: `failure-policy.ts` says whether the same key is sent again or the attempt ends. */
async function afterError(
  context: BrokerContext,
  lease: LeaseRow,
  attempt: AttemptRow,
  error: ProviderError,
  mayHaveArrived: boolean,
): Promise<StepResult> {
  context.logger.warn({ lease: lease.id, attempt: attempt.id, kind: error.kind, code: error.code }, 'A launch failed');
  if (error.kind === 'unauthorized') await suspendProvider(context, lease.pool.provider, error.message);
  if (FAILURE_POLICY[error.kind].giveUp) {
    // An earlier sending, or whoever holds the name, may have left a machine or a part of one: `failed` would claim that nothing is there.
    const proven = !mayHaveArrived && error.kind !== 'conflict';
    return move(context, lease, proven ? 'failed' : 'terminating', {
      reason: error.message,
      replan: true,
      also: async (transaction, at) => {
        await settleAttempt(transaction, attempt.id, { state: 'failed', at, error: error.message });
        if (error.kind !== 'unauthorized') await blockPool(transaction, lease, error.message, at);
      },
    });
  }
  if (error.unknownCode && context.clock.now() - attempt.createdAt > UNKNOWN_CODE_PATIENCE_MS) {
    return giveUpAttempt(context, lease, attempt, `The cloud keeps answering with an unknown code: ${error.message}`);
  }
  return wait(error.kind === 'outcome-unknown' ? 500 : Math.max(2_000, (error.retryAfterSeconds ?? 0) * 1000));
}

/** An unknown code is tried again for this long, then the attempt is given up and its pool left alone for a while. */
const UNKNOWN_CODE_PATIENCE_MS = 5_000;
