import { createWorld } from '../../src/emulators/world/create-world.ts';
import type { MarketFacts } from '../../src/emulators/world/market-facts.ts';
import type { Store } from '../../src/store/open-store.ts';
import { everyPoolOf, PLENTY, perform, remove, type Stage } from './acts.ts';
import { createHost, type Host } from './broker.ts';
import { CLOUD_RULES, createCloudEnd } from './cloud.ts';
import { isLive, leaseFacts, workloadFacts } from './facts.ts';
import { createJudge, type Judge, Violation } from './judge.ts';
import { CLOUDS } from './market.ts';
import { createNetwork } from './network.ts';
import { disagreement, whatIsUnsettled } from './settled.ts';
import type { SharedStore } from './store.ts';
import type { Story } from './story.ts';
import { createTime } from './time.ts';
import { createTrace } from './trace.ts';
import { policyOf } from './wishes.ts';

/** An hour before a month ends, so that budgets bind, and sometimes begin anew. */
const STARTED_AT = Date.UTC(2026, 9, 31, 23, 0);
const LOOK_MS = 5_000;
/** After the last fault everything is in its place within this. */
export const SETTLE_MS = 20 * 60_000;
/** After the last workload was deleted nothing is left within this. */
export const CLEAR_MS = 15 * 60_000;
/** It stays in its place for this long. */
const STAY_MS = 45_000;

export interface RunResult {
  readonly story: Story;
  readonly hash: string;
  /** Null = every promise was kept. */
  readonly violation: string | null;
  readonly violatedAtMs: number | null;
  readonly simulatedMs: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Empty unless asked for. */
  readonly lines: readonly string[];
}

export interface RunParts {
  readonly shared: SharedStore;
  readonly facts: readonly MarketFacts[];
  readonly keepsLines?: boolean;
}

/** Plays one story from its beginning to an empty cloud. The same story gives the same trace. */
export async function runStory(story: Story, { shared, facts, keepsLines = false }: RunParts): Promise<RunResult> {
  await shared.reset();
  const time = createTime(story.seed, STARTED_AT);
  const trace = createTrace(() => time.now(), STARTED_AT, keepsLines);
  const clouds = createWorld({ seed: story.seed, clock: time, facts, startedAt: STARTED_AT });
  const network = createNetwork({ seed: story.seed, time, trace, clouds });
  const strangers = new Set<number>();
  let worstSkewMs = 0;
  const judge = createJudge({
    ...{ time, clouds, strangers, store: shared.store, removesOrphans: story.removesOrphans },
    skewMs: () => {
      worstSkewMs = Math.max(worstSkewMs, ...hosts.map((host) => Math.abs(host.skewMs())));
      return worstSkewMs;
    },
  });
  const ends = CLOUD_RULES.map((rules) => createCloudEnd(clouds.world, rules));
  const hosts: Host[] = Array.from({ length: story.brokers }, (_, index) =>
    createHost({
      ...{ index, story, time, trace, shared, network, ends, world: clouds.world, witness: judge },
      policyInForce: () => stage.policy,
      storeFailure: (draw) => storeFailureOf(stage, draw),
      onDeath: () => judge.disturb(null, AFTER_DEATH_MS),
    }),
  );
  const stage: Stage = {
    ...{ story, time, trace, clouds, network, hosts, strangers, disturb: judge.disturb },
    ...{ policy: story.policy, accepted: new Set(), deleted: new Set(), storeFaults: [] },
  };
  furnish(stage);
  const counts = (): Record<string, number> => ({
    ...Object.fromEntries([...trace.counts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    launches: CLOUDS.reduce((sum, cloud) => sum + clouds.world.store(cloud, 'simulated keys').size, 0),
    terminations: CLOUDS.reduce((sum, cloud) => sum + clouds.world.store(cloud, 'simulated ends').size, 0),
  });
  let violation: string | null = null;
  try {
    for (const host of hosts) host.start();
    for (const act of story.acts) time.after(act.at, () => perform(stage, act));
    await goOn(stage, judge, STARTED_AT + story.endMs);
    await settle(stage, judge, shared.store);
    await clear(stage, judge, shared.store);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
    trace.tell(`! ${violation}`);
  }
  trace.tell(await fingerprint(shared.store));
  const counted = counts();
  for (const host of hosts) host.process()?.arm('any', 1);
  await time.runUntil(time.now() + 60_000, () => hosts.every((host) => host.process() === null));
  const simulatedMs = time.now() - STARTED_AT;
  return {
    ...{ story, violation, simulatedMs, hash: trace.hash(), counts: counted, lines: trace.lines },
    violatedAtMs: violation === null ? null : simulatedMs,
  };
}

/** Half of the statements that fail have taken effect. */
function storeFailureOf({ storeFaults, time, trace }: Stage, draw: number): 'before' | 'after' | null {
  const fault = storeFaults.find(({ until }) => time.now() < until);
  if (fault === undefined || draw >= fault.share) return null;
  trace.count('fault: store');
  return draw < fault.share / 2 ? 'before' : 'after';
}

/** A new process needs to find its feet: locks of the dead one run out, everything is listed anew. */
const AFTER_DEATH_MS = 90_000;

function furnish({ clouds: { control }, story }: Stage): void {
  for (const cloud of CLOUDS) {
    control.setFree(everyPoolOf(cloud), PLENTY);
    control.setLaunchLatencyMs(cloud, story.launchMs);
  }
  control.setVisibilityDelayMs('aws', story.lagMs);
}

/** Plays on, with the judge looking every few seconds. */
async function goOn(
  stage: Stage,
  judge: Judge,
  until: number,
  isDone: () => Promise<boolean> = async () => false,
): Promise<boolean> {
  const { time } = stage;
  while (time.now() < until) {
    await time.runUntil(Math.min(time.now() + LOOK_MS, until), () => judge.broken() !== null);
    await judge.look();
    if (await isDone()) return true;
  }
  return false;
}

/** Nothing goes wrong any more: what lasted beyond the end of the story ends now. */
function heal(stage: Stage): void {
  const { clouds, network, hosts, story, policy } = stage;
  const { control, world } = clouds;
  network.clear();
  stage.storeFaults.length = 0;
  furnish(stage);
  for (const cloud of CLOUDS) {
    for (const region of [null, ...world.facts(cloud).regions.map(({ name }) => name)])
      control.setOutage(cloud, region, false);
    control.setRateLimit(cloud, '*', null);
    control.setStrandsParts(cloud, false);
    control.setSpotPrice(everyPoolOf(cloud), null);
    for (const { name, defaultLimit } of world.facts(cloud).quotas)
      control.setQuotaLimit(cloud, null, name, defaultLimit);
  }
  for (const host of hosts) {
    host.process()?.disarm();
    host.jump(-host.skewMs());
    host
      .running()
      ?.keeper.accept([{ policy: policyOf(policy), source: policy }])
      .catch(() => {});
  }
  stage.trace.tell(`* all is well again after ${story.endMs / 1000} s`);
}

async function settle(stage: Stage, judge: Judge, store: Store): Promise<void> {
  heal(stage);
  judge.disturb(null, AFTER_DEATH_MS);
  const until = stage.time.now() + SETTLE_MS;
  let quietSince: number | null = null;
  const isDone = await goOn(stage, judge, until, async () => {
    quietSince = (await whatIsUnsettled(stage, store.database)) === null ? (quietSince ?? stage.time.now()) : null;
    return quietSince !== null && stage.time.now() - quietSince >= STAY_MS;
  });
  if (!isDone)
    throw new Violation(
      `not settled ${SETTLE_MS / 60_000} minutes after the last fault: ${await whatIsUnsettled(stage, store.database)}`,
    );
}

/** Deletes everything: nothing may be left, in the store or in the clouds. */
async function clear(stage: Stage, judge: Judge, store: Store): Promise<void> {
  const names = new Set((await workloadFacts(store.database)).map(({ name }) => name));
  for (const name of names) void remove(stage, `clear ${name}`, name);
  stage.trace.tell('* everything is deleted');
  const { farewell } = stage.story;
  const [host] = stage.hosts;
  if (farewell !== null) {
    host?.setDownMs(farewell.downMs);
    host?.process()?.arm(farewell.point, farewell.nth);
  }
  async function left(): Promise<string | null> {
    const workload = (await workloadFacts(store.database)).find(({ state }) => state !== 'deleted');
    if (workload !== undefined) return `workload ${workload.name} is ${workload.state}`;
    const lease = (await leaseFacts(store.database)).find(isLive);
    if (lease !== undefined) return `lease ${lease.id} is ${lease.state}`;
    return disagreement(stage, []);
  }
  const isDone = await goOn(stage, judge, stage.time.now() + CLEAR_MS, async () => (await left()) === null);
  for (const each of stage.hosts) each.process()?.disarm();
  if (!isDone)
    throw new Violation(`something is left ${CLEAR_MS / 60_000} minutes after all was deleted: ${await left()}`);
}

async function fingerprint(store: Store): Promise<string> {
  const rows = await store.database.selectFrom('events').select(['at', 'type', 'message']).orderBy('id').execute();
  return JSON.stringify(rows);
}
