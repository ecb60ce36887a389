import { createCatalog } from '../world/catalog.ts';
import { isManualClock } from '../world/clocks.ts';
import type { Fault } from '../world/control-contract.ts';
import { accountRoutes } from './account-routes.ts';
import type { ControlContext, Route } from './route.ts';
import { Refused, read, readBody } from './route.ts';
import {
  clockBody,
  faultBody,
  latencyBody,
  machinesQuery,
  poolPattern,
  poolsBody,
  pricesBody,
  quotaBody,
  requestsQuery,
} from './schemas.ts';
import type { MachineView, PoolView, RequestsView, WorldView } from './views.ts';

export interface ControlRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

export interface ControlReply {
  readonly status: number;
  readonly value: unknown;
}

export type Router = (request: ControlRequest) => Promise<ControlReply>;

function readRoutes(context: ControlContext): readonly Route[] {
  const { world, control, log, clouds } = context;
  const catalog = createCatalog(clouds.map((cloud) => world.facts(cloud)));

  function worldView(): WorldView {
    const { endpoints, certificateAuthority } = context;
    const { seed, clock } = world;
    return { seed, now: clock.now(), manualClock: isManualClock(clock), clouds, endpoints, certificateAuthority };
  }

  function machineViews(query: unknown): readonly MachineView[] {
    const wanted = read(machinesQuery, query);
    return clouds
      .filter((cloud) => wanted.cloud === undefined || cloud === wanted.cloud)
      .flatMap((cloud) => world.machines(cloud))
      .map((machine) => ({ ...machine, state: world.stateOf(machine) }))
      .filter(({ state }) => wanted.state === undefined || state === wanted.state);
  }

  function poolViews(query: unknown): readonly PoolView[] {
    const pools = catalog.poolsMatching(read(poolPattern, query));
    return pools.map((pool) => ({ ...pool, free: control.freeOf(pool), priceMicroUsdPerHour: world.price(pool) }));
  }

  return [
    { method: 'GET', path: '/healthz', run: () => ({ status: 'ok' }) },
    { method: 'GET', path: '/world', run: worldView },
    { method: 'GET', path: '/world/machines', run: ({ query }) => ({ machines: machineViews(query) }) },
    { method: 'GET', path: '/world/pools', run: ({ query }) => ({ pools: poolViews(query) }) },
    { method: 'GET', path: '/world/faults', run: () => ({ faults: control.faults() }) },
    {
      method: 'GET',
      path: '/world/requests',
      run: ({ query }): RequestsView => log.since(read(requestsQuery, query).after),
    },
  ];
}

function writeRoutes(context: ControlContext): readonly Route[] {
  const { world, control } = context;
  let faultCount = 0;

  function serialOf(part: string): number {
    const serial = Number(part);
    if (world.machine(serial) === null) throw new Refused(404, `there is no machine ${part}`);
    return serial;
  }

  function machineAfter(serial: number): MachineView | null {
    const machine = world.machine(serial);
    return machine === null ? null : { ...machine, state: world.stateOf(machine) };
  }

  function addFault(body: string): Fault {
    const wanted = readBody(faultBody, body);
    faultCount += 1;
    const fault = { ...wanted, id: wanted.id ?? `fault-${faultCount}` };
    control.addFault(fault);
    return fault;
  }

  async function advance(body: string): Promise<{ readonly now: number }> {
    const { advanceMs } = readBody(clockBody, body);
    const { clock } = world;
    if (!isManualClock(clock)) throw new Refused(409, 'this world runs on a clock of its own: nobody can move it');
    await clock.advance(advanceMs);
    return { now: clock.now() };
  }

  return [
    {
      method: 'POST',
      path: '/world/pools',
      run({ body }) {
        const { pattern, free } = readBody(poolsBody, body);
        return { matched: control.setFree(pattern, free) };
      },
    },
    {
      method: 'POST',
      path: '/world/prices',
      run({ body }) {
        const { pattern, priceMicroUsdPerHour } = readBody(pricesBody, body);
        control.setSpotPrice(pattern, priceMicroUsdPerHour);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/world/quotas',
      run({ body }) {
        const { cloud, region, quota, limit } = readBody(quotaBody, body);
        control.setQuotaLimit(cloud, region, quota, limit);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/world/latencies',
      run({ body }) {
        const { cloud, launchLatencyMs, visibilityDelayMs } = readBody(latencyBody, body);
        if (launchLatencyMs !== undefined) control.setLaunchLatencyMs(cloud, launchLatencyMs);
        if (visibilityDelayMs !== undefined) control.setVisibilityDelayMs(cloud, visibilityDelayMs);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/world/machines/*/interrupt',
      run({ part }) {
        const serial = serialOf(part);
        control.interrupt(serial);
        return machineAfter(serial);
      },
    },
    {
      method: 'POST',
      path: '/world/machines/*/lose',
      run({ part }) {
        const serial = serialOf(part);
        control.lose(serial);
        return machineAfter(serial);
      },
    },
    { method: 'POST', path: '/world/faults', run: ({ body }) => addFault(body) },
    {
      method: 'DELETE',
      path: '/world/faults/*',
      run({ part }) {
        control.removeFault(part);
        return {};
      },
    },
    { method: 'POST', path: '/world/clock', run: ({ body }) => advance(body) },
  ];
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refused(400, `${segment} is not percent-encoded text`);
  }
}

/** The segment under `*` (empty when the route has none); null when the path is another. */
function partOf(route: Route, pathname: string): string | null {
  const wanted = route.path.split('/');
  const given = pathname.split('/');
  if (wanted.length !== given.length) return null;
  let part = '';
  for (const [index, segment] of wanted.entries()) {
    if (segment === '*') part = decoded(given[index] ?? '');
    else if (segment !== given[index]) return null;
  }
  return part;
}

export function createRouter(context: ControlContext): Router {
  const routes = [...readRoutes(context), ...writeRoutes(context), ...accountRoutes(context)];

  async function route(request: ControlRequest): Promise<ControlReply> {
    const there = routes.flatMap((candidate) => {
      const part = partOf(candidate, request.url.pathname);
      return part === null ? [] : [{ candidate, part }];
    });
    const found = there.find(({ candidate }) => candidate.method === request.method);
    if (found === undefined) {
      const allowed = (there.length > 0 ? there.map(({ candidate }) => candidate) : routes).map(
        ({ method, path }) => `${method} ${path}`,
      );
      throw new Refused(there.length > 0 ? 405 : 404, `ask for one of: ${allowed.join(', ')}`);
    }
    const query = Object.fromEntries(request.url.searchParams);
    return { status: 200, value: await found.candidate.run({ part: found.part, query, body: request.body }) };
  }

  return async (request) => {
    try {
      return await route(request);
    } catch (error) {
      if (error instanceof Refused)
        return { status: error.status, value: { error: error.message, problems: error.problems } };
      // The world says with a RangeError that it was asked for something that cannot be.
      if (error instanceof RangeError) return { status: 400, value: { error: error.message, problems: [] } };
      throw error;
    }
  };
}
