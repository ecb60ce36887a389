import type {
  Call,
  Instance,
  InstanceState,
  LaunchRequest,
  LaunchResult,
  ProviderErrorKind,
  Refusal,
} from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { callApi } from './clients.ts';
import type { VendorFailure } from './error-codes.ts';
import { refusalOf } from './errors.ts';
import { ATTEMPT_LABEL, machineName, REQUEST_LABEL, requestDigest, requestIdOf } from './identity.ts';
import type { Target } from './instance-body.ts';
import { instanceBody } from './instance-body.ts';
import { instanceOf, readInstance } from './instances.ts';
import { gpuOf } from './machine-types.ts';
import { failureOfOperation, findInsert } from './operations.ts';
import type { InstanceResource, OperationResource } from './responses.ts';
import { operationResource } from './responses.ts';
import type { GcpOptions } from './settings.ts';

function launchError(kind: 'invalid-request' | 'conflict', code: string, message: string): ProviderError {
  return new ProviderError({ kind, provider: 'gcp', operation: 'instances.insert', code, message });
}

function targetOf({ pool, count, idempotencyKey }: LaunchRequest): Target {
  const { zone, market, reservation } = pool;
  if (zone === null) throw launchError('invalid-request', '', 'a launch needs a zone');
  if ((market === 'reserved') !== (reservation !== null))
    throw launchError('invalid-request', '', 'a reserved pool, and no other, names its reservation');
  if (!Number.isSafeInteger(count) || count < 1)
    throw launchError('invalid-request', '', `a launch is of at least one machine, not ${count}`);
  if (!/^[a-z0-9]{1,40}$/.test(idempotencyKey))
    throw launchError('invalid-request', '', `"${idempotencyKey}" is not a key: 1–40 characters of a–z and 0–9`);
  return { zone, market, reservation };
}

type Outcome = { readonly instance: Instance } | { readonly refusal: Refusal };

interface Launching {
  readonly clients: Clients;
  readonly options: GcpOptions;
  readonly request: LaunchRequest;
  readonly target: Target;
}

/**
 * One insert per machine, by name and request id. The first goes alone: it tells whether the key was used for another
 * request before anything else is started, and where it is refused the others would be as well.
 */
export async function launch(
  clients: Clients,
  options: GcpOptions,
  request: LaunchRequest,
  call: Call,
): Promise<LaunchResult> {
  const launching = { clients, options, request, target: targetOf(request) };
  const first = await launchOne(launching, 0, call);
  if ('refusal' in first) return { instances: [], refusals: [{ count: request.count, refusal: first.refusal }] };
  const others = await Promise.allSettled(
    Array.from({ length: request.count - 1 }, (_, index) => launchOne(launching, index + 1, call)),
  );
  const outcomes = [first, ...others.map((other) => settled(other, call))];
  return {
    instances: outcomes.flatMap((outcome) => ('instance' in outcome ? [outcome.instance] : [])),
    refusals: outcomes.flatMap((outcome) => ('refusal' in outcome ? [{ count: 1, refusal: outcome.refusal }] : [])),
  };
}

/** Kinds after which the same key is sent again. */
const REPEATED: ReadonlySet<ProviderErrorKind> = new Set(['rate-limited', 'unavailable', 'outcome-unknown']);

/** The first machine was accepted already: an error that ends the attempt would leave it behind, so the key has to be asked about. */
function settled(other: PromiseSettledResult<Outcome>, call: Call): Outcome {
  if (other.status === 'fulfilled') return other.value;
  call.signal.throwIfAborted();
  const error: unknown = other.reason;
  if (!(error instanceof ProviderError) || REPEATED.has(error.kind)) throw error;
  throw new ProviderError({
    kind: 'outcome-unknown',
    provider: 'gcp',
    operation: 'instances.insert',
    code: error.code,
    message: `some machines were accepted, then: ${error.message}`,
    cause: error,
  });
}

/** Sends the insert unless the cloud already tells what became of an earlier one. */
async function launchOne(launching: Launching, index: number, call: Call): Promise<Outcome> {
  const name = machineName(launching.request.idempotencyKey, index);
  if (launching.request.resend) {
    const known = await formerOutcome(launching, name, index, call);
    if (known !== null) return known;
  }
  const answer = await sendInsert(launching, name, index, call);
  if ('refusal' in answer) return answer;
  const sent = answer.operation;
  const failed = sent === null ? null : failureOfOperation(sent);
  if (failed !== null) return failedOutcome(launching, index, failed);
  if (sent !== null) checkTarget(sent, launching.target, name);
  const resource = await readLaunched(launching, name, call);
  if (resource === null && sent === null)
    throw launchError('conflict', 'alreadyExists', `${name} was taken when asked for, and is gone`);
  if (resource !== null) return { instance: adopted(resource, launching) };
  // Made, and no longer there: the key was used before, and its machine has ended.
  return { instance: unseenInstance(launching, index, sent?.status === 'DONE' ? 'gone' : 'pending') };
}

/**
 * What became of the key if it was sent before: first the machine is asked for, then the list of operations, which the cloud keeps for two
 * weeks, long after it has forgotten the request id and given the name free. Null where nothing was ever begun.
 */
async function formerOutcome(launching: Launching, name: string, index: number, call: Call): Promise<Outcome | null> {
  const { clients, options, target } = launching;
  const resource = await readLaunched(launching, name, call);
  if (resource !== null) return { instance: adopted(resource, launching) };
  const operation = await findInsert(clients, options.project, { zone: target.zone, name }, call);
  if (operation === null) return null;
  const failed = failureOfOperation(operation);
  if (failed !== null) return failedOutcome(launching, index, failed);
  return { instance: unseenInstance(launching, index, operation.status === 'DONE' ? 'gone' : 'pending') };
}

/** The insert's operation, or the refusal; null for an operation where the name is taken: by an earlier try of ours, unless the labels say otherwise. */
async function sendInsert(
  launching: Launching,
  name: string,
  index: number,
  call: Call,
): Promise<{ readonly operation: OperationResource | null } | { readonly refusal: Refusal }> {
  const { clients, options, request, target } = launching;
  try {
    const operation = await callApi(
      {
        ...{ client: clients.instances, method: 'insert', operation: 'instances.insert', mutating: true },
        request: {
          ...{ project: options.project, zone: target.zone, requestId: requestIdOf(name, target.market) },
          instanceResource: instanceBody(options, request, target, index),
        },
        response: operationResource,
      },
      call,
    );
    return { operation };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const refusal = refusalFor(launching, { code: error.code, message: vendorMessage(error) });
    if (refusal !== null) return { refusal };
    if (error.kind !== 'conflict') throw error;
    return { operation: null };
  }
}

/** The machine by its name. Throws a conflict where it is another request's. */
async function readLaunched(launching: Launching, name: string, call: Call): Promise<InstanceResource | null> {
  const { clients, options, request, target } = launching;
  const resource = await readInstance(clients, options.project, { zone: target.zone, name }, call);
  if (resource !== null) checkSameRequest(resource, request);
  return resource;
}

/** The message without our own prefix, as the cloud gave it. */
function vendorMessage(error: ProviderError): string {
  return error.message.slice(`${error.provider} ${error.operation}: `.length);
}

function refusalFor({ request, target }: Launching, failure: { code: string; message: string }): Refusal | null {
  const { region, instanceType, reservation } = request.pool;
  const pool = { region, ...target, instanceType, reservation, gpu: gpuOf(instanceType) };
  return refusalOf({ ...failure, status: null }, pool);
}

/** The insert was accepted and failed later, before the same key was sent again. */
function failedOutcome(launching: Launching, index: number, failure: VendorFailure): Outcome {
  const refusal = refusalFor(launching, failure);
  if (refusal !== null) return { refusal };
  const instance = unseenInstance(launching, index, 'failed');
  return { instance: { ...instance, failure: `${failure.code}: ${failure.message}` } };
}

/** A repeated request id brings back the first operation, whatever the second request was for. */
function checkTarget(operation: OperationResource, { zone }: Target, name: string): void {
  const wanted = `/zones/${zone}/instances/${name}`;
  if (operation.targetLink.endsWith(wanted)) return;
  throw launchError('conflict', '', `the key was used for another launch: ${operation.targetLink}`);
}

function checkSameRequest(resource: InstanceResource, request: LaunchRequest): void {
  const { labels, name } = resource;
  if (labels[ATTEMPT_LABEL] !== request.idempotencyKey)
    throw launchError('conflict', 'alreadyExists', `${name} belongs to someone else`);
  if (labels[REQUEST_LABEL] !== requestDigest(request))
    throw launchError('conflict', 'alreadyExists', `${name} was launched with the same key and another request`);
}

/** With the pool as it was asked for: the resource gives the same in other words. */
function adopted(resource: InstanceResource, { request }: Launching): Instance {
  return { ...instanceOf(resource), pool: request.pool };
}

/** Accepted, and not to be seen yet or any more. */
function unseenInstance({ request, target }: Launching, index: number, state: InstanceState): Instance {
  const { region } = request.pool;
  const name = machineName(request.idempotencyKey, index);
  return {
    ref: { region, zone: target.zone, idempotencyKey: request.idempotencyKey, index, instanceId: name },
    pool: request.pool,
    state,
    refusal: null,
    failure: null,
    owner: request.owner,
    tags: request.tags,
    launchedAt: null,
  };
}
