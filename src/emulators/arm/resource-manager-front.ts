import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { VendorErrorFact, World } from '../world/contract.ts';
import { ArmRefusal, emptyAnswer, jsonAnswer, refusalAnswer } from './arm-answer.ts';
import type { AsyncOperations } from './async-operations.ts';
import { createAsyncOperations } from './async-operations.ts';
import { checkAccess, getProvider, listPermissions } from './authorization.ts';
import { createOrUpdate } from './machine-creation.ts';
import { partAt, removePart } from './machine-parts.ts';
import { viewOf } from './machine-view.ts';
import type { ArmMachines } from './machines.ts';
import { createArmMachines, machineNotFound } from './machines.ts';
import { pageOf } from './paging.ts';
import { getReservationGroup, groupAt, listReservations } from './reserved-capacity.ts';
import { queryResourceGraph } from './resource-graph.ts';
import { listResources, readFilter } from './resource-list.ts';
import { listResourceSkus } from './resource-skus.ts';
import type { Operation, Route } from './routes.ts';
import { routeOf } from './routes.ts';
import { generatePlacementScores } from './spot-signals.ts';
import { listUsages } from './usages.ts';

const MACHINES_PER_PAGE = 50;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What the handlers share. */
interface Arm {
  readonly world: World;
  readonly machines: ArmMachines;
  readonly operations: AsyncOperations;
}

interface Incoming {
  readonly route: Route;
  readonly request: FrontRequest;
  readonly forcedFailure: VendorErrorFact | null;
}

type Handler = (arm: Arm, incoming: Incoming) => FrontResponse;

const HANDLERS: Readonly<Record<Operation, Handler>> = {
  'virtualMachines.get': getMachine,
  'virtualMachines.createOrUpdate': ({ world, machines, operations }, { route, request, forcedFailure }) =>
    createOrUpdate(world, machines, operations, route.at, request, forcedFailure),
  'virtualMachines.delete': deleteMachine,
  'virtualMachines.listAll': listMachines,
  'virtualMachines.listByLocation': listMachines,
  'virtualMachines.list': listMachines,
  'resourceSkus.list': ({ world }, { request }) => listResourceSkus(world, request),
  'usage.list': ({ world }, { route, request }) => listUsages(world, route.at.location, request),
  'operations.get': ({ operations }, { route }) => operations.get(route.at.operationId),
  'disks.delete': ({ world }, { route }) => removePart(world, route, 'disk'),
  'networkInterfaces.delete': ({ world }, { route }) => removePart(world, route, 'network-interface'),
  'publicIPAddresses.delete': ({ world }, { route }) => removePart(world, route, 'address'),
  'resources.list': ({ world }, { route, request }) => listResources(world, route.at.subscription, request),
  'capacityReservationGroups.get': ({ world }, { route, request }) => getReservationGroup(world, route, request),
  'capacityReservations.listByCapacityReservationGroup': ({ world }, { route, request }) =>
    listReservations(world, route, request),
  'placementScores.generate': ({ world }, { request }) => generatePlacementScores(world, request),
  'resourceGraph.resources': ({ world, machines }, { request }) => queryResourceGraph(world, machines, request),
  'permissions.list': ({ world }) => listPermissions(world),
  'providers.get': ({ world }, { route }) => getProvider(world, route),
};

function listMachines({ world, machines }: Arm, { route, request }: Incoming): FrontResponse {
  const location = route.at.location.toLowerCase();
  const resourceGroup = route.at.resourceGroup.toLowerCase();
  const found = machines
    .list(route.at.subscription)
    .map(({ machine, state }) => ({ machine, state, details: machines.detailsOf(machine) }))
    .filter(({ machine }) => !world.isDown('azure', machine.pool.region))
    .filter(({ machine }) => location === '' || machine.pool.region === location)
    .filter(({ details }) => resourceGroup === '' || details.resourceGroup.toLowerCase() === resourceGroup);
  const page = pageOf(request, found, MACHINES_PER_PAGE);
  const value = page.value.map(({ machine, state, details }) =>
    viewOf(world, machine, details, { instanceView: false, fromList: true, state }),
  );
  return jsonAnswer(200, { value, nextLink: page.nextLink });
}

function getMachine({ world, machines }: Arm, { route, request }: Incoming): FrontResponse {
  const machine = machines.find(route.at);
  if (machine === null) throw machineNotFound(route.at);
  const instanceView = request.url.searchParams.get('$expand')?.toLowerCase() === 'instanceview';
  return jsonAnswer(200, viewOf(world, machine, machines.detailsOf(machine), { instanceView, fromList: false }));
}

/** What a failed launch left behind is gone at once; anything else takes its time. */
function deleteMachine({ machines, operations }: Arm, { route, request }: Incoming): FrontResponse {
  const machine = machines.find(route.at);
  if (machine === null) return emptyAnswer(204);
  machines.remove(machine);
  return emptyAnswer(202, operations.start(request, route.at.subscription, 'delete', machine));
}

/** Azure Resource Manager as far as machines go: compute, what belongs to machines, what can be asked about them. */
export function createResourceManagerFront(world: World): Front {
  const machines = createArmMachines(world);
  const arm: Arm = { world, machines, operations: createAsyncOperations(world, machines) };

  /** Where the path does not say it, what the request is about does. */
  const regionsOf: Readonly<Partial<Record<Operation, (route: Route, request: FrontRequest) => string | null>>> = {
    'resourceSkus.list': (_route, { url }) => /'([^']*)'/.exec(url.searchParams.get('$filter') ?? '')?.[1] ?? null,
    'resources.list': (_route, { url }) => locationOfFilter(url.searchParams.get('$filter') ?? ''),
    'virtualMachines.createOrUpdate': (_route, request) => locationInBody(request),
    'disks.delete': (route) => partAt(world, route, 'disk')?.region ?? null,
    'networkInterfaces.delete': (route) => partAt(world, route, 'network-interface')?.region ?? null,
    'publicIPAddresses.delete': (route) => partAt(world, route, 'address')?.region ?? null,
    'capacityReservationGroups.get': (_route, request) => locationOfGroup(world, request),
    'capacityReservations.listByCapacityReservationGroup': (_route, request) => locationOfGroup(world, request),
    'virtualMachines.get': (route) => machines.find(route.at)?.pool.region ?? null,
    'virtualMachines.delete': (route) => machines.find(route.at)?.pool.region ?? null,
  };

  function regionOf(route: Route, request: FrontRequest): string | null {
    const { location } = route.at;
    if (location !== '') return location.toLowerCase();
    return regionsOf[route.operation]?.(route, request) ?? null;
  }

  return {
    cloud: 'azure',
    service: 'resource-manager',
    tls: true,
    label(request) {
      const routing = routeOf(request);
      if (!routing.found) return { operation: 'unknown', region: null, mutating: false };
      const { operation, mutating, bucket } = routing.route;
      return { operation, region: regionOf(routing.route, request), mutating, bucket };
    },
    handle(request, forcedFailure = null) {
      try {
        const routing = routeOf(request);
        checkRequest(request);
        if (!routing.found) throw unknownRoute(routing.methodAllowed, request);
        const { route } = routing;
        checkSubscription(route);
        checkAccess(world, route, request.url.pathname);
        return HANDLERS[route.operation](arm, { route, request, forcedFailure });
      } catch (error) {
        if (error instanceof ArmRefusal) return refusalAnswer(error);
        throw error;
      }
    },
    faultResponse: (fault, request) => refusalAnswer(faultRefusal(fault, request)),
    vendorErrorResponse: ({ status, code, message }) => refusalAnswer(new ArmRefusal(status, code, message)),
  };
}

function checkRequest(request: FrontRequest): void {
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
}

function checkSubscription({ at }: Route): void {
  if (at.subscription !== '' && !GUID.test(at.subscription))
    throw new ArmRefusal(404, 'SubscriptionNotFound', `The subscription '${at.subscription}' could not be found.`);
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

/** Null also for a filter that will be refused. */
function locationOfFilter(filter: string): string | null {
  try {
    return readFilter(filter).location;
  } catch {
    return null;
  }
}

function locationOfGroup(world: World, request: FrontRequest): string | null {
  try {
    return groupAt(world, request.url.pathname.replace(/\/capacityReservations$/i, '')).location;
  } catch {
    return null;
  }
}

function faultRefusal(fault: FaultAnswer, request: FrontRequest): ArmRefusal {
  switch (fault) {
    case 'throttle':
      return throttled(request);
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

/** Names the bucket that is empty, as Azure does. */
function throttled(request: FrontRequest): ArmRefusal {
  const routing = routeOf(request);
  const bucket = routing.found ? routing.route.bucket : 'SubscriptionReads';
  return new ArmRefusal(429, 'TooManyRequests', 'The request is being throttled as the limit has been reached.', {
    'retry-after': '5',
    'x-ms-ratelimit-remaining-resource': `Microsoft.Compute/${bucket};0`,
  });
}
