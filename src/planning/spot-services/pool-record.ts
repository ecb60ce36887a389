import type { EpochMs } from '../../domain/time.ts';
import { addExposure, bucketOf } from '../ages.ts';

/** Lower ends, in hours, of the buckets of an up-run's age. */
export const AGE_EDGES_HOURS: readonly number[] = [0, 0.25, 0.5, 1, 2, 4, 8, 24];

/** Index, after the buckets of age, of the time in which a pool had lately taken or refused replicas while it still had some. */
export const STRAINED = AGE_EDGES_HOURS.length;
const STRAINED_MS = 1_800_000;

/** What was seen counts half after this time: markets change. */
const HALF_LIFE_MS = 2 * 24 * 3_600_000;

const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 900_000;
/** A pool that was down for long is tried less often: the wait adds this share to the time that it is down. */
const RETRY_SHARE = 0.1;
const MS_PER_HOUR = 3_600_000;

/** What was seen of one pool: how long it kept replicas and how often it took them, by the age of the run of time that it was up. */
export interface PoolRecord {
  readonly seenAt: EpochMs;
  /** Start of the present run in which the pool holds replicas of the service; null when it holds none. */
  readonly upSince: EpochMs | null;
  /** Start of the present run of refusals and losses; null when the last launch was accepted. */
  readonly downSince: EpochMs | null;
  readonly lastRefusedAt: EpochMs | null;
  /** Hours seen up, by bucket of age, and last those strained; what is older counts less. */
  readonly upHours: readonly number[];
  /** Times that replicas were taken, likewise. */
  readonly losses: readonly number[];
}

/** What happened in a pool since the last look. */
export interface PoolObservation {
  readonly at: EpochMs;
  /** Replicas of the service that run there now. */
  readonly runningCount: number;
  /** Taken by the cloud since the last look, or noticed to be. */
  readonly lostCount: number;
  /** Launches accepted since the last look. */
  readonly acceptedCount: number;
  /** Launches refused since the last look. */
  readonly refusedCount: number;
}

const EMPTY: readonly number[] = [...AGE_EDGES_HOURS.map(() => 0), 0];

/** The record after one more look. Looks may come at any times, but in order. `record` is null before the first. */
export function observePool(record: PoolRecord | null, seen: PoolObservation): PoolRecord {
  const last = record ?? emptyRecord(seen.at);
  const from = last.upSince === null ? seen.at : Math.max(last.seenAt, last.upSince);
  const strained = isStrained(last, from);
  const share = 0.5 ** (Math.max(0, seen.at - last.seenAt) / HALF_LIFE_MS);
  const upSince = last.upSince ?? from;
  const [age, end] = [(from - upSince) / MS_PER_HOUR, (seen.at - upSince) / MS_PER_HOUR];
  const lossBucket = strained ? STRAINED : bucketOf(AGE_EDGES_HOURS, age);
  const losses = last.losses.map(
    (count, index) => count * share + (index === lossBucket && seen.lostCount > 0 ? 1 : 0),
  );
  const upHours = withHours(
    last.upHours.map((hours) => hours * share),
    { age, end, strained },
  );
  const trouble = seen.lostCount + seen.refusedCount > 0;
  const accepted = seen.acceptedCount > 0 && !trouble;
  return {
    seenAt: seen.at,
    upSince: seen.runningCount > 0 ? (last.upSince ?? seen.at) : null,
    downSince: trouble ? (last.downSince ?? seen.at) : accepted ? null : last.downSince,
    lastRefusedAt: trouble ? seen.at : last.lastRefusedAt,
    upHours,
    losses,
  };
}

function withHours(
  upHours: readonly number[],
  { age, end, strained }: { readonly age: number; readonly end: number; readonly strained: boolean },
): readonly number[] {
  const hours = [...upHours];
  if (strained) hours[STRAINED] = (hours[STRAINED] ?? 0) + end - age;
  else addExposure(AGE_EDGES_HOURS, hours, age, end);
  return hours;
}

function emptyRecord(at: EpochMs): PoolRecord {
  return { seenAt: at, upSince: null, downSince: null, lastRefusedAt: null, upHours: EMPTY, losses: EMPTY };
}

/** When a launch may be tried again after refusals; null when nothing speaks against one. */
export function blockedUntil({ downSince, lastRefusedAt }: PoolRecord): EpochMs | null {
  if (downSince === null || lastRefusedAt === null) return null;
  const wait = Math.min(LONGEST_RETRY_MS, Math.max(FIRST_RETRY_MS, RETRY_SHARE * (lastRefusedAt - downSince)));
  return lastRefusedAt + wait;
}

/** Whether the pool has replicas but lately took or refused some: it is about full, and often takes the others soon. */
export function isStrained({ upSince, downSince, lastRefusedAt }: PoolRecord, nowAt: EpochMs): boolean {
  return upSince !== null && downSince !== null && lastRefusedAt !== null && nowAt - lastRefusedAt < STRAINED_MS;
}

export function isBlocked(record: PoolRecord | undefined, nowAt: EpochMs): boolean {
  const until = record === undefined ? null : blockedUntil(record);
  return until !== null && until > nowAt;
}
