import type { PlanInput } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { Rebalance } from '../domain/rebalance.ts';
import type { RebalanceOffer, Shortfall } from '../planning/rebalance.ts';
import { countText, rateText, shareText } from '../planning/wording.ts';
import { heldCount, mendedRules } from './rebalance-figures.ts';

export const ALL_OFF = 'No policy in force asks for rebalances: rebalance.mode is off in all of them';

/** Why an offer pays, or does not. Null: nothing would move. */
export function reasonText(offer: RebalanceOffer | null, workloads: PlanInput['workloads']): string {
  if (offer === null)
    return 'Nothing would move: every machine is where it should be, or its move would not pay for itself';
  const { because, staying, moving, shortfalls, savedMicroUsdPerHour: saved } = offer;
  if (because === 'places')
    return `It pays: ${countText(heldCount(staying) - heldCount(moving), 'replica')} without a place would get one`;
  if (because === 'mends') {
    const rules = mendedRules(offer, workloads);
    if (rules.length === 0) return 'It pays: machines leave places where the rules allow none any more';
    return `It pays: it mends ${rules.join(', ')}`;
  }
  if (shortfalls.length > 0) return `It does not pay: ${shortfalls.map(shortfallText).join('; ')}`;
  const share = shareText(saved / staying.effectiveCostMicroUsdPerHour);
  return `It pays: an hour of work costs ${rateText(saved)} less (${share}), and the moves are paid back in ${paybackText(offer.paybackHours ?? 0)}`;
}

function shortfallText({ policy, rule, value, limit }: Shortfall): string {
  const of = `of policy ${policy}`;
  switch (rule) {
    case 'minSavings.usdPerHour':
      return `it saves ${rateText(value ?? 0)}, less than the ${rateText(limit)} of minSavings ${of}`;
    case 'minSavings.share':
      return `it saves ${shareText(value ?? 0)} of the cost, less than the ${shareText(limit)} of minSavings ${of}`;
    case 'maxPaybackHours':
      return value === null
        ? `the moves are never paid back, and maxPaybackHours ${of} is ${limit} h`
        : `the moves are paid back in ${hoursText(value)}, later than the ${limit} h of maxPaybackHours ${of}`;
  }
}

/** `0.3 h`: comparable with a limit in hours. */
function hoursText(hours: number): string {
  return `${hours >= 1 ? hours.toFixed(1) : Number(hours.toPrecision(2))} h`;
}

/** `10 min`, `1.5 h`. */
function paybackText(hours: number): string {
  return hours >= 1 ? hoursText(hours) : `${Math.max(1, Math.round(hours * 60))} min`;
}

const ROUTES_IN_WORDS = 3;

/** `2 replicas of web from aws/… to gcp/…`, the first few routes, and what the fleet costs before and after. */
export function rebalanceText({ moves, now, after, paybackHours }: Rebalance, names: Readonly<Record<string, string>>) {
  const routes = Map.groupBy(moves, ({ workloadId, from, to }) => {
    const [old, next] = [from[0], to[0]];
    const target = next === undefined ? 'nowhere' : poolKey(next.pool);
    return `${names[workloadId] ?? workloadId} from ${old === undefined ? 'nowhere' : poolKey(old.pool)} to ${target}`;
  });
  const words = [...routes].map(([route, alike]) => {
    const replicas = alike.reduce((count, move) => count + move.replicas.length, 0);
    return `${countText(replicas, 'replica')} of ${route}`;
  });
  const more = words.length - ROUTES_IN_WORDS;
  const shown = `${words.slice(0, ROUTES_IN_WORDS).join(', ')}${more > 0 ? `, and ${more} more routes` : ''}`;
  const paid = paybackHours === null ? '' : `, paid back in ${paybackText(paybackHours)}`;
  return `${shown}; the fleet would cost ${rateText(after.costMicroUsdPerHour)} instead of ${rateText(now.costMicroUsdPerHour)}${paid}`;
}
