import type { Plan, PlanInput, PlanLease, PlannedMachine } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import type { Supply } from './eligibility.ts';
import { supplyOf } from './eligibility.ts';
import type { Ledger, Weight } from './ledger.ts';
import type { MarketView } from './market-view.ts';
import { marketViewOf } from './market-view.ts';
import { adjustedPrice, rankedCost } from './pricing.ts';
import { keptLedger } from './problem.ts';
import type { Rules } from './rules.ts';
import { governing, noRules, ruleNames, rulesOf, subjectsOf, withoutRules } from './rules.ts';

/** Machines that the plan gives the workload and that would be swapped as one, or a lease that it keeps. */
export interface Taken {
  readonly key: string;
  readonly weight: Weight;
  readonly machines: number;
  readonly replicas: number;
  readonly isNew: boolean;
  /** Per replica and hour of work: as ranked, and as it is paid. */
  readonly ranked: number;
  readonly paid: number;
}

/** A plan seen from one of its workloads. */
export interface Scene {
  readonly input: PlanInput;
  readonly spec: WorkloadSpec;
  readonly market: MarketView;
  /** All that was there for the plan to use, and what the plan left of it. */
  readonly supply: Supply;
  readonly left: Supply;
  readonly fleet: Ledger;
  readonly kept: Ledger;
  readonly rules: Rules;
  readonly requiredProviders: number;
  readonly taken: readonly Taken[];
  readonly isHeld: boolean;
  readonly replicasAt: ReadonlyMap<string, number>;
}

export function sceneOf(input: PlanInput, plan: Plan, workloadId: string, spec: WorkloadSpec): Scene {
  const market = marketViewOf(input);
  const kept = keptLedger(input);
  const fleet = kept.copy();
  for (const machine of plan.machines) fleet.add(weightOf(machine, machine.adjustedPriceMicroUsdPerHour), 1);
  const taken = [...takenLeases(input, spec, workloadId), ...takenMachines(market, spec, plan, workloadId)];
  const rules = rulesInForce(input, plan);
  const replicasAt = new Map<string, number>();
  for (const { weight, replicas } of taken) {
    replicasAt.set(weight.provider, (replicasAt.get(weight.provider) ?? 0) + replicas);
  }
  return {
    input,
    spec,
    market,
    supply: supplyOf(market),
    left: leftBy(market, plan),
    fleet,
    kept,
    rules,
    // A fleet that could not be spread wider is not asked for more than it has.
    requiredProviders:
      fleet.machineCount === 0 ? rules.minProviders : Math.min(rules.minProviders, fleet.providerCount),
    taken,
    isHeld: plan.held.some((entry) => entry.workloadId === workloadId),
    replicasAt,
  };
}

/** The rules that the plan says it was held to. */
function rulesInForce(input: PlanInput, plan: Plan): Rules {
  const all = rulesOf(governing(input));
  const enforced = new Set(plan.rules.filter((use) => use.enforced).map(({ rule }) => rule));
  const lifted = ruleNames(all).filter((name) => !enforced.has(name));
  return lifted.length === ruleNames(all).length ? noRules(all, true) : withoutRules(all, new Set(lifted));
}

function weightOf(machine: Pick<PlannedMachine, 'pool' | 'acceleratorCount'>, spend: number): Weight {
  return {
    subjects: subjectsOf(machine.pool),
    provider: machine.pool.provider,
    market: machine.pool.market,
    spend,
    accelerators: machine.acceleratorCount,
  };
}

function leftBy(market: MarketView, plan: Plan): Supply {
  const supply = supplyOf(market);
  const byKey = new Map(market.offers.map((at) => [at.key, at]));
  const units = new Map<string, number>();
  const machines = new Map<string, number>();
  for (const { pool } of plan.machines) {
    const key = poolKey(pool);
    machines.set(key, (machines.get(key) ?? 0) + 1);
    for (const claim of byKey.get(key)?.claims ?? []) {
      units.set(claim.quota, (units.get(claim.quota) ?? 0) + claim.units);
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

/** The choice of the workload that machines of this kind meet. */
function choiceMet(
  spec: WorkloadSpec,
  accelerator: string,
  perMachine: number,
  partCount: number,
): AcceleratorChoice | null {
  const choices = spec.accelerators.filter(
    (choice) => choice.accelerator === accelerator && (choice.perMachine ?? perMachine) === perMachine,
  );
  const whole = choices.find(({ count }) => count === perMachine * partCount);
  return whole ?? choices.find(({ count }) => partCount === 1 && count < perMachine) ?? null;
}

function takenMachines(market: MarketView, spec: WorkloadSpec, plan: Plan, workloadId: string): readonly Taken[] {
  const byKey = new Map(market.offers.map((at) => [at.key, at]));
  const mine = plan.machines.filter((machine) => machine.workloadId === workloadId);
  const lots = Map.groupBy(mine, ({ replicas, pool }) => `${replicas.join(',')} ${poolKey(pool)}`);
  return [...lots.values()].flatMap((machines) => {
    const [first] = machines;
    if (first === undefined) return [];
    const key = poolKey(first.pool);
    const choice = choiceMet(spec, first.accelerator, first.acceleratorCount, first.partCount);
    const throughput = choice?.throughput ?? 1;
    const at = byKey.get(key);
    const price = first.adjustedPriceMicroUsdPerHour;
    const paid = (price * machines.length) / throughput / first.replicas.length;
    const ranked =
      at === undefined ? paid : rankedCost(price, machines.length, throughput, at.offer) / first.replicas.length;
    const weight = weightOf(first, price);
    return [{ key, weight, machines: machines.length, replicas: first.replicas.length, isNew: true, ranked, paid }];
  });
}

function takenLeases(input: PlanInput, spec: WorkloadSpec, workloadId: string): readonly Taken[] {
  return input.leases.filter((lease) => lease.workloadId === workloadId).map((lease) => takenLease(input, spec, lease));
}

function takenLease(input: PlanInput, spec: WorkloadSpec, lease: PlanLease): Taken {
  const price = adjustedPrice(governing(input), lease.pool, lease.priceMicroUsdPerHour);
  const choice = choiceMet(spec, lease.accelerator, lease.acceleratorCount, lease.partCount);
  const paid = (price * lease.partCount) / (choice?.throughput ?? 1) / Math.max(1, lease.replicas.length);
  // The machines of a gang are one replica together: the first stands for it.
  const replicas = lease.part === 0 ? lease.replicas.length : 0;
  return {
    key: poolKey(lease.pool),
    weight: weightOf(lease, price),
    machines: 1,
    replicas,
    isNew: false,
    ranked: paid,
    paid,
  };
}
