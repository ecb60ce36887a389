import { type Pool, poolKey } from '../../domain/pool.ts';
import { bucketOf, drawnHazard } from '../ages.ts';
import { AGE_EDGES_HOURS, isStrained, type PoolRecord, STRAINED } from './pool-record.ts';
import type { ServiceState } from './service-state.ts';

/**
 * What is assumed of a spot pool of which nothing is known: losses an hour fall with the age of the run as `0.3 / age`, so that a run that has lasted t hours
 * lasts another t hours with a chance of about 80 %. It gives way to what is seen, and is hopeful on purpose: a pool that is never tried is never learnt of.
 */
const PRIOR_LOSSES_PER_AGE = 0.3;
/** … and of one that has just taken some of its replicas, or refused more: half an hour. */
const PRIOR_STRAINED_PER_HOUR = 2;
const STRAINED_HOURS = 0.5;
/** On-demand machines fail about once in some years; the rate only has to be small. */
const ON_DEMAND_LOSSES_PER_HOUR = 0.0001;
/** How many losses the assumption weighs as much as. */
const PRIOR_LOSSES = 1;
/** How far ahead the life of a replica is looked at. */
const HORIZON_HOURS = 24;

/** A time of a pool's life ahead with a constant rate of loss. */
export interface LifeStage {
  readonly lossesPerHour: number;
  /** Expected hours of life in this stage. */
  readonly hours: number;
}

/** The life ahead of replicas in a pool, from the age that its run has now; the first stage is now. */
export type LifeAhead = readonly LifeStage[];

export function lifeHours(life: LifeAhead): number {
  return life.reduce((sum, { hours }) => sum + hours, 0);
}

/**
 * Learnt survival by age (`ages.ts`): losses seen ÷ hours seen, each pool's drawn towards that of all pools of the service, and that towards an assumption, by
 * gamma weights. Runs are not memoryless (SkyNomad, arXiv 2601.06520): a pool that has kept its replicas for hours is safer than one that has just taken some.
 */
export function livesAhead({ records, nowAt, places }: ServiceState): (pool: Pool) => LifeAhead {
  const spot = places.flatMap(({ pool }) => {
    const record = pool.market === 'spot' ? records.get(poolKey(pool)) : undefined;
    return record === undefined ? [] : [record];
  });
  const common = [...AGE_EDGES_HOURS.keys(), STRAINED].map((bucket) =>
    drawnHazard(
      sum(spot, ({ losses }) => losses[bucket] ?? 0),
      sum(spot, ({ upHours }) => upHours[bucket] ?? 0),
      priorRate(bucket),
      PRIOR_LOSSES,
    ),
  );
  return (pool) => {
    if (pool.market !== 'spot') return [{ lossesPerHour: ON_DEMAND_LOSSES_PER_HOUR, hours: HORIZON_HOURS }];
    const record = records.get(poolKey(pool));
    const rates = common.map((rate, bucket) =>
      drawnHazard(record?.losses[bucket] ?? 0, record?.upHours[bucket] ?? 0, rate, PRIOR_LOSSES),
    );
    const ahead = stages(rates, ageHours(record, nowAt));
    return record !== undefined && isStrained(record, nowAt) ? [strainedStage(rates), ...ahead] : ahead;
  };
}

function strainedStage(rates: readonly number[]): LifeStage {
  const rate = rates[STRAINED] ?? PRIOR_STRAINED_PER_HOUR;
  return { lossesPerHour: rate, hours: (1 - Math.exp(-rate * STRAINED_HOURS)) / rate };
}

function priorRate(bucket: number): number {
  if (bucket === STRAINED) return PRIOR_STRAINED_PER_HOUR;
  const from = AGE_EDGES_HOURS[bucket] ?? 0;
  const to = Math.min(endOf(bucket), 4 * from || Number.POSITIVE_INFINITY);
  return PRIOR_LOSSES_PER_AGE / ((from + to) / 2);
}

function ageHours(record: PoolRecord | undefined, nowAt: number): number {
  return record === undefined || record.upSince === null ? 0 : (nowAt - record.upSince) / 3_600_000;
}

function endOf(bucket: number): number {
  return AGE_EDGES_HOURS[bucket + 1] ?? Number.POSITIVE_INFINITY;
}

function stages(rates: readonly number[], age: number): LifeAhead {
  const found: LifeStage[] = [];
  let [alive, from] = [1, age];
  const until = age + HORIZON_HOURS;
  for (let bucket = bucketOf(AGE_EDGES_HOURS, age); bucket < AGE_EDGES_HOURS.length && from < until; bucket += 1) {
    const rate = rates[bucket] ?? 0;
    const to = Math.min(until, endOf(bucket));
    const end = alive * Math.exp(-rate * (to - from));
    found.push({ lossesPerHour: rate, hours: (alive - end) / rate });
    alive = end;
    from = to;
  }
  return found;
}

function sum<Item>(items: readonly Item[], amount: (item: Item) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}
