import type { EpochMs } from '../../domain/time.ts';
import type { Capacity } from './capacity.ts';
import type { Catalog } from './catalog.ts';
import type { MarketTrace, PoolPattern, WorldPool } from './contract.ts';
import type { SpotPrices } from './spot-price.ts';

export interface Traces {
  /** From now on, in place of any trace under way. Throws RangeError for a pattern that matches no pool. */
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
    const matched = new Map<string, readonly WorldPool[]>();
    function poolsOf(pattern: PoolPattern): readonly WorldPool[] {
      const key = JSON.stringify(pattern);
      const pools = matched.get(key) ?? catalog.poolsMatching(pattern);
      matched.set(key, pools);
      if (pools.length === 0) throw new RangeError(`the trace names pools that are not for sale: ${key}`);
      return pools;
    }
    const points = trace.points.map(({ offsetMs, pattern, free, priceMicroUsdPerHour: price }) => ({
      at: startedAt + offsetMs,
      pools: poolsOf(pattern),
      free,
      price,
    }));
    steps = points.toSorted((a, b) => a.at - b.at);
    next = 0;
    settle();
  }

  return { start, settle };
}

function spotOnly(pools: readonly WorldPool[]): readonly WorldPool[] {
  return pools.filter(({ market }) => market === 'spot');
}
