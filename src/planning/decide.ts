import type { HeldReplicas, HoldReason } from '../domain/plan.ts';
import { effectiveCostOf, fleetsAfter, keepsSurvival } from './allocation.ts';
import type { Assignment } from './assignment.ts';
import { assign } from './assignment.ts';
import { fleetBreaches } from './breaches.ts';
import { HoldReasons } from './hold-reasons.ts';
import type { Incumbent, Optimum, SolvePhase } from './optimise.ts';
import { optimise } from './optimise.ts';
import type { Problem } from './option.ts';
import { polished } from './polish.ts';
import type { RuleBook } from './rules.ts';
import { noRules, ruleNames, rulesOf, withoutRules } from './rules.ts';

export type Phase = 'prune' | SolvePhase | 'polish' | 'assign' | 'reasons' | 'record';

/** One planning, with what its steps share. */
export interface Planning {
  readonly problem: Problem;
  /** Relative gap (0..1) at which effective cost counts as optimal. */
  readonly gapShare: number;
  /** Whether the first good answer will do. */
  readonly quick: boolean;
  readonly onPhase: (phase: Phase) => void;
  /** Told of whole answers under all rules, as they are found. */
  readonly onAnswer?: (answer: Incumbent) => void;
}

/** What planning came to: where everything goes, and why what got no place got none. */
export interface Decision {
  /** All rules of every policy, and those that the plan was held to. */
  readonly all: RuleBook;
  readonly inForce: RuleBook;
  readonly planned: Optimum;
  /** The optimum without the policies' rules: with as many replicas as can be had that way. */
  readonly free: Optimum;
  readonly assignment: Assignment;
  readonly held: readonly HeldReplicas[];
}

interface Ruled {
  readonly rules: RuleBook;
  readonly optimum: Optimum;
}

/** Places what the problem asks for at the least cost that the rules in force allow. */
export async function decide(planning: Planning): Promise<Decision> {
  const { problem, onPhase } = planning;
  const all = problem.fleets.map(({ policy }) => rulesOf(policy));
  // Who wants a good answer soon is not kept waiting for what it would cost without rules.
  const early = planning.quick && alwaysInForce(problem, all) ? await optimum(planning, all, null) : null;
  const free = await optimum(withoutTelling(planning), unruledBook(all), null);
  const after = fleetsAfter(problem, (await belowThresholds(planning, all, free)).placements);
  const enforced = all.map((rules, fleet) => {
    const threshold = problem.fleets[fleet]?.policy.enforceAboveMicroUsdPerHour ?? 0;
    return (after[fleet]?.total('spend') ?? 0) >= threshold ? rules : noRules(rules, true);
  });
  const ruled = await underRules(planning, enforced, free, early);
  onPhase('assign');
  const assignment = assign(problem, ruled.optimum.placements);
  onPhase('reasons');
  const held = await heldReplicas(planning, ruled, assignment.leftOver);
  return { all, inForce: ruled.rules, planned: ruled.optimum, free, assignment, held };
}

/** Whether it takes no plan to tell which rules are in force, and there are any. */
function alwaysInForce({ fleets }: Problem, all: RuleBook): boolean {
  const isPlain = fleets.every(({ policy }) => policy.enforceAboveMicroUsdPerHour === 0);
  return isPlain && all.some((rules) => ruleNames(rules).length > 0);
}

function withoutTelling({ onAnswer: _, ...planning }: Planning): Planning {
  return planning;
}

/**
 * The optimum that `enforceAbove` looks at: without the policies' rules, but with the workloads' own `keepShare`, which nothing lifts.
 */
async function belowThresholds(planning: Planning, all: RuleBook, free: Optimum): Promise<Optimum> {
  const { problem } = planning;
  const asks = problem.fleets.some(({ policy }) => policy.enforceAboveMicroUsdPerHour > 0);
  const keeps = problem.classes.some(({ spec }) => spec.keepShare !== null);
  if (!asks || !keeps) return free;
  const own = all.map((rules) => noRules(rules, true));
  return keepsSurvival(problem, own, free.placements) ? free : optimum(planning, own, null);
}

function unruledBook(all: RuleBook): RuleBook {
  return all.map((rules) => noRules(rules, false));
}

async function optimum(
  { problem, gapShare, quick, onPhase, onAnswer }: Planning,
  rules: RuleBook,
  placed: readonly number[] | null,
): Promise<Optimum> {
  const telling = onAnswer === undefined ? {} : { onAnswer };
  const found = await optimise(problem, rules, { gapShare, placed, quick, onPhase, ...telling });
  onPhase('polish');
  const placements = polished(problem, rules, found.placements, found.requiredProviders);
  const effectiveCost = effectiveCostOf(problem, placements);
  return { ...found, placements, effectiveCost, effectiveBound: Math.min(effectiveCost, found.effectiveBound) };
}

/** The cheapest fleet without the policies' rules that serves the same replicas as the plan. */
export async function withSameReplicas(
  planning: Planning,
  { all, free, planned }: Pick<Decision, 'all' | 'free' | 'planned'>,
): Promise<Optimum> {
  if (sameCounts(planned.placed, free.placed)) return free;
  const unruled = await optimum(planning, unruledBook(all), planned.placed);
  return sameCounts(unruled.placed, planned.placed) ? unruled : planned;
}

/** The optimum under the rules, fewer of them where a policy gives some up so that everything placeable is placed. */
async function underRules(planning: Planning, rules: RuleBook, free: Optimum, early: Optimum | null): Promise<Ruled> {
  const { problem } = planning;
  let best: Ruled = { rules, optimum: await ruledOptimum(planning, rules, free, early) };
  for (const [fleet, { policy }] of problem.fleets.entries()) {
    if (policy.onInfeasible === 'hold' || placesAll(problem, fleet, best.optimum, free)) continue;
    best = await relaxed(withoutTelling(planning), best, fleet, free);
  }
  return best;
}

/** Gives up rules of one policy in its stated order; one whose giving up placed nothing more is taken back. */
async function relaxed(planning: Planning, strict: Ruled, fleet: number, free: Optimum): Promise<Ruled> {
  const { problem } = planning;
  const own = strict.rules[fleet];
  const relax = problem.fleets[fleet]?.policy.relax ?? [];
  if (own === undefined) return strict;
  const given: string[] = [];
  let best = strict;
  const without = async (names: readonly string[]): Promise<Ruled> => {
    const rules = strict.rules.with(fleet, withoutRules(own, new Set(names)));
    return { rules, optimum: await ruledOptimum(planning, rules, free) };
  };
  for (const name of relax.filter((rule) => ruleNames(own).includes(rule))) {
    given.push(name);
    best = await without(given);
    if (placesAll(problem, fleet, best.optimum, free)) break;
  }
  let lifted: readonly string[] = given;
  for (const name of given) {
    const fewer = lifted.filter((other) => other !== name);
    const stricter = await without(fewer);
    if (!placesAll(problem, fleet, stricter.optimum, best.optimum)) continue;
    lifted = fewer;
    best = stricter;
  }
  return best;
}

async function ruledOptimum(
  planning: Planning,
  rules: RuleBook,
  free: Optimum,
  early: Optimum | null = null,
): Promise<Optimum> {
  const { problem } = planning;
  // The optimum without rules that happens to keep them is the optimum with them.
  const after = fleetsAfter(problem, free.placements);
  const kept = rules.every((own, fleet) => {
    const owner = problem.fleets[fleet];
    const ledger = after[fleet];
    if (owner === undefined || ledger === undefined) return true;
    return fleetBreaches(ledger, owner.kept, own, own.minProviders).length === 0;
  });
  if (kept && keepsSurvival(problem, rules, free.placements)) {
    planning.onAnswer?.(free);
    return { ...free, requiredProviders: rules.map(({ minProviders }) => minProviders) };
  }
  return early ?? optimum(planning, rules, null);
}

/** Whether as many replicas of the fleet are placed as in the other, priority by priority. */
function placesAll(problem: Problem, fleet: number, optimumHere: Optimum, other: Optimum): boolean {
  const levels = new Set(problem.classes.map(({ spec }) => spec.priority));
  return [...levels].every(
    (priority) => placedAt(problem, fleet, optimumHere, priority) >= placedAt(problem, fleet, other, priority),
  );
}

function placedAt(problem: Problem, fleet: number, { placed }: Optimum, priority: number): number {
  return placed.reduce((sum, count, index) => {
    const demandClass = problem.classes[index];
    return demandClass?.fleet === fleet && demandClass.spec.priority === priority ? sum + count : sum;
  }, 0);
}

function sameCounts(a: readonly number[], b: readonly number[]): boolean {
  return a.every((count, index) => count === b[index]);
}

async function heldReplicas(
  { problem }: Planning,
  { rules, optimum: planned }: Ruled,
  leftOver: Assignment['leftOver'],
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
