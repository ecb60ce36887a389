import type { Market } from '../../domain/pool.ts';
import { MARKETS } from '../../domain/pool.ts';
import type { Call, Instance, InstanceRef } from '../provider.ts';
import type { Clients } from './clients.ts';
import { callApi } from './clients.ts';
import type { VendorFailure } from './error-codes.ts';
import type { RefusedPool } from './errors.ts';
import { errorOfFailure, refusalOf } from './errors.ts';
import { marketOfRequestId, requestIdOf } from './identity.ts';
import { gpuOf, withAttached } from './machine-types.ts';
import type { OperationError, OperationResource } from './responses.ts';
import { operationsPage } from './responses.ts';

/** The first error of an operation; null where it is not done or did well. An operation that failed is a success to the SDK. */
export function failureOfOperation(operation: OperationResource): (VendorFailure & { error: OperationError }) | null {
  const [error] = operation.error?.errors ?? [];
  if (operation.status !== 'DONE' || error === undefined) return null;
  const status = operation.httpErrorStatusCode === 0 ? null : operation.httpErrorStatusCode;
  return { code: error.code, status, message: error.message, error };
}

/** Whether a deletion has happened. Throws the ProviderError that a failed operation means: to the SDK it is a success. */
export function isDone(operation: OperationResource, name: string): boolean {
  const failure = failureOfOperation(operation);
  if (failure !== null) throw errorOfFailure(failure, name);
  return operation.status === 'DONE';
}

/** The machine type that an error speaks of, from the details that capacity errors carry. */
function instanceTypeIn(error: OperationError): string | null {
  for (const { errorInfo } of error.errorDetails) {
    const { vmType = '', attachment = '' } = errorInfo?.metadatas ?? {};
    if (vmType === '') continue;
    const attached = /^(.+):(\d+)$/.exec(attachment);
    const [, gpu, count] = attached ?? [];
    return gpu === undefined ? vmType : withAttached(vmType, gpu, Number(count));
  }
  return null;
}

/** The GPU family that a quota error speaks of: newer families share one metric, and only the details tell them apart. */
function gpuFamilyIn(error: OperationError): string | null {
  for (const { quotaInfo } of error.errorDetails) {
    const family = quotaInfo?.dimensions['gpu_family'];
    if (family !== undefined) return family;
  }
  return null;
}

/** The insert of a machine, found by its request id: the cloud keeps operations for two weeks. Newest first; null where there was none. */
export async function findInsert(
  clients: Clients,
  project: string,
  place: { readonly zone: string; readonly name: string },
  call: Call,
): Promise<OperationResource | null> {
  const { zone, name } = place;
  const ids = MARKETS.map((market) => `(clientOperationId = "${requestIdOf(name, market)}")`);
  const { items } = await callApi(
    {
      ...{ client: clients.zoneOperations, method: 'list', operation: 'zoneOperations.list', mutating: false },
      request: { project, zone, filter: ids.join(' OR ') },
      response: operationsPage,
    },
    call,
  );
  const inserts = items.filter(({ operationType }) => operationType === 'insert');
  return inserts.toSorted((a, b) => (a.insertTime < b.insertTime ? 1 : -1))[0] ?? null;
}

export function marketOf(operation: OperationResource, name: string): Market | null {
  return marketOfRequestId(name, operation.clientOperationId);
}

/**
 * A machine that has no resource, as its insert tells it: still on its way, or failed. Null where the insert did well (the machine
 * has ended since). What only the vanished resource knew is empty: owner, tags and, unless the error says it, the instance type.
 */
export function instanceOfInsert(
  operation: OperationResource,
  ref: InstanceRef,
  zone: string,
  name: string,
): Instance | null {
  const failure = failureOfOperation(operation);
  if (failure === null && operation.status === 'DONE') return null;
  const market = marketOf(operation, name);
  const instanceType = failure === null ? null : instanceTypeIn(failure.error);
  const refused: RefusedPool = {
    ...{ region: ref.region, zone, instanceType, market, reservation: null },
    gpu: instanceType === null ? null : gpuOf(instanceType),
    gpuFamily: failure === null ? null : gpuFamilyIn(failure.error),
  };
  const refusal = failure === null ? null : refusalOf(failure, refused);
  const launchedAt = Date.parse(operation.insertTime);
  return {
    ref: { ...ref, zone, instanceId: name },
    pool: {
      ...{ provider: 'gcp', region: ref.region, zone, reservation: null },
      ...{ instanceType: instanceType ?? '', market: market ?? 'on-demand' },
    },
    state: failure === null ? 'pending' : 'failed',
    refusal,
    failure: failure === null || refusal !== null ? null : `${failure.code}: ${failure.message}`,
    owner: '',
    tags: {},
    launchedAt: Number.isNaN(launchedAt) ? null : launchedAt,
  };
}
