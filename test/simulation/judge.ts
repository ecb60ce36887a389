import type { WorldMachine } from '../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../src/emulators/world/create-world.ts';
import type { Store } from '../../src/store/open-store.ts';
import { SETTINGS } from './broker.ts';
import { ATTEMPT_TAG } from './cloud.ts';
import {
  attemptIds,
  isAttemptWritten,
  isLive,
  type LeaseFact,
  leaseEventsAfter,
  leaseFacts,
  workloadFacts,
} from './facts.ts';
import { CLOUDS, type SimulatedCloud } from './market.ts';
import { judgePlan } from './plan-judge.ts';
import type { SimulatedTime } from './time.ts';

/** A promise that was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Judge {
  /** Looks at store and clouds as they are now. Throws {@link Violation}. */
  look(): Promise<void>;
  beforeLaunch(cloud: SimulatedCloud, key: string): Promise<void>;
  /** After a plan was committed, before anything else happens. */
  afterPlan(): Promise<void>;
  /** What a cloud (null = all) is given for its disturbances is not held against the broker. */
  disturb(cloud: SimulatedCloud | null, forMs: number): void;
  /** The first broken promise that was met outside of {@link look}. */
  broken(): Violation | null;
  breakWith(words: string): void;
}

export interface JudgeOptions {
  readonly time: SimulatedTime;
  readonly store: Store;
  readonly clouds: CreatedWorld;
  readonly strangers: ReadonlySet<number>;
  readonly removesOrphans: boolean;
  /** The largest error of any broker's clock so far. */
  readonly skewMs: () => number;
}

const LIVING = new Set(['pending', 'running', 'stopping']);
/** What a sweep and what it removes take beyond the interval: calls with repeats, and a machine's end. */
const SWEEP_SLACK_MS = 45_000;
const RECONCILE_SLACK_MS = 45_000;

export function livingMachines({ world }: Pick<CreatedWorld, 'world'>): readonly WorldMachine[] {
  return CLOUDS.flatMap((cloud) => world.machines(cloud)).filter((machine) => LIVING.has(world.stateOf(machine)));
}

export function createJudge(options: JudgeOptions): Judge {
  const { time, store, clouds, strangers } = options;
  const { world } = clouds;
  const { database } = store;
  const calmSince = new Map<string, number>(CLOUDS.map((cloud) => [cloud, time.now()]));
  /** When each thing that must not last was first seen. */
  const since = new Map<string, number>();
  const states = new Map<string, string>();
  let lastEvent = 0;
  let violation: Violation | null = null;

  function breakWith(words: string): void {
    violation ??= new Violation(words);
  }

  /** Whether something that must not last has lasted for longer than allowed in undisturbed time. */
  function lasts(key: string, cloud: string, allowedMs: number): boolean {
    const begun = since.get(key) ?? time.now();
    since.set(key, begun);
    const calm = Math.max(begun, calmSince.get(cloud) ?? 0);
    return time.now() - calm > allowedMs + 2 * options.skewMs();
  }

  function judgeDoubles(machines: readonly WorldMachine[]): void {
    const seen = new Map<string, WorldMachine>();
    for (const machine of machines) {
      const key = machine.tags[ATTEMPT_TAG] ?? '';
      const other = seen.get(key);
      if (other !== undefined) {
        breakWith(`two machines for one attempt: ${nameOf(other)} and ${nameOf(machine)} both run for ${key}`);
      }
      seen.set(key, machine);
    }
  }

  async function judgeOrphans(machines: readonly WorldMachine[], leases: readonly LeaseFact[]): Promise<void> {
    const live = new Set(leases.filter(isLive).map(({ attemptId }) => attemptId));
    const orphans = machines.filter((machine) => !live.has(machine.tags[ATTEMPT_TAG] ?? ''));
    const known = orphans.length === 0 ? new Set<string>() : await attemptIds(database);
    const present = new Set<string>();
    for (const machine of orphans) {
      present.add(`orphan ${machine.serial}`);
      if (options.removesOrphans || !strangers.has(machine.serial)) judgeOrphan(machine, known);
    }
    forget('orphan ', present);
  }

  function judgeOrphan(machine: WorldMachine, known: ReadonlySet<string>): void {
    const attempt = machine.tags[ATTEMPT_TAG] ?? '';
    const isOurs = known.has(attempt);
    const wait = isOurs ? SETTINGS.visibilitySeconds : SETTINGS.orphanGraceSeconds;
    const allowed = (SETTINGS.sweepSeconds + wait) * 1000 + SWEEP_SLACK_MS;
    if (!lasts(`orphan ${machine.serial}`, machine.pool.cloud, allowed)) return;
    const what = isOurs ? 'whose lease has ended' : 'that no attempt accounts for';
    breakWith(
      `a leaked machine: ${nameOf(machine)} (${attempt}), ${what}, still runs after a sweep and the grace period`,
    );
  }

  function forget(prefix: string, present: ReadonlySet<string>): void {
    for (const key of since.keys()) if (key.startsWith(prefix) && !present.has(key)) since.delete(key);
  }

  function judgeReady(machines: readonly WorldMachine[], leases: readonly LeaseFact[]): void {
    const attempts = new Set(
      machines.filter((machine) => world.stateOf(machine) !== 'stopping').map(({ tags }) => tags[ATTEMPT_TAG] ?? ''),
    );
    const present = new Set<string>();
    for (const lease of leases) {
      if (lease.state !== 'ready' || attempts.has(lease.attemptId ?? '')) continue;
      const key = `ready ${lease.id}`;
      present.add(key);
      if (lasts(key, lease.provider, SETTINGS.reconcileSeconds * 1000 + RECONCILE_SLACK_MS)) {
        breakWith(`a false promise: lease ${lease.id} is ready, and ${lease.provider} has no machine for it`);
      }
    }
    forget('ready ', present);
  }

  async function judgeMoves(leases: readonly LeaseFact[]): Promise<void> {
    const byId = new Map(leases.map((lease) => [lease.id, lease]));
    for (const event of await leaseEventsAfter(database, lastEvent)) {
      lastEvent = event.id;
      const before = states.get(event.leaseId) ?? 'planned';
      if (before !== event.from) {
        breakWith(`a stale write: lease ${event.leaseId} went from ${event.from} to ${event.to} when it was ${before}`);
      }
      states.set(event.leaseId, event.to);
      if (event.from === 'ready' && event.to === 'lost') judgeLoss(event.message, byId.get(event.leaseId));
      if (event.from === 'ready' && event.to === 'draining') await judgeRelease(byId.get(event.leaseId));
    }
  }

  function machineOf(lease: LeaseFact | undefined): WorldMachine | undefined {
    return CLOUDS.flatMap((cloud) => world.machines(cloud)).find(({ tags }) => tags[ATTEMPT_TAG] === lease?.attemptId);
  }

  /** A ready machine of a protected workload goes only with its cloud, its replica, its gang, or its workload. */
  async function judgeRelease(lease: LeaseFact | undefined): Promise<void> {
    if (lease === undefined || lease.partCount > 1 || machineOf(lease)?.noticeAt !== null) return;
    const workload = (await workloadFacts(database)).find(({ id }) => id === lease.workloadId);
    if (workload?.isProtected !== true || ['deleting', 'deleted'].includes(workload.state)) return;
    if (lease.replicas.every((replica) => replica >= workload.replicas)) return;
    breakWith(`a protected machine released: lease ${lease.id} of ${workload.name}`);
  }

  /** A machine that nobody but the broker has ended was not lost. */
  function judgeLoss(message: string, lease: LeaseFact | undefined): void {
    const machine = machineOf(lease);
    if (lease === undefined || machine === undefined || machine.noticeAt !== null) return;
    if (machine.endedBy === 'interruption' || machine.endedBy === 'loss') return;
    breakWith(`a healthy machine given up: lease ${lease.id} called ${nameOf(machine)} lost (${message}), and it ran`);
  }

  function judgeStrangers(): void {
    for (const serial of strangers) {
      const machine = world.machine(serial);
      if (machine === null || machine.endedBy !== 'user' || machine.stoppingAt === null) continue;
      const age = machine.stoppingAt - machine.launchedAt;
      const grace = SETTINGS.orphanGraceSeconds * 1000 - 2 * options.skewMs();
      if (!options.removesOrphans)
        breakWith(`${nameOf(machine)} of unknown origin was ended although settings forbid it`);
      else if (age < grace)
        breakWith(
          `${nameOf(machine)} of unknown origin was ended ${age / 1000} s after it was made, within the grace period`,
        );
    }
  }

  function nameOf(machine: WorldMachine): string {
    return `${machine.pool.cloud} machine ${machine.serial} (${world.stateOf(machine)})`;
  }

  return {
    look: async () => {
      const leases = await leaseFacts(database);
      const machines = livingMachines(clouds);
      judgeDoubles(machines);
      await judgeOrphans(machines, leases);
      judgeReady(machines, leases);
      await judgeMoves(leases);
      judgeStrangers();
      if (violation !== null) throw violation;
    },
    beforeLaunch: async (cloud, key) => {
      if (!(await isAttemptWritten(database, key))) {
        breakWith(`sent before written: ${cloud} got a launch with the key ${key}, which the store does not have`);
      }
    },
    afterPlan: async () => {
      const words = await judgePlan({ database, world, now: time.now(), skewMs: options.skewMs() });
      if (words !== null) breakWith(words);
    },
    disturb: (cloud, forMs) => {
      const until = time.now() + forMs;
      for (const one of cloud === null ? CLOUDS : [cloud]) calmSince.set(one, Math.max(calmSince.get(one) ?? 0, until));
    },
    broken: () => violation,
    breakWith,
  };
}
