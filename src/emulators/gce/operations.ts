import type { EpochMs } from '../../domain/time.ts';
import type { LaunchFailure, World, WorldPool } from '../world/contract.ts';
import type { Scoped } from './lists.ts';
import { aggregated, listed, regionScopes, zoneScopes } from './lists.ts';
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
  readonly type: 'insert' | 'delete' | 'bulkInsert' | 'compute.instances.preempted';
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
  /** `system` for what the cloud does by itself. */
  readonly user?: string;
  readonly statusMessage?: string;
}

/** A request id is remembered for an hour, as Google's rules for APIs ask at least (AIP-155). */
const REQUEST_ID_MEMORY_MS = 3_600_000;
/** Operations are listed for two weeks, as Compute Engine documents. */
const OPERATION_MEMORY_MS = 14 * 24 * 3_600_000;

function records(world: World): Map<string, OperationRecord> {
  return world.store<OperationRecord>('gcp', 'operations');
}

/** Writes an operation down, under its own name and under the client's request id. */
export function beginOperation(world: World, begun: Omit<OperationRecord, 'name' | 'insertedAt'>): OperationRecord {
  return write(world, begun, world.clock.now());
}

function write(
  world: World,
  begun: Omit<OperationRecord, 'name' | 'insertedAt'>,
  insertedAt: EpochMs,
): OperationRecord {
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
  const record = name === undefined ? undefined : records(world).get(name);
  if (record === undefined || record.insertedAt + REQUEST_ID_MEMORY_MS <= world.clock.now()) return null;
  return record;
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
    user: record.user ?? 'broker@emulated.invalid',
    ...(record.statusMessage === undefined ? {} : { statusMessage: record.statusMessage }),
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

/** Why a machine that was accepted never ran, in the API's words; null where it runs. */
export function errorOfLaunch(project: string, pool: WorldPool, failure: LaunchFailure | null): OperationError | null {
  if (failure === null) return null;
  switch (failure.kind) {
    case 'vendor': {
      const { code, message, status } = failure.error;
      return { code, message, errorDetails: [], httpStatus: status, httpMessage: 'FAILED' };
    }
    case 'reservation':
      return {
        code: 'RESERVATION_CAPACITY_EXCEEDED',
        message: `Reservation ${failure.reservation} does not have sufficient capacity for the requested resources.`,
        errorDetails: [],
        httpStatus: 503,
        httpMessage: 'SERVICE UNAVAILABLE',
      };
    case 'capacity':
    case 'quota':
    case 'price':
    case 'not-offered':
      return exhausted(project, pool);
  }
}

/**
 * Writes down what the cloud has done by itself since somebody last asked: taking spot machines back. Begun at the notice, done when the
 * machine stops. A machine that ended more than an hour before anybody asked is forgotten with its operation.
 */
function settlePreemptions(world: World): void {
  const known = world.store<string>('gcp', 'preemptions');
  for (const machine of world.machines('gcp')) {
    const { serial, noticeAt, pool, name, stoppingAt } = machine;
    if (noticeAt === null || noticeAt > world.clock.now() || known.has(String(serial))) continue;
    const project = String(machine.details['project']);
    const noticeMs = (world.facts('gcp').behaviour.spotNoticeSeconds ?? 0) * 1000;
    const record = write(
      world,
      {
        ...{ project, zone: pool.zone, region: pool.region, type: 'compute.instances.preempted', serial: null },
        targetLink: resourceUrl(project, `zones/${pool.zone}/instances/${name}`),
        targetId: numericId(`instance/${serial}`),
        ...{ clientOperationId: null, error: null, user: 'system', statusMessage: 'Instance was preempted.' },
        doneAt: stoppingAt ?? noticeAt + noticeMs,
      },
      noticeAt,
    );
    known.set(String(serial), record.name);
  }
}

/** Every operation that is still listed, newest first. */
function listedRecords(world: World, project: string): readonly OperationRecord[] {
  settlePreemptions(world);
  const oldest = world.clock.now() - OPERATION_MEMORY_MS;
  return [...records(world).values()]
    .filter((record) => record.project === project && record.insertedAt > oldest)
    .toReversed()
    .toSorted((a, b) => b.insertedAt - a.insertedAt);
}

export function aggregatedOperations(world: World, request: ApiRequest): object {
  const found = listedRecords(world, request.path['project'] ?? '').map((record): Scoped => {
    const scope = record.zone === null ? `regions/${record.region}` : `zones/${record.zone}`;
    return { scope, resource: operationResource(world, record) };
  });
  const scopes = ['global', ...regionScopes(world), ...zoneScopes(world)];
  return aggregated(
    world,
    request,
    { kind: 'compute#operationAggregatedList', collection: 'operations', scopes },
    found,
  );
}

function inPlace(world: World, request: ApiRequest): readonly OperationRecord[] {
  const { project = '', zone, region } = request.path;
  if (zone !== undefined) requiredZone(world, zone);
  if (region !== undefined) requiredRegion(world, region);
  return listedRecords(world, project).filter((record) =>
    zone === undefined ? record.zone === null && record.region === region : record.zone === zone,
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
  const found = inPlace(world, request).map((record) => operationResource(world, record));
  return listed(request, 'compute#operationList', `${placeOf(request)}/operations`, found);
}

function placeOf({ path }: ApiRequest): string {
  return path['zone'] === undefined ? `regions/${path['region']}` : `zones/${path['zone']}`;
}
