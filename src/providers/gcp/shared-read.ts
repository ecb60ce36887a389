import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Call } from '../provider.ts';

export interface Observed<T> {
  readonly value: T;
  readonly observedAt: EpochMs;
}

/** Long enough for the whole price list. */
const LONGEST_READ_MS = 180_000;

/**
 * A read that answers many callers: those who ask while it runs, and those who ask within `maxAgeMs` after it. The price list and
 * the list of machine types are the same for all regions and have no filter by region. A failure is not kept.
 */
export function sharedRead<T>(
  options: { readonly clock: Clock; readonly maxAgeMs: number; readonly closing: AbortSignal },
  read: (call: Call) => Promise<T>,
): (call: Call) => Promise<Observed<T>> {
  let last: Observed<T> | null = null;
  let running: Promise<Observed<T>> | null = null;

  async function start(): Promise<Observed<T>> {
    const observedAt = options.clock.now();
    // No caller's signal: one that gives up must not take the others' answer away.
    const signal = AbortSignal.any([options.closing, AbortSignal.timeout(LONGEST_READ_MS)]);
    try {
      const value = await read({ signal });
      last = { value, observedAt };
      return last;
    } finally {
      running = null;
    }
  }

  return async (call) => {
    call.signal.throwIfAborted();
    if (last !== null && options.clock.now() - last.observedAt < options.maxAgeMs) return last;
    running ??= start();
    return abandonable(running, call.signal);
  };
}

function abandonable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(signal.reason);
    signal.addEventListener('abort', abandon, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}
