import type { Policy } from '../domain/policy.ts';
import type { Supply } from './eligibility.ts';
import { allowsAtAll } from './eligibility.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText } from './market-view.ts';
import type { PlaceKeys } from './prune.ts';
import type { Rules } from './rules.ts';
import { countsShares, moneyMeasure } from './rules.ts';

/**
 * The market that classes of a fleet choose from: without offers that its policy or their own figures rule out for everybody, and of twins,
 * offers alike in all but their price and their place within what rules and quotas tell apart, only the one that comes first
 * in every class's order of preference. Found once for all classes, it saves each of them most of {@link pruned}.
 */
export function withoutTwins(
  market: MarketView,
  policy: Policy,
  rules: Rules,
  supply: Supply,
  placeKeys: PlaceKeys,
  budgeted: boolean,
): MarketView {
  const byPrice = budgeted || countsMoney(rules);
  const narrowed = [...market.byAccelerator].map(([accelerator, offers]) => {
    const eligible = offers.filter((at) => allowsAtAll(policy, supply, at));
    const first = new Map<string, MarketOffer>();
    for (const at of eligible) {
      if (supply.available(at) !== null) continue;
      const kind = kindOf(at, placeKeys, byPrice);
      const other = first.get(kind);
      if (other === undefined || precedes(at, other)) first.set(kind, at);
    }
    const kept = new Set(first.values());
    // What can run out stands in for nothing; where it is needless itself is seen class by class.
    return [accelerator, eligible.filter((at) => kept.has(at) || supply.available(at) !== null)] as const;
  });
  return { ...market, byAccelerator: new Map(narrowed) };
}

/** Whether some row of the model counts money, so that twins of different prices are different. */
function countsMoney(rules: Rules): boolean {
  return rules.maxConcentration !== null || (countsShares(rules) && moneyMeasure(rules) === rules.measure);
}

/** Equal for offers that are eligible for the same classes and count alike for each of them. */
function kindOf(at: MarketOffer, placeKeys: PlaceKeys, byPrice: boolean): string {
  const { acceleratorCount, architecture, pool, successProbability, interruptionsPerHour } = at.offer;
  const odds = `${successProbability} ${interruptionsPerHour}`;
  const place = `${pool.provider}:${pool.region} ${pool.market}${placeKeys.of(at)}`;
  return `${acceleratorCount} ${architecture} ${odds} ${place} ${at.claimsKey}${byPrice ? ` ${at.adjusted}` : ''}`;
}

function precedes(at: MarketOffer, other: MarketOffer): boolean {
  return at.adjusted < other.adjusted || (at.adjusted === other.adjusted && compareText(at.key, other.key) < 0);
}
