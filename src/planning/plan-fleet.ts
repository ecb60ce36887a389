import type { HeldReplicas, Plan, PlanInput } from '../domain/plan.ts';
import { fleetsAfter } from './allocation.ts';
import { fleetBreaches } from './breaches.ts';
import type { Decision, Phase, Planning } from './decide.ts';
import { decide, withSameReplicas } from './decide.ts';
import type { Fleet } from './fleets.ts';
import { governanceOf } from './governance.ts';
import { placesFewer } from './held-counts.ts';
import { compareText } from './market-view.ts';
import type { Incumbent } from './optimise.ts';
import type { Problem } from './option.ts';
import { placedReplicas, planOf } from './plan-record.ts';
import { problemOf } from './problem.ts';
import { replicasPastSurvival } from './rule-use.ts';
import { unwantedLeaseIds } from './running.ts';
import { ungoverned } from './ungoverned.ts';

export interface PlanOptions {
  /** Relative gap (0..1) at which effective cost counts as optimal; 1e-4 by default. */
  readonly gapShare?: number;
  /** Whether running leases may move where that pays; by default they stay where they are. */
  readonly moves?: boolean;
  /** `quick`: the first good answer near the relaxation, with its proven bound; `full` (default): until the gap is closed. */
  readonly effort?: 'quick' | 'full';
  /** Told when a phase begins: for whoever measures. */
  readonly onPhase?: (phase: Phase) => void;
  /** Told of answers with their bounds as they are found, the first before it is made better. */
  readonly onAnswer?: (answer: Incumbent) => void;
}

const DEFAULT_GAP_SHARE = 1e-4;
const MOST_REPLICAS = 1_000_000;

/**
 * What should run where: kept leases stay (unless `moves`), what they do not serve is placed at the least cost that the rules
 * allow, and every replica without a place comes with its reasons. Depends on nothing but its arguments. docs/policy.md says
 * what every rule means.
 */
export async function planFleet(input: PlanInput, options: PlanOptions = {}): Promise<Plan> {
  if (options.moves !== true) return (await outcomeOf(input, options, false)).plan;
  const { staying, moving } = await planWithMoves(input, options);
  return moving === null ? staying : moving.plan;
}

/** Plans with moves and without. */
export interface Alternatives {
  /** Everything placed without moving anything. */
  readonly staying: Plan;
  /** Null where moving is no better. `because`: it places more, mends what rules no longer allow, or costs less. */
  readonly moving: { readonly plan: Plan; readonly because: 'places' | 'mends' | 'saves' } | null;
}

export async function planWithMoves(input: PlanInput, options: PlanOptions = {}): Promise<Alternatives> {
  const stayed = await outcomeOf(input, options, false);
  const moved = await outcomeOf(input, options, true);
  const staying = stayed.plan;
  const { plan, problem } = moved;
  if (placesFewer(input, plan, staying)) return { staying, moving: null };
  if (placesFewer(input, staying, plan)) return { staying, moving: { plan, because: 'places' } };
  const mended = driftOf(problem.fleets, stayed) - driftOf(problem.fleets, moved);
  if (mended > 1e-9) return { staying, moving: { plan, because: 'mends' } };
  // Moves that save less than what plans are exact to are none.
  const worth = staying.effectiveCostMicroUsdPerHour * (1 - (options.gapShare ?? DEFAULT_GAP_SHARE));
  const saves = mended > -1e-9 && plan.effectiveCostMicroUsdPerHour < worth;
  return { staying, moving: saves ? { plan, because: 'saves' } : null };
}

/**
 * How far the plan's fleet is from what the rules want: leases where none may be any more, replicas past `survive`, providers that are
 * lacking, and shares past their limits as far as the leases of `fleets` do not excuse them.
 */
function driftOf(fleets: readonly Fleet[], { plan, problem, decision: { planned, inForce } }: Outcome): number {
  const { input } = problem;
  const unwanted = unwantedLeaseIds(input);
  const kept = new Set(plan.keptLeaseIds);
  const leases = input.leases.filter(({ id }) => kept.has(id));
  const standing = leases.filter(({ id }) => unwanted.has(id)).length;
  const replicas = placedReplicas(leases, plan.machines);
  const past = fleetsAfter(problem, planned.placements).flatMap((after, index) => {
    const excuses = fleets[index]?.kept;
    const rules = inForce[index];
    if (excuses === undefined || rules === undefined) return [];
    return fleetBreaches(after, excuses, rules, rules.minProviders).map(({ value, limit }) => Math.abs(value - limit));
  });
  const unsafe = replicasPastSurvival(input, governanceOf(input), inForce, replicas);
  return past.reduce((sum, share) => sum + share, standing + unsafe);
}

interface Outcome {
  readonly plan: Plan;
  readonly problem: Problem;
  readonly decision: Decision;
}

async function outcomeOf(input: PlanInput, options: PlanOptions, moves: boolean): Promise<Outcome> {
  const gapShare = options.gapShare ?? DEFAULT_GAP_SHARE;
  const onPhase = options.onPhase ?? ((): void => {});
  onPhase('prune');
  assertCounts(input);
  const problem = problemOf(input, moves);
  const telling = options.onAnswer === undefined ? {} : { onAnswer: options.onAnswer };
  const planning: Planning = { problem, gapShare, quick: options.effort === 'quick', onPhase, ...telling };
  const decision = await decide(planning);
  const held = [...decision.held, ...ungoverned(input)];
  onPhase('record');
  const unruled = await withSameReplicas(planning, decision);
  const plan = planOf({ problem, quick: planning.quick, ...decision, unruled }, held.toSorted(byWorkload));
  return { plan, problem, decision };
}

/** Throws RangeError for numbers of replicas that cannot be. */
function assertCounts({ workloads }: PlanInput): void {
  for (const { id, spec } of workloads) {
    if (Number.isSafeInteger(spec.replicas) && spec.replicas >= 0 && spec.replicas <= MOST_REPLICAS) continue;
    throw new RangeError(
      `replicas of workload "${id}" must be a whole number from 0 to ${MOST_REPLICAS}, not ${spec.replicas}`,
    );
  }
}

function byWorkload(a: HeldReplicas, b: HeldReplicas): number {
  return compareText(a.workloadId, b.workloadId) || (a.replicas[0] ?? 0) - (b.replicas[0] ?? 0);
}
