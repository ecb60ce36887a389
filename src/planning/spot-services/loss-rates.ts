import { type Pool, poolKey } from '../../domain/pool.ts';
import { AGE_BINS_HOURS, binOf, isStrained, type PoolRecord, STRAINED } from './pool-record.ts';
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
 * Learnt survival by age: within bins of age, losses seen ÷ hours seen (the piecewise constant form of the Nelson–Aalen estimate), each pool's drawn
 * towards that of all pools of the service, and that towards an assumption, by gamma weights. Runs are not memoryless (SkyNomad, arXiv 2601.06520): a pool that
 * has kept its replicas for hours is safer than one that has just taken some.
 */
export function livesAhead({ records, nowAt, places }: ServiceState): (pool: Pool) => LifeAhead {
  const spot = places.flatMap(({ pool }) => {
    const record = pool.market === 'spot' ? records.get(poolKey(pool)) : undefined;
    return record === undefined ? [] : [record];
  });
  const common = [...AGE_BINS_HOURS.keys(), STRAINED].map((bin) =>
    drawn(
      sum(spot, ({ losses }) => losses[bin] ?? 0),
      sum(spot, ({ upHours }) => upHours[bin] ?? 0),
      priorRate(bin),
    ),
  );
  return (pool) => {
    if (pool.market !== 'spot') return [{ lossesPerHour: ON_DEMAND_LOSSES_PER_HOUR, hours: HORIZON_HOURS }];
    const record = records.get(poolKey(pool));
    const rates = common.map((rate, bin) => drawn(record?.losses[bin] ?? 0, record?.upHours[bin] ?? 0, rate));
    const ahead = stages(rates, ageHours(record, nowAt));
    return record !== undefined && isStrained(record, nowAt) ? [strainedStage(rates), ...ahead] : ahead;
  };
}

function strainedStage(rates: readonly number[]): LifeStage {
  const rate = rates[STRAINED] ?? PRIOR_STRAINED_PER_HOUR;
  return { lossesPerHour: rate, hours: (1 - Math.exp(-rate * STRAINED_HOURS)) / rate };
}

function priorRate(bin: number): number {
  if (bin === STRAINED) return PRIOR_STRAINED_PER_HOUR;
  const from = AGE_BINS_HOURS[bin - 1] ?? 0;
  const to = Math.min(AGE_BINS_HOURS[bin] ?? 0, 4 * from || Number.POSITIVE_INFINITY);
  return PRIOR_LOSSES_PER_AGE / ((from + to) / 2);
}

function ageHours(record: PoolRecord | undefined, nowAt: number): number {
  return record === undefined || record.upSince === null ? 0 : (nowAt - record.upSince) / 3_600_000;
}

function drawn(losses: number, hours: number, towards: number): number {
  return (losses + PRIOR_LOSSES) / (hours + PRIOR_LOSSES / towards);
}

function stages(rates: readonly number[], age: number): LifeAhead {
  const found: LifeStage[] = [];
  let [alive, from] = [1, age];
  const until = age + HORIZON_HOURS;
  for (let bin = binOf(age); bin < AGE_BINS_HOURS.length && from < until; bin += 1) {
    const rate = rates[bin] ?? 0;
    const to = Math.min(until, AGE_BINS_HOURS[bin] ?? until);
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
