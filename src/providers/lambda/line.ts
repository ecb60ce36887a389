import { orAborted } from './abortable.ts';

/** Work of one key waits for the work of that key before it. */
export interface Line {
  /** Throws what `work` throws, or the signal's reason while it waits. */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createLine(): Line {
  const lasts = new Map<string, Promise<void>>();
  return {
    async run(key, signal, work) {
      const before = lasts.get(key) ?? Promise.resolve();
      const turn = Promise.withResolvers<void>();
      const last = before.then(() => turn.promise);
      lasts.set(key, last);
      try {
        await orAborted(before, signal);
        return await work();
      } finally {
        turn.resolve();
        if (lasts.get(key) === last) lasts.delete(key);
      }
    },
  };
}
