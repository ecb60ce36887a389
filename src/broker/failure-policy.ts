import type { ProviderErrorKind } from '../providers/provider.ts';

/** What the broker does after a provider error. A new kind does not compile until it is decided here. */
export interface FailureAction {
  /** Repeat the same call after a pause (reads at once, launches with the same key). */
  readonly repeat: boolean;
  /** Ask the cloud by idempotency key before anything else. */
  readonly reconcile: boolean;
  /** Stop launching at this provider and tell people. */
  readonly suspendProvider: boolean;
  /** Give the attempt up for good and re-plan; the pool is left alone for a while. */
  readonly giveUp: boolean;
}

export const FAILURE_POLICY: Readonly<Record<ProviderErrorKind, FailureAction>> = {
  'rate-limited': { repeat: true, reconcile: false, suspendProvider: false, giveUp: false },
  unavailable: { repeat: true, reconcile: false, suspendProvider: false, giveUp: false },
  'outcome-unknown': { repeat: true, reconcile: true, suspendProvider: false, giveUp: false },
  unauthorized: { repeat: false, reconcile: false, suspendProvider: true, giveUp: true },
  conflict: { repeat: false, reconcile: false, suspendProvider: false, giveUp: true },
  'invalid-request': { repeat: false, reconcile: false, suspendProvider: false, giveUp: true },
};
