import type { MachineState, World, WorldMachine } from '../world/contract.ts';
import { aggregated, listed, zoneScopes } from './lists.ts';
import { beginOperation, cutShort, operationOfRequest, operationResource } from './operations.ts';
import { hasOwnGpus, hostOf, numericId, requiredZone, resourceUrl, timestamp } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import type { JsonObject } from './schema.ts';
import { notFound } from './vendor-error.ts';

/** What the front keeps with a machine of the world. */
export interface MachineDetails {
  readonly project: string;
  /** The request's instance resource, as it came. */
  readonly resource: JsonObject;
}

export function detailsOf(machine: WorldMachine): MachineDetails {
  const { project, resource } = machine.details;
  if (typeof project !== 'string' || typeof resource !== 'object' || resource === null)
    throw new Error(`machine ${machine.serial} was not made by this front`);
  return { project, resource: resource as JsonObject };
}

/** Unique among machines, and never the number of another resource. */
export function instanceId(machine: WorldMachine): string {
  return numericId(`instance/${machine.serial}`);
}

function isDeletedAtEnd(machine: WorldMachine): boolean {
  const { scheduling } = detailsOf(machine).resource;
  if (machine.endedBy === 'user' || machine.endedBy === 'loss') return true;
  return (
    typeof scheduling === 'object' &&
    scheduling !== null &&
    'instanceTerminationAction' in scheduling &&
    scheduling.instanceTerminationAction === 'DELETE'
  );
}

/** Null where the API does not list the machine: not yet, or not any more. */
function statusOf(world: World, machine: WorldMachine, state: MachineState | null): string | null {
  const half = (machine.launchedAt + machine.runningAt) / 2;
  switch (state) {
    case null:
      return null;
    case 'pending':
      return world.clock.now() < half ? 'PROVISIONING' : 'STAGING';
    case 'running':
      return 'RUNNING';
    case 'stopping':
      return 'STOPPING';
    case 'terminated':
      return isDeletedAtEnd(machine) ? null : 'TERMINATED';
    case 'failed':
      // A launch that failed leaves nothing behind but its operation.
      return null;
  }
}

/** Machines of the project that the API still shows. */
export function existing(world: World, project: string): readonly WorldMachine[] {
  return ofProject(world, project).filter((machine) => statusOf(world, machine, world.stateOf(machine)) !== null);
}

function ofProject(world: World, project: string): readonly WorldMachine[] {
  return world.machines('gcp').filter((machine) => detailsOf(machine).project === project);
}

export function findInstance(world: World, project: string, zone: string, name: string): WorldMachine | null {
  return (
    existing(world, project).find(
      (machine) => machine.pool.zone === zone && (machine.name === name || instanceId(machine) === name),
    ) ?? null
  );
}

/** Full URLs for what a request may give as a path. */
function url(project: string, reference: unknown): unknown {
  if (typeof reference !== 'string' || reference.startsWith('https://')) return reference;
  return reference.startsWith('projects/')
    ? `https://www.googleapis.com/compute/v1/${reference}`
    : resourceUrl(project, reference);
}

function instanceResource(world: World, machine: WorldMachine, status: string): object {
  const { project, resource } = detailsOf(machine);
  const { zone, instanceType, market } = machine.pool;
  const place = `zones/${zone}`;
  const type = world.instanceType('gcp', instanceType);
  const gpu = type?.vendorGpuName ?? null;
  const count = type?.acceleratorCount ?? 0;
  return {
    // The boot disk's initial parameters and such are not echoed; what is echoed reads as it was sent.
    ...withoutKeys(resource, ['disks', 'networkInterfaces']),
    kind: 'compute#instance',
    id: instanceId(machine),
    name: machine.name,
    creationTimestamp: timestamp(machine.launchedAt),
    labels: machine.tags,
    labelFingerprint: '42WmSpB8rSM=',
    machineType: resourceUrl(project, `${place}/machineTypes/${hostOf(instanceType)}`),
    ...(gpu === null
      ? {}
      : {
          guestAccelerators: [
            { acceleratorType: resourceUrl(project, `${place}/acceleratorTypes/${gpu}`), acceleratorCount: count },
          ],
        }),
    ...(type !== null && hasOwnGpus(type)
      ? { cpuPlatform: 'Intel Sapphire Rapids' }
      : { cpuPlatform: 'Intel Broadwell' }),
    status,
    zone: resourceUrl(project, place),
    selfLink: resourceUrl(project, `${place}/instances/${machine.name}`),
    scheduling: {
      automaticRestart: market !== 'spot',
      ...(typeof resource['scheduling'] === 'object' ? resource['scheduling'] : {}),
      preemptible: market === 'spot',
      provisioningModel: market === 'spot' ? 'SPOT' : 'STANDARD',
    },
    disks: disks(project, machine, resource),
    networkInterfaces: networkInterfaces(project, machine, resource),
    ...(machine.stoppingAt === null ? {} : { lastStopTimestamp: timestamp(machine.stoppingAt) }),
    ...(status === 'RUNNING' ? { lastStartTimestamp: timestamp(machine.runningAt) } : {}),
    deletionProtection: false,
    startRestricted: false,
  };
}

function withoutKeys(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function list(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value : [];
}

function disks(project: string, machine: WorldMachine, resource: JsonObject): readonly object[] {
  return list(resource['disks']).map((disk, index) => ({
    ...withoutKeys(disk, ['initializeParams']),
    kind: 'compute#attachedDisk',
    index,
    type: disk['type'] ?? 'PERSISTENT',
    mode: 'READ_WRITE',
    source: resourceUrl(project, `zones/${machine.pool.zone}/disks/${machine.name}`),
    deviceName: `persistent-disk-${index}`,
  }));
}

function networkInterfaces(project: string, machine: WorldMachine, resource: JsonObject): readonly object[] {
  return list(resource['networkInterfaces']).map((network, index) => ({
    ...network,
    kind: 'compute#networkInterface',
    name: `nic${index}`,
    network: url(project, network['network'] ?? 'global/networks/default'),
    ...('subnetwork' in network ? { subnetwork: url(project, network['subnetwork']) } : {}),
    networkIP: `10.128.${Math.floor(machine.serial / 250) % 250}.${(machine.serial % 250) + 2}`,
  }));
}

/** Lists lag behind where the world is told so; a read by name does not. */
function visible(world: World, project: string): readonly (readonly [WorldMachine, object])[] {
  return ofProject(world, project).flatMap((machine) => {
    const status = statusOf(world, machine, world.shownStateOf(machine));
    return status === null ? [] : [[machine, instanceResource(world, machine, status)] as const];
  });
}

export function getInstance(world: World, request: ApiRequest): object {
  const { project = '', zone = '', instance = '' } = request.path;
  requiredZone(world, zone);
  const machine = findInstance(world, project, zone, instance);
  if (machine === null) throw notFound(`projects/${project}/zones/${zone}/instances/${instance}`);
  return instanceResource(world, machine, statusOf(world, machine, world.stateOf(machine)) ?? 'TERMINATED');
}

export function listInstances(world: World, request: ApiRequest): object {
  const { project = '', zone = '' } = request.path;
  requiredZone(world, zone);
  const resources = visible(world, project)
    .filter(([{ pool }]) => pool.zone === zone)
    .map(([, resource]) => resource);
  return listed(request, 'compute#instanceList', `zones/${zone}/instances`, resources);
}

export function aggregatedInstances(world: World, request: ApiRequest): object {
  const found = visible(world, request.path['project'] ?? '').map(([{ pool }, resource]) => ({
    scope: `zones/${pool.zone}`,
    resource,
  }));
  const scopes = zoneScopes(world);
  return aggregated(world, request, { kind: 'compute#instanceAggregatedList', collection: 'instances', scopes }, found);
}

export function deleteInstance(world: World, request: ApiRequest): object {
  const { project = '', zone = '', instance = '' } = request.path;
  const requestId = request.query.get('requestId');
  const former = operationOfRequest(world, project, requestId);
  if (former !== null) return operationResource(world, former);
  const region = requiredZone(world, zone);
  const machine = findInstance(world, project, zone, instance);
  if (machine === null) throw notFound(`projects/${project}/zones/${zone}/instances/${instance}`);
  cutShort(world, machine.serial);
  const ended = world.terminate(machine.serial);
  const now = world.clock.now();
  // A stopped instance (spot, action STOP) is gone with its disks as soon as it is deleted.
  if (world.stateOf(machine) === 'terminated') world.forget(machine.serial);
  const record = beginOperation(world, {
    ...{ project, zone, region: region.name, type: 'delete', clientOperationId: requestId, error: null, serial: null },
    targetLink: resourceUrl(project, `zones/${zone}/instances/${machine.name}`),
    targetId: instanceId(machine),
    doneAt: Math.max(now, ended?.terminatedAt ?? now),
  });
  return operationResource(world, record);
}
