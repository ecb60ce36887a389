import { type Pool, poolKey, regionKey, zoneKey } from '../../domain/pool.ts';
import { cheapestHolding, type Holding, type PricedPlace } from './holding-plan.ts';
import { type LifeAhead, lifeHours, livesAhead } from './loss-rates.ts';
import { isBlocked } from './pool-record.ts';
import type { Place, ServiceRules, ServiceState } from './service-state.ts';

/** Zones of one region lose spot capacity together more often than chance has it, and so do regions (V100 traces of 2023, see decision 5). */
const LIFT_IN_REGION = 2.4;
const LIFT_ELSEWHERE = 1.2;
/** A shortage below `minAvailable` weighs this much more than one below N. */
const DEEP_WEIGHT = 2;
/** Share of the on-demand price that moving a replica has to save, so that prices that flicker move nothing. */
const STICKY_SHARE = 0.03;

/** What a service is worth deciding by: prices and lives of all places, and what shortages cost. Costs are micro-dollars an hour. */
export interface Outlook {
  readonly rules: ServiceRules;
  readonly places: readonly Place[];
  /** In the order of the places. */
  readonly lives: readonly LifeAhead[];
  /** Replicas held in each place, those that leave not counted. */
  readonly held: readonly number[];
  readonly blocked: readonly boolean[];
  /** A typical on-demand price. */
  readonly fallbackPrice: number;
  /** What one loss costs that leaves the service short until its replacement serves: micro-dollars. */
  readonly shortageCost: number;
  readonly outageHours: number;
}

export function outlookOf(rules: ServiceRules, state: ServiceState): Outlook {
  const lifeOf = livesAhead(state);
  const outageHours = (rules.coldStartSeconds + rules.reactionSeconds) / 3600;
  const fallbackPrice = typicalOnDemandPrice(state.places);
  return {
    rules,
    places: state.places,
    lives: state.places.map(({ pool }) => lifeOf(pool)),
    held: state.places.map(({ pool }) => heldIn(state, pool)),
    blocked: state.places.map(({ pool }) => isBlocked(state.records.get(poolKey(pool)), state.nowAt)),
    fallbackPrice,
    shortageCost: rules.shortageWeight * fallbackPrice * outageHours,
    outageHours,
  };
}

function heldIn({ replicas }: ServiceState, pool: Pool): number {
  const key = poolKey(pool);
  return replicas.filter((replica) => !replica.leaving && poolKey(replica.pool) === key).length;
}

/** The median on-demand price, or that of all places where none is on-demand. */
function typicalOnDemandPrice(places: readonly Place[]): number {
  const onDemand = places.filter(({ pool }) => pool.market !== 'spot');
  const prices = (onDemand.length > 0 ? onDemand : places).map((place) => place.priceMicroUsdPerHour);
  return prices.toSorted((a, b) => a - b)[Math.floor((prices.length - 1) / 2)] ?? 0;
}

/** Most replicas in one zone when `over` are held beyond N: see `ServiceRules.zoneShareOf`. */
export function zoneLimit(rules: ServiceRules, over: number): number {
  const share = Math.max(1, Math.floor(rules.maxZoneShare * rules.replicas + 1e-9));
  return rules.zoneShareOf === 'held' ? share : share + Math.max(0, over);
}

/** How much worse than a shortage of one it is to lose `count` where `over` are held beyond N. */
export function depth(rules: ServiceRules, count: number, over: number): number {
  if (count <= over) return 0;
  return count > over + rules.replicas - rules.minAvailable ? DEEP_WEIGHT : 1;
}

/**
 * What the service should hold: the number of replicas over N and their places that cost least in expectation. Costs are prices, the cold starts that losses
 * lead to, and shortages: whoever loses more replicas of a pool at once than are held over N is short until a replacement serves.
 * Over-provisioning with cheap spot and falling back to on-demand are SpotHedge's (Mao et al., EuroSys'25); holding a portfolio by price and joint risk is ExoSphere's
 * (Sharma et al., SIGMETRICS'17). Here how many are over, and where, follows from lives that are learnt by age.
 */
export function wishOf(outlook: Outlook): Holding {
  const { rules, places } = outlook;
  const priced = places.map((_, index) => pricedPlace(outlook, index));
  const cheapest = Math.min(...places.map((place) => place.priceMicroUsdPerHour));
  let best: Holding | null = null;
  // Beyond a whole zone's there is nothing more to cover; in large services steps of a sixteenth of N are fine enough.
  const step = Math.ceil(rules.replicas / 16);
  for (let over = 0; over <= Math.max(2, zoneLimit(rules, 0)); over += step) {
    const enough = best !== null && best.total >= rules.replicas;
    if (enough && best !== null && (rules.replicas + over) * cheapest >= best.cost) break;
    const holding = cheapestHolding(priced, rules.replicas + over, over, zoneLimit(rules, over));
    const cost = holding.cost + jointLosses(outlook, holding, over);
    const serves = Math.min(holding.total, rules.replicas);
    const most = Math.min(best?.total ?? -1, rules.replicas);
    if (holding.total < rules.replicas + over && over > 0) continue;
    if (best === null || serves > most || (serves === most && cost < best.cost)) best = { ...holding, cost };
  }
  return best ?? { cost: 0, counts: [], total: 0 };
}

function pricedPlace(outlook: Outlook, index: number): PricedPlace {
  const { rules, places, lives, held, blocked, fallbackPrice } = outlook;
  const place = places[index];
  const life = lives[index] ?? [];
  const own = held[index] ?? 0;
  if (place === undefined) throw new RangeError(`there is no place ${index}`);
  const most = blocked[index] === true ? own : zoneLimit(rules, rules.replicas);
  const hours = lifeHours(life);
  const losses = life.reduce((sum, stage) => sum + stage.hours * stage.lossesPerHour, 0);
  const price = place.priceMicroUsdPerHour;
  const cold = rules.coldStartSeconds / 3600;
  const each = price + (losses / hours) * cold * (price + fallbackPrice) + tieBreak(outlook, place);
  const launch = (price * cold) / hours + STICKY_SHARE * fallbackPrice;
  const covered = Array.from({ length: most + 1 }, (_, count) => count * each + Math.max(0, count - own) * launch);
  const costs = (over: number): Float64Array =>
    Float64Array.from(covered, (cost, count) => cost + exposure(outlook, life, count, over) / hours);
  return { place, costs };
}

/** What shortages from here on cost over the life ahead; while the risk is greater than the price of on-demand machines beside, those are held instead. */
function exposure(outlook: Outlook, life: LifeAhead, count: number, over: number): number {
  const each = outlook.shortageCost * expectedDepth(outlook.rules, count, over);
  const beside = Math.max(0, count - over) * outlook.fallbackPrice;
  return life.reduce((sum, { hours, lossesPerHour }) => sum + hours * Math.min(lossesPerHour * each, beside), 0);
}

/** A loss takes all replicas of a pool, or about half of them: either as likely. */
export function expectedDepth(rules: ServiceRules, count: number, over: number): number {
  return (depth(rules, count, over) + depth(rules, Math.ceil(count / 2), over)) / 2;
}

/** What shortages cost an hour as things stand now, with `counts` replicas by place and `over` more than N. */
export function riskNow({ rules, lives, shortageCost }: Outlook, counts: readonly number[], over: number): number {
  return counts.reduce(
    (sum, count, index) =>
      sum + (lives[index]?.[0]?.lossesPerHour ?? 0) * shortageCost * expectedDepth(rules, count, over),
    0,
  );
}

/** On-demand machines go where no spot machine would want the room, all else equal. */
function tieBreak({ places, fallbackPrice }: Outlook, { pool }: Place): number {
  if (pool.market === 'spot') return 0;
  const zone = zoneKey(pool);
  return places.some((other) => other.pool.market === 'spot' && zoneKey(other.pool) === zone)
    ? 1e-6 * fallbackPrice
    : 0;
}

/** What it costs an hour that two pools, neither of which alone makes a shortage, may be lost within one outage. */
function jointLosses(outlook: Outlook, { counts }: Holding, over: number): number {
  const { places, lives, shortageCost, outageHours } = outlook;
  const risks = places.flatMap(({ pool }, index) => {
    const count = counts[index] ?? 0;
    return count > 0 && count <= over && pool.market === 'spot'
      ? [{ pool, count, rate: meanRate(lives[index] ?? []) }]
      : [];
  });
  let cost = 0;
  for (const [index, first] of risks.entries()) {
    for (const second of risks.slice(index + 1)) {
      if (first.count + second.count <= over) continue;
      const lift = regionKey(first.pool) === regionKey(second.pool) ? LIFT_IN_REGION : LIFT_ELSEWHERE;
      cost += shortageCost * outageHours * first.rate * second.rate * lift;
    }
  }
  return cost;
}

function meanRate(life: LifeAhead): number {
  return life.reduce((sum, stage) => sum + stage.hours * stage.lossesPerHour, 0) / lifeHours(life);
}
