import type { HeldReplicas, HoldReason, Plan, PlanInput } from '../domain/plan.ts';
import { effectiveCostOf, fleetsAfter, keepsSurvival } from './allocation.ts';
import { assign } from './assignment.ts';
import { fleetBreaches } from './breaches.ts';
import { fleetOfTeam } from './demand.ts';
import { HoldReasons } from './hold-reasons.ts';
import { compareText, policiesInOrder } from './market-view.ts';
import type { Optimum, SolvePhase } from './optimise.ts';
import { optimise } from './optimise.ts';
import type { Problem } from './option.ts';
import type { Outcome } from './plan-record.ts';
import { planOf } from './plan-record.ts';
import { polished } from './polish.ts';
import { problemOf } from './problem.ts';
import type { RuleBook } from './rules.ts';
import { noRules, ruleNames, rulesOf, withoutRules } from './rules.ts';

export interface PlanOptions {
  /** Relative gap (0..1) at which effective cost counts as optimal; 1e-4 by default. */
  readonly gapShare?: number;
  /** Whether running leases may move where that pays; by default they stay where they are. */
  readonly moves?: boolean;
  /** `quick`: the first good answer near the relaxation, with its proven bound; `full` (default): until the gap is closed. */
  readonly effort?: 'quick' | 'full';
  /** Told when a phase begins: for whoever measures. */
  readonly onPhase?: (phase: Phase) => void;
}

export type Phase = 'prune' | SolvePhase | 'polish' | 'assign' | 'reasons' | 'record';

const DEFAULT_GAP_SHARE = 1e-4;

interface Ruled {
  readonly rules: RuleBook;
  readonly optimum: Optimum;
}

/** One planning, with what its steps share. */
interface Planning {
  readonly problem: Problem;
  readonly gapShare: number;
  readonly quick: boolean;
  readonly onPhase: (phase: Phase) => void;
}

/**
 * What should run where: kept leases stay (unless `moves`), what they do not serve is placed at the least cost that the rules
 * allow, and every replica without a place comes with its reasons. Depends on nothing but its arguments. docs/policy.md says
 * what every rule means.
 */
export async function planFleet(input: PlanInput, options: PlanOptions = {}): Promise<Plan> {
  const onPhase = options.onPhase ?? ((): void => {});
  onPhase('prune');
  const problem = problemOf(input, options.moves ?? false);
  const gapShare = options.gapShare ?? DEFAULT_GAP_SHARE;
  const planning: Planning = { problem, gapShare, quick: options.effort === 'quick', onPhase };
  const all = problem.fleets.map(({ policy }) => rulesOf(policy));
  const free = await optimum(
    planning,
    all.map((rules) => noRules(rules, false)),
    null,
  );
  const after = fleetsAfter(problem, free.placements);
  const inForce = all.map((rules, fleet) => {
    const threshold = problem.fleets[fleet]?.policy.enforceAboveMicroUsdPerHour ?? 0;
    return (after[fleet]?.total('spend') ?? 0) >= threshold ? rules : noRules(rules, true);
  });
  const ruled = await underRules(planning, inForce, free);
  const unruled = await withSameReplicas(planning, all, free, ruled.optimum);
  onPhase('assign');
  const assignment = assign(problem, ruled.optimum.placements);
  onPhase('reasons');
  const held = [...(await heldReplicas(planning, ruled, assignment.leftOver)), ...ungoverned(input)];
  onPhase('record');
  const outcome: Outcome = { problem, all, inForce: ruled.rules, planned: ruled.optimum, unruled, assignment };
  return planOf(outcome, held.toSorted(byWorkload));
}

async function optimum(
  { problem, gapShare, quick, onPhase }: Planning,
  rules: RuleBook,
  placed: readonly number[] | null,
): Promise<Optimum> {
  const found = await optimise(problem, rules, { gapShare, placed, quick, onPhase });
  onPhase('polish');
  const placements = polished(problem, rules, found.placements, found.requiredProviders);
  const effectiveCost = effectiveCostOf(problem, placements);
  return { ...found, placements, effectiveCost, effectiveBound: Math.min(effectiveCost, found.effectiveBound) };
}

/** The cheapest fleet without the policies' rules that serves the same replicas as the plan. */
async function withSameReplicas(planning: Planning, all: RuleBook, free: Optimum, planned: Optimum): Promise<Optimum> {
  if (sameCounts(planned.placed, free.placed)) return free;
  const unruled = await optimum(
    planning,
    all.map((rules) => noRules(rules, false)),
    planned.placed,
  );
  return sameCounts(unruled.placed, planned.placed) ? unruled : planned;
}

/** The optimum under the rules, fewer of them where a policy gives some up so that everything placeable is placed. */
async function underRules(planning: Planning, rules: RuleBook, free: Optimum): Promise<Ruled> {
  const { problem } = planning;
  let best: Ruled = { rules, optimum: await ruledOptimum(planning, rules, free) };
  for (const [fleet, { policy }] of problem.fleets.entries()) {
    if (policy.onInfeasible === 'hold' || placesAll(problem, fleet, best.optimum, free)) continue;
    best = await relaxed(planning, best, fleet, free);
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

async function ruledOptimum(planning: Planning, rules: RuleBook, free: Optimum): Promise<Optimum> {
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
    return { ...free, requiredProviders: rules.map(({ minProviders }) => minProviders) };
  }
  return optimum(planning, rules, null);
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
  leftOver: Outcome['assignment']['leftOver'],
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

/** Workloads of teams that no policy governs: nothing is bought for them. */
function ungoverned(input: PlanInput): readonly HeldReplicas[] {
  const policies = policiesInOrder(input);
  const served = new Map<string, Set<number>>();
  for (const { workloadId, replicas } of input.leases) {
    const own = served.get(workloadId) ?? new Set();
    for (const replica of replicas) own.add(replica);
    served.set(workloadId, own);
  }
  return input.workloads.flatMap(({ id, spec }) => {
    if (fleetOfTeam(policies, spec.team) >= 0) return [];
    const all = Array.from({ length: spec.replicas }, (_, replica) => replica);
    const replicas = all.filter((replica) => served.get(id)?.has(replica) !== true);
    if (replicas.length === 0) return [];
    const detail = `no policy governs the team ${spec.team}: name it under appliesTo.teams of one`;
    return [{ workloadId: id, replicas, reasons: [{ rule: 'no-policy', detail }] }];
  });
}

function byWorkload(a: HeldReplicas, b: HeldReplicas): number {
  return compareText(a.workloadId, b.workloadId) || (a.replicas[0] ?? 0) - (b.replicas[0] ?? 0);
}
