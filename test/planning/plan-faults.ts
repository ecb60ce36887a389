/** What is wrong with a plan of any size, judged from its input and docs/policy.md alone. Shares no code with `src/planning`. */
import type { Plan, PlanInput, PlannedMachine } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { DIVERSIFICATION_RULES } from '../../src/domain/policy.ts';
import { poolKey, regionKey } from '../../src/domain/pool.ts';
import { isSuppliable, keepsBudgets, mayBuy } from './exhaustive.ts';
import { fleetOf, violations } from './exhaustive-search.ts';
import { adjusted, keptMachines, plannedMachines, policyOf, total } from './fleet-arithmetic.ts';
import type { Force } from './fleet-rules.ts';
import { countingProviders, placesOf } from './fleet-rules.ts';

/** Names of everything that is wrong; empty for a sound plan. */
export function faultsOf(input: PlanInput, plan: Plan): string[] {
  return [
    ...liftedWithoutLeave(input, plan),
    ...brokenByFleet(input, plan),
    ...replicasAstray(input, plan),
    ...wrongPurchases(input, plan),
    ...wrongFigures(input, plan),
  ];
}

function saysLifted(plan: Plan, policy: Policy, rule: string): boolean {
  return plan.rules.some((use) => use.policy === policy.name && use.rule === rule && !use.enforced);
}

/** Rules that the plan says are not enforced, though the policy gives no leave. */
function liftedWithoutLeave(input: PlanInput, plan: Plan): string[] {
  return input.policies.flatMap((policy) =>
    DIVERSIFICATION_RULES.filter((rule) => {
      const mayRelax = policy.onInfeasible === 'relax' && policy.relax.includes(rule);
      return saysLifted(plan, policy, rule) && !mayRelax && policy.enforceAboveMicroUsdPerHour === 0;
    }).map((rule) => `${policy.name} lifts ${rule} without leave`),
  );
}

/** What the plan says is in force. Where kept leases fall short of `minProviders`, how near it comes is not judged here. */
function forcesOf(input: PlanInput, plan: Plan): Force[] {
  return input.policies.map((policy) => {
    const kept = fleetOf(input, policy, keptMachines(input));
    const whole = kept.length === 0 || countingProviders(policy, kept) >= policy.minProviders;
    return {
      lifted: new Set(DIVERSIFICATION_RULES.filter((rule) => saysLifted(plan, policy, rule))),
      providers: whole && policy.minProviders > 1 ? policy.minProviders : 0,
    };
  });
}

function brokenByFleet(input: PlanInput, plan: Plan): string[] {
  const fresh = plannedMachines(input, plan);
  const space = { input, kept: keptMachines(input), keptPlaces: placesOf(input, null) };
  const freshPlaces = placesOf(input, plan).filter(({ isNew }) => isNew);
  return [
    ...violations(space, forcesOf(input, plan), fresh, freshPlaces),
    ...(isSuppliable(input, fresh) ? [] : ['more than quotas or free machines allow']),
    ...(keepsBudgets(input, fresh) ? [] : ['over a budget']),
  ];
}

/** Replicas that are not exactly one of: whole, or held once with a reason; gangs in two places. */
function replicasAstray(input: PlanInput, plan: Plan): string[] {
  return input.workloads.flatMap(({ id, spec }) => {
    const all = Array.from({ length: spec.replicas }, (_, replica) => astray(input, plan, id, replica)).flat();
    const unexplained = plan.held.some(({ workloadId, reasons }) => workloadId === id && reasons.length === 0);
    return unexplained ? [...all, `${id} is held without a reason`] : all;
  });
}

function astray(input: PlanInput, plan: Plan, id: string, replica: number): string[] {
  const own = (part: { workloadId: string; replicas: readonly number[] }): boolean =>
    part.workloadId === id && part.replicas.includes(replica);
  const gang = [...plan.machines, ...input.leases].filter(own);
  const isWhole = gang.length > 0 && gang.length === gang[0]?.partCount;
  const waits = plan.held.filter(own).length;
  const places = new Set(gang.map(({ pool }) => `${regionKey(pool)}:${pool.instanceType}`));
  // Where the cloud chooses the zone, there is none to tell.
  const zones = new Set(gang.flatMap(({ pool }) => pool.zone ?? []));
  const faults: Readonly<Record<string, boolean>> = {
    'is neither whole nor held once': waits !== (isWhole ? 0 : 1),
    'has a part twice': new Set(gang.map(({ part }) => part)).size < gang.length,
    'is a gang in two places': places.size > 1 || zones.size > 1,
  };
  return Object.keys(faults)
    .filter((fault) => faults[fault])
    .map((fault) => `${id} ${replica} ${fault}`);
}

/** What one replica on the machines of a lot costs: those that are bought, or its part of a shared one. */
function replicaPrice(input: PlanInput, lot: readonly PlannedMachine[], price: number): number {
  const [first] = lot;
  const spec = input.workloads.find(({ id }) => id === first?.workloadId)?.spec;
  if (first === undefined || spec === undefined) return price;
  const count = spec.accelerators.find(({ accelerator }) => accelerator === first.accelerator)?.count ?? 1;
  const perMachine = Math.max(1, Math.floor(first.acceleratorCount / count));
  return (price * lot.length) / Math.min(perMachine, spec.replicas);
}

function wrongPurchases(input: PlanInput, plan: Plan): string[] {
  const lots = Map.groupBy(plan.machines, ({ workloadId, replicas, pool }) =>
    [workloadId, replicas.join(','), poolKey(pool)].join(' '),
  );
  return [...lots].flatMap(([name, lot]) => {
    const [first] = lot;
    const offer = input.offers.find(({ pool }) => first !== undefined && poolKey(pool) === poolKey(first.pool));
    const workload = input.workloads.find(({ id }) => id === first?.workloadId);
    if (first === undefined || offer === undefined || workload === undefined) return [`${name} is offered by nobody`];
    const price = adjusted(input, offer.pool, offer.priceMicroUsdPerHour);
    const faults = mayBuy(input, workload, offer, replicaPrice(input, lot, price)) ? [] : [`${name} may not be bought`];
    if (first.replicas.length === 0) faults.push(`${name} serves nobody`);
    if (first.adjustedPriceMicroUsdPerHour !== price) faults.push(`${name} has a wrong adjusted price`);
    if (first.priceMicroUsdPerHour !== offer.priceMicroUsdPerHour) faults.push(`${name} has a wrong price`);
    return faults;
  });
}

function wrongFigures(input: PlanInput, plan: Plan): string[] {
  const fresh = plannedMachines(input, plan);
  const kept = keptMachines(input);
  const ungoverned = kept.filter(({ workloadId }) =>
    input.workloads.some(({ id, spec }) => id === workloadId && policyOf(input, spec.team) === null),
  );
  const cost = total([...kept, ...fresh], 'spend');
  const effective = total([...kept, ...fresh], 'effective-cost');
  // Leases that no policy governs cost money, but are in no fleet: whether effective cost counts them is not said.
  const least = effective - total(ungoverned, 'effective-cost');
  const { effectiveCostMicroUsdPerHour: stated, effectiveBoundMicroUsdPerHour: bound } = plan;
  const faults: string[] = [];
  if (plan.costMicroUsdPerHour !== cost) faults.push(`states a cost of ${plan.costMicroUsdPerHour}, it is ${cost}`);
  if (Math.abs(stated - effective) > 1 && Math.abs(stated - least) > 1) {
    faults.push(`states an effective cost of ${stated}, it is ${effective}`);
  }
  if (bound > stated) faults.push('states a bound above its own effective cost');
  if (plan.lowerBoundMicroUsdPerHour > cost) faults.push('states a bound above its own cost');
  if (plan.unconstrainedCostMicroUsdPerHour > cost) faults.push('states an unconstrained cost above its own');
  return faults;
}
