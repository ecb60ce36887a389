import type { EpochMs } from '../../domain/time.ts';
import type { Capacity } from './capacity.ts';
import type { Catalog } from './catalog.ts';
import type { WorldPool } from './contract.ts';
import type { MarketTrace, PoolPattern, TracePoint } from './control-contract.ts';
import type { SpotPrices } from './spot-price.ts';

export interface Traces {
  /**
   * From now on, in place of any trace under way: what that one has set stays. Throws RangeError, and leaves things as they are, for
   * impossible numbers and for a pattern that matches no pool.
   */
  start(trace: MarketTrace): void;
  /** Carries out what has fallen due. Call before anything about free machines or prices is read. */
  settle(): void;
}

interface Step {
  readonly at: EpochMs;
  readonly pools: readonly WorldPool[];
  readonly free: number | null;
  readonly price: number | null;
}

/** Replays a recorded market: each point overrides the model in its pools until the next one. */
export function createTraces(options: {
  readonly now: () => EpochMs;
  readonly catalog: Catalog;
  readonly capacity: Capacity;
  readonly spotPrices: SpotPrices;
}): Traces {
  const { now, catalog, capacity, spotPrices } = options;
  let steps: readonly Step[] = [];
  let next = 0;

  function settle(): void {
    const at = now();
    for (let step = steps[next]; step !== undefined && step.at <= at; step = steps[next]) {
      next += 1;
      if (step.free !== null) capacity.setFree(step.pools, step.free);
      if (step.price !== null) spotPrices.override(spotOnly(step.pools), step.at, step.price);
    }
  }

  function start(trace: MarketTrace): void {
    settle();
    const startedAt = now();
    // A trace has many points and few patterns, which its loader makes once each.
    const matched = new Map<PoolPattern, readonly WorldPool[]>();
    function poolsOf(pattern: PoolPattern): readonly WorldPool[] {
      const pools = matched.get(pattern) ?? catalog.poolsMatching(pattern);
      matched.set(pattern, pools);
      if (pools.length === 0)
        throw new RangeError(`the trace names pools that are not for sale: ${JSON.stringify(pattern)}`);
      return pools;
    }
    const points = trace.points.map((point) => {
      checkPoint(point);
      const { offsetMs, pattern, free, priceMicroUsdPerHour: price } = point;
      return { at: startedAt + offsetMs, pools: poolsOf(pattern), free, price };
    });
    steps = points.toSorted((a, b) => a.at - b.at);
    next = 0;
    settle();
  }

  return { start, settle };
}

function checkPoint({ offsetMs, pattern, free, priceMicroUsdPerHour: price }: TracePoint): void {
  if (!(Number.isFinite(offsetMs) && offsetMs >= 0))
    throw new RangeError(`a point of a trace comes ≥ 0 ms after its start, not ${offsetMs}`);
  if (free !== null && !(Number.isSafeInteger(free) && free >= 0))
    throw new RangeError(`free machines must be a whole number ≥ 0, not ${free}`);
  if (price !== null && !(Number.isSafeInteger(price) && price > 0))
    throw new RangeError(`a price is a whole number of micro-dollars above 0, not ${price}`);
  if (price !== null && pattern.market === 'on-demand')
    throw new RangeError('a trace sets prices of spot: on-demand costs what the list says');
}

function spotOnly(pools: readonly WorldPool[]): readonly WorldPool[] {
  return pools.filter(({ market }) => market === 'spot');
}
