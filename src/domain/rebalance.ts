import type { AcceleratorName } from './accelerators.ts';
import type { MicroUsd, MicroUsdPerHour } from './money.ts';
import type { Plan, PlannedMachine } from './plan.ts';
import type { Pool } from './pool.ts';

/** `superseded`: a later look came to something else, or to nothing. `expired`: no look has confirmed it in time. */
export const REBALANCE_STATES = ['proposed', 'superseded', 'expired'] as const;
export type RebalanceState = (typeof REBALANCE_STATES)[number];

/** What a rebalance as a whole is for: replicas without a place get one, broken rules are kept again, or it costs less. */
export const REBALANCE_CAUSES = ['places', 'mends', 'saves'] as const;
export type RebalanceCause = (typeof REBALANCE_CAUSES)[number];

/**
 * What one move is for. `not-allowed`: policy or workload allow no machine where it stands. `cheaper`: by itself. `mends`: a rule of the fleet.
 * `makes-room`: for replicas without a place. `together`: it pays only with the others.
 */
export const MOVE_CAUSES = ['not-allowed', 'cheaper', 'mends', 'makes-room', 'together'] as const;
export type MoveCause = (typeof MOVE_CAUSES)[number];

/** A lease that is given up once the new machines are ready. */
export interface MovedLease {
  readonly leaseId: string;
  readonly pool: Pool;
  readonly accelerator: AcceleratorName;
  readonly acceleratorCount: number;
  /** Price in force. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  /** After the policies' price adjustments: what shares, caps and costs count. */
  readonly adjustedPriceMicroUsdPerHour: MicroUsdPerHour;
}

/** Replicas of one workload that change machines together: a replica, or all that share a machine before or after. */
export interface RebalanceMove {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  readonly from: readonly MovedLease[];
  /** Empty where replicas give their place up to others that go first. */
  readonly to: readonly PlannedMachine[];
  /** Adjusted prices of `from`, and of `to`. */
  readonly costNowMicroUsdPerHour: MicroUsdPerHour;
  readonly costAfterMicroUsdPerHour: MicroUsdPerHour;
  readonly why: { readonly cause: MoveCause; readonly detail: string };
}

/** A whole fleet at a glance, with one plan or the other. */
export interface FleetFigure {
  readonly costMicroUsdPerHour: MicroUsdPerHour;
  readonly shares: Plan['shares'];
  /** Of the providers' spend, 0..1. */
  readonly concentration: number;
}

/** Moves of running leases, with what they bring and cost. */
export interface Rebalance {
  readonly cause: RebalanceCause;
  readonly moves: readonly RebalanceMove[];
  /** Machines besides the moves: for replicas that have no place now. */
  readonly added: readonly PlannedMachine[];
  /** Everything stays where it is, and what can be placed so is placed. */
  readonly now: FleetFigure;
  readonly after: FleetFigure;
  /** Effective cost saved per hour of work, before what the moves cost; negative where rules or places cost more. */
  readonly savedMicroUsdPerHour: MicroUsdPerHour;
  /** Of the effective cost of staying. */
  readonly savedShare: number;
  /** What the moves cost once. */
  readonly moveCostMicroUsd: MicroUsd;
  /** Hours until the savings have paid for the moves; null where nothing is saved. */
  readonly paybackHours: number | null;
}
