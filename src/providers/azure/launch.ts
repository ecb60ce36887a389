import { createHash } from 'node:crypto';
import type { VirtualMachine } from '@azure/arm-compute';
import { poolKey } from '../../domain/pool.ts';
import type { Call, Instance, LaunchRequest, LaunchResult, ProviderErrorKind, Refusal } from '../provider.ts';
import { PROVIDER_ERROR_KINDS, ProviderError } from '../provider.ts';
import { answerOf, mapConcurrently } from './calls.ts';
import type { AdapterContext } from './context.ts';
import type { VendorFailure } from './errors.ts';
import { providerErrorOf, refusalOf } from './errors.ts';
import { deletedAmong } from './history.ts';
import type { MachineAddress } from './instances.ts';
import { instanceIdOf, instanceOf, readMachine } from './instances.ts';
import { machineOf } from './machine-model.ts';
import { ATTEMPT_TAG, INDEX_TAG, machineName, OWNER_TAG, REQUEST_TAG } from './names.ts';

const OPERATION = 'virtualMachines.createOrUpdate';
/** Requests under way at the same time for one launch. */
const LAUNCHES_AT_ONCE = 8;

type Outcome =
  | { readonly kind: 'instance'; readonly instance: Instance }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }
  | { readonly kind: 'error'; readonly error: ProviderError };

/**
 * Starts machines, each by a create-only PUT under a name made of the key, and returns once ARM has accepted or refused them.
 * The first one goes ahead: what refuses it (quota, restriction, a taken key) would refuse the others, which are then not sent.
 * Throws a ProviderError if any machine's fate is an error, the one that needs the most care first; the same key again adopts
 * the machines that exist. A key that may have been sent before starts nothing whose machine has come and gone.
 */
export async function launch(context: AdapterContext, request: LaunchRequest, call: Call): Promise<LaunchResult> {
  checkRequest(context, request);
  const fingerprint = fingerprintOf(request);
  const indexes = Array.from({ length: request.count }, (_, index) => index);
  const known = request.resend ? await earlierOutcomes(context, request, fingerprint, indexes, call) : [];
  if (known.some((outcome) => outcome?.kind === 'error')) return resultOf(known.filter((one) => one !== undefined));
  const open = indexes.filter((index) => known[index] === undefined);
  const outcomes = [...known.filter((outcome) => outcome !== undefined)];
  const [leader, ...followers] = open;
  if (leader !== undefined) {
    const first = await launchOne(context, request, leader, fingerprint, call);
    outcomes.push(first);
    if (first.kind === 'refusal') outcomes.push(...followers.map(() => first));
    if (first.kind === 'instance')
      outcomes.push(
        ...(await mapConcurrently(followers, LAUNCHES_AT_ONCE, (index) =>
          launchOne(context, request, index, fingerprint, call),
        )),
      );
  }
  return resultOf(outcomes);
}

function resultOf(outcomes: readonly Outcome[]): LaunchResult {
  const worst = mostPressing(outcomes.flatMap((outcome) => (outcome.kind === 'error' ? [outcome.error] : [])));
  if (worst !== null) throw worst;
  const counts = new Map<Refusal, number>();
  for (const outcome of outcomes)
    if (outcome.kind === 'refusal') counts.set(outcome.refusal, (counts.get(outcome.refusal) ?? 0) + 1);
  return {
    instances: outcomes.flatMap((outcome) => (outcome.kind === 'instance' ? [outcome.instance] : [])),
    refusals: [...counts].map(([refusal, count]) => ({ count, refusal })),
  };
}

/**
 * By index, what an earlier sending of the key has come to; undefined = nothing that Azure knows. ARM gives a name free with its
 * machine, so a name without a machine is looked up among the deletions that Resource Graph keeps for 14 days.
 */
async function earlierOutcomes(
  context: AdapterContext,
  request: LaunchRequest,
  fingerprint: string,
  indexes: readonly number[],
  call: Call,
): Promise<readonly (Outcome | undefined)[]> {
  const machines = await mapConcurrently(indexes, LAUNCHES_AT_ONCE, (index) =>
    readMachine(context, addressOf(context, request, index), call),
  );
  const ids = indexes.map((index) => instanceIdOf(context.settings.subscriptionId, addressOf(context, request, index)));
  const missing = ids.filter((_, index) => machines[index] === null);
  const deleted = missing.length === 0 ? new Set<string>() : await deletedAmong(context, missing, call);
  return indexes.map((index) => {
    const machine = machines[index] ?? null;
    if (machine !== null) return adoption(context, machine, fingerprint, 'the name is taken');
    if (!deleted.has((ids[index] ?? '').toLowerCase())) return undefined;
    return { kind: 'instance', instance: { ...acceptedInstance(context, request, index), state: 'gone' } };
  });
}

function addressOf(context: AdapterContext, request: LaunchRequest, index: number): MachineAddress {
  return {
    resourceGroup: context.settings.resourceGroupOf(request.pool.region),
    name: machineName(request.idempotencyKey, index),
  };
}

/** Of the errors of one launch the one to act on: unknown outcomes first, then what is worth repeating with the same key, then what is final. */
export function mostPressing(errors: readonly ProviderError[]): ProviderError | null {
  return errors.toSorted((one, other) => pressure(one.kind) - pressure(other.kind))[0] ?? null;
}

function pressure(kind: ProviderErrorKind): number {
  return kind === 'outcome-unknown' ? -1 : PROVIDER_ERROR_KINDS.indexOf(kind);
}

function checkRequest(context: AdapterContext, request: LaunchRequest): void {
  const { pool, count } = request;
  if ((pool.market === 'reserved') !== (pool.reservation !== null))
    throw invalid('a reserved pool names its capacity reservation group, and no other pool does');
  if (!context.settings.regions.includes(pool.region))
    throw invalid(`azure is not configured for the region ${pool.region}`);
  if (!Number.isInteger(count) || count < 1) throw invalid(`count must be a whole number ≥ 1, not ${count}`);
}

function invalid(message: string): ProviderError {
  return new ProviderError({ kind: 'invalid-request', provider: 'azure', operation: OPERATION, code: '', message });
}

/** What makes two requests "the same": everything the caller said. */
function fingerprintOf(request: LaunchRequest): string {
  const tags = Object.entries(request.tags).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const parts = [request.owner, request.idempotencyKey, poolKey(request.pool), request.count, tags, request.userData];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

async function launchOne(
  context: AdapterContext,
  request: LaunchRequest,
  index: number,
  fingerprint: string,
  call: Call,
): Promise<Outcome> {
  const { pool } = request;
  const address = addressOf(context, request, index);
  const tags = {
    ...context.settings.tags,
    ...request.tags,
    [OWNER_TAG]: request.owner,
    [ATTEMPT_TAG]: request.idempotencyKey,
    [INDEX_TAG]: String(index),
    [REQUEST_TAG]: fingerprint,
  };
  const body = machineOf(context, request, address.name, tags);
  const answer = await answerOf(call, async () => {
    const { virtualMachines } = context.clients.compute;
    const poller = virtualMachines.createOrUpdate(address.resourceGroup, address.name, body, {
      ifNoneMatch: '*',
      abortSignal: call.signal,
    });
    await poller.submitted();
  });
  if (answer.ok) return { kind: 'instance', instance: acceptedInstance(context, request, index) };
  const { failure } = answer;
  if (nameIsTaken(failure)) return adopted(context, address, fingerprint, failure, call);
  const refusal = refusalOf(failure, pool);
  if (refusal !== null) return { kind: 'refusal', refusal };
  return { kind: 'error', error: providerErrorOf(failure, OPERATION, 'mutation') };
}

function acceptedInstance(context: AdapterContext, request: LaunchRequest, index: number): Instance {
  const { pool, idempotencyKey } = request;
  const instanceId = instanceIdOf(context.settings.subscriptionId, addressOf(context, request, index));
  return {
    ref: { region: pool.region, zone: pool.zone, idempotencyKey, index, instanceId },
    pool,
    state: 'pending',
    refusal: null,
    failure: null,
    owner: request.owner,
    tags: request.tags,
    // ARM tells when it was created only to those who ask later.
    launchedAt: null,
  };
}

/** ARM answers a create-only PUT on a taken name with 412; a 409 of these codes means the same without saying so. */
function nameIsTaken(failure: VendorFailure): boolean {
  return (
    failure.status === 412 ||
    (failure.status === 409 && /^(Conflict|PropertyChangeNotAllowed|PreconditionFailed)$/i.test(failure.code))
  );
}

/** The machine under our name, if the same request made it; otherwise a conflict. */
async function adopted(
  context: AdapterContext,
  address: MachineAddress,
  fingerprint: string,
  failure: VendorFailure,
  call: Call,
): Promise<Outcome> {
  try {
    const machine = await readMachine(context, address, call);
    return adoption(context, machine, fingerprint, failure.message, failure.code);
  } catch (error) {
    // Whether the machine is ours stays open: nothing was started now, so asking again is safe.
    if (error instanceof ProviderError) return { kind: 'error', error };
    throw error;
  }
}

function adoption(
  context: AdapterContext,
  machine: VirtualMachine | null,
  fingerprint: string,
  words: string,
  code = '',
): Outcome {
  if (machine?.tags?.[REQUEST_TAG] === fingerprint) return { kind: 'instance', instance: instanceOf(context, machine) };
  const message = `${machine?.name ?? 'the machine'} exists from another request: ${words}`;
  const error = new ProviderError({ kind: 'conflict', provider: 'azure', operation: OPERATION, code, message });
  return { kind: 'error', error };
}
