import type { MicroUsdPerHour } from '../../domain/money.ts';
import { outageState, STATES, UP_STATES, upState } from './market-states.ts';
import {
  AGE_EDGES,
  type AgeCounts,
  addRun,
  ageBucket,
  emptyCounts,
  placeHazards,
  pooledHazards,
  residualLife,
} from './survival.ts';

/** What somebody saw of a spot place at a moment. */
export interface Sighting {
  readonly place: string;
  readonly isAvailable: boolean;
  readonly price: MicroUsdPerHour;
}

/** How strongly beliefs from before the first sighting weigh, in imagined events; and what they are. */
export interface Prior {
  /** Per hour, by age of a run on spot ({@link AGE_EDGES}). */
  readonly hazardsPerHour: readonly number[];
  readonly poolWeight: number;
  readonly frailtyWeight: number;
  readonly bucketWeight: number;
  readonly stateWeight: number;
  /** Counts lose half their weight in this time; markets change. */
  readonly halfLifeSeconds: number;
  /** Bad hours strike many places at once, and pass: how fast losses beyond the expected are forgotten, and how many are put down to chance. */
  readonly stressHalfLifeSeconds: number;
  readonly stressWeight: number;
}

/** Young runs end soon, old ones last: the shape that every trace of spot GPUs that we know has, in round numbers. */
export const DEFAULT_PRIOR: Prior = {
  hazardsPerHour: [1, 0.6, 0.4, 0.3, 0.2, 0.12, 0.08, 0.05, 0.05],
  poolWeight: 1,
  frailtyWeight: 2,
  bucketWeight: 2,
  stateWeight: 2,
  halfLifeSeconds: 20 * 86_400,
  stressHalfLifeSeconds: 4 * 3600,
  stressWeight: 2,
};

export interface PlaceRecord {
  isUp: boolean;
  /** When it came to be as it is, or was first seen so. */
  sinceSeconds: number;
  price: MicroUsdPerHour;
  readonly counts: AgeCounts;
  hazards: Float64Array;
}

/** What was learnt of a spot market from all sightings so far. {@link observe} writes it; nothing else does. */
export interface MarketWatch {
  readonly prior: Prior;
  readonly places: Map<string, PlaceRecord>;
  readonly pool: AgeCounts;
  atSeconds: number | null;
  /** When the last place was lost; null while there is one. */
  outageSinceSeconds: number | null;
  learntAtSeconds: number | null;
  /** Losses of late at all places together, and those that were expected at their ages. */
  recentLosses: number;
  recentExpected: number;
  /** The state of the market last seen, and how long a run in the best place is expected to last; 0 where there is none. */
  state: number;
  bestLife: number;
  /** Changes of the best place to be had, [from × to], and seconds in each state. */
  readonly moves: Float64Array;
  readonly dwell: Float64Array;
  /** The same for a run that stays where it is, and the state of the market that the loss of one leads to. */
  readonly runMoves: Float64Array;
  readonly runDwell: Float64Array;
  readonly landings: Float64Array;
  /** Price of the best place times seconds. */
  readonly paid: Float64Array;
}

export function createMarketWatch(prior: Prior = DEFAULT_PRIOR): MarketWatch {
  return {
    ...{ prior, places: new Map(), pool: emptyCounts() },
    ...{ atSeconds: null, outageSinceSeconds: null, learntAtSeconds: null, state: UP_STATES, bestLife: 0 },
    ...{ recentLosses: 0, recentExpected: 0 },
    moves: new Float64Array(STATES * STATES),
    dwell: new Float64Array(STATES),
    runMoves: new Float64Array(UP_STATES * UP_STATES),
    runDwell: new Float64Array(UP_STATES),
    landings: new Float64Array(UP_STATES * STATES),
    paid: new Float64Array(UP_STATES),
  };
}

/** Lives beyond this make no difference to a job of days. */
const HORIZON_SECONDS = 5 * 86_400;
const LEARN_EVERY_SECONDS = 3600;

/** Seconds that a run in this place is expected to last from now, as its age, its past and the market's last hours tell. */
export function lifeOf(watch: MarketWatch, record: PlaceRecord): number {
  const { stressWeight, stressHalfLifeSeconds } = watch.prior;
  const stress = (watch.recentLosses + stressWeight) / (watch.recentExpected + stressWeight);
  const age = Math.max((watch.atSeconds ?? 0) - record.sinceSeconds, 0);
  return residualLife(record.hazards, age, HORIZON_SECONDS, { factor: stress, seconds: 2 * stressHalfLifeSeconds });
}

/** Takes in what is seen at `atSeconds`, which must not lie before the last sighting. Throws RangeError where it does. */
export function observe(watch: MarketWatch, atSeconds: number, sightings: readonly Sighting[]): void {
  const last = watch.atSeconds;
  if (last !== null && atSeconds < last) {
    throw new RangeError(
      `sightings come in order of time: ${atSeconds} s lies before ${last} s, which was seen already`,
    );
  }
  const passed = last === null ? 0 : atSeconds - last;
  const before = [...watch.places.values()]
    .filter(({ isUp }) => isUp)
    .map((record) => ({ record, state: upState(lifeOf(watch, record)) }));
  seeStress(watch, sightings, passed);
  for (const sighting of sightings) seePlace(watch, sighting, last, passed, atSeconds);
  watch.atSeconds = atSeconds;
  if (watch.learntAtSeconds === null || atSeconds - watch.learntAtSeconds >= LEARN_EVERY_SECONDS) learn(watch);
  seeMarket(watch, before, passed);
}

function seeStress(watch: MarketWatch, sightings: readonly Sighting[], passed: number): void {
  const kept = 0.5 ** (passed / watch.prior.stressHalfLifeSeconds);
  watch.recentLosses *= kept;
  watch.recentExpected *= kept;
  for (const { place, isAvailable } of sightings) {
    const record = watch.places.get(place);
    if (record?.isUp !== true) continue;
    const age = (watch.atSeconds ?? 0) - record.sinceSeconds;
    watch.recentExpected += passed * (record.hazards[ageBucket(age)] ?? 0);
    if (!isAvailable) watch.recentLosses += 1;
  }
}

function seePlace(
  watch: MarketWatch,
  sighting: Sighting,
  last: number | null,
  passed: number,
  atSeconds: number,
): void {
  const record = watch.places.get(sighting.place);
  if (record === undefined) {
    watch.places.set(sighting.place, {
      ...{ isUp: sighting.isAvailable, sinceSeconds: atSeconds, price: sighting.price, counts: emptyCounts() },
      hazards: pooledHazards(watch.pool, perSecond(watch.prior), watch.prior.poolWeight),
    });
    return;
  }
  record.price = sighting.price;
  if (record.isUp && last !== null) {
    const age = last - record.sinceSeconds;
    addRun(record.counts, age, passed, !sighting.isAvailable);
    addRun(watch.pool, age, passed, !sighting.isAvailable);
  }
  if (record.isUp !== sighting.isAvailable) {
    record.isUp = sighting.isAvailable;
    record.sinceSeconds = atSeconds;
  }
}

function perSecond(prior: Prior): readonly number[] {
  return AGE_EDGES.map((_, bucket) => (prior.hazardsPerHour[bucket] ?? 0.05) / 3600);
}

function learn(watch: MarketWatch): void {
  const now = watch.atSeconds ?? 0;
  const passed = watch.learntAtSeconds === null ? 0 : now - watch.learntAtSeconds;
  const kept = 0.5 ** (passed / watch.prior.halfLifeSeconds);
  const fading = [watch.pool, ...[...watch.places.values()].map(({ counts }) => counts)].flatMap(
    ({ events, exposure }) => [events, exposure],
  );
  const states = [watch.moves, watch.dwell, watch.runMoves, watch.runDwell, watch.landings, watch.paid];
  for (const table of [...fading, ...states]) for (let i = 0; i < table.length; i++) table[i] = (table[i] ?? 0) * kept;
  const pool = pooledHazards(watch.pool, perSecond(watch.prior), watch.prior.poolWeight);
  for (const record of watch.places.values()) {
    record.hazards = placeHazards(record.counts, pool, watch.prior.frailtyWeight, watch.prior.bucketWeight);
  }
  watch.learntAtSeconds = now;
}

/** A run that could have been under way since the last sighting. */
interface RunBefore {
  readonly record: PlaceRecord;
  readonly state: number;
}

/** How the market, and each run that might have been under way, moved since the last sighting. */
function seeMarket(watch: MarketWatch, before: readonly RunBefore[], passed: number): void {
  const now = watch.atSeconds ?? 0;
  const best = bestPlace(watch);
  if (best !== null) watch.outageSinceSeconds = null;
  else watch.outageSinceSeconds ??= now;
  watch.bestLife = best === null ? 0 : lifeOf(watch, best);
  const state = best === null ? outageState(now - (watch.outageSinceSeconds ?? now)) : upState(watch.bestLife);
  if (passed > 0) {
    add(watch.dwell, watch.state, passed);
    if (state !== watch.state) add(watch.moves, watch.state * STATES + state, 1);
    for (const one of before) seeRun(watch, one, state, passed);
    if (best !== null) add(watch.paid, state, passed * best.price);
  }
  watch.state = state;
}

function seeRun(watch: MarketWatch, { record, state: from }: RunBefore, market: number, passed: number): void {
  add(watch.runDwell, from, passed);
  if (!record.isUp) {
    add(watch.landings, from * STATES + market, 1);
    return;
  }
  const to = upState(lifeOf(watch, record));
  if (to !== from) add(watch.runMoves, from * UP_STATES + to, 1);
}

function add(table: Float64Array, index: number, value: number): void {
  table[index] = (table[index] ?? 0) + value;
}

/** The place to be had whose price, with what an interruption costs spread over the life that is expected, is least. */
function bestPlace(watch: MarketWatch): PlaceRecord | null {
  let best: PlaceRecord | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const record of watch.places.values()) {
    if (!record.isUp) continue;
    const worth = record.price * (1 + INTERRUPTION_SECONDS / lifeOf(watch, record));
    if (worth < least) {
      best = record;
      least = worth;
    }
  }
  return best;
}

/** Run time that an interruption is worth, for ranking places where no job's own figures are known. */
const INTERRUPTION_SECONDS = 1800;
