import type { PolicyRef } from '../domain/plan.ts';
import type { Rebalance, RebalanceState } from '../domain/rebalance.ts';
import type { EpochMs } from '../domain/time.ts';
import type { Page, PageQuery } from './page.ts';

/** A rebalance that the broker proposed. */
export interface RebalanceView {
  readonly id: string;
  readonly createdAt: EpochMs;
  /** When a look last came to the same. */
  readonly confirmedAt: EpochMs;
  /** Unless a look confirms it before. */
  readonly expiresAt: EpochMs;
  readonly state: RebalanceState;
  /** Why it is no longer proposed; null while it is. */
  readonly stateReason: string | null;
  /** Those it was looked for under, in the order of their names. */
  readonly policies: readonly PolicyRef[];
  readonly rebalance: Rebalance;
  /** Workload ids → names, so that it can be read alone. */
  readonly workloadNames: Readonly<Record<string, string>>;
}

/** What a look that somebody asked for came to; nothing is stored. */
export interface RebalanceLook {
  readonly at: EpochMs;
  /** Whether the broker would propose it. */
  readonly pays: boolean;
  /** Why it pays or does not, in words with figures. */
  readonly reason: string;
  /** False while something is being placed or started: the broker proposes nothing then. */
  readonly isSettled: boolean;
  readonly policies: readonly PolicyRef[];
  /** Null where nothing would move. */
  readonly rebalance: Rebalance | null;
  readonly workloadNames: Readonly<Record<string, string>>;
}

export interface RebalanceService {
  /** Newest first. */
  listRebalances(filter: { readonly state: RebalanceState | null }, page: PageQuery): Promise<Page<RebalanceView>>;
  /** Throws `rebalance-not-found`. */
  getRebalance(id: string): Promise<RebalanceView>;
  /** What moving running leases would bring now, whether or not it pays. Throws `not-ready`, `analysis-timeout`. */
  lookForRebalance(signal: AbortSignal): Promise<RebalanceLook>;
}
