import { poolKey, zoneKey } from '../../domain/pool.ts';
import { Launches } from './launches.ts';
import type { ServiceDecision, ServiceRules, ServiceState } from './service-state.ts';
import { surplusOf } from './surplus.ts';
import { type Outlook, outlookOf, riskNow, wishOf } from './wish.ts';

/** Launching cover has to pay by this factor; keeping it only has to pay. Without it, cover would come and go. */
const LAUNCH_MARGIN = 1.25;

/**
 * What to launch and what to end now. The same state gives the same decision. Call it whenever something happened, and from time to time.
 * - Nothing is launched into a zone beyond its share (`zoneLimit`), whatever it is needed for.
 * - What is missing of N is launched on on-demand at once, beside the spot launches that may be refused; whichever is not needed ends.
 * - A replica is ended only when enough others serve in its stead, and while these are young only when they are worth relying on.
 */
export function decideService(rules: ServiceRules, state: ServiceState): ServiceDecision {
  const outlook = outlookOf(rules, state);
  const wish = wishOf(outlook);
  const launches = new Launches(rules, state.replicas, wish.total);
  const crowded = new Set<string>();
  for (const [index, { pool }] of state.places.entries()) {
    const count = (wish.counts[index] ?? 0) - (outlook.held[index] ?? 0);
    if (count > 0 && launches.add(pool, count) < count) crowded.add(zoneKey(pool));
  }
  cover(outlook, state, launches, crowded);
  return {
    launches: launches.list(),
    retire: surplusOf(outlook, state, wish, crowded),
    wish: state.places.flatMap(({ pool }, index) => {
      const count = wish.counts[index] ?? 0;
      return count > 0 ? [{ pool, count }] : [];
    }),
  };
}

/**
 * On-demand machines for what neither runs nor starts, and for more where the risk of the next minutes is worth them, in the cheapest places with room;
 * those without spot pools in their zone first. One more stands in while a zone is `crowded`: what it has to give up before it can take what the wish wants
 * there cannot go before.
 */
function cover(outlook: Outlook, { replicas }: ServiceState, launches: Launches, crowded: ReadonlySet<string>): void {
  const { rules, places, blocked } = outlook;
  const stay = replicas.filter(({ leaving }) => !leaving);
  const sure = stay.length + launches.onDemandCount();
  const least = Math.max(0, rules.replicas - sure);
  const over = sure + least - rules.replicas;
  const more = worthwhile(outlook, outlook.held, over);
  let missing = least + (crowded.size > 0 && over < 1 ? Math.max(1, more) : more);
  if (missing <= 0) return;
  const spotZones = new Set(places.filter(({ pool }) => pool.market === 'spot').map(({ pool }) => zoneKey(pool)));
  const open = places
    .filter(({ pool }, index) => pool.market !== 'spot' && blocked[index] !== true && !crowded.has(zoneKey(pool)))
    .toSorted(
      (a, b) =>
        a.priceMicroUsdPerHour - b.priceMicroUsdPerHour ||
        Number(spotZones.has(zoneKey(a.pool))) - Number(spotZones.has(zoneKey(b.pool))) ||
        (poolKey(a.pool) < poolKey(b.pool) ? -1 : 1),
    );
  for (const { pool } of open) missing -= launches.add(pool, missing);
  // What N lacks comes before spot launches that would be over N.
  const lacking = rules.replicas - stay.length - launches.onDemandCount();
  let spare = Math.min(lacking, launches.spotCount() - lacking);
  for (const { pool } of open) {
    while (spare > 0 && launches.replaceSpot(pool)) spare -= 1;
  }
}

/** How many on-demand machines beside `over` cost less than the risk that they cover. */
function worthwhile(outlook: Outlook, held: readonly number[], over: number): number {
  let best = { cost: Number.POSITIVE_INFINITY, count: 0 };
  for (let count = 0; count <= Math.max(0, ...held); count += 1) {
    const cost = LAUNCH_MARGIN * count * outlook.fallbackPrice + riskNow(outlook, held, over + count);
    if (cost < best.cost) best = { cost, count };
  }
  return best.count;
}
