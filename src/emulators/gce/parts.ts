import type { World, WorldMachine, WorldPart } from '../world/contract.ts';
import { detailsOf } from './instances.ts';
import type { Scoped } from './lists.ts';
import { aggregated, regionScopes, zoneScopes } from './lists.ts';
import { beginOperation, operationOfRequest, operationResource } from './operations.ts';
import { numericId, requiredRegion, requiredZone, resourceUrl, timestamp } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import type { JsonObject } from './schema.ts';
import { notFound, VendorError } from './vendor-error.ts';

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

function labelsIn(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, label]) => [key, String(label)]));
}

/**
 * What comes with a machine: its boot disk, with the labels of the disk's own parameters, and the address of each access
 * configuration. Such an address is ephemeral: the API does not list it. One that its machine leaves behind is listed as a reserved
 * one with the machine's labels, which is a choice of the emulation: how else could anybody find and remove it?
 */
export function addParts(world: World, machine: WorldMachine): void {
  const { project, resource } = detailsOf(machine);
  const { region, zone } = machine.pool;
  const common = { cloud: 'gcp' as const, region, machine: machine.serial };
  for (const [index, disk] of objects(resource['disks']).entries()) {
    const parameters = objects([disk['initializeParams']])[0] ?? {};
    world.addPart({
      ...{ ...common, zone, kind: 'disk', tags: labelsIn(parameters['labels']) },
      name: index === 0 ? `${machine.name}` : `${machine.name}-${index}`,
      life: disk['autoDelete'] === true ? 'with-machine' : 'until-removed',
      details: { project, sizeGb: String(parameters['diskSizeGb'] ?? '10') },
    });
  }
  for (const [index, network] of objects(resource['networkInterfaces']).entries()) {
    if (objects(network['accessConfigs']).length === 0) continue;
    world.addPart({
      ...{ ...common, zone: null, kind: 'address', tags: machine.tags, life: 'with-machine' },
      ...{ name: `${machine.name}-nat${index}`, details: { project, address: addressOf(machine.serial) } },
    });
  }
}

/** Of the block set aside for documentation (RFC 5737). */
export function addressOf(serial: number): string {
  return `203.0.113.${(serial % 250) + 2}`;
}

function partsOf(world: World, project: string, kind: WorldPart['kind']): readonly WorldPart[] {
  return world.parts('gcp').filter((part) => part.kind === kind && part.details['project'] === project);
}

function userOf(world: World, part: WorldPart): readonly string[] {
  const machine = part.machine === null ? null : world.machine(part.machine);
  if (machine === null || !world.isInUse(part)) return [];
  const { project } = detailsOf(machine);
  return [resourceUrl(project, `zones/${machine.pool.zone}/instances/${machine.name}`)];
}

function diskResource(world: World, part: WorldPart): object {
  const { name, zone, tags, details, createdAt } = part;
  const project = String(details['project']);
  const users = userOf(world, part);
  return {
    kind: 'compute#disk',
    id: numericId(`disk/${part.serial}`),
    name,
    creationTimestamp: timestamp(createdAt),
    sizeGb: String(details['sizeGb']),
    status: 'READY',
    labels: tags,
    labelFingerprint: '42WmSpB8rSM=',
    zone: resourceUrl(project, `zones/${zone}`),
    type: resourceUrl(project, `zones/${zone}/diskTypes/pd-balanced`),
    selfLink: resourceUrl(project, `zones/${zone}/disks/${name}`),
    ...(users.length === 0 ? {} : { users }),
  };
}

export function aggregatedDisks(world: World, request: ApiRequest): object {
  const found = partsOf(world, request.path['project'] ?? '', 'disk').map(
    (part): Scoped => ({ scope: `zones/${part.zone}`, resource: diskResource(world, part) }),
  );
  const scopes = zoneScopes(world);
  return aggregated(world, request, { kind: 'compute#diskAggregatedList', collection: 'disks', scopes }, found);
}

function addressResource(part: WorldPart): object {
  const { name, region, tags, details, createdAt } = part;
  const project = String(details['project']);
  return {
    kind: 'compute#address',
    id: numericId(`address/${part.serial}`),
    name,
    creationTimestamp: timestamp(createdAt),
    address: String(details['address']),
    addressType: 'EXTERNAL',
    status: 'RESERVED',
    labels: tags,
    labelFingerprint: '42WmSpB8rSM=',
    region: resourceUrl(project, `regions/${region}`),
    selfLink: resourceUrl(project, `regions/${region}/addresses/${name}`),
  };
}

export function aggregatedAddresses(world: World, request: ApiRequest): object {
  const found = partsOf(world, request.path['project'] ?? '', 'address')
    .filter((part) => !world.isInUse(part))
    .map((part): Scoped => ({ scope: `regions/${part.region}`, resource: addressResource(part) }));
  const scopes = ['global', ...regionScopes(world)];
  return aggregated(world, request, { kind: 'compute#addressAggregatedList', collection: 'addresses', scopes }, found);
}

/** Where a part is and what it is called. */
interface Place {
  readonly region: string;
  /** Null for what belongs to a region. */
  readonly zone: string | null;
  readonly path: string;
}

function removePart(world: World, request: ApiRequest, place: Place, part: WorldPart | undefined): object {
  const { project = '' } = request.path;
  const requestId = request.query.get('requestId');
  const former = operationOfRequest(world, project, requestId);
  if (former !== null) return operationResource(world, former);
  if (part === undefined) throw notFound(`projects/${project}/${place.path}`);
  const [user] = userOf(world, part);
  if (user !== undefined)
    throw new VendorError({
      ...{ status: 400, reason: 'resourceInUseByAnotherResource' },
      message: `The resource 'projects/${project}/${place.path}' is already being used by '${user}'`,
    });
  world.removePart(part.serial);
  const record = beginOperation(world, {
    ...{ project, zone: place.zone, region: place.region, type: 'delete', clientOperationId: requestId },
    ...{ error: null, serial: null, targetLink: resourceUrl(project, place.path) },
    targetId: numericId(`${part.kind}/${part.serial}`),
    doneAt: world.clock.now(),
  });
  return operationResource(world, record);
}

export function deleteDisk(world: World, request: ApiRequest): object {
  const { project = '', zone = '', disk = '' } = request.path;
  const { name: region } = requiredZone(world, zone);
  const part = partsOf(world, project, 'disk').find((found) => found.zone === zone && found.name === disk);
  return removePart(world, request, { region, zone, path: `zones/${zone}/disks/${disk}` }, part);
}

export function deleteAddress(world: World, request: ApiRequest): object {
  const { project = '', region = '', address = '' } = request.path;
  requiredRegion(world, region);
  const part = partsOf(world, project, 'address').find((found) => found.region === region && found.name === address);
  const place = { region, zone: null, path: `regions/${region}/addresses/${address}` };
  return removePart(world, request, place, part);
}
