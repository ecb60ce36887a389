import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { Catalog } from './catalog.ts';
import type { SpotPricePoint, WorldPool } from './contract.ts';
import type { BehaviourFacts } from './market-facts.ts';
import { noiseAt, streamOf, uniformAt } from './random.ts';
import { scarcityOf } from './scarcity.ts';

export const HOUR_MS = 3_600_000;

/** Swing with the hour of the day, as a share of the mean. */
const DAILY_SWING = 0.04;
/** Hours from UTC of an area's working day. */
const AREA_OFFSET_HOURS: Readonly<Record<string, number>> = { na: -6, sa: -3, eu: 1, ap: 8 };
/** A spot price lies between a tenth of the list price and the list price. */
const LOWEST_SHARE = 0.1;
/** Prices move in steps of 0.0001 USD. */
const PRICE_STEP: MicroUsdPerHour = 100;

export type SpotPool = Omit<WorldPool, 'market'>;

/** Pools with one price: of a zone, or of a whole region. */
function spotPriceKey(pool: SpotPool, per: BehaviourFacts['spotPricePer']): string {
  const place = per === 'zone' ? `${pool.region}/${pool.zone}` : pool.region;
  return `${pool.cloud}/${place}/${pool.instanceType}`;
}

/** How the share of the list price comes about; the formula is in docs/emulated-clouds.md. */
export function spotShare(
  seed: number,
  pool: SpotPool,
  traits: {
    readonly scarcity: number;
    readonly area: string;
    readonly behaviour: Pick<BehaviourFacts, 'spotPricePer' | 'spotVolatility'>;
  },
  hour: number,
): number {
  const stream = streamOf(seed, `spot-price/${spotPriceKey(pool, traits.behaviour.spotPricePer)}`);
  const mean = 0.25 + 0.5 * (0.6 * traits.scarcity + 0.4 * uniformAt(stream, -1));
  const walk =
    0.5 * noiseAt(streamOf(stream, 'week'), hour, 168) +
    0.3 * noiseAt(streamOf(stream, 'day'), hour, 24) +
    0.2 * noiseAt(streamOf(stream, 'hour'), hour, 3);
  const hourOfDay = hour + (AREA_OFFSET_HOURS[traits.area] ?? 0);
  const rhythm = Math.sin((2 * Math.PI * (hourOfDay - 9)) / 24);
  const share = mean * (1 + traits.behaviour.spotVolatility * walk + DAILY_SWING * rhythm);
  return Math.min(1, Math.max(LOWEST_SHARE, share));
}

interface PriceOverride {
  readonly at: EpochMs;
  /** Null: the model is in force again from here. */
  readonly price: MicroUsdPerHour | null;
}

/** How many of the entries, which are in order of time, are of `at` or before: a recorded market has a great many. */
function countUntil(entries: readonly PriceOverride[], at: EpochMs): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.at ?? Number.POSITIVE_INFINITY) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function inForce(entries: readonly PriceOverride[], at: EpochMs): PriceOverride | undefined {
  return entries[countUntil(entries, at) - 1];
}

export interface SpotPrices {
  /** Null where the type is not sold on spot. */
  priceAt(pool: SpotPool, at: EpochMs): MicroUsdPerHour | null;
  history(pool: SpotPool, from: EpochMs, to: EpochMs): readonly SpotPricePoint[];
  /** From `at` on; null gives the pools back to the model. */
  override(pools: readonly SpotPool[], at: EpochMs, price: MicroUsdPerHour | null): void;
}

export function createSpotPrices(options: {
  readonly seed: number;
  readonly startedAt: EpochMs;
  readonly catalog: Catalog;
}): SpotPrices {
  const { seed, startedAt, catalog } = options;
  const overrides = new Map<string, PriceOverride[]>();

  function modelPrice(pool: SpotPool, at: EpochMs): MicroUsdPerHour | null {
    const list = catalog.listPrice(pool.cloud, pool.region, pool.instanceType);
    const type = catalog.instanceType(pool.cloud, pool.instanceType);
    const region = catalog.region(pool.cloud, pool.region);
    if (list === null || type === null || region === null) return null;
    const hour = Math.floor((at - startedAt) / HOUR_MS);
    const { behaviour } = catalog.facts(pool.cloud);
    const discounted = behaviour.spotDiscountPer === 'accelerator' ? { ...pool, instanceType: type.accelerator } : pool;
    const traits = { scarcity: scarcityOf(type.accelerator), area: region.area, behaviour };
    const share = spotShare(seed, discounted, traits, hour);
    const rounded = Math.round((list * share) / PRICE_STEP) * PRICE_STEP;
    // Rounding must not leave the band, nor make a price of nothing.
    return Math.min(list, Math.max(Math.ceil(list * LOWEST_SHARE), rounded));
  }

  function keyOf(pool: SpotPool): string {
    return spotPriceKey(pool, catalog.facts(pool.cloud).behaviour.spotPricePer);
  }

  function priceAt(pool: SpotPool, at: EpochMs): MicroUsdPerHour | null {
    if (!catalog.isSold({ ...pool, market: 'spot' })) return null;
    return inForce(overrides.get(keyOf(pool)) ?? [], at)?.price ?? modelPrice(pool, at);
  }

  function history(pool: SpotPool, from: EpochMs, to: EpochMs): readonly SpotPricePoint[] {
    const hours: EpochMs[] = [];
    const firstHour = Math.floor((from - startedAt) / HOUR_MS);
    for (let at = startedAt + firstHour * HOUR_MS; at <= to; at += HOUR_MS) hours.push(at);
    const set = overrides.get(keyOf(pool)) ?? [];
    const changes = set.slice(countUntil(set, hours[0] ?? from), countUntil(set, to)).map(({ at }) => at);
    const moments = [...hours, ...changes].toSorted((a, b) => a - b);
    const points: SpotPricePoint[] = [];
    for (const at of moments) {
      const price = priceAt(pool, at);
      if (price === null) return [];
      // The price in force at `from` comes first: whatever was set before it replaces what came earlier.
      if (at <= from) points.length = 0;
      if (points.at(-1)?.priceMicroUsdPerHour !== price) points.push({ at, priceMicroUsdPerHour: price });
    }
    return points;
  }

  function override(pools: readonly SpotPool[], at: EpochMs, price: MicroUsdPerHour | null): void {
    for (const key of new Set(pools.map(keyOf))) {
      const entries = overrides.get(key) ?? [];
      // What is set for a moment replaces what was set for it or for later ones.
      while ((entries.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= at) entries.pop();
      entries.push({ at, price });
      overrides.set(key, entries);
    }
  }

  return { priceAt, history, override };
}
