import { z } from 'zod';
import type { LaunchFailure, World, WorldMachine, WorldPool } from '../world/contract.ts';
import { findInstance, instanceId } from './instances.ts';
import type { OperationError, OperationRecord } from './operations.ts';
import { beginOperation, errorOfLaunch, operationOfRequest, operationResource } from './operations.ts';
import { addParts } from './parts.ts';
import { isToldByRegions } from './regions.ts';
import { reservationAffinity, reservationOf } from './reservations.ts';
import { requiredRegion, requiredZone, resourceUrl } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import type { JsonObject } from './schema.ts';
import { invalidValue, VendorError } from './vendor-error.ts';

const NAME = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const LABEL = /^[-_a-z0-9]{0,63}$/;

/** The parts of an instance that the front acts on; names and types are checked against the API's schema before. */
const instanceProperties = z.looseObject({
  machineType: z.string(),
  guestAccelerators: z.array(z.looseObject({ acceleratorType: z.string(), acceleratorCount: z.number() })).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  disks: z.array(z.looseObject({ boot: z.boolean().default(false) })).default([]),
  networkInterfaces: z.array(z.looseObject({})).default([]),
  scheduling: z
    .looseObject({
      provisioningModel: z.string().optional(),
      preemptible: z.boolean().default(false),
      onHostMaintenance: z.string().optional(),
    })
    .prefault({}),
  reservationAffinity: reservationAffinity.optional(),
});
type InstanceProperties = z.infer<typeof instanceProperties>;

function parsedProperties(resource: JsonObject): InstanceProperties {
  const result = instanceProperties.safeParse(resource);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalidValue(`resource.${issue?.path.join('.') ?? ''}`, '', issue?.message ?? 'Invalid.');
}

function lastSegment(reference: string): string {
  return reference.split('/').at(-1) ?? reference;
}

/** Refuses what the API refuses at once, then says which type of the world is meant and on which market. */
function checkedPool(region: string, zone: string, properties: InstanceProperties): WorldPool {
  const { machineType, guestAccelerators, disks, networkInterfaces, scheduling, labels } = properties;
  if (!disks.some(({ boot }) => boot)) throw invalidValue('resource.disks', '', 'At least one boot disk is required.');
  if (networkInterfaces.length === 0)
    throw invalidValue('resource.networkInterfaces', '', 'At least one network interface is required.');
  for (const [key, value] of Object.entries(labels)) {
    if (!/^[a-z]/.test(key) || !LABEL.test(key)) throw invalidValue('resource.labels', key, 'Invalid label key.');
    if (!LABEL.test(value)) throw invalidValue('resource.labels', value, 'Invalid label value.');
  }
  const named = /zones\/([^/]+)\/machineTypes\/[^/]+$/.exec(machineType);
  if (named !== null && named[1] !== zone)
    throw invalidValue('resource.machineType', machineType, `The referenced resource is not in zone ${zone}.`);
  const spot = scheduling.preemptible || scheduling.provisioningModel === 'SPOT';
  if (!spot && scheduling.onHostMaintenance !== 'TERMINATE')
    throw new VendorError({
      status: 400,
      reason: 'invalid',
      message: 'Instances with guest accelerators do not support live migration.',
    });
  const host = lastSegment(machineType);
  const attached = host.startsWith('n1-')
    ? guestAccelerators.map((gpu) => `+${lastSegment(gpu.acceleratorType)}x${gpu.acceleratorCount}`).join('')
    : '';
  return { cloud: 'gcp', region, zone, instanceType: `${host}${attached}`, market: spot ? 'spot' : 'on-demand' };
}

function notOffered(project: string, pool: WorldPool, machineType: string): VendorError {
  const path = `projects/${project}/zones/${pool.zone}/machineTypes/${lastSegment(machineType)}`;
  return invalidValue('resource.machineType', path, 'The referenced resource does not exist or is not sold this way.');
}

/** The refusal of a launch at once, with the words and the legacy reason of the API. */
function refusal(project: string, pool: WorldPool, machineType: string, failure: LaunchFailure): VendorError {
  switch (failure.kind) {
    case 'quota': {
      const metric = isToldByRegions(failure.quota) ? failure.quota : 'GPUS_PER_GPU_FAMILY';
      const where = failure.scope === 'global' ? 'globally' : `in region ${pool.region}`;
      const message = `Quota '${metric}' exceeded.  Limit: ${failure.limit.toFixed(1)} ${where}.`;
      return new VendorError({ status: 403, reason: 'quotaExceeded', domain: 'usageLimits', message });
    }
    case 'not-offered':
      return notOffered(project, pool, machineType);
    case 'capacity':
    case 'reservation':
    case 'vendor':
    case 'price':
      throw new Error(`this cloud never answers a want of ${failure.kind} at once`);
  }
}

function checkedRequestId(request: ApiRequest): string | null {
  const requestId = request.query.get('requestId');
  if (requestId !== null && !UUID.test(requestId)) throw invalidValue('requestId', requestId, 'Must be a valid UUID.');
  return requestId;
}

function checkName(world: World, project: string, zone: string, name: string): void {
  if (!NAME.test(name))
    throw invalidValue('resource.name', name, `Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'`);
  if (findInstance(world, project, zone, name) !== null) {
    const message = `The resource 'projects/${project}/zones/${zone}/instances/${name}' already exists`;
    throw new VendorError({ status: 409, reason: 'alreadyExists', message });
  }
  // What failed or was deleted has given its name back, which the world does not know by itself.
  for (const machine of world.machines('gcp')) {
    if (machine.pool.zone === zone && machine.name === name) world.forget(machine.serial);
  }
}

export function insertInstance(world: World, request: ApiRequest): object {
  const { project = '', zone = '' } = request.path;
  const requestId = checkedRequestId(request);
  const former = operationOfRequest(world, project, requestId);
  if (former !== null) return operationResource(world, former);
  const region = requiredZone(world, zone).name;
  const properties = parsedProperties(request.body);
  const name = typeof request.body['name'] === 'string' ? request.body['name'] : '';
  const pool = checkedPool(region, zone, properties);
  checkName(world, project, zone, name);
  const launched = world.launch({
    ...{ pool, count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, names: [name], tags: properties.labels },
    ...{ details: { project, resource: request.body }, capacityAnswer: 'async' },
    reservation: reservationOf(world, pool, properties.reservationAffinity),
    forcedFailure: request.forcedFailure,
  });
  if (!launched.accepted) throw refusal(project, pool, properties.machineType, launched.failure);
  const [machine] = launched.machines;
  if (machine === undefined) throw new Error('the world accepted a launch of nothing');
  addParts(world, machine);
  return operationResource(world, beginInsert(world, project, requestId, machine));
}

function beginInsert(world: World, project: string, requestId: string | null, machine: WorldMachine): OperationRecord {
  const { region, zone } = machine.pool;
  return beginOperation(world, {
    ...{ project, zone, region, type: 'insert', clientOperationId: requestId, serial: machine.serial },
    targetLink: resourceUrl(project, `zones/${zone}/instances/${machine.name}`),
    targetId: instanceId(machine),
    doneAt: machine.failedAt ?? machine.runningAt,
    error: errorOfLaunch(project, machine.pool, machine.failure),
  });
}

const bulkInsert = z.looseObject({
  count: z.coerce.number().int().min(1).max(1000),
  minCount: z.coerce.number().int().min(1).optional(),
  namePattern: z.string().optional(),
  perInstanceProperties: z.record(z.string(), z.looseObject({ name: z.string().optional() })).default({}),
  instanceProperties: z.looseObject({}),
  locationPolicy: z
    .looseObject({ locations: z.record(z.string(), z.looseObject({ preference: z.string().optional() })).default({}) })
    .prefault({}),
});
type BulkInsert = z.infer<typeof bulkInsert>;

/** The names of the machines wanted: given one by one, or by a pattern whose `#` are replaced by a number. */
function bulkNames({ count, namePattern, perInstanceProperties }: BulkInsert): readonly string[] {
  const given = Object.keys(perInstanceProperties);
  if (given.length > 0) {
    if (given.length !== count)
      throw invalidValue('resource.perInstanceProperties', String(given.length), `Must have ${count} entries.`);
    return given;
  }
  const hashes = /#+/.exec(namePattern ?? '');
  if (namePattern === undefined || hashes === null)
    throw invalidValue('resource.namePattern', namePattern ?? '', 'Must contain a sequence of #.');
  return Array.from({ length: count }, (_, index) =>
    namePattern.replace(hashes[0], String(index + 1).padStart(hashes[0].length, '0')),
  );
}

function allowedZones(world: World, region: string, { locationPolicy }: BulkInsert): readonly string[] {
  const preference = new Map(
    Object.entries(locationPolicy.locations).map(([place, policy]) => [lastSegment(place), policy.preference]),
  );
  return requiredRegion(world, region)
    .zones.map(({ name }) => name)
    .filter((zone) => preference.get(zone) !== 'DENY' && (preference.size === 0 || preference.has(zone)));
}

/** All in one zone, the first that can give at least `minCount`. Too few everywhere is an operation that fails, not an error. */
export function bulkInsertInstances(world: World, request: ApiRequest): object {
  const { project = '', region = '' } = request.path;
  const requestId = checkedRequestId(request);
  const former = operationOfRequest(world, project, requestId);
  if (former !== null) return operationResource(world, former);
  const wanted = bulkInsert.safeParse(request.body);
  if (!wanted.success) throw invalidValue('resource', '', wanted.error.issues[0]?.message ?? 'Invalid.');
  const properties = parsedProperties(wanted.data.instanceProperties);
  const names = bulkNames(wanted.data);
  const minCount = wanted.data.minCount ?? wanted.data.count;
  let lastPool: WorldPool | null = null;
  for (const zone of allowedZones(world, region, wanted.data)) {
    const pool = checkedPool(region, zone, properties);
    if (world.price(pool) === null) continue;
    lastPool = pool;
    for (const name of names) checkName(world, project, zone, name);
    const details = { project, resource: wanted.data.instanceProperties };
    const launched = world.launch({
      ...{ pool, count: wanted.data.count, minCount, maxPriceMicroUsdPerHour: null, names, details },
      ...{ tags: properties.labels, capacityAnswer: 'sync', forcedFailure: request.forcedFailure },
    });
    if (launched.accepted)
      return begunBulk(world, project, region, requestId, launched.machines, failureIn(project, launched.machines));
    if (launched.failure.kind === 'quota') throw refusal(project, pool, properties.machineType, launched.failure);
  }
  if (lastPool === null) {
    const somewhere = { ...{ cloud: 'gcp' as const, region, zone: `${region}-a` }, market: 'on-demand' as const };
    throw notOffered(project, { ...somewhere, instanceType: '' }, properties.machineType);
  }
  return begunBulk(world, project, region, requestId, [], minCountNotReached(minCount));
}

/** A bulk insert fails with the error of its first machine that does. */
function failureIn(project: string, machines: readonly WorldMachine[]): OperationError | null {
  const failed = machines.find(({ failure }) => failure !== null);
  return failed === undefined ? null : errorOfLaunch(project, failed.pool, failed.failure);
}

function minCountNotReached(minCount: number): OperationError {
  return {
    code: 'VM_MIN_COUNT_NOT_REACHED',
    message: `Requested minimum count of ${minCount} VMs could not be created.`,
    errorDetails: [],
    httpStatus: 503,
    httpMessage: 'SERVICE UNAVAILABLE',
  };
}

function begunBulk(
  world: World,
  project: string,
  region: string,
  requestId: string | null,
  machines: readonly WorldMachine[],
  error: OperationError | null = null,
): object {
  const now = world.clock.now();
  const record = beginOperation(world, {
    ...{ project, region, zone: null, type: 'bulkInsert', clientOperationId: requestId, serial: null, error },
    targetLink: resourceUrl(project, `regions/${region}`),
    targetId: null,
    doneAt: Math.max(now, ...machines.map(({ runningAt }) => runningAt)),
  });
  // Each machine has an insert of its own besides, as the API shows it.
  for (const machine of machines) {
    addParts(world, machine);
    beginInsert(world, project, null, machine);
  }
  return operationResource(world, record);
}
