import { createHash } from 'node:crypto';
import { type RunningBroker, startBroker } from '../../src/broker/broker.ts';
import type { BrokerContext, BrokerSettings, Planner } from '../../src/broker/context.ts';
import { createNewId } from '../../src/broker/ids.ts';
import { createPolicyKeeper, type PolicyKeeper } from '../../src/broker/policy-keeper.ts';
import type { RebalancePlanner } from '../../src/broker/rebalancing.ts';
import type { World } from '../../src/emulators/world/contract.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { rebalanceOffer } from '../../src/planning/rebalance.ts';
import type { CloudEnd } from './cloud.ts';
import { CLOUDS, REGIONS } from './market.ts';
import type { Network } from './network.ts';
import { type BrokerProcess, createProcess } from './process.ts';
import { createSimulatedProvider, type LaunchWitness } from './provider.ts';
import { type SharedStore, storeOf } from './store.ts';
import type { Story } from './story.ts';
import type { SimulatedTime } from './time.ts';
import type { Trace } from './trace.ts';
import { type PolicyName, policyOf } from './wishes.ts';

export const SETTINGS: BrokerSettings = {
  owner: 'simulated',
  offersSeconds: 300,
  quotasSeconds: 120,
  concurrency: new Map(),
  reconcileSeconds: 15,
  sweepSeconds: 40,
  interruptionsSeconds: 15,
  rebalanceSeconds: 600,
  attemptTimeoutSeconds: 45,
  visibilitySeconds: 10,
  orphanGraceSeconds: 60,
  removeOrphans: false,
};

/** A place where a broker runs: one process after another. */
export interface Host {
  readonly index: number;
  /** Null while it is down, or only starting. */
  running(): { readonly context: BrokerContext; readonly keeper: PolicyKeeper; readonly process: BrokerProcess } | null;
  /** The process under way, starting ones included. */
  process(): BrokerProcess | null;
  start(): void;
  /** Ends it in good order, and starts it again. */
  restart(): void;
  /** How long after its next death it is started again. */
  setDownMs(ms: number): void;
  jump(ms: number): void;
  skewMs(): number;
}

export interface HostParts {
  readonly index: number;
  readonly story: Story;
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly world: World;
  readonly shared: SharedStore;
  readonly network: Network;
  readonly ends: readonly CloudEnd[];
  readonly witness: LaunchWitness & { afterPlan(): Promise<void> };
  /** What the operator's files say now. */
  readonly policyInForce: () => PolicyName;
  /** Decides by a draw whether a statement of the store fails now. */
  readonly storeFailure: (draw: number) => 'before' | 'after' | null;
  readonly onDeath: (name: string) => void;
}

interface Life {
  readonly process: BrokerProcess;
  readonly stopping: AbortController;
  context: BrokerContext | null;
  keeper: PolicyKeeper | null;
  broker: RunningBroker | null;
}

const FIRST_DOWN_MS = 3_000;
/** Wake-ups carry no facts: this share of them is lost. */
const LOST_WAKE_UPS = 0.1;

export function createHost(parts: HostParts): Host {
  const { index, story, time, trace } = parts;
  let life: Life | null = null;
  let lives = 0;
  let skewMs = 0;
  let downMs = FIRST_DOWN_MS;

  function die(dead: Life): void {
    if (life === dead) life = null;
    parts.onDeath(dead.process.name);
    time.after(downMs, start);
    downMs = FIRST_DOWN_MS;
  }

  function start(): void {
    lives += 1;
    const name = `broker ${index}.${lives}`;
    trace.tell(`${name} starts`);
    const process = createProcess({
      ...{ name, seed: story.seed, time, trace, skewMs },
      onDeath: () => die(begun),
    });
    const begun: Life = { process, stopping: new AbortController(), context: null, keeper: null, broker: null };
    life = begun;
    void begin(begun).catch((error: unknown) => {
      // A program that cannot start ends, and is started again.
      trace.tell(`${name} did not start: ${String(error)}`);
      process.die();
    });
  }

  async function begin(begun: Life): Promise<void> {
    const wake = { wakeLeases: () => {}, wakePlacing: () => {} };
    const context = contextOf(parts, begun, wake);
    const keeper = createPolicyKeeper(context);
    const policy = parts.policyInForce();
    await keeper.accept([{ policy: policyOf(policy), source: policy }]);
    begun.broker = await startBroker(context, planners(time), (calls) => Object.assign(wake, calls));
    begun.context = context;
    begun.keeper = keeper;
    trace.tell(`${begun.process.name} runs`);
  }

  return {
    index,
    running: () => {
      if (life === null || life.context === null || life.keeper === null || life.broker === null) return null;
      return { context: life.context, keeper: life.keeper, process: life.process };
    },
    process: () => life?.process ?? null,
    start,
    restart: () => {
      const ended = life;
      if (ended === null || ended.broker === null) return;
      life = null;
      trace.tell(`${ended.process.name} stops`);
      ended.stopping.abort(new Error('The broker is stopping'));
      void ended.broker.stop().then(() => start());
    },
    setDownMs: (ms) => {
      downMs = ms;
    },
    jump: (ms) => {
      skewMs += ms;
      life?.process.jump(ms);
    },
    skewMs: () => skewMs,
  };
}

function contextOf(
  parts: HostParts,
  begun: Life,
  wake: Pick<BrokerContext, 'wakeLeases' | 'wakePlacing'>,
): BrokerContext {
  const { story, time, trace, world, shared, network, witness } = parts;
  const { process, stopping } = begun;
  const random = drawsOf(story.seed, process.name);
  const waking = drawsOf(story.seed, `${process.name} wakes`);
  const failing = drawsOf(story.seed, `${process.name} store`);
  const store = storeOf({
    ...{ shared, process, time, kind: story.brokers > 1 ? 'postgres' : 'memory' },
    onPlanned: () => {
      trace.count('plans');
      return witness.afterPlan();
    },
    failure: () => parts.storeFailure(failing()),
    wakeUpMs: () => (waking() < LOST_WAKE_UPS ? null : 1 + Math.floor(waking() * 20)),
  });
  const providers = new Map(
    parts.ends.map((end) => [end.rules.cloud, createSimulatedProvider({ world, end, network, process, witness })]),
  );
  return {
    ...{ store, random, providers, clock: process.clock },
    newId: createNewId(process.clock, random),
    newToken: () => createHash('sha256').update(String(random())).digest('base64url'),
    callbackUrl: () => 'http://broker.simulated/',
    regions: new Map(CLOUDS.map((cloud) => [cloud, REGIONS[cloud]])),
    settings: { ...SETTINGS, removeOrphans: story.removesOrphans },
    logger: {
      info: () => {},
      warn: (fields, message) => trace.tell(`${process.name} warns: ${message} ${JSON.stringify(fields)}`),
      error: (fields, message) => trace.tell(`${process.name} fails: ${message} ${JSON.stringify(fields)}`),
    },
    holder: process.name,
    signal: stopping.signal,
    wakePlacing: () => process.isDead() || wake.wakePlacing(),
    wakeLeases: () => process.isDead() || wake.wakeLeases(),
  };
}

/** The real planner, in this thread: a plan takes no simulated time. */
function planners(time: SimulatedTime): { readonly planner: Planner; readonly analyst: RebalancePlanner } {
  return {
    planner: {
      plan: (input, _signal, options) => time.hold(planFleet(input, { effort: options?.effort ?? 'full' })),
      close: async () => {},
    },
    analyst: { rebalance: (input) => time.hold(rebalanceOffer(input)) },
  };
}

function drawsOf(seed: number, key: string): () => number {
  const stream = streamOf(seed, key);
  let count = 0;
  return () => {
    count += 1;
    return uniformAt(stream, count);
  };
}
