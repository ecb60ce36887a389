import type { Clock } from '../domain/time.ts';

/** A background loop: runs `pass` when woken or when the pause it asked for is over, one pass at a time, until stopped. */
export interface Loop {
  /** Runs another pass soon; several calls before it starts are one. */
  wake(): void;
  /** Stops after the pass under way. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  readonly clock: Clock;
  /** Does one round of work; returns after how many milliseconds the next is due if nothing wakes it. Called again at once for 0. */
  readonly pass: (signal: AbortSignal) => Promise<number>;
  /** Told of a pass that threw; the loop goes on after `retryAfterMs`. */
  readonly onError: (error: unknown) => void;
  readonly retryAfterMs: number;
}

export function startLoop(options: LoopOptions): Loop {
  const stopping = new AbortController();
  let woken = new AbortController();

  async function pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    try {
      await options.clock.sleep(ms, AbortSignal.any([stopping.signal, woken.signal]));
    } catch (error) {
      if (!stopping.signal.aborted && !woken.signal.aborted) throw error;
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = new AbortController();
      let pauseMs = options.retryAfterMs;
      try {
        pauseMs = await options.pass(stopping.signal);
      } catch (error) {
        if (!stopping.signal.aborted) options.onError(error);
      }
      await pause(pauseMs);
    }
  }

  const running = run();
  return {
    wake: () => woken.abort(),
    stop: () => {
      stopping.abort(new Error('The broker is stopping'));
      return running;
    },
  };
}
