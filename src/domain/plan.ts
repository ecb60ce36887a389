import type { AcceleratorName } from './accelerators.ts';
import type { MicroUsdPerHour } from './money.ts';
import type { Offer, Quota } from './offer.ts';
import type { Policy } from './policy.ts';
import type { Pool } from './pool.ts';
import type { SoldOut } from './sold-out.ts';
import type { EpochMs } from './time.ts';
import type { WorkloadSpec } from './workload.ts';

/** An offer as the planner ranks it. */
export interface PlanOffer extends Offer {
  /** Estimated chance (0..1] that a launch here succeeds; cost is ranked as price ÷ this. */
  readonly successProbability: number;
}

/** A wish to be served: every replica 0..spec.replicas−1 that no lease serves yet is to be placed. */
export interface PlanWorkload {
  readonly id: string;
  readonly spec: WorkloadSpec;
}

/** A machine that already serves, or is about to serve, a workload. The planner leaves it where it is. */
export interface PlanLease {
  readonly id: string;
  readonly workloadId: string;
  /** The replicas on this machine; several where replicas share it. */
  readonly replicas: readonly number[];
  /** Which machine of a gang this is: 0..partCount−1; 0 of 1 where a replica is one machine or less. */
  readonly part: number;
  readonly partCount: number;
  readonly pool: Pool;
  readonly accelerator: AcceleratorName;
  readonly acceleratorCount: number;
  /** Price in force, before policy adjustments. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
}

/** Everything a plan depends on: the same input gives the same plan, byte for byte, in whatever order the lists come. */
export interface PlanInput {
  readonly at: EpochMs;
  /** The policies in force, in the order of their names. Each governs the fleet of its own teams; no team has two. */
  readonly policies: readonly Policy[];
  readonly offers: readonly PlanOffer[];
  readonly workloads: readonly PlanWorkload[];
  readonly leases: readonly PlanLease[];
  /** Quotas as last observed. `usage` includes what is in flight. */
  readonly quotas: readonly Quota[];
  /** Scopes that refused; those with `until` > `at` are left alone. */
  readonly soldOut: readonly SoldOut[];
  readonly teamBudgets: readonly TeamBudget[];
}

/** What a refusing budget leaves a team. */
export interface TeamBudget {
  readonly team: string;
  /** The most that the team's machines, those that run included, may spend an hour so that the money lasts to the period's end. */
  readonly limitMicroUsdPerHour: MicroUsdPerHour;
}

/** A machine to launch. */
export interface PlannedMachine {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
  readonly pool: Pool;
  readonly accelerator: AcceleratorName;
  readonly acceleratorCount: number;
  /** List or spot price as observed. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  /** After the policy's price adjustments: what shares, caps and the plan's cost count. */
  readonly adjustedPriceMicroUsdPerHour: MicroUsdPerHour;
}

/** Why a workload, or part of it, is not placed. */
export interface HoldReason {
  /** The rule or fact: `maxShare.provider`, `residency.regions`, `headroom`, `sold-out`, `no-offer` … */
  readonly rule: string;
  /** In words, with the figures: what is in the way and what would help. */
  readonly detail: string;
}

export interface HeldReplicas {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  readonly reasons: readonly HoldReason[];
}

/** How one rule of the policy stands in the fleet that the plan leads to. */
export interface RuleUse {
  /** The policy that states it. */
  readonly policy: string;
  /** `maxShare.provider`, `maxShare.region`, `maxSpotShare`, `minProviders`, `maxConcentration`, `survive.provider` … */
  readonly rule: string;
  /** What the rule was applied to: a provider, `provider:region`, a pool key; empty for the fleet. */
  readonly subject: string;
  /** The measured value: a share 0..1, or a count for `minProviders`. */
  readonly value: number;
  readonly limit: number;
  /** False below `enforceAbove`: reported only. */
  readonly enforced: boolean;
  /** Whether the rule is at its limit (no room for one more cheapest unit), so that it may cost money. */
  readonly binding: boolean;
}

/** The pure answer to "what should run where". Costs nothing until it is carried out. */
export interface Plan {
  readonly machines: readonly PlannedMachine[];
  readonly keptLeaseIds: readonly string[];
  /** Leases that the plan gives up once their replacement among `machines` is ready; empty unless moves were asked for. */
  readonly releasedLeaseIds: readonly string[];
  readonly held: readonly HeldReplicas[];
  /** Adjusted cost per hour of the whole fleet after the plan: kept leases and new machines. */
  readonly costMicroUsdPerHour: MicroUsdPerHour;
  /** No plan that places the same replicas under the same rules costs less: proven by the solver. */
  readonly lowerBoundMicroUsdPerHour: MicroUsdPerHour;
  /**
   * What was minimised, and what it is proved to be at least: effective cost of the fleet per hour of work, kept leases at their
   * adjusted price ÷ throughput, in moves also what the moves cost (docs/policy.md).
   */
  readonly effectiveCostMicroUsdPerHour: MicroUsdPerHour;
  readonly effectiveBoundMicroUsdPerHour: MicroUsdPerHour;
  /** (effective cost − bound) / effective cost; 0 for an empty fleet. */
  readonly gapShare: number;
  /** The cheapest fleet for the same replicas without the diversification rules: what the rules cost is the difference. */
  readonly unconstrainedCostMicroUsdPerHour: MicroUsdPerHour;
  /** (cost − unconstrained) / unconstrained; 0 where nothing runs. */
  readonly premiumShare: number;
  readonly rules: readonly RuleUse[];
  /** Shares by the policy's measure, largest first. */
  readonly shares: {
    readonly provider: Readonly<Record<string, number>>;
    readonly region: Readonly<Record<string, number>>;
    readonly market: Readonly<Record<string, number>>;
  };
  /** Herfindahl–Hirschman index of the provider shares of spend. */
  readonly concentration: number;
  /** `quick`: the deadline came before the search was through, and this is the first good answer; `full` otherwise. */
  readonly effort: 'quick' | 'full';
  /** Solver and version: `highs 1.15.3`. */
  readonly solver: string;
  readonly status: 'optimal' | 'feasible' | 'nothing-to-do';
}

/** What was decided about one offer for one workload. */
export type OfferVerdict =
  | 'chosen'
  | 'dearer'
  | 'over-cap'
  | 'sold-out'
  | 'no-headroom'
  | 'restricted'
  | 'outside-residency'
  | 'provider-not-allowed'
  | 'market-not-allowed'
  | 'over-price-limit'
  | 'does-not-fit'
  | 'wrong-architecture'
  | 'wrong-accelerator'
  | 'no-policy'
  /** Its price or other figures make no sense. */
  | 'invalid-offer';

/** One ranked alternative of a workload: an offer and why it was or was not taken. */
export interface Alternative {
  readonly pool: Pool;
  readonly accelerator: AcceleratorName;
  readonly acceleratorCount: number;
  /** Cost of one replica here per hour of work, adjusted; null where a replica does not fit. */
  readonly replicaCostMicroUsdPerHour: MicroUsdPerHour | null;
  readonly verdict: OfferVerdict;
  /** In words, with figures: "dearer by 1.23 $/h", "maxShare.provider aws: 60 % reached", "sold out until …". */
  readonly detail: string;
}

/** Why a workload runs where it runs. */
export interface Explanation {
  readonly workloadId: string;
  /** Alternatives with a fitting accelerator, cheapest first, the chosen ones included. */
  readonly alternatives: readonly Alternative[];
  /** Offers of other accelerators, not listed one by one. */
  readonly otherAcceleratorCount: number;
  readonly held: readonly HoldReason[];
}
