import { poolKey, zoneKey } from '../../domain/pool.ts';
import type { Holding } from './holding-plan.ts';
import { lifeHours } from './loss-rates.ts';
import type { ServiceReplica, ServiceState } from './service-state.ts';
import { type Outlook, riskNow, zoneLimit } from './wish.ts';

/**
 * Ids of the replicas to end: those that the wish has no place for, the dearest first, then the youngest; but only while enough others serve by the time
 * that this one would, and as long as what they cost is more than the risk that they cover: pools that have just taken replicas often lose them soon.
 */
export function surplusOf(
  outlook: Outlook,
  state: ServiceState,
  wish: Holding,
  crowded: ReadonlySet<string>,
): readonly string[] {
  const stay = state.replicas.filter(({ leaving }) => !leaving);
  const inTheWay = beyond(outlook, stay, wish).find(({ pool }) => crowded.has(zoneKey(pool)));
  // Until it is gone nothing else goes: whoever is to stand in for it would.
  if (inTheWay !== undefined) return mayYield(outlook, state, stay, wish, inTheWay) ? [inTheWay.id] : [];
  const free = droppable(outlook, state, stay, wish);
  let best = { cost: Number.POSITIVE_INFINITY, drops: 0 };
  let kept = free.reduce((sum, replica) => sum + priceOf(outlook, replica), 0);
  for (let drops = 0; drops <= free.length; drops += 1) {
    const gone = new Set(free.slice(0, drops));
    const left = stay.filter((replica) => !gone.has(replica));
    const cost = kept + riskNow(outlook, countsOf(outlook, left), left.length - outlook.rules.replicas);
    if (cost <= best.cost) best = { cost, drops };
    const next = free[drops];
    if (next !== undefined) kept -= priceOf(outlook, next);
  }
  return free.slice(0, best.drops).map(({ id }) => id);
}

/**
 * Whether a replica that stands in the way of what the wish wants in its zone may be given up: N others serve; or there is no room to wait for that,
 * and moving saves more than the shortage that it makes.
 */
function mayYield(
  outlook: Outlook,
  { nowAt, replicas }: ServiceState,
  stay: readonly ServiceReplica[],
  wish: Holding,
  replica: ServiceReplica,
): boolean {
  const { rules, places } = outlook;
  const others = stay.filter((other) => other !== replica && other.readyAt <= nowAt).length;
  if (others >= rules.replicas) return true;
  const full = new Map(
    [...Map.groupBy(replicas, ({ pool }) => zoneKey(pool))].map(([zone, own]) => [zone, own.length]),
  );
  const limit = zoneLimit(rules, stay.length - rules.replicas);
  const hasRoom = places.some(
    ({ pool }, index) =>
      pool.market !== 'spot' && outlook.blocked[index] !== true && (full.get(zoneKey(pool)) ?? 0) < limit,
  );
  if (hasRoom || stay.length > rules.replicas || replica.readyAt > nowAt) return false;
  const savings = places.map((place, index) =>
    zoneKey(place.pool) === zoneKey(replica.pool) && (wish.counts[index] ?? 0) > (outlook.held[index] ?? 0)
      ? (priceOf(outlook, replica) - place.priceMicroUsdPerHour) * lifeHours(outlook.lives[index] ?? [])
      : 0,
  );
  return Math.max(...savings) > outlook.shortageCost;
}

/** Those that could go one after another, because enough others serve, or will as soon. */
function droppable(
  outlook: Outlook,
  { nowAt }: ServiceState,
  stay: readonly ServiceReplica[],
  wish: Holding,
): readonly ServiceReplica[] {
  const needed = Math.max(wish.total, outlook.rules.replicas);
  const left = new Set(stay);
  return beyond(outlook, stay, wish).filter((replica) => {
    const from = Math.max(nowAt, replica.readyAt);
    const others = [...left].filter((other) => other !== replica && other.readyAt <= from);
    if (others.length < needed) return false;
    left.delete(replica);
    return true;
  });
}

function beyond(outlook: Outlook, stay: readonly ServiceReplica[], wish: Holding): readonly ServiceReplica[] {
  const wanted = new Map(outlook.places.map(({ pool }, index) => [poolKey(pool), wish.counts[index] ?? 0]));
  const extra = [...Map.groupBy(stay, ({ pool }) => poolKey(pool))].flatMap(([key, own]) =>
    own.toSorted((a, b) => a.launchedAt - b.launchedAt || (a.id < b.id ? -1 : 1)).slice(wanted.get(key) ?? 0),
  );
  return extra.toSorted((a, b) => priceOf(outlook, b) - priceOf(outlook, a) || b.launchedAt - a.launchedAt);
}

/** Replicas by place. */
export function countsOf({ places }: Outlook, replicas: readonly ServiceReplica[]): readonly number[] {
  const counts = new Map<string, number>();
  for (const { pool } of replicas) counts.set(poolKey(pool), (counts.get(poolKey(pool)) ?? 0) + 1);
  return places.map(({ pool }) => counts.get(poolKey(pool)) ?? 0);
}

function priceOf({ places }: Outlook, { pool }: ServiceReplica): number {
  const key = poolKey(pool);
  const place = places.find((other) => poolKey(other.pool) === key);
  return place?.priceMicroUsdPerHour ?? Number.POSITIVE_INFINITY;
}
