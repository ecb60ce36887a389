import pRetry from 'p-retry';
import type { Clock } from '../domain/time.ts';
import { type Call, ProviderError } from '../providers/provider.ts';
import { FAILURE_POLICY } from './failure-policy.ts';

export interface CallLimits {
  /** The whole call, repeats included, ends after this. */
  readonly deadlineMs: number;
  /** Further tries after the first; 0 for launches, whose repeats are lease steps of their own. */
  readonly repeats: number;
}

export const READ_LIMITS: CallLimits = { deadlineMs: 30_000, repeats: 3 };
export const REFRESH_LIMITS: CallLimits = { deadlineMs: 120_000, repeats: 1 };
export const MUTATION_LIMITS: CallLimits = { deadlineMs: 30_000, repeats: 0 };

export interface CallContext {
  readonly clock: Clock;
  /** Uniform over [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

const FIRST_PAUSE_MS = 500;

/**
 * Calls a provider with a deadline, and repeats what may be repeated (`failure-policy.ts`), pausing 0.5 s, 1 s, 2 s … each spread
 * over 0.5–1.5 of that, or as long as the cloud asked. Past the deadline it rejects with a DOMException `TimeoutError`. Deadline and pauses
 * are of the injected clock: p-retry's own, and `AbortSignal.timeout`, wait on the process's timers.
 */
export async function callProvider<T>(
  context: CallContext,
  limits: CallLimits,
  send: (call: Call) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const ended = new AbortController();
  context.clock.sleep(limits.deadlineMs, ended.signal).then(
    () => over.abort(new DOMException(`No answer within ${limits.deadlineMs / 1000} s`, 'TimeoutError')),
    () => {},
  );
  const signal = AbortSignal.any([context.signal, over.signal]);
  try {
    return await pRetry(() => send({ signal }), {
      retries: limits.repeats,
      minTimeout: 0,
      signal,
      shouldRetry: async ({ error, retriesConsumed }) => {
        if (!(error instanceof ProviderError) || !FAILURE_POLICY[error.kind].repeat) return false;
        await context.clock.sleep(pauseMs(error, retriesConsumed, context.random), signal);
        return true;
      },
    });
  } finally {
    ended.abort();
  }
}

function pauseMs(error: ProviderError, retriesConsumed: number, random: () => number): number {
  const backoff = FIRST_PAUSE_MS * 2 ** retriesConsumed * (0.5 + random());
  return Math.max(backoff, (error.retryAfterSeconds ?? 0) * 1000);
}
