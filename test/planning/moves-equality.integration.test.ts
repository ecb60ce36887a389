import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput, PlanLease } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import type { Placement } from './exhaustive.ts';
import { allPlacements, combinationCount } from './exhaustive.ts';
import { violations } from './exhaustive-search.ts';
import { keptMachines, total } from './fleet-arithmetic.ts';
import { placesOf } from './fleet-rules.ts';
import { policyIn, usd } from './market-builders.ts';
import type { Dice } from './random-instances.ts';
import { diceFrom, randomInput } from './random-instances.ts';
import { heldCount } from './running-fleet.ts';

const SIZE = { offers: 6, workloads: 2, replicas: 3, leases: true };
const INSTANCES = 60;
const MOST_COMBINATIONS = 1_500;
const MOST_LOTS = 3;
/** Micro-dollars an hour that binary fractions may lose. */
const SAME_COST = 1;

/** An instance of one priority without limits of its workloads, so that nothing that runs is where it may not be. */
function movableInput(seed: number): PlanInput {
  const random = randomInput(seed, SIZE);
  const dice = diceFrom(seed + 7_000_003);
  const policy = {
    ...policyIn(random),
    allowedProviders: null,
    allowedMarkets: ['on-demand', 'spot', 'reserved'] as const,
    maxPriceMicroUsdPerHour: null,
    enforceAboveMicroUsdPerHour: 0,
    minProviders: 1,
  };
  const moveCostMicroUsd = dice.of([0, 0, usd(12), usd(48)]);
  return {
    ...random,
    policies: [{ ...policy, rebalance: { ...policy.rebalance, moveCostMicroUsd } }],
    leases: repriced(random.leases, dice),
    workloads: random.workloads.map(({ id, spec }) => ({
      id,
      spec: {
        ...spec,
        markets: ['on-demand', 'spot', 'reserved'],
        providers: null,
        regions: null,
        maxPriceMicroUsdPerHour: null,
        priority: 0,
        isProtected: dice.chance(0.15),
      },
    })),
  };
}

/** What runs was cheap or dear when it was bought; the machines of a gang alike. */
function repriced(leases: readonly PlanLease[], dice: Dice): PlanLease[] {
  return [...gangsOf(leases)].flatMap((gang) => {
    const factor = dice.of([0.8, 1, 1, 1.5, 3]);
    return gang.map((lease) => ({
      ...lease,
      // The machines of a gang need not pay the same.
      priceMicroUsdPerHour: Math.round(lease.priceMicroUsdPerHour * factor * dice.of([1, 1, 2])),
    }));
  });
}

function gangsOf(leases: readonly PlanLease[]): (readonly PlanLease[])[] {
  return [...Map.groupBy(leases, ({ workloadId, replicas }) => `${workloadId} ${replicas.join(',')}`).values()];
}

/** Gangs that may be given up, each one replica. */
function movableGangs({ leases, workloads }: PlanInput): (readonly PlanLease[])[] {
  const free = new Set(workloads.filter(({ spec }) => !spec.isProtected).map(({ id }) => id));
  return gangsOf(leases.filter(({ workloadId }) => free.has(workloadId))).filter(
    (gang) => gang.length === gang[0]?.partCount,
  );
}

function subsets<T>(items: readonly T[]): (readonly T[])[] {
  return Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((__, index) => (bits >> index) % 2 === 1));
}

interface Best {
  readonly held: number;
  /** Of the whole fleet, moves included. */
  readonly cost: number;
}

/** The best over everything that could be given up, and every way to place what nothing serves then. */
function bestWithMoves(input: PlanInput, gangs: readonly (readonly PlanLease[])[]): Best {
  const { moveCostMicroUsd, maxPaybackHours } = policyIn(input).rebalance;
  const asked = input.workloads.reduce((sum, { spec }) => sum + spec.replicas, 0);
  let best: Best = { held: Number.POSITIVE_INFINITY, cost: 0 };
  for (const released of subsets(gangs)) {
    const gone = new Set(released.flat().map(({ id }) => id));
    const rest = { ...input, leases: input.leases.filter(({ id }) => !gone.has(id)) };
    const cheapest = allPlacements(rest).find((placement) => keepsRules(input, rest, placement));
    if (cheapest === undefined) continue;
    const cost =
      total(keptMachines(rest), 'effective-cost') +
      cheapest.cost +
      (released.length * moveCostMicroUsd) / Math.max(1, maxPaybackHours);
    const held = asked - wholeReplicas(rest) - cheapest.placed.reduce((sum, count) => sum + count, 0);
    if (held < best.held || (held === best.held && cost < best.cost)) best = { held, cost };
  }
  return best;
}

function wholeReplicas({ leases }: PlanInput): number {
  return leases.filter(({ part, partCount, workloadId, replicas: [replica] }) => {
    const gang = leases.filter((other) => other.workloadId === workloadId && other.replicas[0] === replica);
    return part === 0 && gang.length === partCount;
  }).length;
}

/** Where all that runs keeps every rule, no move may break one, and nothing is excused. */
function keepsRules(input: PlanInput, rest: PlanInput, placement: Placement | null): boolean {
  const machines = [...keptMachines(rest), ...(placement?.machines ?? [])];
  const running = placesOf(rest, null).map((place) => ({ ...place, isNew: true }));
  const places = [...running, ...(placement?.places ?? [])];
  const force = { lifted: new Set<string>(), providers: 0 };
  return violations({ input, kept: [], keptPlaces: [] }, [force], machines, places).length === 0;
}

/** Else mending comes before saving. */
function isSound(input: PlanInput): boolean {
  return keepsRules(input, input, null);
}

/** What the plan differs in from the best choice of moves; empty when in nothing. */
function differences(input: PlanInput, plan: Plan, best: Best): string[] {
  const { effectiveCostMicroUsdPerHour: cost, effectiveBoundMicroUsdPerHour: bound } = plan;
  const held = heldCount(plan.held);
  if (held !== best.held) return [`holds ${held}, not ${best.held}`];
  return [
    ...(Math.abs(cost - best.cost) > SAME_COST ? [`costs ${cost}, not ${best.cost}`] : []),
    ...(bound > best.cost + SAME_COST ? [`states the bound ${bound} above ${best.cost}`] : []),
    ...(new Set([...plan.keptLeaseIds, ...plan.releasedLeaseIds]).size === input.leases.length
      ? []
      : ['loses a lease']),
  ];
}

/** Instances that brute force can judge, by seed. */
function* instances(): Generator<readonly [seed: number, input: PlanInput, gangs: (readonly PlanLease[])[]]> {
  for (let seed = 1; ; seed += 1) {
    const input = movableInput(seed);
    const gangs = movableGangs(input);
    if (gangs.length === 0 || gangs.length > MOST_LOTS || !isSound(input)) continue;
    if (combinationCount({ ...input, leases: [] }) <= MOST_COMBINATIONS) yield [seed, input, gangs];
  }
}

describe('a plan with moves against every choice of moves there is', () => {
  it('serves as much at the least cost of machines and moves', async () => {
    const failures: string[] = [];
    const moved: boolean[] = [];
    for (const [seed, input, gangs] of instances()) {
      const plan = await planFleet(input, { moves: true, gapShare: 0 });
      failures.push(...differences(input, plan, bestWithMoves(input, gangs)).map((text) => `seed ${seed}: ${text}`));
      if (moved.push(plan.releasedLeaseIds.length > 0) === INSTANCES) break;
    }
    expect(failures).toEqual([]);
    expect(moved.filter((some) => some).length).toBeGreaterThan(INSTANCES / 5);
    expect(moved.filter((some) => !some).length).toBeGreaterThan(INSTANCES / 5);
  });
});
