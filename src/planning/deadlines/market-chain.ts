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
  const { stateSeconds } = watch.prior;
  const market = new Float64Array(STATES * STATES);
  const run = new Float64Array(RUN * RUN);
  const landings = new Float64Array(UP_STATES * STATES);
  const prices = new Float64Array(UP_STATES);
  for (let from = 0; from < STATES; from++) {
    const seconds = (watch.dwell[from] ?? 0) + stateSeconds;
    for (let to = 0; to < STATES; to++) {
      if (to === from) continue;
      market[from * STATES + to] = ((watch.moves[from * STATES + to] ?? 0) + stateSeconds * priorRate(from, to)) / seconds;
    }
  }
  for (let from = 0; from < UP_STATES; from++) {
    const seconds = (watch.runDwell[from] ?? 0) + stateSeconds;
    let lost = stateSeconds * lossRate(from);
    const start = lost;
    for (let to = 0; to < STATES; to++) lost += watch.landings[from * STATES + to] ?? 0;
    for (let to = 0; to < STATES; to++) {
      landings[from * STATES + to] = ((watch.landings[from * STATES + to] ?? 0) + start * priorLanding(to)) / lost;
    }
    run[from * RUN + UP_STATES] = lost / seconds;
    for (let to = 0; to < UP_STATES; to++) {
      if (to === from) continue;
      const rate = to === from + 1 ? ageingRate(from) : 0;
      run[from * RUN + to] = ((watch.runMoves[from * UP_STATES + to] ?? 0) + stateSeconds * rate) / seconds;
    }
    const upSeconds = watch.dwell[from] ?? 0;
    prices[from] = ((watch.paid[from] ?? 0) + stateSeconds * fallbackPrice) / (upSeconds + stateSeconds);
  }
  return { market: withDiagonal(market, STATES), run: withDiagonal(run, RUN), landings, prices };
}

function lossRate(state: number): number {
  return 1 / (LIVES[state] ?? 3600);
}

/** Runs grow old: about as fast as they are lost. */
function ageingRate(state: number): number {
  return state < UP_STATES - 1 ? lossRate(state) : 0;
}

/** Without sightings: the best place is lost like a run, for another or for none; an outage goes on longer the longer it has lasted. */
function priorRate(from: number, to: number): number {
  if (isUp(from)) return lossRate(from) * priorLanding(to) + (to === from + 1 && isUp(to) ? ageingRate(from) : 0);
  const edge = OUTAGE_EDGES[from - UP_STATES] ?? 0;
  const next = OUTAGE_EDGES[from - UP_STATES + 1];
  if (isUp(to)) return to === 1 ? 1 / (2 * (edge + 1800)) : 0;
  return next !== undefined && to === from + 1 ? 1 / (next - edge) : 0;
}

function priorLanding(to: number): number {
  return to === UP_STATES ? 0.6 : to === 1 ? 0.4 : 0;
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
  let chances = generator.map((rate, index) => rate * scale + (index % (size + 1) === 0 ? 1 : 0));
  for (let i = 0; i < halvings; i++) chances = times(chances, chances, size);
  return chances;
}

function times(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k] ?? 0;
      if (factor === 0) continue;
      for (let j = 0; j < size; j++) product[i * size + j] = (product[i * size + j] ?? 0) + factor * (b[k * size + j] ?? 0);
    }
  }
  return product;
}
