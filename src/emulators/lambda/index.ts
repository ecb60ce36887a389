/**
 * Lambda's cloud API (`https://cloud.lambda.ai/api/v1`, reference 1.10.0): what the broker needs of it. One endpoint serves all
 * regions from the account's own records, so a region that is down is missing from no list: launches there fail, nothing else.
 */
import type { Front, FrontRequest, FrontResponse, RequestLabel } from '../http/front.ts';
import type { MachineState, VendorErrorFact, World, WorldMachine } from '../world/contract.ts';
import { SSH_KEY } from './account.ts';
import {
  type ApiError,
  dataAnswer,
  errorAnswer,
  instanceIdOf,
  instanceJson,
  instanceTypesJson,
  regionsJson,
  serialOf,
} from './answers.ts';
import { launchAnswer } from './launch.ts';
import { jsonOf, terminateBody } from './requests.ts';

const CLOUD = 'lambda';

interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  /** The reference's `operationId`. */
  readonly operation: string;
  readonly mutating: boolean;
  readonly handle: (world: World, request: FrontRequest, forcedFailure: VendorErrorFact | null) => FrontResponse;
}

const ROUTES: readonly Route[] = [
  read(/^\/api\/v1\/instance-types$/, 'listInstanceTypes', (world) =>
    dataAnswer(instanceTypesJson(world, (region, type) => hasCapacity(world, region, type))),
  ),
  read(/^\/api\/v1\/regions$/, 'listRegions', (world) => dataAnswer(regionsJson(world))),
  read(/^\/api\/v1\/ssh-keys$/, 'listSSHKeys', () => dataAnswer([SSH_KEY])),
  read(/^\/api\/v1\/instances$/, 'listInstances', listInstances),
  read(/^\/api\/v1\/instances\/[^/]+$/, 'getInstance', getInstance),
  change(/^\/api\/v1\/instance-operations\/launch$/, 'launchInstance', launchAnswer),
  change(/^\/api\/v1\/instance-operations\/terminate$/, 'terminateInstance', terminateInstances),
];

function read(path: RegExp, operation: string, handle: Route['handle']): Route {
  return { method: 'GET', path, operation, mutating: false, handle };
}

function change(path: RegExp, operation: string, handle: Route['handle']): Route {
  return { method: 'POST', path, operation, mutating: true, handle };
}

export function createFronts(world: World): readonly Front[] {
  return [
    {
      cloud: CLOUD,
      service: 'api',
      tls: false,
      label: labelOf,
      handle: (request, forcedFailure = null) => answerOf(world, request, forcedFailure),
      faultResponse(answer, request) {
        if (answer === 'throttle') return throttled(labelOf(request).operation);
        return errorAnswer(FAULTS[answer]);
      },
      vendorErrorResponse: ({ status, code, message }) => errorAnswer({ status, code, message }),
    },
  ];
}

const FAULTS = {
  // The reference's example of an upstream provider that cannot be reached.
  unavailable: {
    status: 503,
    code: 'provider/internal-unavailable',
    message: 'Provider unavailable',
    suggestion: 'Try again shortly',
  },
  unauthorized: {
    status: 401,
    code: 'global/invalid-api-key',
    message: 'API key was invalid, expired, or deleted.',
    suggestion: 'Check your API key or create a new one, then try again.',
  },
  'internal-error': {
    status: 500,
    code: 'global/internal-error',
    message: 'An internal server error occurred.',
    suggestion: 'Try again later. Contact Support if the problem persists.',
  },
} as const satisfies Readonly<Record<string, ApiError>>;

/** The reference has no envelope for it: the limits are kept by the CDN in front of the API, in its own words. */
function throttled(operation: string): FrontResponse {
  const seconds = operation === 'launchInstance' ? 12 : 1;
  return {
    status: 429,
    headers: { 'content-type': 'text/plain', 'retry-after': String(seconds) },
    body: 'error code: 1015',
  };
}

function routeOf({ method, url }: FrontRequest): Route | null {
  return ROUTES.find((route) => route.method === method && route.path.test(url.pathname)) ?? null;
}

/** Launches have the bucket `launch` (one in 12 s), everything else shares `requests` (one a second). */
function labelOf(request: FrontRequest): RequestLabel {
  const route = routeOf(request);
  if (route === null) {
    return {
      operation: `${request.method} ${request.url.pathname}`,
      region: null,
      mutating: request.method !== 'GET',
      bucket: 'requests',
    };
  }
  const { operation, mutating } = route;
  const bucket = operation === 'launchInstance' ? 'launch' : 'requests';
  return { operation, mutating, region: regionOf(operation, request), bucket };
}

/** A launch names its region; everything else is asked of the account, whose limit it draws on. */
function regionOf(operation: string, request: FrontRequest): string | null {
  if (operation !== 'launchInstance') return null;
  const body = jsonOf(request);
  const region = typeof body === 'object' && body !== null && 'region_name' in body ? body.region_name : null;
  return typeof region === 'string' ? region : null;
}

function answerOf(world: World, request: FrontRequest, forcedFailure: VendorErrorFact | null): FrontResponse {
  const { authorization = '' } = request.headers;
  if (!/^(Bearer|Basic) \S+$/.test(authorization)) {
    // As met on 2026-09-13: the same code as for a wrong key, with words of its own.
    return errorAnswer({ ...FAULTS.unauthorized, message: 'No API key was provided.' });
  }
  const route = routeOf(request);
  if (route === null) {
    return errorAnswer({ status: 404, code: 'global/not-found', message: 'The requested resource was not found.' });
  }
  if (world.isDenied(CLOUD, route.operation)) {
    return errorAnswer({ status: 403, code: 'global/forbidden', message: `This API key may not ${route.operation}.` });
  }
  return route.handle(world, request, forcedFailure);
}

function hasCapacity(world: World, region: string, instanceType: string): boolean {
  return world.freeOf({ cloud: CLOUD, region, zone: region, instanceType, market: 'on-demand' }) > 0;
}

interface Shown {
  readonly machine: WorldMachine;
  readonly state: MachineState;
}

/** Null = the cloud does not know it, or does not show it yet. */
function shown(world: World, instanceId: string): Shown | null {
  const serial = serialOf(instanceId);
  const machine = serial === null ? null : world.machine(serial);
  if (machine === null || machine.pool.cloud !== CLOUD) return null;
  const state = world.shownStateOf(machine);
  return state === null ? null : { machine, state };
}

/** "A list of your running instances": ended ones are not in it. The API does not page. */
function listInstances(world: World): FrontResponse {
  const known = world.machines(CLOUD).flatMap(({ serial }) => shown(world, instanceIdOf(serial)) ?? []);
  const listed = known.filter(({ state }) => state !== 'terminated');
  return dataAnswer(listed.map(({ machine, state }) => instanceJson(world, machine, state)));
}

function getInstance(world: World, { url }: FrontRequest): FrontResponse {
  const found = shown(world, url.pathname.split('/').at(-1) ?? '');
  return found === null ? errorAnswer(NO_INSTANCE) : dataAnswer(instanceJson(world, found.machine, found.state));
}

const NO_INSTANCE: ApiError = {
  status: 404,
  code: 'global/object-does-not-exist',
  message: 'Specified instance does not exist.',
};

/** All or none. Chosen, not documented: what has ended cannot be ended again. */
function terminateInstances(world: World, request: FrontRequest): FrontResponse {
  const parsed = terminateBody.safeParse(jsonOf(request));
  if (!parsed.success)
    return errorAnswer({ status: 400, code: 'global/invalid-parameters', message: 'Invalid request data.' });
  const found = parsed.data.instance_ids.map((id) => shown(world, id));
  const living = found.flatMap((instance) => (instance === null || instance.state === 'terminated' ? [] : [instance]));
  if (living.length < found.length) return errorAnswer(NO_INSTANCE);
  if (living.some(({ machine }) => world.isDown(CLOUD, machine.pool.region))) return errorAnswer(FAULTS.unavailable);
  const terminated = living.map(({ machine }) => {
    const now = world.terminate(machine.serial) ?? machine;
    return instanceJson(world, now, world.stateOf(now));
  });
  return dataAnswer({ terminated_instances: terminated });
}
