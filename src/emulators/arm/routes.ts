import type { FrontRequest } from '../http/front.ts';

/** One request that the front understands. */
interface RouteFact {
  /** As the SDK names it; for requests without an SDK in the same manner. */
  readonly operation: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `{name}` stands for one segment, `{+name}` for any number of them. */
  readonly template: string;
  /** The permission that ARM wants for it; null = any identity may. */
  readonly action: string | null;
  /** Rate-limit bucket, named as in Azure's `x-ms-ratelimit-remaining-resource` headers. */
  readonly bucket: string;
}

const SUBSCRIPTION = '/subscriptions/{subscription}';
const GROUP = `${SUBSCRIPTION}/resourceGroups/{resourceGroup}`;
const IN_SUBSCRIPTION = `${SUBSCRIPTION}/providers/Microsoft.Compute`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;
const NETWORK = `${GROUP}/providers/Microsoft.Network`;
const MACHINE = `${COMPUTE}/virtualMachines/{name}`;
const RESERVATION_GROUP = `${COMPUTE}/capacityReservationGroups/{name}`;

/**
 * Permissions from Azure's list of resource provider operations, buckets from its page on compute throttling (both read in 2026-11);
 * what that page does not speak of has a bucket of our own naming.
 */
const FACTS = [
  fact('virtualMachines.get', 'GET', MACHINE, 'Microsoft.Compute/virtualMachines/read', 'LowCostGet'),
  fact('virtualMachines.createOrUpdate', 'PUT', MACHINE, 'Microsoft.Compute/virtualMachines/write', 'PutVM'),
  fact('virtualMachines.delete', 'DELETE', MACHINE, 'Microsoft.Compute/virtualMachines/delete', 'DeleteVM'),
  fact(
    'virtualMachines.listAll',
    'GET',
    `${IN_SUBSCRIPTION}/virtualMachines`,
    'Microsoft.Compute/virtualMachines/read',
    'HighCostGet',
  ),
  fact(
    'virtualMachines.listByLocation',
    'GET',
    `${IN_SUBSCRIPTION}/locations/{location}/virtualMachines`,
    'Microsoft.Compute/virtualMachines/read',
    'HighCostGet',
  ),
  fact(
    'virtualMachines.list',
    'GET',
    `${COMPUTE}/virtualMachines`,
    'Microsoft.Compute/virtualMachines/read',
    'HighCostGet',
  ),
  fact('resourceSkus.list', 'GET', `${IN_SUBSCRIPTION}/skus`, 'Microsoft.Compute/skus/read', 'HighCostGet'),
  fact(
    'usage.list',
    'GET',
    `${IN_SUBSCRIPTION}/locations/{location}/usages`,
    'Microsoft.Compute/locations/usages/read',
    'LowCostGet',
  ),
  fact('operations.get', 'GET', `${IN_SUBSCRIPTION}/locations/{location}/operations/{operationId}`, null, 'LowCostGet'),
  fact('disks.delete', 'DELETE', `${COMPUTE}/disks/{name}`, 'Microsoft.Compute/disks/delete', 'Disks'),
  fact(
    'networkInterfaces.delete',
    'DELETE',
    `${NETWORK}/networkInterfaces/{name}`,
    'Microsoft.Network/networkInterfaces/delete',
    'NetworkWrites',
  ),
  fact(
    'publicIPAddresses.delete',
    'DELETE',
    `${NETWORK}/publicIPAddresses/{name}`,
    'Microsoft.Network/publicIPAddresses/delete',
    'NetworkWrites',
  ),
  fact(
    'resources.list',
    'GET',
    `${SUBSCRIPTION}/resources`,
    'Microsoft.Resources/subscriptions/resources/read',
    'SubscriptionReads',
  ),
  fact(
    'capacityReservationGroups.get',
    'GET',
    RESERVATION_GROUP,
    'Microsoft.Compute/capacityReservationGroups/read',
    'LowCostGet',
  ),
  fact(
    'capacityReservations.listByCapacityReservationGroup',
    'GET',
    `${RESERVATION_GROUP}/capacityReservations`,
    'Microsoft.Compute/capacityReservationGroups/capacityReservations/read',
    'LowCostGet',
  ),
  fact(
    'placementScores.generate',
    'POST',
    `${IN_SUBSCRIPTION}/locations/{location}/placementScores/spot/generate`,
    'Microsoft.Compute/locations/placementScores/generate/action',
    'PlacementScores',
  ),
  // Resource Graph answers with what the identity may read; an identity without rights gets empty answers, not refusals.
  fact('resourceGraph.resources', 'POST', '/providers/Microsoft.ResourceGraph/resources', null, 'ResourceGraph'),
  fact(
    'permissions.list',
    'GET',
    '/{+scope}/providers/Microsoft.Authorization/permissions',
    'Microsoft.Authorization/permissions/read',
    'SubscriptionReads',
  ),
  fact(
    'providers.get',
    'GET',
    `${SUBSCRIPTION}/providers/{name}`,
    'Microsoft.Resources/subscriptions/providers/read',
    'SubscriptionReads',
  ),
] as const;

function fact<const O extends string>(
  operation: O,
  method: RouteFact['method'],
  template: string,
  action: string | null,
  bucket: string,
): RouteFact & { readonly operation: O } {
  return { operation, method, template, action, bucket };
}

export type Operation = (typeof FACTS)[number]['operation'];

/** Every permission that some request needs. */
export const ACTIONS: readonly string[] = [...new Set(FACTS.flatMap(({ action }) => action ?? []))];

/** What a request asks of Azure Resource Manager. */
export interface Route {
  readonly operation: Operation;
  readonly action: string | null;
  readonly bucket: string;
  readonly mutating: boolean;
  /** Segments of the path by name; `''` for those that the path does not have. */
  readonly at: Readonly<Record<Place, string>>;
}

type Place = 'subscription' | 'resourceGroup' | 'location' | 'name' | 'operationId' | 'scope';

/** `methodAllowed` false: there is such a path, but not for this method. */
export type Routing =
  | { readonly found: true; readonly route: Route }
  | { readonly found: false; readonly methodAllowed: boolean };

/** ARM compares paths without case. */
const PATTERNS = FACTS.map((its) => ({
  its,
  pattern: new RegExp(
    `^${its.template.replaceAll(/\{(\+?)(\w+)\}/g, (_all, many: string, name: string) => `(?<${name}>${many === '' ? '[^/]+' : '.+'})`)}$`,
    'i',
  ),
}));

export function routeOf(request: FrontRequest): Routing {
  const target = request.url.pathname.split('/').map(decoded).join('/');
  let pathExists = false;
  for (const { its, pattern } of PATTERNS) {
    const match = pattern.exec(target);
    if (match === null) continue;
    pathExists = true;
    if (its.method !== request.method) continue;
    const { operation, action, bucket } = its;
    const mutating = its.method === 'PUT' || its.method === 'DELETE';
    return { found: true, route: { operation, action, bucket, mutating, at: { ...NOWHERE, ...match.groups } } };
  }
  return { found: false, methodAllowed: !pathExists };
}

const NOWHERE: Route['at'] = {
  subscription: '',
  resourceGroup: '',
  location: '',
  name: '',
  operationId: '',
  scope: '',
};

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
