import { monotonicFactory } from 'ulid';
import type { Clock } from '../domain/time.ts';

/** New ids: lower-case ULIDs, so they sort by time and fit the names of every cloud (26 characters of `[0-9a-z]`). */
export type NewId = () => string;

export function createNewId(clock: Clock, random: () => number): NewId {
  const next = monotonicFactory(random);
  return () => next(clock.now()).toLowerCase();
}
