import type { MicroUsd, MicroUsdPerHour } from '../domain/money.ts';
import type { Plan, PlanInput, PlanLease } from '../domain/plan.ts';
import { governanceOf } from './governance.ts';
import type { PlanOptions } from './plan-fleet.ts';
import { planWithMoves } from './plan-fleet.ts';

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
  /** Effective cost saved per hour of work, before what the moves cost. */
  readonly savedMicroUsdPerHour: MicroUsdPerHour;
  /** What the moves cost once. */
  readonly moveCostMicroUsd: MicroUsd;
  /** Hours until the savings have paid for the moves; null where nothing is saved. */
  readonly paybackHours: number | null;
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
    const rebalance = governance.ofWorkload(workloadId)?.policy.rebalance;
    return rebalance === undefined ? [] : [{ rebalance, once: replicas.length * rebalance.moveCostMicroUsd }];
  });
  const moveCostMicroUsd = moved.reduce((sum, { once }) => sum + once, 0);
  // The plan counts what moves cost, spread over the hours in which they must pay for themselves.
  const spread = moved.reduce((sum, { rebalance, once }) => sum + once / Math.max(1, rebalance.maxPaybackHours), 0);
  const saved = Math.round(staying.effectiveCostMicroUsdPerHour - moving.plan.effectiveCostMicroUsdPerHour + spread);
  const paybackHours = saved > 0 ? moveCostMicroUsd / saved : null;
  const isEnough = moved.every(
    ({ rebalance: { minSavingsMicroUsdPerHour, minSavingsShare, maxPaybackHours } }) =>
      saved >= minSavingsMicroUsdPerHour &&
      saved >= minSavingsShare * staying.effectiveCostMicroUsdPerHour &&
      paybackHours !== null &&
      paybackHours <= maxPaybackHours,
  );
  return {
    ...{ staying, moving: moving.plan, moves, moveCostMicroUsd, paybackHours },
    savedMicroUsdPerHour: saved,
    pays: moving.because !== 'saves' || isEnough,
  };
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
