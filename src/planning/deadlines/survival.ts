import { addExposure, bucketOf, drawnHazard } from '../ages.ts';

/** Lower ends of the age buckets, in seconds. Spot runs are not memoryless: most that end do so young, so buckets widen with age. */
export const AGE_EDGES: readonly number[] = [0, 600, 1800, 3600, 7200, 14_400, 28_800, 57_600, 115_200];

export interface AgeCounts {
  readonly events: Float64Array;
  /** Seconds at risk. */
  readonly exposure: Float64Array;
}

export function emptyCounts(): AgeCounts {
  return { events: new Float64Array(AGE_EDGES.length), exposure: new Float64Array(AGE_EDGES.length) };
}

export function ageBucket(age: number): number {
  return bucketOf(AGE_EDGES, age);
}

/** Adds `seconds` at risk from `age` on, and the end of the run after them where it ended. */
export function addRun(counts: AgeCounts, age: number, seconds: number, hasEnded: boolean): void {
  const end = age + seconds;
  addExposure(AGE_EDGES, counts.exposure, age, end);
  if (!hasEnded) return;
  const last = ageBucket(Math.max(age, end - 1e-9));
  counts.events[last] = (counts.events[last] ?? 0) + 1;
}

/** Hazards by age of all places together: counted, with a few imagined events at the hazards of `prior`. */
export function pooledHazards(counts: AgeCounts, prior: readonly number[], weight: number): Float64Array {
  return Float64Array.from(AGE_EDGES, (_, bucket) =>
    drawnHazard(counts.events[bucket] ?? 0, counts.exposure[bucket] ?? 0, prior[bucket] ?? 0, weight),
  );
}

/**
 * Hazards of one place: the pool's, times how frail this place is (gamma–Poisson shrinkage of its events against those expected of it), then
 * bucket by bucket towards its own counts. Weights are in imagined events.
 */
export function placeHazards(
  counts: AgeCounts,
  pool: Float64Array,
  frailtyWeight: number,
  bucketWeight: number,
): Float64Array {
  let events = frailtyWeight;
  let expected = frailtyWeight;
  for (let bucket = 0; bucket < pool.length; bucket++) {
    events += counts.events[bucket] ?? 0;
    expected += (counts.exposure[bucket] ?? 0) * (pool[bucket] ?? 0);
  }
  const frailty = events / expected;
  return pool.map((hazard, bucket) =>
    drawnHazard(counts.events[bucket] ?? 0, counts.exposure[bucket] ?? 0, frailty * hazard, bucketWeight),
  );
}

/** Hazards are `factor` times themselves for so many seconds from now. */
export interface Stress {
  readonly factor: number;
  readonly seconds: number;
}

/** Mean seconds until the end of a run of this age, of at most `horizon` seconds each. */
export function residualLife(hazards: Float64Array, age: number, horizon: number, stress: Stress): number {
  let mean = 0;
  let alive = 1;
  let from = age;
  const calm = age + stress.seconds;
  const end = age + horizon;
  while (from < end) {
    const bucket = ageBucket(from);
    const edge = Math.min(end, AGE_EDGES[bucket + 1] ?? Number.POSITIVE_INFINITY);
    const to = from < calm ? Math.min(edge, calm) : edge;
    const hazard = Math.max((hazards[bucket] ?? 0) * (from < calm ? stress.factor : 1), 1e-12);
    const still = Math.exp(-hazard * (to - from));
    mean += (alive * (1 - still)) / hazard;
    alive *= still;
    from = to;
  }
  return mean;
}
