import { type FSWatcher, watch } from 'node:fs';
import type { PolicyKeeper } from '../broker/policy-keeper.ts';
import { formatConfigError } from '../config/config-error.ts';
import { loadPolicies } from '../config/load-policies.ts';

/** Editors write a file in several steps; a change is read when it has been quiet for this long. */
const QUIET_MS = 200;

export interface PolicyWatch {
  /** Reads the directory now, as a change or SIGHUP does. One reading after another. */
  reload(): Promise<void>;
  /** Resolves when no reading is under way any more. */
  close(): Promise<void>;
}

/**
 * Keeps the policies in force in step with the directory. A bad file is reported, and then none of them is replaced. `onError` is told when a
 * change could not be taken up for another reason (the store does not answer); the next change or SIGHUP tries again.
 */
export function watchPolicies(
  directory: string,
  keeper: PolicyKeeper,
  onError: (error: unknown) => void = () => {},
): PolicyWatch {
  let timer: NodeJS.Timeout | null = null;
  let last: Promise<void> = Promise.resolve();
  let closed = false;
  const watcher: FSWatcher = watch(directory, () => {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => void reload().catch(onError), QUIET_MS);
  });

  async function read(): Promise<void> {
    if (closed) return;
    const loaded = await loadPolicies(directory);
    if (loaded.ok) await keeper.accept(loaded.value);
    else await keeper.reject(loaded.errors.map(formatConfigError));
  }

  function reload(): Promise<void> {
    const reading = last.then(read);
    last = reading.catch(() => {});
    return reading;
  }

  return {
    reload,
    close: async () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      watcher.close();
      await last;
    },
  };
}
