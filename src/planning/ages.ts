/**
 * How long runs last, learnt by age: events and time at risk in buckets of age, so that the hazard is constant in each (the piecewise
 * exponential form of the Nelson–Aalen estimator; Nelson 1972, Aalen 1978). Runs under way count with the time they have lasted so far, so
 * censored runs bias nothing. Buckets are given by their lower ends, ascending from 0; times are in any unit, hazards per that unit.
 */

export function bucketOf(lowerEnds: readonly number[], age: number): number {
  let bucket = lowerEnds.length - 1;
  while (bucket > 0 && age < (lowerEnds[bucket] ?? 0)) bucket -= 1;
  return bucket;
}

/** Adds the time at risk from one age to another to that of the buckets in between. */
export function addExposure(
  lowerEnds: readonly number[],
  exposure: Float64Array | number[],
  from: number,
  to: number,
): void {
  let start = from;
  for (let bucket = bucketOf(lowerEnds, from); start < to; bucket += 1) {
    const end = Math.min(to, lowerEnds[bucket + 1] ?? Number.POSITIVE_INFINITY);
    exposure[bucket] = (exposure[bucket] ?? 0) + end - start;
    start = end;
  }
}

/** A hazard as counted, drawn towards an expected one that weighs as much as so many events (gamma–Poisson shrinkage). */
export function drawnHazard(events: number, exposure: number, expected: number, weight: number): number {
  return (events + weight) / (exposure + weight / expected);
}
