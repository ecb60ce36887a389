/** Milliseconds since 1970-01-01T00:00:00Z. Names of such values end in `At`. */
export type EpochMs = number;

/** The passing of time, injected everywhere so that tests and simulations can step it. */
export interface Clock {
  now(): EpochMs;
  /** Resolves after `ms` of this clock's time; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
