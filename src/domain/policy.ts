import type { MicroUsd, MicroUsdPerHour } from './money.ts';
import type { Market, ProviderId } from './pool.ts';

/**
 * What shares are shares of: money per hour; accelerators that run; accelerator-hours for an hour of work (accelerators ÷
 * throughput); or effective cost (money for an hour of work, with expected failures, interruptions and egress). Formulas: docs/policy.md.
 */
export const SHARE_MEASURES = ['spend', 'accelerators', 'accelerator-hours', 'effective-cost'] as const;
export type ShareMeasure = (typeof SHARE_MEASURES)[number];

/** The rules of diversification, by the names that plans, `relax` and analyses use, in the order in which they are told. */
export const DIVERSIFICATION_RULES = [
  'maxShare.provider',
  'maxShare.region',
  'maxShare.zone',
  'maxShare.pool',
  'maxShare.market',
  'maxSpotShare',
  'minProviders',
  'maxConcentration',
  'survive.provider',
  'survive.region',
] as const;
export type DiversificationRule = (typeof DIVERSIFICATION_RULES)[number];

/** Whether the rule of that name states the least that is wanted; all others state the most that is allowed. */
export function isLeastRule(rule: string): boolean {
  return rule === 'minProviders' || rule.startsWith('survive.');
}

/** Largest share (0..1) that any one of the scope may hold; null = no cap. */
export interface MaxShare {
  readonly provider: number | null;
  readonly region: number | null;
  readonly zone: number | null;
  readonly pool: number | null;
  /** Of one market (on-demand, spot or reserved), all providers together. */
  readonly market: number | null;
}

/** The loss that a share of the replicas of every workload (with ≥ 2) must outlive. */
export interface Survive {
  readonly loss: 'provider' | 'region';
  /** 0..1. */
  readonly keepShare: number;
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
  /** What moving one replica costs once: double running, a restart, data to load again. */
  readonly moveCostMicroUsd: MicroUsd;
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
  /** Share (0..1) of the measure from which on a provider counts for `minProviders`; 0 = one machine is enough. */
  readonly minProviderShare: number;
  readonly maxShare: MaxShare;
  /** Largest Herfindahl–Hirschman index over providers; null = no cap. */
  readonly maxConcentration: number | null;
  /** At most one entry for each kind of loss; empty = no rule. */
  readonly survive: readonly Survive[];
  readonly onInfeasible: 'hold' | 'relax';
  /** Rule names in the order in which they are given up when `onInfeasible` is `relax`. */
  readonly relax: readonly string[];
  /** Diversification may cost this share more than the unconstrained optimum; beyond it a person decides; null = no limit. */
  readonly maxPremiumShare: number | null;
  /** The most one machine may cost; null = no limit. */
  readonly maxPriceMicroUsdPerHour: MicroUsdPerHour | null;
  /** What a gigabyte costs that a machine reads from a workload's home elsewhere. */
  readonly egressMicroUsdPerGb: MicroUsd;
  readonly budgets: readonly Budget[];
  readonly priceAdjustments: readonly PriceAdjustment[];
  readonly rebalance: RebalanceRules;
}
