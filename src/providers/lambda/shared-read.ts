import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Call } from '../provider.ts';
import { orAborted } from './abortable.ts';

export interface Read<T> {
  readonly value: T;
  readonly readAt: EpochMs;
}

interface Underway<T> {
  readonly promise: Promise<Read<T>>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * One request for all who ask while it is under way, or within `maxAgeMs` after it began: one answer of Lambda's holds all regions, the
 * broker asks for each region by itself, and Lambda allows one request a second. A caller's signal ends the caller's waiting; the
 * request ends with the last of them. Failures are not kept.
 */
export function createSharedRead<T>(
  clock: Clock,
  maxAgeMs: number,
  read: (call: Call) => Promise<T>,
): (call: Call) => Promise<Read<T>> {
  let kept: Read<T> | null = null;
  let underway: Underway<T> | null = null;

  async function readOnce(controller: AbortController): Promise<Read<T>> {
    const readAt = clock.now();
    try {
      kept = { value: await read({ signal: controller.signal }), readAt };
      return kept;
    } finally {
      if (underway?.controller === controller) underway = null;
    }
  }

  function begin(): Underway<T> {
    const controller = new AbortController();
    const begun = { controller, promise: readOnce(controller), waiting: 0 };
    // Those who wait are told; with nobody waiting, nobody needs to know.
    begun.promise.catch(() => undefined);
    underway = begun;
    return begun;
  }

  return async ({ signal }) => {
    signal.throwIfAborted();
    if (kept !== null && clock.now() - kept.readAt < maxAgeMs) return kept;
    const joined = underway ?? begin();
    joined.waiting += 1;
    try {
      return await orAborted(joined.promise, signal);
    } finally {
      joined.waiting -= 1;
      if (joined.waiting === 0) {
        joined.controller.abort();
        if (underway === joined) underway = null;
      }
    }
  };
}
