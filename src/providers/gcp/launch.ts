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
import { refusalOf } from './errors.ts';
import type { SoldMarket } from './identity.ts';
import { ATTEMPT_LABEL, labelsOf, machineName, REQUEST_LABEL, requestDigest, requestIdOf } from './identity.ts';
import { instanceOf, readInstance } from './instances.ts';
import { gpuOf, seriesOf, splitInstanceType } from './machine-types.ts';
import { failureOfOperation } from './operations.ts';
import type { InstanceResource, OperationResource } from './responses.ts';
import { operationResource } from './responses.ts';
import type { GcpOptions } from './settings.ts';

/** A pool that this cloud can be asked for. */
interface Target {
  readonly zone: string;
  readonly market: SoldMarket;
}

function launchError(kind: 'invalid-request' | 'conflict', code: string, message: string): ProviderError {
  return new ProviderError({ kind, provider: 'gcp', operation: 'instances.insert', code, message });
}

function targetOf({ pool, count, idempotencyKey }: LaunchRequest): Target {
  const { zone, market } = pool;
  if (zone === null) throw launchError('invalid-request', '', 'a launch needs a zone');
  if (market === 'reserved') throw launchError('invalid-request', '', 'reservations are not sold by this adapter');
  if (!Number.isSafeInteger(count) || count < 1)
    throw launchError('invalid-request', '', `a launch is of at least one machine, not ${count}`);
  if (!/^[a-z0-9]{1,40}$/.test(idempotencyKey))
    throw launchError('invalid-request', '', `"${idempotencyKey}" is not a key: 1–40 characters of a–z and 0–9`);
  return { zone, market };
}

/** The instance resource of a machine. */
function instanceBody(options: GcpOptions, request: LaunchRequest, target: Target, index: number): object {
  const { pool, userData } = request;
  const { machineType, attached } = splitInstanceType(pool.instanceType);
  const place = `zones/${target.zone}`;
  const images: Readonly<Record<string, string>> = options.images;
  const subnetwork = options.subnetworks[pool.region];
  return {
    name: machineName(request.idempotencyKey, index),
    machineType: `${place}/machineTypes/${machineType}`,
    labels: labelsOf(request, index),
    ...(attached === null
      ? {}
      : {
          guestAccelerators: [
            { acceleratorType: `${place}/acceleratorTypes/${attached.gpu}`, acceleratorCount: attached.count },
          ],
        }),
    disks: [
      {
        boot: true,
        autoDelete: true,
        initializeParams: {
          sourceImage: images[seriesOf(machineType)] ?? options.images.default,
          diskSizeGb: String(options.diskGiB),
        },
      },
    ],
    networkInterfaces: [
      {
        ...(subnetwork === undefined ? { network: options.network } : { subnetwork }),
        ...(options.externalAddress ? { accessConfigs: [{ type: 'ONE_TO_ONE_NAT', name: 'External NAT' }] } : {}),
      },
    ],
    // Machines with GPUs cannot move while they run.
    scheduling: {
      onHostMaintenance: 'TERMINATE',
      ...(target.market === 'spot'
        ? { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE', automaticRestart: false }
        : { automaticRestart: true }),
    },
    ...(userData === null ? {} : { metadata: { items: [{ key: 'user-data', value: userData }] } }),
    ...(options.serviceAccount === null
      ? {}
      : {
          serviceAccounts: [
            { email: options.serviceAccount, scopes: ['https://www.googleapis.com/auth/cloud-platform'] },
          ],
        }),
  };
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

async function launchOne(launching: Launching, index: number, call: Call): Promise<Outcome> {
  const { clients, options, request, target } = launching;
  const name = machineName(request.idempotencyKey, index);
  let operation: OperationResource | null;
  try {
    operation = await callApi(
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
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const refusal = refusalFor(launching, { code: error.code, message: vendorMessage(error) });
    if (refusal !== null) return { refusal };
    // The name is taken: by an earlier try of ours, unless the labels say otherwise.
    if (error.kind !== 'conflict') throw error;
    operation = null;
  }
  const failed = operation === null ? null : failureOfOperation(operation);
  if (failed !== null) return { refusal: refusedBy(launching, failed) };
  if (operation !== null) checkTarget(operation, target, name);
  const resource = await readInstance(clients, options.project, { zone: target.zone, name }, call);
  if (resource === null && operation === null)
    throw launchError('conflict', 'alreadyExists', `${name} was taken when asked for, and is gone`);
  if (resource !== null) checkSameRequest(resource, request);
  if (resource !== null) return { instance: adopted(resource, launching) };
  // Made, and no longer there: the key was used before, and its machine has ended.
  const state = operation?.status === 'DONE' ? 'gone' : 'pending';
  return { instance: unseenInstance(launching, index, state) };
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

/** The insert failed earlier: the same key was sent again after it. Throws what is no refusal. */
function refusedBy(launching: Launching, failure: { code: string; message: string }): Refusal {
  const refusal = refusalFor(launching, failure);
  if (refusal !== null) return refusal;
  throw launchError('invalid-request', failure.code, failure.message);
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
