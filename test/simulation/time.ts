import type { Clock, EpochMs } from '../../src/domain/time.ts';
import { streamOf, uniformAt } from '../../src/emulators/world/random.ts';

/**
 * Time of a simulation. It moves only when everything is quiescent: whatever was woken has run until it waits again. Of several wake-ups that
 * are due at the same moment the seed decides which goes next.
 */
export interface SimulatedTime extends Clock {
  /** Runs something later. */
  after(ms: number, run: () => void): void;
  /** Work that does not wait on this clock (a plan, a query) and must end before time moves on. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** Goes on until the moment, or until `stop` says so after a step. */
  runUntil(at: EpochMs, stop?: () => boolean): Promise<void>;
}

interface Timer {
  readonly dueAt: EpochMs;
  /** Drawn: decides among equals. */
  readonly order: number;
  wake: (() => void) | null;
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.order < other.order);
}

/** A binary heap: the timer that goes next is first. */
class Timers {
  readonly #items: Timer[] = [];

  get first(): Timer | undefined {
    return this.#items[0];
  }

  push(timer: Timer): void {
    const items = this.#items;
    let index = items.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      items[index] = above;
      index = parent;
    }
    items[index] = timer;
  }

  pop(): Timer | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    let index = 0;
    for (;;) {
      const child = this.#smallerChild(index);
      const below = items[child];
      if (below === undefined || !isBefore(below, last)) break;
      items[index] = below;
      index = child;
    }
    items[index] = last;
    return first;
  }

  #smallerChild(index: number): number {
    const [left, right] = [this.#items[2 * index + 1], this.#items[2 * index + 2]];
    return left !== undefined && right !== undefined && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1;
  }
}

function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export function createTime(seed: number, startAt: EpochMs): SimulatedTime {
  const stream = streamOf(seed, 'order');
  const timers = new Timers();
  let nowAt = startAt;
  let count = 0;
  let held = 0;

  function add(ms: number, wake: () => void): Timer {
    count += 1;
    const timer = { dueAt: nowAt + Math.max(1, Math.ceil(ms)), order: uniformAt(stream, count), wake };
    timers.push(timer);
    return timer;
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (ms <= 0) {
        resolve();
        return;
      }
      const timer = add(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      function abort(): void {
        timer.wake = null;
        reject(signal?.reason);
      }
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Everything in this process waits on promises only, so one turn of the event loop runs it until it waits for the clock. */
  async function settle(): Promise<void> {
    do {
      await turnOfTheEventLoop();
    } while (held > 0);
  }

  async function runUntil(at: EpochMs, stop: () => boolean = () => false): Promise<void> {
    await settle();
    for (let next = timers.first; next !== undefined && next.dueAt <= at; next = timers.first) {
      timers.pop();
      if (next.wake === null) continue;
      nowAt = Math.max(nowAt, next.dueAt);
      next.wake();
      await settle();
      if (stop()) return;
    }
    nowAt = Math.max(nowAt, at);
  }

  return {
    now: () => nowAt,
    sleep,
    after: (ms, run) => void add(ms, run),
    hold: async (work) => {
      held += 1;
      try {
        return await work;
      } finally {
        held -= 1;
      }
    },
    runUntil,
  };
}
