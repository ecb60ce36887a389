import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import pino from 'pino';
import { createApi } from '../api/create-api.ts';
import { startBroker } from '../broker/broker.ts';
import type { BrokerContext, BrokerSettings } from '../broker/context.ts';
import { createService } from '../broker/create-service.ts';
import { createNewId } from '../broker/ids.ts';
import { createPlanner } from '../broker/planning/planner.ts';
import { createPolicyKeeper } from '../broker/policy-keeper.ts';
import { type BrokerConfig, loadBrokerConfig } from '../config/broker-config.ts';
import { formatConfigError } from '../config/config-error.ts';
import { loadPolicies } from '../config/load-policies.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { policiesInForce } from '../store/policies.ts';
import { ConfigProblem, cloudsFor, loadProviders } from './load-providers.ts';
import { watchPolicies } from './policy-watch.ts';
import { systemClock } from './system-clock.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  readonly configFile: string;
  readonly policiesDirectory: string;
  /** Instead of the config's. */
  readonly dataDirectory: string | null;
  readonly port: number | null;
  /** What running emulated clouds wrote of themselves; null = start them, if config asks for emulated clouds. */
  readonly cloudsFile: string | null;
  readonly seed: number;
  readonly logLevel: string;
}

export interface Serving {
  readonly url: string;
  readonly controlUrl: string | null;
  stop(): Promise<void>;
}

/** Wires the whole broker from its files and starts it. Throws {@link ConfigProblem} before anything is started. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const config = await loadBrokerConfig(options.configFile);
  if (!config.ok) throw new ConfigProblem(config.errors);
  const policies = await loadPolicies(options.policiesDirectory);
  const stopping = new AbortController();
  const logger = pino({ level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
  const closers: (() => Promise<void> | void)[] = [];
  async function closeAll(): Promise<void> {
    for (const close of closers.toReversed()) await close();
  }
  try {
    const dataDirectory = options.dataDirectory ?? dataDirectoryOf(config.value);
    await mkdir(dataDirectory, { recursive: true });
    const clouds = await cloudsFor(config.value, { ...options, logDirectory: dataDirectory });
    if (clouds?.child !== undefined) closers.push(() => clouds.child?.stop());
    const onTrouble = (error: unknown, what: string): void => logger.warn({ error: String(error) }, what);
    const store = await openStore({ ...storeOptions(config.value, dataDirectory), onTrouble });
    closers.push(() => store.close());
    const { providers, regions } = await loadProviders(config.value, clouds?.place ?? null);
    closers.push(async () => {
      await Promise.all([...providers.values()].map((provider) => provider.close()));
    });
    const planner = createPlanner();
    closers.push(() => planner.close());
    // A thread of its own, started with the first report: placing never waits for one.
    const analyst = createPlanner();
    closers.push(() => analyst.close());
    let ownUrl: string | null = null;
    const wake = { wakeLeases: () => {}, wakePlacing: () => {} };
    const context: BrokerContext = {
      ...{ store, providers, regions, logger },
      clock: systemClock,
      random: Math.random,
      newId: createNewId(systemClock, Math.random),
      newToken: () => randomBytes(32).toString('base64url'),
      callbackUrl: () => config.value.launch.callbackUrl ?? (config.value.clouds === 'emulated' ? ownUrl : null),
      settings: brokerSettings(config.value),
      holder: `${process.pid}-${Date.now().toString(36)}`,
      signal: stopping.signal,
      wakePlacing: () => wake.wakePlacing(),
      wakeLeases: () => wake.wakeLeases(),
    };
    const keeper = createPolicyKeeper(context);
    await firstPolicies(store, keeper, policies);
    const notReloaded = (error: unknown): void => logger.error({ error: String(error) }, 'Policies were not reloaded');
    const watching = watchPolicies(options.policiesDirectory, keeper, notReloaded);
    const reload = (): void => void watching.reload().catch(notReloaded);
    process.on('SIGHUP', reload);
    closers.push(() => {
      process.off('SIGHUP', reload);
      return watching.close();
    });
    const service = createService(context, planner, keeper, analyst);
    const { listen } = config.value;
    const api = createApi({
      ...{ service, logger, clock: systemClock },
      version: VERSION,
      allowedHosts: listen.allowedHosts,
    });
    const server = createServer(api);
    await listening(server, options.port ?? listen.port, listen.host);
    closers.push(() => closed(server));
    ownUrl = urlOf(server);
    // After listening: the first machine may call back as soon as it is launched.
    const broker = await startBroker(context, { planner, analyst }, (calls) => Object.assign(wake, calls));
    closers.push(async () => {
      stopping.abort(new Error('The broker is stopping'));
      await broker.stop();
    });
    return { url: ownUrl, controlUrl: clouds?.place.controlUrl ?? null, stop: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type PolicyLoad = Awaited<ReturnType<typeof loadPolicies>>;

/** A wrong policy file at the start: what was in force, by the store, stays; without any there is nothing to run by. */
async function firstPolicies(
  store: Store,
  keeper: ReturnType<typeof createPolicyKeeper>,
  loaded: PolicyLoad,
): Promise<void> {
  if (loaded.ok) return keeper.accept(loaded.value);
  if ((await policiesInForce(store.database)).length === 0) throw new ConfigProblem(loaded.errors);
  return keeper.reject(loaded.errors.map(formatConfigError));
}

function dataDirectoryOf(config: BrokerConfig): string {
  return config.store.kind === 'embedded' ? config.store.dataDirectory : './data';
}

function storeOptions(config: BrokerConfig, dataDirectory: string): Parameters<typeof openStore>[0] {
  if (config.store.kind === 'postgres') return config.store;
  return { kind: 'embedded', dataDirectory: path.join(dataDirectory, 'store') };
}

function brokerSettings(config: BrokerConfig): BrokerSettings {
  return {
    owner: config.owner,
    concurrency: new Map(Object.entries(config.providers).map(([id, { concurrency }]) => [id, concurrency])),
    ...config.intervals,
    attemptTimeoutSeconds: config.launch.attemptTimeoutSeconds,
    visibilitySeconds: config.launch.visibilitySeconds,
    ...config.sweep,
  };
}

async function listening(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function urlOf(server: Server): string {
  const address = server.address() as AddressInfo;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
