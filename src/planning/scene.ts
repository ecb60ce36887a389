import type { Plan, PlanInput, PlanLease, PlannedMachine } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { poolKey } from '../domain/pool.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import type { Kept } from './breaches.ts';
import { countedProviders } from './breaches.ts';
import type { Supply } from './eligibility.ts';
import { supplyOf } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { choiceMet, fleetsOf, leaseWeight, ledgersOf } from './fleets.ts';
import type { Governance } from './governance.ts';
import { governanceOf } from './governance.ts';
import type { Weight } from './ledger.ts';
import { Ledger } from './ledger.ts';
import type { MarketView } from './market-view.ts';
import { marketViewOf, policiesInOrder } from './market-view.ts';
import { egressCost, machineCost } from './pricing.ts';
import type { Rules } from './rules.ts';
import { LOSSES, noRules, ruleNames, rulesOf, subjectsOf, withoutRules } from './rules.ts';

/** Machines that the plan gives the workload and that would be swapped as one, or a lease that it keeps. */
export interface Taken {
  readonly key: string;
  readonly weight: Weight;
  readonly machines: number;
  readonly replicas: number;
  readonly isNew: boolean;
  /** Per replica and hour of work: effective, and as it is paid. */
  readonly effective: number;
  readonly paid: number;
}

/** New machines that could be given up for others, and the fleet without them, to which others may be added for a moment. */
export interface Swap {
  readonly taken: Taken;
  readonly without: Ledger;
}

/** A plan seen from one of its workloads. */
export interface Scene {
  readonly input: PlanInput;
  readonly spec: WorkloadSpec;
  readonly market: MarketView;
  /** All that was there for the plan to use, and what the plan left of it. */
  readonly supply: Supply;
  readonly left: Supply;
  /** The policy that governs it; null where none does. */
  readonly policy: Policy | null;
  readonly fleet: Ledger;
  readonly kept: Kept;
  readonly rules: Rules;
  readonly requiredProviders: number;
  /** What the plan gives the workload, by pool key. */
  readonly takenAt: ReadonlyMap<string, readonly Taken[]>;
  /** The dearest a replica costs where it stands, new machines first; null where none stands anywhere. */
  readonly dearest: Taken | null;
  /** New machines, one of each kind, the dearest a replica first, with the fleet without them. */
  readonly swaps: readonly Swap[];
  readonly isHeld: boolean;
  readonly replicasAt: ReadonlyMap<string, number>;
}

/** What explanations of all workloads of a plan share. */
export interface Stage {
  readonly input: PlanInput;
  readonly plan: Plan;
  readonly market: MarketView;
  readonly supply: Supply;
  readonly left: Supply;
  readonly fleets: readonly Fleet[];
  readonly governance: Governance;
  /** By policy: its fleet once the plan is carried out. */
  readonly after: readonly Ledger[];
}

export function stageOf(input: PlanInput, plan: Plan): Stage {
  const market = marketViewOf(input);
  const fleets = fleetsOf(input);
  const governance = governanceOf(input);
  return {
    input,
    plan,
    market,
    supply: supplyOf(market),
    left: leftBy(market, plan),
    fleets,
    governance,
    after: fleetsOnceDone(input, plan, governance, market),
  };
}

export function sceneOf(stage: Stage, workloadId: string, spec: WorkloadSpec): Scene {
  const { input, plan, market } = stage;
  const index = stage.governance.fleetOfTeam(spec.team);
  const owner = stage.fleets[index];
  const fleet = stage.after[index] ?? new Ledger();
  const taken = [
    ...takenLeases(input, plan, owner, spec, workloadId),
    ...takenMachines(market, owner, spec, plan, workloadId),
  ];
  const dearestFirst = (a: Taken, b: Taken): number => b.effective - a.effective;
  const fresh = taken.filter(({ isNew }) => isNew).toSorted(dearestFirst);
  const rules = owner === undefined ? UNRULED : rulesInForce(owner.policy, plan);
  return {
    input,
    spec,
    market,
    supply: stage.supply,
    left: stage.left,
    policy: owner?.policy ?? null,
    fleet,
    kept: owner?.kept ?? NOTHING_KEPT,
    rules,
    // A fleet that could not be spread wider is not asked for more than it has.
    requiredProviders:
      fleet.machineCount === 0 ? rules.minProviders : Math.min(rules.minProviders, countedProviders(fleet, rules)),
    takenAt: Map.groupBy(taken, ({ key }) => key),
    dearest: fresh[0] ?? taken.toSorted(dearestFirst)[0] ?? null,
    swaps: distinct(fresh).map((own) => {
      const without = fleet.copy();
      without.add(own.weight, -own.machines);
      return { taken: own, without };
    }),
    isHeld: plan.held.some((entry) => entry.workloadId === workloadId),
    replicasAt: replicasAt(taken),
  };
}

/** One of those that are alike: giving up either is the same. */
function distinct(taken: readonly Taken[]): readonly Taken[] {
  const kinds = new Map<string, Taken>();
  for (const own of taken) {
    const kind = [own.key, own.machines, own.replicas, own.effective].join(' ');
    if (!kinds.has(kind)) kinds.set(kind, own);
  }
  return [...kinds.values()];
}

/** Replicas by what may be lost: `provider aws`, `region aws:us-east-1`. */
function replicasAt(taken: readonly Taken[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { weight, replicas } of taken) {
    for (const loss of LOSSES) {
      const key = `${loss} ${weight.subjects[loss]}`;
      counts.set(key, (counts.get(key) ?? 0) + replicas);
    }
  }
  return counts;
}

const NOTHING_KEPT: Kept = { staying: new Ledger(), present: new Ledger() };

/** No rule at all: what an ungoverned workload is held to. */
const UNRULED: Rules = {
  measure: 'spend',
  caps: [],
  minProviders: 1,
  minProviderShare: 0,
  maxConcentration: null,
  survive: [],
  ownKeepShares: true,
  budgets: true,
};

/** The fleets of all policies once the plan is carried out. */
function fleetsOnceDone(input: PlanInput, plan: Plan, governance: Governance, market: MarketView): readonly Ledger[] {
  const kept = new Set(plan.keptLeaseIds);
  const ledgers = ledgersOf(
    governance,
    input.leases.filter(({ id }) => kept.has(id)),
  );
  for (const [machine, count] of runsOf(plan.machines)) {
    const governed = governance.ofWorkload(machine.workloadId);
    if (governed === null) continue;
    const offer = market.byKey.get(poolKey(machine.pool))?.offer;
    ledgers[governed.fleet]?.add(machineWeight(governed.policy, governed.spec, machine, offer), count);
  }
  return ledgers;
}

/** Machines that follow each other and count the same, with their number. */
function* runsOf(machines: readonly PlannedMachine[]): Generator<readonly [PlannedMachine, number]> {
  let first: PlannedMachine | undefined;
  let count = 0;
  for (const machine of machines) {
    if (first !== undefined && isAlike(first, machine)) {
      count += 1;
      continue;
    }
    if (first !== undefined) yield [first, count];
    first = machine;
    count = 1;
  }
  if (first !== undefined) yield [first, count];
}

function isAlike(one: PlannedMachine, other: PlannedMachine): boolean {
  return (
    one.workloadId === other.workloadId &&
    one.partCount === other.partCount &&
    one.acceleratorCount === other.acceleratorCount &&
    one.adjustedPriceMicroUsdPerHour === other.adjustedPriceMicroUsdPerHour &&
    (one.pool === other.pool || poolKey(one.pool) === poolKey(other.pool))
  );
}

function machineWeight(
  policy: Policy,
  spec: WorkloadSpec,
  machine: PlannedMachine,
  offer: PlanInput['offers'][number] | undefined,
): Weight {
  const { pool, accelerator, acceleratorCount, partCount, adjustedPriceMicroUsdPerHour: spend } = machine;
  const throughput = choiceMet(spec, accelerator, acceleratorCount, partCount)?.throughput ?? 1;
  const odds = offer ?? { successProbability: 1, interruptionsPerHour: 0 };
  const whole = machineCost(spend, partCount, throughput, odds) + egressCost(spec, pool, partCount, policy);
  return {
    subjects: subjectsOf(pool),
    provider: pool.provider,
    machines: 1,
    amounts: {
      spend,
      accelerators: acceleratorCount,
      'accelerator-hours': acceleratorCount / throughput,
      'effective-cost': whole / partCount,
    },
  };
}

/** The rules that the plan says it was held to. */
function rulesInForce(policy: Policy, plan: Plan): Rules {
  const all = rulesOf(policy);
  const mine = plan.rules.filter((use) => use.policy === policy.name);
  const enforced = new Set(mine.filter((use) => use.enforced).map(({ rule }) => rule));
  const lifted = ruleNames(all).filter((name) => !enforced.has(name));
  return lifted.length === ruleNames(all).length ? noRules(all, true) : withoutRules(all, new Set(lifted));
}

function leftBy(market: MarketView, plan: Plan): Supply {
  const supply = supplyOf(market);
  const units = new Map<string, number>();
  const machines = new Map<string, number>();
  for (const [{ pool }, count] of runsOf(plan.machines)) {
    const key = poolKey(pool);
    machines.set(key, (machines.get(key) ?? 0) + count);
    for (const claim of market.byKey.get(key)?.claims ?? []) {
      units.set(claim.quota, (units.get(claim.quota) ?? 0) + claim.units * count);
    }
  }
  return {
    headroom: (quota) => supply.headroom(quota) - (units.get(quota) ?? 0),
    available: (at) => {
      const available = supply.available(at);
      return available === null ? null : available - (machines.get(at.key) ?? 0);
    },
  };
}

function takenMachines(
  market: MarketView,
  owner: Fleet | undefined,
  spec: WorkloadSpec,
  plan: Plan,
  workloadId: string,
): readonly Taken[] {
  const mine = plan.machines.filter((machine) => machine.workloadId === workloadId);
  const lots = Map.groupBy(mine, ({ replicas, pool }) => `${replicas.join(',')} ${poolKey(pool)}`);
  return [...lots.values()].flatMap((machines) => {
    const [first] = machines;
    if (first === undefined || owner === undefined) return [];
    const key = poolKey(first.pool);
    const throughput = choiceMet(spec, first.accelerator, first.acceleratorCount, first.partCount)?.throughput ?? 1;
    const price = first.adjustedPriceMicroUsdPerHour;
    const paid = (price * machines.length) / throughput / first.replicas.length;
    const odds = market.byKey.get(key)?.offer ?? { successProbability: 1, interruptionsPerHour: 0 };
    const egress = egressCost(spec, first.pool, machines.length, owner.policy);
    const effective = (machineCost(price, machines.length, throughput, odds) + egress) / first.replicas.length;
    const weight = machineWeight(owner.policy, spec, first, market.byKey.get(key)?.offer);
    return [{ key, weight, machines: machines.length, replicas: first.replicas.length, isNew: true, effective, paid }];
  });
}

function takenLeases(
  input: PlanInput,
  plan: Plan,
  owner: Fleet | undefined,
  spec: WorkloadSpec,
  workloadId: string,
): readonly Taken[] {
  if (owner === undefined) return [];
  const kept = new Set(plan.keptLeaseIds);
  return input.leases
    .filter((lease) => lease.workloadId === workloadId && kept.has(lease.id))
    .map((lease) => takenLease(input, owner, spec, lease));
}

function takenLease(input: PlanInput, owner: Fleet, spec: WorkloadSpec, lease: PlanLease): Taken {
  const weight = leaseWeight(policiesInOrder(input), owner.policy, spec, lease);
  const choice = choiceMet(spec, lease.accelerator, lease.acceleratorCount, lease.partCount);
  const shared = lease.partCount / Math.max(1, lease.replicas.length);
  // The machines of a gang are one replica together: the first stands for it.
  const replicas = lease.part === 0 ? lease.replicas.length : 0;
  return {
    key: poolKey(lease.pool),
    weight,
    machines: 1,
    replicas,
    isNew: false,
    effective: weight.amounts['effective-cost'] * shared,
    paid: (weight.amounts.spend * shared) / (choice?.throughput ?? 1),
  };
}
