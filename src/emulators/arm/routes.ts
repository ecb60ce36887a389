import type { FrontRequest } from '../http/front.ts';

/** What a request asks of Azure Resource Manager. `operation` is named as the SDK names it. */
export type Route =
  | { readonly operation: 'resourceSkus.list'; readonly subscription: string }
  | { readonly operation: 'usage.list'; readonly subscription: string; readonly location: string }
  | { readonly operation: 'virtualMachines.listAll'; readonly subscription: string }
  | { readonly operation: 'virtualMachines.listByLocation'; readonly subscription: string; readonly location: string }
  | { readonly operation: 'virtualMachines.list'; readonly subscription: string; readonly resourceGroup: string }
  | {
      readonly operation: 'virtualMachines.get' | 'virtualMachines.createOrUpdate' | 'virtualMachines.delete';
      readonly subscription: string;
      readonly resourceGroup: string;
      readonly name: string;
    }
  | {
      readonly operation: 'operations.get';
      readonly subscription: string;
      readonly location: string;
      readonly operationId: string;
    }
  | { readonly operation: 'unknown'; readonly methodAllowed: boolean };

export type MachineRoute = Extract<Route, { readonly name: string }>;

const COMPUTE = 'providers/Microsoft.Compute';

/** ARM compares paths without case. */
function path(template: string): RegExp {
  return new RegExp(`^/subscriptions/([^/]+)/${template.replaceAll('*', '([^/]+)')}$`, 'i');
}

const SKUS = path(`${COMPUTE}/skus`);
const USAGES = path(`${COMPUTE}/locations/*/usages`);
const ALL_MACHINES = path(`${COMPUTE}/virtualMachines`);
const MACHINES_IN_LOCATION = path(`${COMPUTE}/locations/*/virtualMachines`);
const MACHINES_IN_GROUP = path(`resourceGroups/*/${COMPUTE}/virtualMachines`);
const MACHINE = path(`resourceGroups/*/${COMPUTE}/virtualMachines/*`);
const OPERATION = path(`${COMPUTE}/locations/*/operations/*`);

const NOT_FOUND: Route = { operation: 'unknown', methodAllowed: true };
const WRONG_METHOD: Route = { operation: 'unknown', methodAllowed: false };

export function routeOf(request: FrontRequest): Route {
  const { method } = request;
  const target = request.url.pathname.split('/').map(decoded).join('/');
  const machine = MACHINE.exec(target);
  if (machine !== null) return machineRoute(method, machine);
  const read = readRoute(target);
  return read.operation === 'unknown' || method === 'GET' ? read : WRONG_METHOD;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function machineRoute(method: string, match: RegExpExecArray): Route {
  const [, subscription = '', resourceGroup = '', name = ''] = match;
  switch (method) {
    case 'GET':
      return { operation: 'virtualMachines.get', subscription, resourceGroup, name };
    case 'PUT':
      return { operation: 'virtualMachines.createOrUpdate', subscription, resourceGroup, name };
    case 'DELETE':
      return { operation: 'virtualMachines.delete', subscription, resourceGroup, name };
    default:
      return WRONG_METHOD;
  }
}

const READS: readonly (readonly [RegExp, (parts: readonly [string, string, string]) => Route])[] = [
  [SKUS, ([subscription]) => ({ operation: 'resourceSkus.list', subscription })],
  [USAGES, ([subscription, location]) => ({ operation: 'usage.list', subscription, location })],
  [ALL_MACHINES, ([subscription]) => ({ operation: 'virtualMachines.listAll', subscription })],
  [
    MACHINES_IN_LOCATION,
    ([subscription, location]) => ({ operation: 'virtualMachines.listByLocation', subscription, location }),
  ],
  [
    MACHINES_IN_GROUP,
    ([subscription, resourceGroup]) => ({ operation: 'virtualMachines.list', subscription, resourceGroup }),
  ],
  [
    OPERATION,
    ([subscription, location, operationId]) => ({ operation: 'operations.get', subscription, location, operationId }),
  ],
];

function readRoute(target: string): Route {
  for (const [pattern, route] of READS) {
    const match = pattern.exec(target);
    if (match !== null) return route([match[1] ?? '', match[2] ?? '', match[3] ?? '']);
  }
  return NOT_FOUND;
}
