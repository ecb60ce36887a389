import { applyWorkload, deleteWorkload } from '../../src/broker/admission.ts';
import { hearCallback } from '../../src/broker/callbacks.ts';
import type { BrokerContext } from '../../src/broker/context.ts';
import type { PolicyKeeper } from '../../src/broker/policy-keeper.ts';
import type { WorldMachine } from '../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../src/emulators/world/create-world.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';
import { findWorkload } from '../../src/store/workloads.ts';
import type { Host } from './broker.ts';
import { SETTINGS } from './broker.ts';
import { ATTEMPT_TAG, OWNER_TAG } from './cloud.ts';
import { CLOUDS, REGIONS, type SimulatedCloud } from './market.ts';
import type { Network } from './network.ts';
import type { BrokerProcess } from './process.ts';
import type { Act, Story } from './story.ts';
import type { SimulatedTime } from './time.ts';
import type { Trace } from './trace.ts';
import { type PolicyName, policyOf, workloadOf } from './wishes.ts';

export interface StoreFault {
  readonly id: string;
  readonly share: number;
  readonly until: number;
}

export interface Stage {
  readonly story: Story;
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly clouds: CreatedWorld;
  readonly network: Network;
  readonly hosts: readonly Host[];
  /** The judge is told what can be excused: a cloud (null = all) that is disturbed for so long. */
  readonly disturb: (cloud: SimulatedCloud | null, forMs: number) => void;
  /** Machines that are not the broker's, by serial. */
  readonly strangers: Set<number>;
  policy: PolicyName;
  /** When statements of the store fail, and how many of them. */
  readonly storeFaults: StoreFault[];
  /** What users believe to exist: only what they were told. */
  readonly accepted: Set<string>;
  readonly deleted: Set<string>;
}

/** How long a machine that never comes up takes. */
const STUCK_MS = 6 * 3_600_000;
const SMALL_QUOTA_SHARE = 0.002;
const CALLBACK_AGAIN_MS = 5_000;
const LONGEST_CALLBACK_MS = 60_000;

export function perform(stage: Stage, act: Act): void {
  const { time, trace, clouds, story } = stage;
  const { control, world } = clouds;
  trace.tell(`* ${wordsOf(act)}`);
  trace.count(`act: ${act.kind}`);
  switch (act.kind) {
    case 'apply':
      void request(stage, act.id, ({ context }) => applyWorkload(context, workloadOf(act))).then(() => {
        stage.accepted.add(act.workload);
        stage.deleted.delete(act.workload);
      });
      return;
    case 'delete':
      void remove(stage, act.id, act.workload);
      return;
    case 'policy':
      stage.policy = act.policy;
      for (const host of stage.hosts) {
        const files = [{ policy: policyOf(act.policy), source: act.policy }];
        host
          .running()
          ?.keeper.accept(files)
          .catch(() => {});
      }
      return;
    case 'crash': {
      const host = stage.hosts[act.broker];
      host?.setDownMs(act.downMs);
      host?.process()?.arm(act.point, act.nth);
      return;
    }
    case 'restart':
      stage.disturb(null, 30_000);
      stage.hosts[act.broker]?.restart();
      return;
    case 'jump':
      stage.disturb(null, 3 * Math.abs(act.ms));
      stage.hosts[act.broker]?.jump(act.ms);
      return;
    case 'calls': {
      const now = time.now();
      stage.disturb(act.cloud, act.forMs + 60_000);
      stage.network.add({ ...act, from: now, until: now + act.forMs });
      return;
    }
    case 'store':
      stage.disturb(null, act.forMs + 30_000);
      stage.storeFaults.push({ id: act.id, share: act.share, until: time.now() + act.forMs });
      return;
    case 'stranger':
      callStranger(stage, act.cloud, act.id);
      return;
    case 'interrupt':
    case 'lose':
      for (const machine of victims(stage, act)) {
        if (act.kind === 'lose') control.lose(machine.serial);
        else interrupt(stage, machine);
      }
      return;
    case 'outage':
      stage.disturb(act.cloud, act.forMs);
      control.setOutage(act.cloud, act.region, true);
      time.after(act.forMs, () => control.setOutage(act.cloud, act.region, false));
      return;
    case 'sold-out': {
      const pattern = {
        cloud: act.cloud,
        region: act.region,
        zone: null,
        instanceType: null,
        accelerator: null,
        market: null,
      };
      control.setFree(pattern, 0);
      time.after(act.forMs, () => control.setFree(pattern, PLENTY));
      return;
    }
    case 'rate-limit':
      stage.disturb(act.cloud, act.forMs);
      control.setRateLimit(act.cloud, '*', { capacity: 2, refillPerSecond: 0.5 });
      time.after(act.forMs, () => control.setRateLimit(act.cloud, '*', null));
      return;
    case 'stuck':
      control.setLaunchLatencyMs(act.cloud, STUCK_MS);
      time.after(act.forMs, () => control.setLaunchLatencyMs(act.cloud, story.launchMs));
      return;
    case 'strand':
      stage.disturb(act.cloud, act.forMs);
      control.setStrandsParts(act.cloud, true);
      time.after(act.forMs, () => control.setStrandsParts(act.cloud, false));
      return;
    case 'quota':
      for (const { name, defaultLimit } of world.facts(act.cloud).quotas) {
        control.setQuotaLimit(act.cloud, null, name, Math.round(defaultLimit * SMALL_QUOTA_SHARE));
        time.after(act.forMs, () => control.setQuotaLimit(act.cloud, null, name, defaultLimit));
      }
      return;
    case 'prices':
      shockPrices(stage, act.cloud, act.factor);
      time.after(act.forMs, () => control.setSpotPrice(everyPoolOf(act.cloud), null));
      return;
  }
}

/** Machines that the clouds can start at most, in every pool. */
export const PLENTY = 30;

export function everyPoolOf(cloud: SimulatedCloud) {
  return { cloud, region: null, zone: null, instanceType: null, accelerator: null, market: null };
}

function shockPrices({ clouds: { control, world } }: Stage, cloud: SimulatedCloud, factor: number): void {
  for (const { name: instanceType } of world.facts(cloud).instanceTypes) {
    for (const region of REGIONS[cloud]) {
      for (const zone of world.zonesOffering(cloud, region, instanceType)) {
        const price = world.price({ cloud, region, zone, instanceType, market: 'spot' });
        if (price === null) continue;
        control.setSpotPrice({ ...everyPoolOf(cloud), region, zone, instanceType }, Math.round(price * factor));
      }
    }
  }
}

interface Live {
  readonly context: BrokerContext;
  readonly keeper: PolicyKeeper;
  readonly process: BrokerProcess;
}

/** A user asks whichever broker runs, and asks again when it dies before it has answered. */
export async function request<T>(stage: Stage, id: string, ask: (live: Live) => Promise<T>): Promise<T> {
  const stream = streamOf(stage.story.seed, `user ${id}`);
  for (let attempt = 0; ; attempt += 1) {
    const live = stage.hosts.map((host) => host.running()).filter((one) => one !== null);
    const chosen = live[Math.floor(uniformAt(stream, attempt) * live.length)];
    if (chosen !== undefined) {
      const died = chosen.process.death.then(() => null);
      // An error is asked about again, too: the store may fail for a while.
      const answered = ask(chosen).then(
        (value) => ({ value }),
        () => null,
      );
      const outcome = await Promise.race([answered, died]);
      if (outcome !== null) return outcome.value;
    }
    await stage.time.sleep(1_000);
  }
}

export async function remove(stage: Stage, id: string, name: string): Promise<void> {
  await request(stage, id, async ({ context }) => {
    const workload = await findWorkload(context.store.database, name);
    if (workload !== null) await deleteWorkload(context, workload);
  });
  stage.accepted.delete(name);
  stage.deleted.add(name);
}

function victims(
  { clouds: { world }, story }: Stage,
  act: Extract<Act, { kind: 'interrupt' | 'lose' }>,
): readonly WorldMachine[] {
  const stream = streamOf(story.seed, `victims of ${act.id}`);
  return CLOUDS.filter((cloud) => act.cloud === null || act.cloud === cloud)
    .flatMap((cloud) => world.machines(cloud))
    .filter((machine) => ['pending', 'running'].includes(world.stateOf(machine)))
    .filter((machine) => act.kind === 'lose' || machine.pool.market === 'spot')
    .filter(({ serial }) => uniformAt(stream, serial) < act.share);
}

function interrupt(stage: Stage, machine: WorldMachine): void {
  stage.clouds.control.interrupt(machine.serial);
  stage.trace.count('notices');
  if (machine.pool.cloud !== 'azure') return;
  const deadlineAt = stage.time.now() + 30_000;
  const [, token] = /GPU_BROKER_CALLBACK_TOKEN=["']?([\w-]+)/.exec(String(machine.details['userData'] ?? '')) ?? [];
  if (token === undefined) return;
  void callBack(stage, machine, token, deadlineAt);
}

/** The machine's own relay tells the broker; it repeats until it is heard, or gone. What it says may arrive twice. */
async function callBack(stage: Stage, machine: WorldMachine, token: string, deadlineAt: number): Promise<void> {
  const { time, trace, story } = stage;
  const attempt = machine.tags[ATTEMPT_TAG] ?? '';
  const stream = streamOf(story.seed, `call back ${machine.serial}`);
  const until = time.now() + LONGEST_CALLBACK_MS;
  const notice = { kind: 'notice', deadlineAt, message: 'Preempt' } as const;
  for (let round = 0; time.now() < until; round += 1) {
    await time.sleep(500 + uniformAt(stream, round) * CALLBACK_AGAIN_MS);
    const live = stage.hosts.map((host) => host.running()).find((one) => one !== null);
    if (live === undefined || live === null) continue;
    const heard = await Promise.race([
      hearCallback(live.context, attempt, token, notice).then(
        () => true,
        (error: unknown) => {
          trace.tell(`a call back of ${attempt} failed: ${String(error)}`);
          return false;
        },
      ),
      live.process.death.then(() => false),
    ]);
    if (heard && uniformAt(stream, -round - 1) < 0.7) return;
  }
}

/** A machine with our owner tag that no broker here has started: of another installation, or made by hand. */
function callStranger({ clouds: { world }, strangers, trace }: Stage, cloud: SimulatedCloud, id: string): void {
  const [region = ''] = REGIONS[cloud];
  const [type] = world.facts(cloud).instanceTypes;
  const [zone = ''] = world.zonesOffering(cloud, region, type?.name ?? '');
  const name = cloud === 'aws' ? null : [`b-stranger${id}-0`];
  const result = world.launch({
    pool: { cloud, region, zone, instanceType: type?.name ?? '', market: 'on-demand' },
    ...{ count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, names: name, capacityAnswer: 'sync', details: {} },
    tags: { [OWNER_TAG]: SETTINGS.owner, [ATTEMPT_TAG]: `stranger${id}` },
  });
  if (!result.accepted) return;
  for (const { serial } of result.machines) {
    strangers.add(serial);
    trace.tell(`stranger ${cloud} machine ${serial}`);
  }
}

/** An act in words. */
export function wordsOf({ id: _id, at: _at, kind, ...how }: Act): string {
  const words = Object.entries(how).map(([name, value]) => `${name} ${value === null ? 'all' : String(value)}`);
  return `${kind} ${words.join(', ')}`;
}
