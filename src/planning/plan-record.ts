import { concentrationOf, sharesOf } from '../domain/concentration.ts';
import type { HeldReplicas, Plan, PlanInput, PlannedMachine, RuleUse } from '../domain/plan.ts';
import type { Policy, ShareMeasure } from '../domain/policy.ts';
import type { Pool } from '../domain/pool.ts';
import { fleetsAfter } from './allocation.ts';
import type { Decision } from './decide.ts';
import { leaseWeight } from './fleets.ts';
import type { Governance } from './governance.ts';
import { governanceOf } from './governance.ts';
import { Ledger } from './ledger.ts';
import { compareText, policiesInOrder } from './market-view.ts';
import type { Optimum } from './optimise.ts';
import type { Problem } from './option.ts';
import { adjustedPrice } from './pricing.ts';
import type { PlacedReplica, TeamTotal } from './rule-use.ts';
import { budgetUses, ruleUses } from './rule-use.ts';
import { MAX_PREMIUM } from './rules.ts';
import { SOLVER } from './solver.ts';

/** What planning came to, before it is told. */
export interface Outcome extends Pick<Decision, 'all' | 'inForce' | 'planned' | 'assignment'> {
  readonly problem: Problem;
  /** Whether searches ended at the first good answer. */
  readonly quick: boolean;
  /** The cheapest for the same replicas without the policies' rules. */
  readonly unruled: Optimum;
}

/** The plan as it is told and stored. */
export function planOf(outcome: Outcome, held: readonly HeldReplicas[]): Plan {
  const { problem, planned, unruled, assignment } = outcome;
  const { input } = problem;
  const after = fleetsAfter(problem, planned.placements);
  const whole = wholeFleet(problem, after);
  const cost = whole.total('spend');
  const free = wholeFleet(problem, fleetsAfter(problem, unruled.placements));
  const unconstrained = Math.min(cost, free.total('spend'));
  const { effectiveCost, effectiveBound, gapShare } = effectiveOf(problem, planned);
  const { measure } = policiesInOrder(input)[0] ?? { measure: 'spend' as const };
  const released = new Set(assignment.released.flatMap(({ leases }) => leases.map(({ id }) => id)));
  return {
    machines: assignment.machines,
    keptLeaseIds: input.leases
      .map(({ id }) => id)
      .filter((id) => !released.has(id))
      .toSorted(),
    releasedLeaseIds: [...released].toSorted(),
    held,
    costMicroUsdPerHour: cost,
    lowerBoundMicroUsdPerHour: Math.floor(cost * (1 - gapShare)),
    effectiveCostMicroUsdPerHour: Math.round(effectiveCost),
    effectiveBoundMicroUsdPerHour: Math.floor(effectiveBound + 1e-3),
    gapShare,
    unconstrainedCostMicroUsdPerHour: unconstrained,
    premiumShare: premiumOf(cost, unconstrained),
    rules: usesOf(outcome, after, assignment.machines, released),
    shares: {
      provider: Object.fromEntries(sharesOf(whole.amounts('provider', measure))),
      region: Object.fromEntries(sharesOf(whole.amounts('region', measure))),
      market: Object.fromEntries(sharesOf(whole.amounts('market', measure))),
    },
    concentration: concentrationOf(whole.amounts('provider', 'spend')),
    // A quick answer that is proved is the full one.
    effort: outcome.quick && !(planned.proven && unruled.proven) ? 'quick' : 'full',
    solver: SOLVER,
    status: statusOf(problem, planned),
  };
}

function premiumOf(cost: number, unconstrained: number): number {
  return unconstrained === 0 ? 0 : (cost - unconstrained) / unconstrained;
}

/** All fleets together, leases of workloads that no policy governs included. */
function wholeFleet({ input, fleets }: Problem, after: readonly Ledger[]): Ledger {
  const whole = new Ledger();
  for (const ledger of after) whole.addAll(ledger);
  const governance = governanceOf(input);
  const [fallback] = fleets;
  for (const lease of input.leases) {
    const spec = governance.specOf(lease.workloadId);
    if (spec === undefined || fallback === undefined || governance.ofSpec(spec) !== null) continue;
    whole.add(leaseWeight(governance.policies, fallback.policy, spec, lease), 1);
  }
  return whole;
}

/** Of the whole fleet, in which what the plan takes as given counts its own effective cost. */
function effectiveOf(problem: Problem, planned: Optimum) {
  const given = problem.fleets.reduce((sum, { base }) => sum + base.total('effective-cost'), 0);
  // What stands where nothing may stand any more was made dear so that it goes, and costs what it costs.
  const madeDear = planned.placements.reduce((sum, { option, lots }) => {
    return sum + (option.effectiveCostPerLot - option.weight.amounts['effective-cost']) * lots;
  }, 0);
  const effectiveCost = given + planned.effectiveCost - madeDear;
  const effectiveBound = Math.max(0, given + planned.effectiveBound - madeDear);
  const gap = effectiveCost === 0 ? 0 : (effectiveCost - effectiveBound) / effectiveCost;
  // What binary fractions lose is no gap.
  return { effectiveCost, effectiveBound, gapShare: gap < 1e-9 ? 0 : Math.min(1, gap) };
}

function statusOf(problem: Problem, { proven }: Optimum): Plan['status'] {
  if (problem.classes.length === 0) return 'nothing-to-do';
  return proven ? 'optimal' : 'feasible';
}

function usesOf(
  outcome: Outcome,
  after: readonly Ledger[],
  machines: readonly PlannedMachine[],
  released: ReadonlySet<string>,
): readonly RuleUse[] {
  const { problem, all, inForce, unruled } = outcome;
  const { input } = problem;
  const governance = governanceOf(input);
  const leases = input.leases.filter(({ id }) => !released.has(id));
  const smallest = smallestMachines(governance, leases, machines, after);
  let placed: ReadonlyMap<string, readonly PlacedReplica[]> | null = null;
  const replicas = (): ReadonlyMap<string, readonly PlacedReplica[]> => {
    placed ??= placedReplicas(leases, machines);
    return placed;
  };
  const free = fleetsAfter(problem, unruled.placements);
  const uses = problem.fleets.flatMap((owner, index) => {
    const ledger = after[index] ?? new Ledger();
    const rules = all[index];
    const enforced = inForce[index];
    if (rules === undefined || enforced === undefined) return [];
    const planned = { input, governance, index, owner, after: ledger, replicas, smallest: smallest(index) };
    const cost = ledger.total('spend');
    const premium = premiumOf(cost, Math.min(cost, free[index]?.total('spend') ?? cost));
    return [...ruleUses(planned, rules, enforced), ...premiumUse(owner.policy, premium)];
  });
  return [...uses, ...budgetUses(governance, problem.teamSpends, spendOfTeams(governance, leases, machines))];
}

/** What each team spends once the plan is carried out, and on its cheapest machine. */
function spendOfTeams(
  governance: Governance,
  leases: PlanInput['leases'],
  machines: readonly PlannedMachine[],
): (team: string) => TeamTotal {
  const totals = new Map<string, TeamTotal>();
  const add = (workloadId: string, spend: number): void => {
    const team = governance.teamOf(workloadId);
    const { total, smallest } = totals.get(team) ?? NO_SPEND;
    totals.set(team, { total: total + spend, smallest: smallest === 0 ? spend : Math.min(smallest, spend) });
  };
  for (const { workloadId, pool, priceMicroUsdPerHour } of leases) {
    add(workloadId, adjustedPrice(governance.policies, pool, priceMicroUsdPerHour));
  }
  for (const machine of machines) add(machine.workloadId, machine.adjustedPriceMicroUsdPerHour);
  return (team) => totals.get(team) ?? NO_SPEND;
}

const NO_SPEND: TeamTotal = { total: 0, smallest: 0 };

function premiumUse({ name, maxPremiumShare: limit }: Policy, value: number): readonly RuleUse[] {
  if (limit === null) return [];
  return [{ policy: name, rule: MAX_PREMIUM, subject: '', value, limit, enforced: true, binding: value > limit }];
}

/** Where the replicas of every workload run, by workload: on leases that stay, and on new machines. */
export function placedReplicas(
  leases: PlanInput['leases'],
  machines: readonly PlannedMachine[],
): ReadonlyMap<string, readonly PlacedReplica[]> {
  const placed = new Map<string, PlacedReplica[]>();
  const kept = new Set<string>();
  const enter = (workloadId: string, replica: number, pool: Pool): void => {
    const own = placed.get(workloadId);
    if (own === undefined) placed.set(workloadId, [{ replica, pool }]);
    else own.push({ replica, pool });
  };
  const isKept = (workloadId: string, replica: number): boolean =>
    kept.size > 0 && kept.has(`${workloadId} ${replica}`);
  for (const { workloadId, replicas, pool } of leases.toSorted((a, b) => compareText(a.id, b.id))) {
    for (const replica of replicas.filter((other) => !isKept(workloadId, other))) {
      kept.add(`${workloadId} ${replica}`);
      enter(workloadId, replica, pool);
    }
  }
  // The first machine stands for a gang; what completes one has a lease beside it.
  for (const { workloadId, replicas, pool } of machines.filter(({ part }) => part === 0)) {
    for (const replica of replicas) if (!isKept(workloadId, replica)) enter(workloadId, replica, pool);
  }
  return placed;
}

/** The least that one machine of a fleet counts, by the fleet's index; 0 for an empty one. */
function smallestMachines(
  governance: Governance,
  leases: PlanInput['leases'],
  machines: readonly PlannedMachine[],
  after: readonly Ledger[],
): (fleet: number) => Readonly<Record<ShareMeasure, number>> {
  const least = after.map(() => ({ spend: Number.POSITIVE_INFINITY, accelerators: Number.POSITIVE_INFINITY }));
  const enter = (workloadId: string, spend: number, accelerators: number): void => {
    const own = least[governance.fleetOfTeam(governance.teamOf(workloadId))];
    if (own === undefined) return;
    own.spend = Math.min(own.spend, spend);
    own.accelerators = Math.min(own.accelerators, accelerators);
  };
  for (const machine of machines) {
    enter(machine.workloadId, machine.adjustedPriceMicroUsdPerHour, machine.acceleratorCount);
  }
  for (const { workloadId, pool, priceMicroUsdPerHour, acceleratorCount } of leases) {
    enter(workloadId, adjustedPrice(governance.policies, pool, priceMicroUsdPerHour), acceleratorCount);
  }
  return (fleet) => {
    const { spend, accelerators } = least[fleet] ?? { spend: 0, accelerators: 0 };
    const ledger = after[fleet];
    // No machine is the smallest in these by itself: the mean stands for it.
    const mean = (measure: ShareMeasure): number =>
      ledger === undefined || ledger.machineCount === 0 ? 0 : ledger.total(measure) / ledger.machineCount;
    const own = { spend: finite(spend), accelerators: finite(accelerators) };
    return {
      ...own,
      'accelerator-hours': Math.min(own.accelerators, mean('accelerator-hours')),
      'effective-cost': Math.min(own.spend, mean('effective-cost')),
    };
  };
}

function finite(least: number): number {
  return Number.isFinite(least) ? least : 0;
}
