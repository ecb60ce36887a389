import type { MicroUsd, MicroUsdPerHour } from '../domain/money.ts';
import type { Plan, PlanInput, PlanLease } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { RebalanceCause } from '../domain/rebalance.ts';
import { governanceOf } from './governance.ts';
import type { PlanOptions } from './plan-fleet.ts';
import { planWithMoves } from './plan-fleet.ts';

/** A threshold of a policy's `rebalance` that the savings do not reach. */
export interface Shortfall {
  readonly policy: string;
  readonly rule: 'minSavings.usdPerHour' | 'minSavings.share' | 'maxPaybackHours';
  /** Micro-dollars per hour, a share 0..1, or hours; null where nothing is saved and so nothing paid back. */
  readonly value: number | null;
  readonly limit: number;
}

/** One replica, or all replicas of a shared machine, that would run elsewhere. */
export interface Move {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  /** Given up once the new machines are ready. */
  readonly leaseIds: readonly string[];
}

/** What moving running leases would bring, against leaving them where they are. */
export interface RebalanceOffer {
  /** Everything placed without moving anything. */
  readonly staying: Plan;
  readonly moving: Plan;
  readonly moves: readonly Move[];
  readonly because: RebalanceCause;
  /** Effective cost saved per hour of work, before what the moves cost. */
  readonly savedMicroUsdPerHour: MicroUsdPerHour;
  /** What the moves cost once. */
  readonly moveCostMicroUsd: MicroUsd;
  /** Hours until the savings have paid for the moves; null where nothing is saved. */
  readonly paybackHours: number | null;
  /** Thresholds missed, of the policies whose leases move; empty where the moves do more than save. */
  readonly shortfalls: readonly Shortfall[];
  /** Whether it is worth offering: it mends what the rules no longer allow, or saves enough and soon enough. */
  readonly pays: boolean;
}

/**
 * Plans from the present leases with their moves allowed. It pays where the savings reach `minSavings` of every policy whose
 * leases move, in dollars and as a share of the cost, within its `maxPaybackHours`; or where replicas without a place get one, or rules that
 * are broken are kept again. Null where nothing would move.
 */
export async function rebalanceOffer(input: PlanInput, options: PlanOptions = {}): Promise<RebalanceOffer | null> {
  const { staying, moving } = await planWithMoves(input, options);
  if (moving === null || moving.plan.releasedLeaseIds.length === 0) return null;
  const moves = movesOf(input, moving.plan);
  const governance = governanceOf(input);
  const moved = moves.flatMap(({ workloadId, replicas }) => {
    const policy = governance.ofWorkload(workloadId)?.policy;
    return policy === undefined ? [] : [{ policy, once: replicas.length * policy.rebalance.moveCostMicroUsd }];
  });
  const moveCostMicroUsd = moved.reduce((sum, { once }) => sum + once, 0);
  // The plan counts what moves cost, spread over the hours in which they must pay for themselves.
  const spread = moved.reduce(
    (sum, { policy: { rebalance }, once }) => sum + once / Math.max(1, rebalance.maxPaybackHours),
    0,
  );
  const saved = Math.round(staying.effectiveCostMicroUsdPerHour - moving.plan.effectiveCostMicroUsdPerHour + spread);
  const paybackHours = saved > 0 ? moveCostMicroUsd / saved : null;
  const governing = [...new Set(moved.map(({ policy }) => policy))];
  const savings = { saved, paybackHours, cost: staying.effectiveCostMicroUsdPerHour };
  const shortfalls = moving.because === 'saves' ? governing.flatMap((policy) => shortfallsOf(policy, savings)) : [];
  return {
    ...{ staying, moving: moving.plan, moves, moveCostMicroUsd, paybackHours, shortfalls },
    because: moving.because,
    savedMicroUsdPerHour: saved,
    pays: shortfalls.length === 0,
  };
}

interface Savings {
  readonly saved: number;
  readonly paybackHours: number | null;
  /** Effective cost of staying. */
  readonly cost: number;
}

function shortfallsOf({ name: policy, rebalance }: Policy, savings: Savings): readonly Shortfall[] {
  const { saved, paybackHours, cost } = savings;
  const { minSavingsMicroUsdPerHour, minSavingsShare, maxPaybackHours } = rebalance;
  const share = cost === 0 ? 0 : saved / cost;
  return [
    ...(saved < minSavingsMicroUsdPerHour
      ? [{ policy, rule: 'minSavings.usdPerHour' as const, value: saved, limit: minSavingsMicroUsdPerHour }]
      : []),
    ...(saved < minSavingsShare * cost
      ? [{ policy, rule: 'minSavings.share' as const, value: share, limit: minSavingsShare }]
      : []),
    ...(paybackHours === null || paybackHours > maxPaybackHours
      ? [{ policy, rule: 'maxPaybackHours' as const, value: paybackHours, limit: maxPaybackHours }]
      : []),
  ];
}

function movesOf(input: PlanInput, { releasedLeaseIds }: Plan): readonly Move[] {
  const released = new Set(releasedLeaseIds);
  const leases = input.leases.filter(({ id }) => released.has(id));
  const together = Map.groupBy(leases, ({ workloadId, replicas }) => `${workloadId} ${replicas.join(',')}`);
  return [...together.values()].flatMap((gang) => {
    const [first]: readonly (PlanLease | undefined)[] = gang;
    if (first === undefined) return [];
    return [{ workloadId: first.workloadId, replicas: first.replicas, leaseIds: gang.map(({ id }) => id).toSorted() }];
  });
}
