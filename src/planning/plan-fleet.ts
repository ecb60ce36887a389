import type { HeldReplicas, Plan, PlanInput } from '../domain/plan.ts';
import type { Phase, Planning } from './decide.ts';
import { decide, withSameReplicas } from './decide.ts';
import { fleetOfTeam } from './demand.ts';
import { compareText, policiesInOrder } from './market-view.ts';
import { planOf } from './plan-record.ts';
import { problemOf } from './problem.ts';
import { MAX_CONCENTRATION } from './rules.ts';
import { unwantedLeaseIds } from './running.ts';

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

const DEFAULT_GAP_SHARE = 1e-4;
const MOST_REPLICAS = 1_000_000;

/**
 * What should run where: kept leases stay (unless `moves`), what they do not serve is placed at the least cost that the rules
 * allow, and every replica without a place comes with its reasons. Depends on nothing but its arguments. docs/policy.md says
 * what every rule means.
 */
export async function planFleet(input: PlanInput, options: PlanOptions = {}): Promise<Plan> {
  const gapShare = options.gapShare ?? DEFAULT_GAP_SHARE;
  if (options.moves !== true) return planned(input, options, gapShare, false);
  const staying = await planned(input, options, gapShare, false);
  const moving = await planned(input, options, gapShare, true);
  if (heldCount(moving) !== heldCount(staying)) return heldCount(moving) < heldCount(staying) ? moving : staying;
  const drift = driftOf(input, staying) - driftOf(input, moving);
  if (Math.abs(drift) > 1e-9) return drift > 0 ? moving : staying;
  // Moves that save less than what plans are exact to are none.
  const isCheaper = moving.effectiveCostMicroUsdPerHour < staying.effectiveCostMicroUsdPerHour * (1 - gapShare);
  return isCheaper ? moving : staying;
}

/** How far the plan's fleet is from what the rules want: leases where none may be any more, and shares past their limits. */
function driftOf(input: PlanInput, plan: Plan): number {
  const unwanted = unwantedLeaseIds(input);
  const standing = plan.keptLeaseIds.filter((id) => unwanted.has(id)).length;
  const past = plan.rules.filter(({ enforced, rule }) => enforced && isShare(rule));
  return standing + past.reduce((sum, { value, limit }) => sum + Math.max(0, value - limit), 0);
}

/** Rules whose value must be at most their limit, both of 0 to 1. */
function isShare(rule: string): boolean {
  return rule.startsWith('maxShare.') || rule === 'maxSpotShare' || rule === MAX_CONCENTRATION;
}

function heldCount({ held }: Plan): number {
  return held.reduce((sum, { replicas }) => sum + replicas.length, 0);
}

async function planned(input: PlanInput, options: PlanOptions, gapShare: number, moves: boolean): Promise<Plan> {
  const onPhase = options.onPhase ?? ((): void => {});
  onPhase('prune');
  assertCounts(input);
  const problem = problemOf(input, moves);
  const planning: Planning = { problem, gapShare, quick: options.effort === 'quick', onPhase };
  const decision = await decide(planning);
  const held = [...decision.held, ...ungoverned(input)];
  onPhase('record');
  return planOf(
    { problem, quick: planning.quick, ...decision, unruled: await withSameReplicas(planning, decision) },
    held.toSorted(byWorkload),
  );
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

/** Workloads of teams that no policy governs: nothing is bought for them. */
function ungoverned(input: PlanInput): readonly HeldReplicas[] {
  const policies = policiesInOrder(input);
  // A gang is there when all its machines are.
  const served = new Map<string, Map<number, number>>();
  for (const { workloadId, replicas, partCount } of input.leases) {
    const own = served.get(workloadId) ?? new Map<number, number>();
    for (const replica of replicas) own.set(replica, (own.get(replica) ?? 0) + 1 / partCount);
    served.set(workloadId, own);
  }
  return input.workloads.flatMap(({ id, spec }) => {
    if (fleetOfTeam(policies, spec.team) >= 0) return [];
    const all = Array.from({ length: spec.replicas }, (_, replica) => replica);
    const replicas = all.filter((replica) => (served.get(id)?.get(replica) ?? 0) < 1 - 1e-9);
    if (replicas.length === 0) return [];
    const detail = `no policy governs the team ${spec.team}: name it under appliesTo.teams of one`;
    return [{ workloadId: id, replicas, reasons: [{ rule: 'no-policy', detail }] }];
  });
}

function byWorkload(a: HeldReplicas, b: HeldReplicas): number {
  return compareText(a.workloadId, b.workloadId) || (a.replicas[0] ?? 0) - (b.replicas[0] ?? 0);
}
