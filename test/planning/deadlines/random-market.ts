import type { Decision, PlaceNow, Situation } from '../../../src/planning/deadlines/situation.ts';

/** A job and a spot market of a few places, tick by tick, for properties over random cases. */
export interface MarketCase {
  readonly stepSeconds: number;
  readonly overheadSeconds: number;
  readonly workSeconds: number;
  /** Ticks until the deadline. */
  readonly ticks: number;
  readonly onDemandPrice: number;
  /** By place, by tick; shorter lists repeat. */
  readonly available: readonly (readonly boolean[])[];
  readonly prices: readonly (readonly number[])[];
}

export interface Told {
  readonly workLeftSeconds: number;
  /** Micro-dollars. */
  readonly cost: number;
  readonly decisions: readonly Decision[];
}

export function placesAt(market: MarketCase, tick: number): readonly PlaceNow[] {
  const spot = market.available.map((series, index): PlaceNow => {
    const prices = market.prices[index] ?? [];
    return {
      place: `spot-${index}`,
      market: 'spot',
      price: prices[tick % prices.length] ?? 1_000_000,
      isAvailable: series[tick % series.length] ?? false,
      moveCost: 0,
    };
  });
  return [
    ...spot,
    { place: 'on-demand', market: 'on-demand', price: market.onDemandPrice, isAvailable: true, moveCost: 0 },
  ];
}

/** Carries out what `decide` says, tick by tick, to the deadline; nothing else keeps the deadline. Throws where it runs what is not there. */
export function carryOut(market: MarketCase, decide: (tick: number, situation: Situation) => Decision): Told {
  const { stepSeconds, overheadSeconds } = market;
  const decisions: Decision[] = [];
  let running: Situation['running'] = null;
  let left = market.workSeconds;
  let cost = 0;
  for (let tick = 0; tick < market.ticks && left > 0; tick++) {
    const places = placesAt(market, tick);
    const here = running;
    if (here !== null && places.find(({ place }) => place === here.place)?.isAvailable !== true) running = null;
    const decision = decide(tick, {
      ...{ workLeftSeconds: left, timeLeftSeconds: (market.ticks - tick) * stepSeconds },
      ...{ overheadSeconds, stepSeconds, running, places },
    });
    decisions.push(decision);
    running = next(running, decision, overheadSeconds);
    if (running === null) continue;
    const place = places.find((one) => one.place === running?.place);
    if (place?.isAvailable !== true) throw new Error(`${decision.place} cannot run at tick ${tick}`);
    cost += (place.price * stepSeconds) / 3600;
    left -= Math.max(stepSeconds - running.pendingSeconds, 0);
    running = { place: place.place, pendingSeconds: Math.max(running.pendingSeconds - stepSeconds, 0) };
  }
  return { workLeftSeconds: left, cost, decisions };
}

function next(running: Situation['running'], decision: Decision, overheadSeconds: number): Situation['running'] {
  if (decision.action === 'stay') return running;
  if (decision.action === 'wait' || decision.place === null) return null;
  return { place: decision.place, pendingSeconds: overheadSeconds };
}
