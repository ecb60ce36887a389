import type { World } from '../world/contract.ts';
import type { ApiRequest } from './routes.ts';
import type { JsonObject } from './schema.ts';
import { VendorError } from './vendor-error.ts';

/** Which permission a method asks for. Source: the IAM permissions that Compute Engine's API reference names method by method. */
const BY_OPERATION: Readonly<Record<string, string>> = {
  'machineTypes.aggregatedList': 'compute.machineTypes.list',
  'machineTypes.list': 'compute.machineTypes.list',
  'acceleratorTypes.aggregatedList': 'compute.acceleratorTypes.list',
  'zones.list': 'compute.zones.list',
  'regions.get': 'compute.regions.get',
  'regions.list': 'compute.regions.list',
  'projects.get': 'compute.projects.get',
  'instances.get': 'compute.instances.get',
  'instances.list': 'compute.instances.list',
  'instances.aggregatedList': 'compute.instances.list',
  'instances.insert': 'compute.instances.create',
  'instances.delete': 'compute.instances.delete',
  'regionInstances.bulkInsert': 'compute.instances.create',
  'zoneOperations.get': 'compute.zoneOperations.get',
  'zoneOperations.wait': 'compute.zoneOperations.get',
  'zoneOperations.list': 'compute.zoneOperations.list',
  'regionOperations.get': 'compute.regionOperations.get',
  'regionOperations.wait': 'compute.regionOperations.get',
  'regionOperations.list': 'compute.regionOperations.list',
  'globalOperations.aggregatedList': 'compute.globalOperations.list',
  'disks.aggregatedList': 'compute.disks.list',
  'disks.delete': 'compute.disks.delete',
  'addresses.aggregatedList': 'compute.addresses.list',
  'addresses.delete': 'compute.addresses.delete',
  'reservations.aggregatedList': 'compute.reservations.list',
  'advice.capacity': 'compute.advice.capacity',
};

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

/** A launch makes a disk, joins a network and says what the machine runs as: each asks for a permission of its own. */
function permissionsOfInsert(body: JsonObject): readonly string[] {
  const networks = objects(body['networkInterfaces']);
  const needed: readonly (readonly [needed: boolean, permission: string])[] = [
    [true, 'compute.disks.create'],
    [
      objects(body['disks']).some((disk) => 'labels' in (objects([disk['initializeParams']])[0] ?? {})),
      'compute.disks.setLabels',
    ],
    [networks.length > 0, 'compute.subnetworks.use'],
    [networks.some((network) => objects(network['accessConfigs']).length > 0), 'compute.subnetworks.useExternalIp'],
    ['labels' in body, 'compute.instances.setLabels'],
    ['metadata' in body, 'compute.instances.setMetadata'],
    ['tags' in body, 'compute.instances.setTags'],
    [objects(body['serviceAccounts']).length > 0, 'compute.instances.setServiceAccount'],
    [objects(body['serviceAccounts']).length > 0, 'iam.serviceAccounts.actAs'],
  ];
  return needed.flatMap(([isNeeded, permission]) => (isNeeded ? [permission] : []));
}

export function permissionsOf({ method, body }: ApiRequest): readonly string[] {
  const own = BY_OPERATION[method.operation];
  if (own === undefined) throw new Error(`no permission is named for ${method.operation}`);
  return method.operation === 'instances.insert' ? [own, ...permissionsOfInsert(body)] : [own];
}

/** Throws the API's refusal of a caller that lacks a permission. */
export function checkPermissions(world: World, request: ApiRequest): void {
  const { project = '', zone, instance } = request.path;
  const place = [`projects/${project}`, ...(zone === undefined ? [] : [`zones/${zone}`])].join('/');
  for (const permission of permissionsOf(request)) {
    if (!world.isDenied('gcp', permission)) continue;
    const name = instance ?? request.body['name'];
    const resource = typeof name === 'string' ? `${place}/instances/${name}` : place;
    const message = `Required '${permission}' permission for '${resource}'`;
    throw new VendorError({ status: 403, reason: 'forbidden', message });
  }
}
