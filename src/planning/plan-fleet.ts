import { concentrationOf, sharesOf } from '../domain/concentration.ts';
import type { HeldReplicas, HoldReason, Plan, PlanInput, PlannedMachine, RuleUse } from '../domain/plan.ts';
import { fleetOf, keepsSurvival, rankedCostOf } from './allocation.ts';
import type { LeftOver } from './assignment.ts';
import { assign } from './assignment.ts';
import { fleetBreaches } from './breaches.ts';
import { HoldReasons } from './hold-reasons.ts';
import { compareText } from './market-view.ts';
import type { Optimum } from './optimise.ts';
import { optimise } from './optimise.ts';
import { polished } from './polish.ts';
import { adjustedPrice } from './pricing.ts';
import type { Problem } from './problem.ts';
import { problemOf } from './problem.ts';
import type { PlannedFleet } from './rule-use.ts';
import { ruleUses } from './rule-use.ts';
import type { Rules } from './rules.ts';
import { governing, MAX_PREMIUM, noRules, ruleNames, rulesOf, withoutRules } from './rules.ts';
import { SOLVER } from './solver.ts';

export interface PlanOptions {
  /** Relative gap (0..1) at which the cost of new machines counts as optimal; 1e-4 by default. */
  readonly gapShare?: number;
}

const DEFAULT_GAP_SHARE = 1e-4;

interface Ruled {
  readonly rules: Rules;
  readonly optimum: Optimum;
}

/**
 * What should run where: kept leases stay, what they do not serve is placed at the least cost that the rules allow, and
 * every replica without a place comes with its reasons. Depends on nothing but its arguments. docs/policy.md says what
 * every rule means.
 */
export async function planFleet(input: PlanInput, options: PlanOptions = {}): Promise<Plan> {
  const gapShare = options.gapShare ?? DEFAULT_GAP_SHARE;
  const problem = problemOf(input);
  const all = rulesOf(governing(input));
  const free = await optimum(problem, noRules(all, false), gapShare, null);
  const enforced = spendAfter(problem, free) >= governing(input).enforceAboveMicroUsdPerHour;
  const ruled = await underRules(problem, enforced ? all : noRules(all, true), free, gapShare);
  const samePlaced = sameCounts(ruled.optimum.placed, free.placed);
  const unruled = samePlaced ? free : await optimum(problem, noRules(all, false), gapShare, ruled.optimum.placed);
  const cheapest = sameCounts(unruled.placed, ruled.optimum.placed) ? unruled : ruled.optimum;
  const { machines, leftOver } = assign(problem, ruled.optimum.placements);
  const held = await heldReplicas(problem, ruled, leftOver);
  return planOf(problem, all, ruled, cheapest, machines, held);
}

async function optimum(
  problem: Problem,
  rules: Rules,
  gapShare: number,
  placed: readonly number[] | null,
): Promise<Optimum> {
  const found = await optimise(problem, rules, { gapShare, placed });
  const placements = polished(problem, rules, found.placements, found.requiredProviders);
  const rankedCost = rankedCostOf(placements);
  return { ...found, placements, rankedCost, rankedBound: Math.min(rankedCost, found.rankedBound) };
}

/** The optimum under the rules, fewer of them where the policy gives some up so that everything placeable is placed. */
async function underRules(problem: Problem, rules: Rules, free: Optimum, gapShare: number): Promise<Ruled> {
  const strict = await ruledOptimum(problem, rules, free, gapShare);
  const { onInfeasible, relax } = governing(problem.input);
  if (onInfeasible === 'hold' || placesAll(problem, strict, free)) return { rules, optimum: strict };
  const given: string[] = [];
  let best: Ruled = { rules, optimum: strict };
  for (const name of relax.filter((rule) => ruleNames(rules).includes(rule))) {
    given.push(name);
    const fewer = withoutRules(rules, new Set(given));
    best = { rules: fewer, optimum: await ruledOptimum(problem, fewer, free, gapShare) };
    if (placesAll(problem, best.optimum, free)) break;
  }
  return restored(problem, rules, given, best, free, gapShare);
}

/** A rule whose giving up placed nothing more is taken back. */
async function restored(
  problem: Problem,
  rules: Rules,
  given: readonly string[],
  best: Ruled,
  free: Optimum,
  gapShare: number,
): Promise<Ruled> {
  let result = best;
  let lifted = given;
  for (const name of given) {
    const fewer = lifted.filter((other) => other !== name);
    const stricter = withoutRules(rules, new Set(fewer));
    const again = await ruledOptimum(problem, stricter, free, gapShare);
    if (!placesAll(problem, again, result.optimum)) continue;
    lifted = fewer;
    result = { rules: stricter, optimum: again };
  }
  return result;
}

async function ruledOptimum(problem: Problem, rules: Rules, free: Optimum, gapShare: number): Promise<Optimum> {
  // The optimum without rules that happens to keep them is the optimum with them.
  const breaches = fleetBreaches(fleetOf(problem, free.placements), problem.kept, rules, rules.minProviders);
  if (breaches.length === 0 && keepsSurvival(problem, rules, free.placements)) {
    return { ...free, requiredProviders: rules.minProviders };
  }
  return optimum(problem, rules, gapShare, null);
}

/** Whether as many replicas are placed as in the other, priority by priority. */
function placesAll(problem: Problem, optimumHere: Optimum, other: Optimum): boolean {
  const levels = new Set(problem.classes.map(({ spec }) => spec.priority));
  return [...levels].every(
    (priority) => placedAt(problem, optimumHere, priority) >= placedAt(problem, other, priority),
  );
}

function placedAt(problem: Problem, { placed }: Optimum, priority: number): number {
  return placed.reduce((sum, count, index) => {
    return problem.classes[index]?.spec.priority === priority ? sum + count : sum;
  }, 0);
}

function sameCounts(a: readonly number[], b: readonly number[]): boolean {
  return a.every((count, index) => count === b[index]);
}

function spendAfter(problem: Problem, { placements }: Optimum): number {
  return fleetOf(problem, placements).total('spend');
}

async function heldReplicas(
  problem: Problem,
  { rules, optimum: planned }: Ruled,
  leftOver: readonly LeftOver[],
): Promise<readonly HeldReplicas[]> {
  const search = new HoldReasons(problem, rules, planned);
  const byClass = new Map<number, readonly HoldReason[]>();
  for (const { classIndex } of leftOver) {
    if (!byClass.has(classIndex)) byClass.set(classIndex, await search.of(classIndex));
  }
  return leftOver.map(({ classIndex, workloadId, replicas }) => {
    return { workloadId, replicas, reasons: byClass.get(classIndex) ?? [] };
  });
}

function planOf(
  problem: Problem,
  all: Rules,
  { rules, optimum: planned }: Ruled,
  unruled: Optimum,
  machines: readonly PlannedMachine[],
  held: readonly HeldReplicas[],
): Plan {
  const { input, kept } = problem;
  const fleet = fleetOf(problem, planned.placements);
  const cost = fleet.total('spend');
  const unconstrained = Math.min(cost, spendAfter(problem, unruled));
  const premiumShare = unconstrained === 0 ? 0 : (cost - unconstrained) / unconstrained;
  const gapShare = gapShareOf(kept.total('spend'), planned);
  const plannedFleet: PlannedFleet = {
    input,
    fleet,
    kept,
    replicas: placedReplicas(input, machines),
    smallest: smallestMachine(input, machines),
  };
  const { measure } = all;
  return {
    machines,
    keptLeaseIds: input.leases.map(({ id }) => id).toSorted(),
    held,
    costMicroUsdPerHour: cost,
    lowerBoundMicroUsdPerHour: Math.floor(cost * (1 - gapShare)),
    gapShare,
    unconstrainedCostMicroUsdPerHour: unconstrained,
    premiumShare,
    rules: [...ruleUses(plannedFleet, all, rules), ...premiumUse(input, premiumShare)],
    shares: {
      provider: Object.fromEntries(sharesOf(fleet.amounts('provider', measure))),
      region: Object.fromEntries(sharesOf(fleet.amounts('region', measure))),
      market: Object.fromEntries(sharesOf(fleet.marketAmounts(measure))),
    },
    concentration: concentrationOf(fleet.amounts('provider', 'spend')),
    solver: SOLVER,
    status: statusOf(problem, planned),
  };
}

/** The gap of the whole fleet in ranked cost, in which kept leases count what they cost. */
function gapShareOf(keptSpend: number, { rankedCost, rankedBound }: Optimum): number {
  const total = keptSpend + rankedCost;
  const gap = total === 0 ? 0 : (rankedCost - rankedBound) / total;
  // What binary fractions lose is no gap.
  return gap < 1e-9 ? 0 : Math.min(1, gap);
}

function statusOf(problem: Problem, { proven }: Optimum): Plan['status'] {
  if (problem.classes.length === 0) return 'nothing-to-do';
  return proven ? 'optimal' : 'feasible';
}

function premiumUse(input: PlanInput, value: number): readonly RuleUse[] {
  const policy = governing(input);
  if (policy.maxPremiumShare === null) return [];
  const limit = policy.maxPremiumShare;
  return [{ rule: MAX_PREMIUM, subject: '', value, limit, enforced: true, binding: value > limit }];
}

function placedReplicas(input: PlanInput, machines: readonly PlannedMachine[]): PlannedFleet['replicas'] {
  const placed = new Map<string, PlannedFleet['replicas'][number]>();
  for (const { workloadId, replicas, pool } of [
    ...input.leases.toSorted((a, b) => compareText(a.id, b.id)),
    ...machines,
  ]) {
    for (const replica of replicas) {
      const key = `${workloadId} ${replica}`;
      if (!placed.has(key)) placed.set(key, { workloadId, replica, provider: pool.provider });
    }
  }
  return [...placed.values()];
}

function smallestMachine(input: PlanInput, machines: readonly PlannedMachine[]): PlannedFleet['smallest'] {
  const spends = [
    ...machines.map(({ adjustedPriceMicroUsdPerHour }) => adjustedPriceMicroUsdPerHour),
    ...input.leases.map(({ pool, priceMicroUsdPerHour }) =>
      adjustedPrice(governing(input), pool, priceMicroUsdPerHour),
    ),
  ];
  const counts = [...machines, ...input.leases].map(({ acceleratorCount }) => acceleratorCount);
  return { spend: least(spends), accelerators: least(counts) };
}

function least(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => Math.min(a, b));
}
