import type { MicroUsdPerHour } from '../../src/domain/money.ts';
import type { ServiceWorld } from './world.ts';

export type ServedMarket = 'spot' | 'on-demand';

export interface SimulatedReplica {
  readonly id: number;
  readonly market: ServedMarket;
  /** Index in the world's zones; null for an on-demand machine of a policy that does not say where. */
  readonly zone: number | null;
  readonly launchedStep: number;
  /** First step at which it serves. */
  readonly readyStep: number;
}

/** What a policy sees at the start of a step: all that happened up to the end of the step before. */
export interface ServiceView {
  readonly step: number;
  readonly replicas: readonly SimulatedReplica[];
  /** Spot replicas that were taken in the step before, by zone. */
  readonly lost: ReadonlyMap<number, number>;
  /** Spot launches that were refused in the step before, by zone. */
  readonly refused: ReadonlyMap<number, number>;
}

export interface ServiceOrders {
  readonly launches: readonly { readonly market: ServedMarket; readonly zone: number | null; readonly count: number }[];
  readonly retire: readonly number[];
}

/** A policy remembers what it wants between calls; one is made for each run. */
export type ServicePolicy = (view: ServiceView) => ServiceOrders;

export interface ServiceOptions {
  readonly replicas: number;
  /** Seconds from launch to serving. */
  readonly coldStartSeconds: number;
}

export interface ServiceFigures {
  /** Share of steps, after the first cold start, with at least N replicas ready. */
  readonly availability: number;
  /** Machine-hours paid by price, over N on-demand machines all the time. */
  readonly costShare: number;
  /** Most serving replicas of N that were lost in one step, as a share of N; replicas over N that took their place count as not lost. */
  readonly worstLossShare: number;
  /** … by one zone alone. */
  readonly worstZoneLossShare: number;
  /** Most replicas in one zone at any step, ready or not, as a share of N. */
  readonly largestZoneShare: number;
  /** Most replicas that were taken at any step to depend on one zone beyond those over N, as a share of N. */
  readonly largestCountedShare: number;
  readonly launches: number;
  readonly refusals: number;
  readonly losses: number;
  readonly onDemandHours: number;
  readonly spotHours: number;
  /** Share of steps with this many replicas missing of N; index is the number missing. */
  readonly missing: readonly number[];
}

interface Run {
  replicas: SimulatedReplica[];
  lost: Map<number, number>;
  refused: Map<number, number>;
  nextId: number;
}

/**
 * Replays a service: at each step the policy orders by what it saw of the step before, then the zones' capacity of this step decides which spot
 * replicas live and which launches are accepted (the youngest go first), and every machine that is held is paid for the whole step. Steps and
 * readiness as in the simulation that SpotHedge (Mao et al., EuroSys'25) was published with, so that its figures can be compared.
 */
export function simulateService(world: ServiceWorld, options: ServiceOptions, policy: ServicePolicy): ServiceFigures {
  const coldSteps = Math.ceil(options.coldStartSeconds / world.stepSeconds - 1e-9);
  const run: Run = { replicas: [], lost: new Map(), refused: new Map(), nextId: 0 };
  const tally = createTally(world, options.replicas);
  for (let step = 0; step < world.stepCount; step += 1) {
    const { replicas, lost, refused } = run;
    const orders = policy({ step, replicas, lost, refused });
    const before = replicas.filter(({ readyStep }) => readyStep <= step);
    tally.launched(applyOrders(run, orders, step, coldSteps));
    applyCapacity(run, world, step);
    tally.step(run, step, before, orders.retire, step >= coldSteps);
  }
  return tally.figures();
}

function applyOrders(run: Run, orders: ServiceOrders, step: number, coldSteps: number): number {
  const retired = new Set(orders.retire);
  const kept = run.replicas.filter(({ id }) => !retired.has(id));
  let count = 0;
  for (const launch of orders.launches) {
    for (let index = 0; index < launch.count; index += 1) {
      const { market, zone } = launch;
      kept.push({ id: run.nextId, market, zone, launchedStep: step, readyStep: step + coldSteps });
      run.nextId += 1;
      count += 1;
    }
  }
  run.replicas = kept;
  return count;
}

function applyCapacity(run: Run, world: ServiceWorld, step: number): void {
  const used = new Map<number, number>();
  run.lost = new Map();
  run.refused = new Map();
  run.replicas = run.replicas.filter((replica) => {
    const { zone, market } = replica;
    if (market === 'on-demand' || zone === null) return true;
    const count = used.get(zone) ?? 0;
    if (count < (world.zones[zone]?.nodesAt(step) ?? 0)) {
      used.set(zone, count + 1);
      return true;
    }
    const log = replica.launchedStep === step ? run.refused : run.lost;
    log.set(zone, (log.get(zone) ?? 0) + 1);
    return false;
  });
}

function createTally(world: ServiceWorld, replicas: number) {
  const hoursPerStep = world.stepSeconds / 3600;
  const missing = new Map<number, number>();
  let [steps, available, paid, launches, refusals, losses, onDemandSteps, spotSteps] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [worstLoss, worstZoneLoss, largestZone, largestCounted] = [0, 0, 0, 0];

  function pay(replica: SimulatedReplica, step: number): MicroUsdPerHour {
    if (replica.market === 'on-demand') {
      onDemandSteps += 1;
      return world.onDemandPrice;
    }
    spotSteps += 1;
    return world.zones[replica.zone ?? -1]?.spotPriceAt(step) ?? 0;
  }

  function spread(held: readonly SimulatedReplica[]): void {
    for (const [zone, own] of Map.groupBy(held, ({ zone }) => zone)) {
      if (zone === null) continue;
      largestZone = Math.max(largestZone, own.length);
      const without = Math.min(replicas, held.length - own.length);
      largestCounted = Math.max(largestCounted, Math.min(replicas, held.length) - without);
    }
  }

  function loss(run: Run, before: readonly SimulatedReplica[], retired: readonly number[]): void {
    if (run.lost.size === 0) return;
    const alive = new Set(run.replicas.map(({ id }) => id));
    const given = new Set(retired);
    const serving = before.filter(({ id }) => !given.has(id));
    const gone = serving.filter(({ id }) => !alive.has(id));
    const fall = (count: number): number =>
      Math.min(replicas, serving.length) - Math.min(replicas, serving.length - count);
    worstLoss = Math.max(worstLoss, fall(gone.length));
    for (const [, own] of Map.groupBy(gone, ({ zone }) => zone))
      worstZoneLoss = Math.max(worstZoneLoss, fall(own.length));
  }

  return {
    launched(count: number): void {
      launches += count;
    },
    step(
      run: Run,
      step: number,
      before: readonly SimulatedReplica[],
      retired: readonly number[],
      counts: boolean,
    ): void {
      for (const count of run.refused.values()) refusals += count;
      for (const count of run.lost.values()) losses += count;
      loss(run, before, retired);
      spread(run.replicas);
      if (!counts) return;
      steps += 1;
      for (const replica of run.replicas) paid += pay(replica, step);
      const short = Math.max(0, replicas - run.replicas.filter(({ readyStep }) => readyStep <= step).length);
      if (short === 0) available += 1;
      missing.set(short, (missing.get(short) ?? 0) + 1);
    },
    figures(): ServiceFigures {
      return {
        availability: available / steps,
        costShare: paid / (replicas * world.onDemandPrice * steps),
        worstLossShare: worstLoss / replicas,
        worstZoneLossShare: worstZoneLoss / replicas,
        largestZoneShare: largestZone / replicas,
        largestCountedShare: largestCounted / replicas,
        launches,
        refusals,
        losses,
        onDemandHours: onDemandSteps * hoursPerStep,
        spotHours: spotSteps * hoursPerStep,
        missing: Array.from({ length: replicas + 1 }, (_, count) => (missing.get(count) ?? 0) / steps),
      };
    },
  };
}
