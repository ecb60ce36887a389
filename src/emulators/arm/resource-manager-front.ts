import type { FaultAnswer, Front, FrontRequest, FrontResponse, RequestLabel } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { ArmRefusal, emptyAnswer, jsonAnswer, refusalAnswer } from './arm-answer.ts';
import { createAsyncOperations } from './async-operations.ts';
import { createOrUpdate } from './machine-creation.ts';
import { viewOf } from './machine-view.ts';
import type { MachineAddress } from './machines.ts';
import { createArmMachines, machineNotFound } from './machines.ts';
import { pageOf } from './paging.ts';
import { listResourceSkus } from './resource-skus.ts';
import type { Route } from './routes.ts';
import { routeOf } from './routes.ts';
import { listUsages } from './usages.ts';

const MACHINES_PER_PAGE = 50;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MUTATING: ReadonlySet<string> = new Set(['virtualMachines.createOrUpdate', 'virtualMachines.delete']);

/** Azure Resource Manager's compute part: virtual machines, resource SKUs, usages, asynchronous operations. */
export function createResourceManagerFront(world: World): Front {
  const machines = createArmMachines(world);
  const operations = createAsyncOperations(world, machines);

  function list(route: Extract<Route, { subscription: string }>, request: FrontRequest): FrontResponse {
    const location = 'location' in route ? route.location.toLowerCase() : null;
    const resourceGroup = 'resourceGroup' in route ? route.resourceGroup.toLowerCase() : null;
    const found = machines
      .list(route.subscription)
      .map((machine) => ({ machine, details: machines.detailsOf(machine) }))
      .filter(({ machine }) => location === null || machine.pool.region === location)
      .filter(({ details }) => resourceGroup === null || details.resourceGroup.toLowerCase() === resourceGroup);
    const page = pageOf(request, found, MACHINES_PER_PAGE);
    const options = { instanceView: false, fromList: true };
    const value = page.value.map(({ machine, details }) => viewOf(world, machine, details, options));
    return jsonAnswer(200, { value, nextLink: page.nextLink });
  }

  function get(address: MachineAddress, request: FrontRequest): FrontResponse {
    const machine = machines.find(address);
    if (machine === null) throw machineNotFound(address);
    const instanceView = request.url.searchParams.get('$expand')?.toLowerCase() === 'instanceview';
    const options = { instanceView, fromList: false };
    return jsonAnswer(200, viewOf(world, machine, machines.detailsOf(machine), options));
  }

  /** What a failed launch left behind is gone at once; anything else takes its time. */
  function remove(address: MachineAddress, request: FrontRequest): FrontResponse {
    const machine = machines.find(address);
    if (machine === null) return emptyAnswer(204);
    if (world.stateOf(machine) === 'failed') world.forget(machine.serial);
    else world.terminate(machine.serial);
    return emptyAnswer(202, operations.start(request, address.subscription, 'delete', machine));
  }

  function answer(route: Route, request: FrontRequest): FrontResponse {
    switch (route.operation) {
      case 'resourceSkus.list':
        return listResourceSkus(world, request);
      case 'usage.list':
        return listUsages(world, route.location, request);
      case 'virtualMachines.listAll':
      case 'virtualMachines.listByLocation':
      case 'virtualMachines.list':
        return list(route, request);
      case 'virtualMachines.get':
        return get(route, request);
      case 'virtualMachines.createOrUpdate':
        return createOrUpdate(world, machines, operations, route, request);
      case 'virtualMachines.delete':
        return remove(route, request);
      case 'operations.get':
        return operations.get(route.operationId);
      case 'unknown':
        throw unknownRoute(route.methodAllowed, request);
      default:
        return route satisfies never;
    }
  }

  function regionOf(route: Route, request: FrontRequest): string | null {
    if ('location' in route) return route.location.toLowerCase();
    if (route.operation === 'resourceSkus.list')
      return /'([^']*)'/.exec(request.url.searchParams.get('$filter') ?? '')?.[1] ?? null;
    if (route.operation === 'virtualMachines.createOrUpdate') return locationInBody(request);
    return 'name' in route ? (machines.find(route)?.pool.region ?? null) : null;
  }

  return {
    cloud: 'azure',
    service: 'resource-manager',
    tls: true,
    label(request): RequestLabel {
      const route = routeOf(request);
      const { operation } = route;
      return { operation, region: regionOf(route, request), mutating: MUTATING.has(operation) };
    },
    handle(request) {
      try {
        const route = routeOf(request);
        checkRequest(route, request);
        return answer(route, request);
      } catch (error) {
        if (error instanceof ArmRefusal) return refusalAnswer(error);
        throw error;
      }
    },
    faultResponse: (fault) => refusalAnswer(faultRefusal(fault)),
    vendorErrorResponse: ({ status, code, message }) => refusalAnswer(new ArmRefusal(status, code, message)),
  };
}

function checkRequest(route: Route, request: FrontRequest): void {
  if (!/^Bearer \S+$/.test(request.headers['authorization'] ?? ''))
    throw new ArmRefusal(401, 'AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.", {
      'www-authenticate': 'Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token"',
    });
  const version = request.url.searchParams.get('api-version');
  if (version === null || version === '')
    throw new ArmRefusal(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  if (!/^20\d\d-\d\d-\d\d(-preview)?$/.test(version))
    throw new ArmRefusal(400, 'InvalidApiVersionParameter', `The api-version '${version}' is invalid.`);
  if ('subscription' in route && !GUID.test(route.subscription))
    throw new ArmRefusal(404, 'SubscriptionNotFound', `The subscription '${route.subscription}' could not be found.`);
}

function unknownRoute(methodAllowed: boolean, request: FrontRequest): ArmRefusal {
  if (!methodAllowed)
    return new ArmRefusal(
      405,
      'MethodNotAllowed',
      `The requested resource does not support http method '${request.method}'.`,
    );
  return new ArmRefusal(404, 'InvalidResourceType', `The resource type could not be found: ${request.url.pathname}.`);
}

function locationInBody(request: FrontRequest): string | null {
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof body !== 'object' || body === null || !('location' in body)) return null;
    return typeof body.location === 'string' ? body.location.toLowerCase() : null;
  } catch {
    return null;
  }
}

function faultRefusal(fault: FaultAnswer): ArmRefusal {
  switch (fault) {
    case 'throttle':
      return new ArmRefusal(429, 'TooManyRequests', 'The request is being throttled as the limit has been reached.', {
        'retry-after': '5',
        'x-ms-ratelimit-remaining-resource': 'Microsoft.Compute/PutVM;0',
      });
    case 'unavailable':
      return new ArmRefusal(
        503,
        'ServerBusy',
        'The server is currently unable to receive requests. Please retry later.',
      );
    case 'unauthorized':
      return new ArmRefusal(
        403,
        'AuthorizationFailed',
        'The client does not have authorization to perform this action over the scope, or the scope is invalid.',
      );
    case 'internal-error':
      return new ArmRefusal(500, 'InternalServerError', 'Encountered internal server error.');
    default:
      return fault satisfies never;
  }
}
