import { createHash } from 'node:crypto';
import { type RunningBroker, startBroker } from '../../src/broker/broker.ts';
import type { BrokerContext, BrokerSettings } from '../../src/broker/context.ts';
import { createService } from '../../src/broker/create-service.ts';
import { createNewId } from '../../src/broker/ids.ts';
import { createPlanner } from '../../src/broker/planning/planner.ts';
import { createPolicyKeeper, type PolicyKeeper } from '../../src/broker/policy-keeper.ts';
import type { BrokerService, EventView, WorkloadView } from '../../src/broker/service.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { startClouds } from '../../src/emulators/clouds.ts';
import { createManualClock, type ManualClock } from '../../src/emulators/world/clocks.ts';
import type { WorldMachine } from '../../src/emulators/world/contract.ts';
import type { RunningClouds } from '../../src/emulators/world/control-contract.ts';
import type { CloudId } from '../../src/emulators/world/market-facts.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { loadProvider } from '../../src/providers/registry.ts';
import { openStore, type Store } from '../../src/store/open-store.ts';
import { permissivePolicy } from './policies.ts';

export { permissivePolicy, samplePolicy } from './policies.ts';

/** A whole broker in this process: real loops, real planner, real store in memory, real SDKs over HTTP to emulated clouds. */
export interface BrokerRig {
  readonly clock: ManualClock;
  readonly clouds: RunningClouds;
  readonly service: BrokerService;
  readonly keeper: PolicyKeeper;
  readonly context: BrokerContext;
  readonly store: Store;
  /** Moves time in small steps until the condition holds; fails with `what` after `seconds` of the broker's time. */
  until(what: string, condition: () => Promise<boolean>, seconds?: number): Promise<void>;
  /** Lets so much of the broker's time go by. */
  pass(seconds: number): Promise<void>;
  /** Until every replica of the workload is ready and nothing else of it is left. */
  untilReady(name: string, seconds?: number): Promise<WorkloadView>;
  events(type: string): Promise<readonly EventView[]>;
  /** Machines that exist: pending, running or stopping. */
  machines(cloud?: CloudId): readonly WorldMachine[];
  /** Ends the broker's loops and starts new ones on the same store and clouds. */
  restart(): Promise<void>;
  /** A second broker on the same clouds, with a connection of its own to the same store. */
  startAnother(store: Store): Promise<void>;
  close(): Promise<void>;
}

export interface BrokerRigOptions {
  readonly clouds?: readonly CloudId[];
  readonly regions?: Readonly<Partial<Record<CloudId, readonly string[]>>>;
  readonly policy?: Policy;
  /** Instead of one policy. */
  readonly policies?: readonly Policy[];
  readonly settings?: Partial<BrokerSettings>;
  /** Default: the embedded store, in memory. */
  readonly store?: Store;
  /** Changes the adapters before the broker gets them: what they lack, or how they fail. */
  readonly adapt?: (provider: Provider) => Provider;
  /** Default: machines cannot call back. */
  readonly callbackUrl?: string;
  /** Machines run what calls the broker back; default: nothing runs in them. */
  readonly machineAgent?: boolean;
}

/** They keep nothing between plans; their threads are started once, and do not hold the process. */
const planner = createPlanner();
const analyst = createPlanner();

const STEP_MS = 150;
const STEPS_A_LOOK = 3;
const STARTED_AT = Date.UTC(2026, 9, 5, 8, 30);

const REGIONS: Readonly<Record<CloudId, readonly string[]>> = {
  aws: ['us-east-1', 'us-west-2'],
  azure: ['eastus', 'eastus2'],
  gcp: ['us-central1'],
  lambda: ['us-east-1', 'us-west-1'],
};

const OPTIONS: Readonly<Record<CloudId, Readonly<Record<string, unknown>>>> = {
  aws: {},
  azure: {},
  gcp: { project: 'emulated-project', catalogMaxAgeSeconds: 0 },
  lambda: { sshKeyName: 'gpu-broker', catalogMaxAgeSeconds: 0 },
};

const SETTINGS: BrokerSettings = {
  owner: 'test-broker',
  offersSeconds: 3600,
  quotasSeconds: 3600,
  concurrency: new Map(),
  reconcileSeconds: 5,
  sweepSeconds: 30,
  interruptionsSeconds: 5,
  rebalanceSeconds: 3600,
  attemptTimeoutSeconds: 120,
  visibilitySeconds: 10,
  orphanGraceSeconds: 60,
  removeOrphans: false,
};

export async function startBrokerRig(options: BrokerRigOptions = {}): Promise<BrokerRig> {
  const names = options.clouds ?? ['aws', 'azure'];
  const clock = createManualClock(STARTED_AT);
  const inside = options.machineAgent === true ? { machineAgent: { log: () => {} } } : {};
  const clouds = await startClouds({ seed: 7, clock, clouds: names, ...inside });
  for (const cloud of names) {
    const pattern = { cloud, region: null, zone: null, instanceType: null, accelerator: null, market: null };
    clouds.control.setFree(pattern, 40);
  }
  const store = options.store ?? (await openStore({ kind: 'memory' }));
  const regions = new Map(names.map((cloud) => [cloud, options.regions?.[cloud] ?? REGIONS[cloud]]));
  const providers = new Map(
    await Promise.all(
      names.map(async (cloud): Promise<[string, Provider]> => {
        const settings = {
          regions: regions.get(cloud) ?? [],
          endpoints: clouds.endpoints[cloud],
          certificateAuthority: clouds.certificateAuthority,
          credentials: 'emulated' as const,
          options: OPTIONS[cloud],
          clock,
        };
        const provider = await loadProvider(cloud, settings);
        return [cloud, options.adapt?.(provider) ?? provider];
      }),
    ),
  );
  const random = randomFrom(7);
  const newId = createNewId(clock, random);
  let started = 0;

  async function start(on: Store = store) {
    started += 1;
    const stopping = new AbortController();
    const wake = { wakeLeases: () => {}, wakePlacing: () => {} };
    const context: BrokerContext = {
      ...{ store: on, clock, random, newId, providers, regions },
      newToken: () => createHash('sha256').update(String(random())).digest('base64url'),
      callbackUrl: () => options.callbackUrl ?? null,
      settings: { ...SETTINGS, ...options.settings },
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      holder: `test-${started}`,
      signal: stopping.signal,
      wakePlacing: () => wake.wakePlacing(),
      wakeLeases: () => wake.wakeLeases(),
    };
    const keeper = createPolicyKeeper(context);
    const policies = options.policies ?? [options.policy ?? permissivePolicy()];
    await keeper.accept(policies.map((policy) => ({ policy, source: 'test' })));
    const broker: RunningBroker = await startBroker(context, { planner, analyst }, (calls) =>
      Object.assign(wake, calls),
    );
    const service = createService(context, planner, keeper, analyst);
    return {
      ...{ context, keeper, service },
      stop: async () => {
        stopping.abort(new Error('The broker is stopping'));
        await broker.stop();
      },
    };
  }

  let running = await start();
  const others: Awaited<ReturnType<typeof start>>[] = [];

  async function until(what: string, condition: () => Promise<boolean>, seconds = 300): Promise<void> {
    const deadline = clock.now() + seconds * 1000;
    for (let step = 0; step % STEPS_A_LOOK !== 0 || !(await condition()); step += 1) {
      if (clock.now() > deadline) {
        const { items } = await running.service.listEvents({ workloadId: null }, { cursor: null, limit: 500 });
        const story = items.slice(-30).map(({ type, message }) => `${type}: ${message}`);
        throw new Error(`Not within ${seconds} s: ${what}\n${story.join('\n')}`);
      }
      await clock.advance(STEP_MS);
      // A turn for sockets and worker threads, which live on the process's own time.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async function pass(seconds: number): Promise<void> {
    const end = clock.now() + seconds * 1000;
    await until(`${seconds} s have passed`, async () => clock.now() >= end, seconds + 10);
  }

  return {
    ...{ clock, clouds, store, until, pass },
    get service() {
      return running.service;
    },
    get keeper() {
      return running.keeper;
    },
    get context() {
      return running.context;
    },
    untilReady: async (name, seconds) => {
      await until(
        `${name} is ready`,
        async () => {
          const { readyReplicaCount, spec, leases } = await running.service.getWorkload(name);
          return readyReplicaCount === spec.replicas && leases.every(({ state }) => state === 'ready');
        },
        seconds,
      );
      return running.service.getWorkload(name);
    },
    events: async (type) => {
      const { items } = await running.service.listEvents({ workloadId: null }, { cursor: null, limit: 500 });
      return items.filter((event) => event.type === type);
    },
    machines: (cloud) =>
      (cloud === undefined ? names : [cloud])
        .flatMap((name) => clouds.world.machines(name))
        .filter((machine) => ['pending', 'running', 'stopping'].includes(clouds.world.stateOf(machine))),
    restart: async () => {
      await running.stop();
      running = await start();
    },
    startAnother: async (on) => {
      others.push(await start(on));
    },
    close: async () => {
      await Promise.all([running, ...others].map((broker) => broker.stop()));
      await Promise.all([...providers.values()].map((provider) => provider.close()));
      await store.close();
      await clouds.close();
    },
  };
}

function randomFrom(seed: number): () => number {
  const stream = streamOf(seed, 'broker');
  let step = 0;
  return () => {
    step += 1;
    return uniformAt(stream, step);
  };
}
