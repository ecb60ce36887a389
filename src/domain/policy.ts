import type { MicroUsd, MicroUsdPerHour } from './money.ts';
import type { Market, ProviderId } from './pool.ts';

/** What shares are shares of: money per hour, or accelerators. */
export type ShareMeasure = 'spend' | 'accelerators';

/** Largest share (0..1) that any one of the scope may hold; null = no cap. */
export interface MaxShare {
  readonly provider: number | null;
  readonly region: number | null;
  readonly zone: number | null;
  readonly pool: number | null;
}

export interface PriceAdjustment {
  /** Pattern over `provider:region:instanceType` with `*`. */
  readonly match: string;
  /** Only in this market; null or missing (policies stored before 0.2) = in all. */
  readonly market?: Market | null;
  /** The price is multiplied by this, > 0. */
  readonly factor: number;
  readonly reason: string;
}

export interface Budget {
  readonly team: string;
  readonly period: 'month';
  readonly limitMicroUsd: MicroUsd;
  readonly action: 'refuse' | 'alert';
}

export interface RebalanceRules {
  /** Cron expression, or null for no schedule. */
  readonly schedule: string | null;
  readonly timeZone: string;
  readonly mode: 'propose' | 'automatic' | 'off';
  readonly minSavingsMicroUsdPerHour: MicroUsdPerHour;
  readonly minSavingsShare: number;
  readonly maxPaybackHours: number;
  readonly cooldownMinutes: number;
  readonly maxConcurrentMoves: number;
  readonly maxShareOfWorkload: number;
}

/** The operator's rules (`config/policies/*.yaml`), validated and with every default filled in. Meaning: docs/policy.md. */
export interface Policy {
  readonly name: string;
  /** Team names or `*` patterns the policy governs. */
  readonly teams: readonly string[];
  /** Patterns `provider:region`; null = everywhere. */
  readonly allowedRegions: readonly string[] | null;
  readonly allowedProviders: readonly ProviderId[] | null;
  readonly allowedMarkets: readonly Market[];
  /** Largest share of the fleet on spot; null = no cap. */
  readonly maxSpotShare: number | null;
  readonly measure: ShareMeasure;
  /** Fleets that cost less than this are reported against the caps, not held to them; 0 = always enforced. */
  readonly enforceAboveMicroUsdPerHour: MicroUsdPerHour;
  /** Fewest providers the fleet must be spread over; 1 = no rule. */
  readonly minProviders: number;
  readonly maxShare: MaxShare;
  /** Largest Herfindahl–Hirschman index over providers; null = no cap. */
  readonly maxConcentration: number | null;
  /** Share of the replicas of each workload (with ≥ 2) that must outlive the loss of any one provider; null = no rule. */
  readonly surviveKeepShare: number | null;
  readonly onInfeasible: 'hold' | 'relax';
  /** Rule names in the order in which they are given up when `onInfeasible` is `relax`. */
  readonly relax: readonly string[];
  /** Diversification may cost this share more than the unconstrained optimum; beyond it a person decides; null = no limit. */
  readonly maxPremiumShare: number | null;
  /** The most one machine may cost; null = no limit. */
  readonly maxPriceMicroUsdPerHour: MicroUsdPerHour | null;
  readonly budgets: readonly Budget[];
  readonly priceAdjustments: readonly PriceAdjustment[];
  readonly rebalance: RebalanceRules;
}
