import type { MicroUsd, MicroUsdPerHour } from '../domain/money.ts';
import type { Plan, PlanInput, PlanLease } from '../domain/plan.ts';
import { fleetOfTeam } from './demand.ts';
import { policiesInOrder } from './market-view.ts';
import type { PlanOptions } from './plan-fleet.ts';
import { planFleet } from './plan-fleet.ts';

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
  const moving = await planFleet(input, { ...options, moves: true });
  if (moving.releasedLeaseIds.length === 0) return null;
  const staying = await planFleet(input, options);
  const moves = movesOf(input, moving);
  const policies = policiesInOrder(input);
  const teams = new Map(input.workloads.map(({ id, spec }) => [id, spec.team]));
  const policyOf = (workloadId: string) => policies[fleetOfTeam(policies, teams.get(workloadId) ?? '')];
  const moveCostMicroUsd = moves.reduce((sum, { workloadId, replicas }) => {
    return sum + replicas.length * (policyOf(workloadId)?.rebalance.moveCostMicroUsd ?? 0);
  }, 0);
  const spread = moves.reduce((sum, { workloadId, replicas }) => {
    const rebalance = policyOf(workloadId)?.rebalance;
    if (rebalance === undefined) return sum;
    return sum + (replicas.length * rebalance.moveCostMicroUsd) / Math.max(1, rebalance.maxPaybackHours);
  }, 0);
  const after = moving.effectiveCostMicroUsdPerHour - spread;
  const saved = Math.round(staying.effectiveCostMicroUsdPerHour - after);
  const rebalances = moves.flatMap(({ workloadId }) => policyOf(workloadId)?.rebalance ?? []);
  const paybackHours = saved > 0 ? moveCostMicroUsd / saved : null;
  const isEnough = rebalances.every(
    ({ minSavingsMicroUsdPerHour, minSavingsShare, maxPaybackHours }) =>
      saved >= minSavingsMicroUsdPerHour &&
      saved >= minSavingsShare * staying.effectiveCostMicroUsdPerHour &&
      paybackHours !== null &&
      paybackHours <= maxPaybackHours,
  );
  // Moves that save nothing are there because they mend something.
  const mends = saved <= 0 || moving.held.length < staying.held.length;
  return {
    staying,
    moving,
    moves,
    savedMicroUsdPerHour: saved,
    moveCostMicroUsd,
    paybackHours,
    pays: mends || isEnough,
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
