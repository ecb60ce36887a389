import { zoneKey } from '../../domain/pool.ts';
import type { Place } from './service-state.ts';

/** A place with what holding any number of replicas there would cost an hour, in expectation. */
export interface PricedPlace {
  readonly place: Place;
  /** By number of replicas, from 0 to the most that can be held, where `over` replicas in all are held beyond N. */
  costs(over: number): Float64Array;
}

export interface Holding {
  readonly cost: number;
  /** Number of replicas by place, in the order of the places given. */
  readonly counts: readonly number[];
  readonly total: number;
}

interface Layer {
  /** Least cost by total; infinite where it cannot be. */
  readonly costs: Float64Array;
  /** How many of the total are the second operand's. */
  readonly choices: Int32Array;
}

/**
 * The cheapest way to hold exactly `total` replicas with at most `perZone` in each zone, or as many as the zones have room for.
 * Exact: costs are a sum over places, so a knapsack over the places of each zone and then over the zones finds the least; of equals the
 * one with fewer replicas in later places.
 */
export function cheapestHolding(places: readonly PricedPlace[], total: number, over: number, perZone: number): Holding {
  const zones = [...Map.groupBy(places.keys(), (index) => zoneOf(places, index)).values()];
  const inZones = zones.map((own) => {
    const layers = [nothing()];
    for (const index of own)
      layers.push(
        joined(last(layers).costs, places[index]?.costs(over) ?? Float64Array.of(0), Math.min(perZone, total)),
      );
    return layers;
  });
  const layers = [nothing()];
  for (const inZone of inZones) layers.push(joined(last(layers).costs, last(inZone).costs, total));
  const reached = last(layers).costs.findLastIndex(Number.isFinite);
  const counts = places.map(() => 0);
  let left = reached;
  for (let zone = zones.length - 1; zone >= 0; zone -= 1) {
    let here = layers[zone + 1]?.choices[left] ?? 0;
    left -= here;
    const own = zones[zone] ?? [];
    for (let place = own.length - 1; place >= 0; place -= 1) {
      const chosen = inZones[zone]?.[place + 1]?.choices[here] ?? 0;
      counts[own[place] ?? 0] = chosen;
      here -= chosen;
    }
  }
  return { cost: last(layers).costs[reached] ?? 0, counts, total: reached };
}

function zoneOf(places: readonly PricedPlace[], index: number): string {
  const place = places[index];
  return place === undefined ? '' : zoneKey(place.place.pool);
}

function nothing(): Layer {
  return { costs: Float64Array.of(0), choices: Int32Array.of(0) };
}

function last(layers: readonly Layer[]): Layer {
  return layers.at(-1) ?? nothing();
}

function joined(left: Float64Array, right: Float64Array, most: number): Layer {
  const length = Math.min(most, left.length + right.length - 2) + 1;
  const costs = new Float64Array(length).fill(Number.POSITIVE_INFINITY);
  const choices = new Int32Array(length);
  for (const [b, second] of right.entries()) {
    for (let a = 0; a < left.length && a + b < length; a += 1) {
      const cost = (left[a] ?? 0) + second;
      if (cost < (costs[a + b] ?? 0)) {
        costs[a + b] = cost;
        choices[a + b] = b;
      }
    }
  }
  return { costs, choices };
}
