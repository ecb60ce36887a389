import { isUp, LIVES, OUTAGE_EDGES, STATES, UP_STATES } from './market-states.ts';
import type { MarketWatch } from './watch.ts';

/** The market as a Markov chain in continuous time over {@link STATES}: what was counted, with imagined watching where little was. */
export interface MarketChain {
  /** Generator of the best place to be had, per second, [from × to]. */
  readonly market: Float64Array;
  /** Generator of a run that stays where it is, over its own states; the last column is its loss. */
  readonly run: Float64Array;
  /** The state of the market that the loss of a run in each state leads to. */
  readonly landings: Float64Array;
  /** Price of the best place in each up state, micro-dollars an hour. */
  readonly prices: Float64Array;
}

const RUN = UP_STATES + 1;

export function chainOf(watch: MarketWatch, fallbackPrice: number): MarketChain {
  const outageShare = priorOutageShare(watch);
  const prices = Float64Array.from({ length: UP_STATES }, (_, state) => {
    const paid = (watch.paid[state] ?? 0) + PRICE_SECONDS * fallbackPrice;
    return paid / ((watch.dwell[state] ?? 0) + PRICE_SECONDS);
  });
  return { market: marketOf(watch, outageShare), run: runOf(watch), landings: landingsOf(watch, outageShare), prices };
}

/** The same market in worse times: runs are lost, and nothing is to be had, `factor` times as much; outages last `factor` times as long. */
export function adverseChain(chain: MarketChain, factor: number): MarketChain {
  const market = chain.market.map((rate, index) => {
    const from = Math.floor(index / STATES);
    const to = index % STATES;
    if (isUp(from)) return isUp(to) ? rate : rate * factor;
    return isUp(to) ? rate / factor : rate;
  });
  const run = chain.run.map((rate, index) => (index % RUN === UP_STATES ? rate * factor : rate));
  const landings = chain.landings.map((chance, index) => {
    const row = Math.floor(index / STATES) * STATES;
    let none = 0;
    for (let to = UP_STATES; to < STATES; to++) none += chain.landings[row + to] ?? 0;
    return (chance * (isUp(index % STATES) ? 1 : factor)) / (1 + none * (factor - 1));
  });
  return { market: withDiagonal(market, STATES), run: withDiagonal(run, RUN), landings, prices: chain.prices };
}

function marketOf(watch: MarketWatch, outageShare: number): Float64Array {
  const market = new Float64Array(STATES * STATES);
  for (let from = 0; from < STATES; from++) {
    const rates = priorRates(from, outageShare);
    const seconds = watch.prior.stateWeight / rates.reduce((a, b) => a + b, 0);
    for (let to = 0; to < STATES; to++) {
      if (to === from) continue;
      const events = (watch.moves[from * STATES + to] ?? 0) + seconds * (rates[to] ?? 0);
      market[from * STATES + to] = events / ((watch.dwell[from] ?? 0) + seconds);
    }
  }
  return withDiagonal(market, STATES);
}

function runOf(watch: MarketWatch): Float64Array {
  const run = new Float64Array(RUN * RUN);
  for (let from = 0; from < UP_STATES; from++) {
    const seconds = watch.prior.stateWeight / lossRate(from);
    const exposure = (watch.runDwell[from] ?? 0) + seconds;
    let lost = watch.prior.stateWeight;
    for (let to = 0; to < STATES; to++) lost += watch.landings[from * STATES + to] ?? 0;
    run[from * RUN + UP_STATES] = lost / exposure;
    for (let to = 0; to < UP_STATES; to++) {
      if (to === from) continue;
      const imagined = to === from + 1 ? seconds * ageingRate(from) : 0;
      run[from * RUN + to] = ((watch.runMoves[from * UP_STATES + to] ?? 0) + imagined) / exposure;
    }
  }
  return withDiagonal(run, RUN);
}

const PRICE_SECONDS = 3600;

/** What the loss of a run leads to: by its state, towards that of all runs, towards what the number of places lets expect. */
function landingsOf(watch: MarketWatch, outageShare: number): Float64Array {
  const weight = watch.prior.stateWeight;
  const landings = new Float64Array(UP_STATES * STATES);
  const all = priorLandings(outageShare).map((chance) => chance * weight);
  for (let from = 0; from < UP_STATES; from++) {
    for (let to = 0; to < STATES; to++) all[to] = (all[to] ?? 0) + (watch.landings[from * STATES + to] ?? 0);
  }
  const total = all.reduce((a, b) => a + b, 0);
  for (let from = 0; from < UP_STATES; from++) {
    let lost = weight;
    for (let to = 0; to < STATES; to++) lost += watch.landings[from * STATES + to] ?? 0;
    for (let to = 0; to < STATES; to++) {
      const expected = (weight * (all[to] ?? 0)) / total;
      landings[from * STATES + to] = ((watch.landings[from * STATES + to] ?? 0) + expected) / lost;
    }
  }
  return landings;
}

function lossRate(state: number): number {
  return 1 / (LIVES[state] ?? 3600);
}

/** Runs grow old: about as fast as they are lost. */
function ageingRate(state: number): number {
  return state < UP_STATES - 1 ? lossRate(state) : 0;
}

/** The chance that there is no other place when one is lost. Places fail together: they count as half as many others. */
function priorOutageShare(watch: MarketWatch): number {
  return (1 - PRIOR_UP_SHARE) ** (Math.max(watch.places.size - 1, 0) / 2);
}

const PRIOR_UP_SHARE = 0.6;

function priorLandings(outageShare: number): number[] {
  return Array.from({ length: STATES }, (_, to) => {
    if (to === UP_STATES) return outageShare;
    return to === 1 || to === 2 ? (1 - outageShare) / 2 : 0;
  });
}

/** Without sightings: the best place is lost like a run, for another or for none; the longer an outage has lasted, the longer it goes on. */
function priorRates(from: number, outageShare: number): readonly number[] {
  if (isUp(from)) {
    return priorLandings(outageShare).map((chance, to) => {
      if (to === from) return 0;
      return lossRate(from) * chance + (to === from + 1 && isUp(to) ? ageingRate(from) : 0);
    });
  }
  const edge = OUTAGE_EDGES[from - UP_STATES] ?? 0;
  const next = OUTAGE_EDGES[from - UP_STATES + 1];
  return Array.from({ length: STATES }, (_, to) => {
    if (to === 1) return 1 / (edge + 1800);
    return next !== undefined && to === from + 1 ? 1 / (next - edge) : 0;
  });
}

function withDiagonal(generator: Float64Array, size: number): Float64Array {
  for (let from = 0; from < size; from++) {
    let out = 0;
    for (let to = 0; to < size; to++) if (to !== from) out += generator[from * size + to] ?? 0;
    generator[from * size + from] = -out;
  }
  return generator;
}

/** exp(generator × seconds), by scaling and squaring: the chances of each state after that time. */
export function after(generator: Float64Array, size: number, seconds: number): Float64Array {
  let fastest = 0;
  for (let i = 0; i < size; i++) fastest = Math.max(fastest, -(generator[i * size + i] ?? 0) * seconds);
  const halvings = Math.max(0, Math.ceil(Math.log2(fastest + 1e-12)) + 6);
  const scale = seconds / 2 ** halvings;
  let chances: Float64Array = generator.map((rate, index) => rate * scale + (index % (size + 1) === 0 ? 1 : 0));
  for (let i = 0; i < halvings; i++) chances = times(chances, chances, size);
  return chances;
}

function times(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k] ?? 0;
      if (factor === 0) continue;
      for (let j = 0; j < size; j++)
        product[i * size + j] = (product[i * size + j] ?? 0) + factor * (b[k * size + j] ?? 0);
    }
  }
  return product;
}
