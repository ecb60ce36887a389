import { fork } from 'node:child_process';
import path from 'node:path';
import type { SeedReport } from './worker.ts';

export interface PoolOptions {
  readonly seeds: Iterable<number>;
  readonly workers: number;
  readonly shrinks: boolean;
  /** A planted bug to be simulated with; null = the broker as it is. */
  readonly planted?: string | null;
  /** Returns true when enough is known. */
  readonly onReport: (report: SeedReport) => boolean;
}

type Answer = { readonly ready: true } | { readonly report: SeedReport } | { readonly failure: string };

/** Runs seeds in worker processes side by side. Rejects when a run fails for another reason than a broken promise. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const seeds = options.seeds[Symbol.iterator]();
  let isEnough = false;
  const work = Array.from({ length: options.workers }, () => runWorker());
  await Promise.all(work);

  function runWorker(): Promise<void> {
    const preload = path.join(import.meta.dirname, 'planted', 'plant.ts');
    const planted = options.planted ?? null;
    const child = fork(path.join(import.meta.dirname, 'worker.ts'), ['--worker'], {
      execArgv: ['--disable-warning=ExperimentalWarning', ...(planted === null ? [] : ['--import', preload])],
      env: { ...process.env, ...(planted === null ? {} : { PLANTED_BUG: planted }) },
    });
    let running: number | null = null;
    return new Promise((resolve, reject) => {
      function next(): void {
        const { value, done } = isEnough ? { value: 0, done: true } : seeds.next();
        if (done === true) {
          child.kill();
          resolve();
        } else {
          running = value;
          child.send({ seed: value, shrinks: options.shrinks });
        }
      }
      child.on('message', (answer: Answer) => {
        if ('failure' in answer) {
          child.kill();
          reject(new Error(answer.failure));
          return;
        }
        if ('report' in answer && !isEnough && options.onReport(answer.report)) isEnough = true;
        next();
      });
      child.on('error', reject);
      child.on('exit', (code) => {
        if (code !== null && code !== 0)
          reject(new Error(`the broker of seed ${running} ended its process with code ${code}: see above`));
      });
    });
  }
}
