import type { Clock, EpochMs } from '../domain/time.ts';
import type { ControlServer } from './control/server.ts';
import { serveControl } from './control/server.ts';
import { createLoopbackCertificate } from './http/certificates.ts';
import type { Front } from './http/front.ts';
import { createRequestLog } from './http/request-log.ts';
import type { ServedFront } from './http/server.ts';
import { serveFront } from './http/server.ts';
import { createMachineAgent, TOLD_INSIDE } from './machine-agent.ts';
import type { World } from './world/contract.ts';
import type { MarketTrace, RunningClouds } from './world/control-contract.ts';
import type { CreatedWorld } from './world/create-world.ts';
import { createWorld } from './world/create-world.ts';
import { loadMarket } from './world/load-market.ts';
import type { CloudId, MarketFacts } from './world/market-facts.ts';
import { CLOUD_IDS } from './world/market-facts.ts';
import type { RateLimitRule } from './world/rate-limits.ts';

export const CLOUDS: readonly CloudId[] = CLOUD_IDS;

export interface CloudsOptions {
  readonly seed: number;
  readonly clock: Clock;
  /** Ports by service (`ec2`, `resource-manager` … and `control`); 0 or missing = any free one. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Market tables instead of the shipped ones, for the clouds they name. */
  readonly market?: readonly MarketFacts[];
  /** Default: all. */
  readonly clouds?: readonly CloudId[];
  /** Launch latency in world time, where it is not to be the default. */
  readonly launchLatencyMs?: Readonly<Partial<Record<CloudId, number>>>;
  /** How long reads lag behind launches, in world time; default 0. */
  readonly visibilityDelayMs?: Readonly<Partial<Record<CloudId, number>>>;
  /** Hour 0 of prices and capacity; default: the clock's present. */
  readonly startedAt?: EpochMs;
  /** See `WorldOptions`; default 0. */
  readonly interruptionsPerHour?: number;
  /** API rate limits to begin with; default: none. */
  readonly rateLimits?: readonly RateLimitRule[];
  /** A recorded market to replay from the start on. */
  readonly trace?: MarketTrace;
  /** Runs what is inside the machines (`machine-agent.ts`), which polls by the clock; told of what it has to say. Default: nothing runs in them. */
  readonly machineAgent?: { readonly log: (message: string) => void };
  /** Told when a front throws. Without it, `close()` rejects with what was thrown, so that no test passes over it. */
  readonly onError?: (error: unknown) => void;
}

/** Only the fronts asked for are loaded: one cloud works while another's is broken. */
const FRONTS: Readonly<Record<CloudId, () => Promise<{ createFronts(world: World): readonly Front[] }>>> = {
  aws: () => import('./ec2/index.ts'),
  azure: () => import('./arm/index.ts'),
  gcp: () => import('./gce/index.ts'),
  lambda: () => import('./lambda/index.ts'),
};

async function loadFronts(cloud: CloudId, world: World): Promise<readonly Front[]> {
  const { createFronts } = await FRONTS[cloud]();
  return createFronts(world);
}

async function marketOf(cloud: CloudId, given: readonly MarketFacts[]): Promise<MarketFacts> {
  return given.find((table) => table.cloud === cloud) ?? (await loadMarket(cloud));
}

/** Starts the emulated clouds in this process, each service on a loopback port of its own, and the control API. */
export async function startClouds(options: CloudsOptions): Promise<RunningClouds> {
  const { seed, clock, clouds = CLOUDS, ports = {} } = options;
  const facts = await Promise.all(clouds.map((cloud) => marketOf(cloud, options.market ?? [])));
  const { world, control, faults, rateLimits } = createWorld({
    seed,
    clock,
    facts,
    ...(options.startedAt === undefined ? {} : { startedAt: options.startedAt }),
    ...(options.interruptionsPerHour === undefined ? {} : { interruptionsPerHour: options.interruptionsPerHour }),
  });
  for (const cloud of clouds) {
    const latency = options.launchLatencyMs?.[cloud];
    if (latency !== undefined) control.setLaunchLatencyMs(cloud, latency);
    control.setVisibilityDelayMs(cloud, options.visibilityDelayMs?.[cloud] ?? 0);
  }
  for (const { cloud, bucket, ...limit } of options.rateLimits ?? []) control.setRateLimit(cloud, bucket, limit);
  if (options.trace !== undefined) control.replay(options.trace);
  const fronts = (await Promise.all(clouds.map((cloud) => loadFronts(cloud, world)))).flat();
  const serving = { world, control, faults, rateLimits, fronts, clouds, ports, onError: options.onError ?? null };
  const running = await serveAll(serving);
  return options.machineAgent === undefined ? running : withMachineAgent(running, clouds, options.machineAgent.log);
}

/** Beside the clouds, what runs in their machines, until they close. */
async function withMachineAgent(
  clouds: RunningClouds,
  held: readonly CloudId[],
  log: (message: string) => void,
): Promise<RunningClouds> {
  const { world } = clouds;
  // Only Azure's machines tell things inside only, so far.
  const { userDataOf } = await import('./arm/user-data.ts');
  const told = TOLD_INSIDE.filter((cloud) => held.includes(cloud));
  const closing = new AbortController();
  const agent = createMachineAgent({ world, clock: world.clock, fetch, clouds: told, userDataOf, log });
  const running = agent.run(closing.signal);
  return {
    ...clouds,
    async close() {
      closing.abort();
      await running;
      await clouds.close();
    },
  };
}

function noEndpoints(): Record<CloudId, Record<string, string>> {
  return Object.fromEntries(CLOUDS.map((cloud) => [cloud, {}])) as Record<CloudId, Record<string, string>>;
}

interface Serving extends CreatedWorld {
  readonly fronts: readonly Front[];
  readonly clouds: readonly CloudId[];
  readonly ports: Readonly<Record<string, number>>;
  readonly onError: ((error: unknown) => void) | null;
}

async function serveAll(serving: Serving): Promise<RunningClouds> {
  const { world, control, faults, rateLimits, clouds, ports } = serving;
  const log = createRequestLog();
  const thrown: unknown[] = [];
  const onError = serving.onError ?? ((error: unknown) => thrown.push(error));
  const certificate = await createLoopbackCertificate();
  const endpoints = noEndpoints();
  const served: (ServedFront | ControlServer)[] = [];
  async function closeAll(): Promise<void> {
    await Promise.all(served.map((server) => server.close()));
  }
  try {
    for (const front of serving.fronts) {
      const port = ports[front.service] ?? 0;
      const server = await serveFront({ front, port, world, faults, rateLimits, log, certificate, onError }).catch(
        (cause: unknown) => {
          throw new Error(`cannot serve ${front.cloud} ${front.service} on port ${port}`, { cause });
        },
      );
      served.push(server);
      endpoints[front.cloud][front.service] = server.url;
    }
    const { certificateAuthority } = certificate;
    const controlServer = await serveControl({
      ...{ world, control, log, clouds, endpoints, certificateAuthority, onError },
      port: ports['control'] ?? 0,
    });
    served.push(controlServer);
    return {
      ...{ world, control, endpoints, certificateAuthority },
      controlUrl: controlServer.url,
      requests: () => log.all(),
      async close() {
        await closeAll();
        if (thrown.length > 0) throw new AggregateError(thrown, 'a front of the emulated clouds threw');
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
