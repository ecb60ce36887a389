import type { EpochMs } from '../../domain/time.ts';
import type { World, WorldPool } from '../world/contract.ts';
import { listed } from './catalog.ts';
import { hostOf, numericId, requiredRegion, requiredZone, resourceUrl, timestamp } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import { notFound } from './vendor-error.ts';

/** Why an operation failed, in the API's words. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
  readonly errorDetails: readonly object[];
  readonly httpStatus: number;
  readonly httpMessage: string;
}

/** An operation's fate is known when it begins: the world decides at the launch when a machine runs or fails. */
export interface OperationRecord {
  readonly name: string;
  readonly project: string;
  readonly type: 'insert' | 'delete' | 'bulkInsert';
  readonly region: string;
  /** Null for an operation of a region. */
  readonly zone: string | null;
  readonly targetLink: string;
  readonly targetId: string | null;
  readonly clientOperationId: string | null;
  readonly insertedAt: EpochMs;
  readonly doneAt: EpochMs;
  readonly error: OperationError | null;
  /** The machine that it makes; null for others. */
  readonly serial: number | null;
}

function records(world: World): Map<string, OperationRecord> {
  return world.store<OperationRecord>('gcp', 'operations');
}

/** Writes an operation down, under its own name and under the client's request id. */
export function beginOperation(world: World, begun: Omit<OperationRecord, 'name' | 'insertedAt'>): OperationRecord {
  const insertedAt = world.clock.now();
  const serial = records(world).size + 1;
  const suffix = numericId(`operation/${world.seed}/${serial}`).slice(0, 8);
  const record: OperationRecord = { ...begun, name: `operation-${insertedAt}-${serial}-${suffix}`, insertedAt };
  records(world).set(record.name, record);
  if (record.clientOperationId !== null)
    requestIds(world).set(requestKey(record, record.clientOperationId), record.name);
  return record;
}

function requestIds(world: World): Map<string, string> {
  return world.store<string>('gcp', 'request-ids');
}

function requestKey({ project }: { readonly project: string }, requestId: string): string {
  return `${project}/${requestId}`;
}

/** The operation that a former request with this id began: the second request is ignored, whatever it says. */
export function operationOfRequest(world: World, project: string, requestId: string | null): OperationRecord | null {
  if (requestId === null) return null;
  const name = requestIds(world).get(requestKey({ project }, requestId));
  return name === undefined ? null : (records(world).get(name) ?? null);
}

/** The machine that an insert was making is deleted before it ran: the insert ends without an error. */
export function cutShort(world: World, serial: number): void {
  const now = world.clock.now();
  for (const [name, record] of records(world)) {
    if (record.serial === serial && record.doneAt > now)
      records(world).set(name, { ...record, doneAt: now, error: null });
  }
}

export function operationResource(world: World, record: OperationRecord): object {
  const { project, zone, region } = record;
  const done = record.doneAt <= world.clock.now();
  const place = zone === null ? `regions/${region}` : `zones/${zone}`;
  return {
    kind: 'compute#operation',
    id: numericId(record.name),
    name: record.name,
    operationType: record.type,
    targetLink: record.targetLink,
    ...(record.targetId === null ? {} : { targetId: record.targetId }),
    ...(record.clientOperationId === null ? {} : { clientOperationId: record.clientOperationId }),
    status: done ? 'DONE' : 'RUNNING',
    progress: done ? 100 : 0,
    user: 'broker@emulated.invalid',
    insertTime: timestamp(record.insertedAt),
    startTime: timestamp(record.insertedAt),
    ...(done ? { endTime: timestamp(record.doneAt) } : {}),
    ...(zone === null ? { region: resourceUrl(project, place) } : { zone: resourceUrl(project, place) }),
    selfLink: resourceUrl(project, `${place}/operations/${record.name}`),
    ...(done && record.error !== null ? failure(record.error) : {}),
  };
}

function failure({ code, message, errorDetails, httpStatus, httpMessage }: OperationError): object {
  return {
    error: { errors: [{ code, message, errorDetails }] },
    httpErrorStatusCode: httpStatus,
    httpErrorMessage: httpMessage,
  };
}

/** The want of hardware, with the details that the API gives since 2023. */
export function exhausted(project: string, pool: WorldPool): OperationError {
  const machineType = hostOf(pool.instanceType);
  const attached = pool.instanceType.slice(machineType.length + 1);
  const match = /^(.+)x(\d+)$/.exec(attached);
  const [, gpu = '', count = ''] = match ?? [];
  const withGpus = match === null ? '' : ` with ${count} ${gpu} accelerator(s)`;
  return {
    code: 'ZONE_RESOURCE_POOL_EXHAUSTED',
    message: `The zone 'projects/${project}/zones/${pool.zone}' does not have enough resources available to fulfill the request.  Try a different zone, or try again later.`,
    errorDetails: [
      {
        help: {
          links: [
            {
              description: 'Troubleshooting documentation',
              url: 'https://cloud.google.com/compute/docs/resource-error',
            },
          ],
        },
      },
      {
        localizedMessage: {
          locale: 'en-US',
          message: `A ${machineType} VM instance${withGpus} is currently unavailable in the ${pool.zone} zone. Alternatively, you can try your request again with a different VM hardware configuration or at a later time. For more information, see the troubleshooting documentation.`,
        },
      },
      {
        errorInfo: {
          reason: 'resource_availability',
          domain: 'compute.googleapis.com',
          metadatas: {
            vmType: machineType,
            attachment: match === null ? '' : `${gpu}:${count}`,
            zone: pool.zone,
            zonesAvailable: '',
          },
        },
      },
    ],
    httpStatus: 503,
    httpMessage: 'SERVICE UNAVAILABLE',
  };
}

function inPlace(world: World, request: ApiRequest): readonly OperationRecord[] {
  const { project, zone, region } = request.path;
  if (zone !== undefined) requiredZone(world, zone);
  if (region !== undefined) requiredRegion(world, region);
  return [...records(world).values()].filter(
    (record) =>
      record.project === project &&
      (zone === undefined ? record.zone === null && record.region === region : record.zone === zone),
  );
}

/** `get` and `wait`: this front never makes a client wait, as the real one may do as well ("best effort"). */
export function getOperation(world: World, request: ApiRequest): object {
  const { project = '', operation = '' } = request.path;
  const record = inPlace(world, request).find(({ name }) => name === operation || numericId(name) === operation);
  if (record === undefined) throw notFound(`projects/${project}/${placeOf(request)}/operations/${operation}`);
  return operationResource(world, record);
}

export function listOperations(world: World, request: ApiRequest): object {
  // Newest first, as the API lists them.
  const found = inPlace(world, request)
    .toReversed()
    .map((record) => operationResource(world, record));
  return listed(request, 'compute#operationList', `${placeOf(request)}/operations`, found);
}

function placeOf({ path }: ApiRequest): string {
  return path['zone'] === undefined ? `regions/${path['region']}` : `zones/${path['zone']}`;
}
