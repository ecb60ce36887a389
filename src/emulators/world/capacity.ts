import type { Catalog } from './catalog.ts';
import { worldPoolKey } from './catalog.ts';
import type { WorldPool } from './contract.ts';
import { noiseAt, streamOf, uniformAt } from './random.ts';
import { scarcityOf } from './scarcity.ts';

/** Free machines of a plentiful one-GPU type, per zone. */
const PLENTY = 64;
/** A pool is sold out in spells of this many hours. */
const SPELL_HOURS = 6;
/** Share of spells in which the scarcest on-demand pool is sold out; spot's is higher by half. */
const SOLD_OUT_SHARE = 0.1;
/** Spot is what on-demand leaves over. */
const SPOT_SHARE = 0.7;

/** Machines that the model lets the account start in an empty pool at this hour; the formula is in docs/emulated-clouds.md. */
export function modelCapacity(
  seed: number,
  pool: WorldPool,
  traits: { readonly scarcity: number; readonly acceleratorCount: number },
  hour: number,
): number {
  const stream = streamOf(seed, `capacity/${worldPoolKey(pool)}`);
  const isSpot = pool.market === 'spot';
  const spell = Math.floor((hour + Math.floor(uniformAt(stream, -1) * SPELL_HOURS)) / SPELL_HOURS);
  const soldOutShare = SOLD_OUT_SHARE * traits.scarcity * (isSpot ? 1.5 : 1);
  if (uniformAt(streamOf(stream, 'sold-out'), spell) < soldOutShare) return 0;
  const typical = (PLENTY * (1 - traits.scarcity) ** 1.2) / Math.sqrt(traits.acceleratorCount);
  const ofPool = 0.5 + 1.5 * uniformAt(stream, -2);
  const now = 1 + 0.6 * noiseAt(streamOf(stream, 'level'), hour, 12);
  return Math.max(1, Math.round(typical * ofPool * now * (isSpot ? SPOT_SHARE : 1)));
}

interface FreeOverride {
  readonly free: number;
  /** Only machines launched after the override was set take from it. */
  readonly sinceSerial: number;
}

export interface Capacity {
  /** Machines that could be launched now, ≥ 0. */
  freeOf(pool: WorldPool): number;
  setFree(pools: readonly WorldPool[], free: number | null): void;
}

export function createCapacity(options: {
  readonly seed: number;
  readonly catalog: Catalog;
  /** Whole hours since the world began. */
  readonly hourNow: () => number;
  /** Machines of the pool with a higher serial that hold hardware now. */
  readonly occupied: (pool: WorldPool, sinceSerial: number) => number;
  readonly lastSerial: () => number;
}): Capacity {
  const { seed, catalog, hourNow, occupied, lastSerial } = options;
  const overrides = new Map<string, FreeOverride>();

  function freeOf(pool: WorldPool): number {
    const type = catalog.instanceType(pool.cloud, pool.instanceType);
    if (type === null || !catalog.isSold(pool)) return 0;
    const override = overrides.get(worldPoolKey(pool));
    if (override !== undefined) return Math.max(0, override.free - occupied(pool, override.sinceSerial));
    const traits = { scarcity: scarcityOf(type.accelerator), acceleratorCount: type.acceleratorCount };
    return Math.max(0, modelCapacity(seed, pool, traits, hourNow()) - occupied(pool, 0));
  }

  function setFree(pools: readonly WorldPool[], free: number | null): void {
    if (free !== null && !(Number.isSafeInteger(free) && free >= 0))
      throw new RangeError(`free machines must be a whole number ≥ 0, not ${free}`);
    for (const pool of pools) {
      if (free === null) overrides.delete(worldPoolKey(pool));
      else overrides.set(worldPoolKey(pool), { free, sinceSerial: lastSerial() });
    }
  }

  return { freeOf, setFree };
}
