import type { Clock, EpochMs } from '../../domain/time.ts';

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /**
   * Moves time forward, waking sleepers in the order in which they are due. Each one wakes with the clock at its due time and
   * gets a turn of the event loop to run on (and to sleep again within the stretch) before time moves further.
   */
  advance(ms: number): Promise<void>;
  /** When the next sleeper is due; null when nobody sleeps. */
  nextDueAt(): EpochMs | null;
}

interface Sleeper {
  readonly dueAt: EpochMs;
  readonly wake: () => void;
}

function checkedDuration(ms: number): number {
  if (!Number.isFinite(ms)) throw new RangeError(`a duration must be a finite number of milliseconds, not ${ms}`);
  return ms;
}

function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export function createManualClock(startAt: EpochMs): ManualClock {
  let nowAt = startAt;
  /** In order of due time; equals in order of arrival. */
  const sleepers: Sleeper[] = [];

  function enqueue(sleeper: Sleeper): void {
    const later = sleepers.findIndex((other) => other.dueAt > sleeper.dueAt);
    sleepers.splice(later < 0 ? sleepers.length : later, 0, sleeper);
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      checkedDuration(ms);
      signal?.throwIfAborted();
      if (ms <= 0) {
        resolve();
        return;
      }
      function abort(): void {
        const index = sleepers.indexOf(sleeper);
        if (index >= 0) sleepers.splice(index, 1);
        reject(signal?.reason);
      }
      const sleeper: Sleeper = {
        dueAt: nowAt + ms,
        wake() {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      enqueue(sleeper);
    });
  }

  async function advance(ms: number): Promise<void> {
    if (checkedDuration(ms) < 0) throw new RangeError(`time moves forward only, not by ${ms} ms`);
    const target = nowAt + ms;
    for (let next = sleepers[0]; next !== undefined && next.dueAt <= target; next = sleepers[0]) {
      sleepers.shift();
      nowAt = Math.max(nowAt, next.dueAt);
      next.wake();
      await turnOfTheEventLoop();
    }
    nowAt = Math.max(nowAt, target);
  }

  return { now: () => nowAt, sleep, advance, nextDueAt: () => sleepers[0]?.dueAt ?? null };
}

export function isManualClock(clock: Clock): clock is ManualClock {
  return 'advance' in clock && typeof clock.advance === 'function';
}

/** Node fires a longer timeout at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * A clock that runs `speed` times as fast as the machine's monotonic one, from `startAt` (default: the time of day) on.
 * `speed` must be > 0. Whole milliseconds.
 */
export function createScaledClock(options: { readonly startAt?: EpochMs; readonly speed: number }): Clock {
  const { speed, startAt = Date.now() } = options;
  if (!(speed > 0) || !Number.isFinite(speed)) throw new RangeError(`the speed of a clock must be > 0, not ${speed}`);
  const origin = performance.now();

  function now(): EpochMs {
    return Math.floor(startAt + (performance.now() - origin) * speed);
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      checkedDuration(ms);
      signal?.throwIfAborted();
      const dueAt = now() + ms;
      let timer: NodeJS.Timeout | undefined;
      function abort(): void {
        clearTimeout(timer);
        reject(signal?.reason);
      }
      // A timer may fire early by a part of a millisecond, which a fast clock multiplies: ask the clock, not the timer.
      function wakeWhenDue(): void {
        const rest = dueAt - now();
        if (rest > 0) {
          timer = setTimeout(wakeWhenDue, Math.min(LONGEST_TIMEOUT_MS, Math.max(1, rest / speed)));
          return;
        }
        signal?.removeEventListener('abort', abort);
        resolve();
      }
      signal?.addEventListener('abort', abort, { once: true });
      wakeWhenDue();
    });
  }

  return { now, sleep };
}
