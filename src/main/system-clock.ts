import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../domain/time.ts';

/** The process's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
