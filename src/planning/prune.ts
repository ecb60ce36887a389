import type { ShareMeasure } from '../domain/policy.ts';
import type { AcceleratorChoice } from '../domain/workload.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { MarketOffer } from './market-view.ts';
import { surviveRoom } from './option.ts';
import type { Rules } from './rules.ts';
import { countsShares, moneyMeasure } from './rules.ts';

/** An option before it is known whether it is needed. */
export interface Draft {
  readonly at: MarketOffer;
  readonly choice: AcceleratorChoice;
  readonly machinesPerLot: number;
  readonly replicasPerLot: number;
  readonly effectiveCostPerLot: number;
}

/** What one lot counts in the measure. */
export function amountOf({ at, choice, machinesPerLot, effectiveCostPerLot }: Draft, measure: ShareMeasure): number {
  if (measure === 'spend') return at.adjusted * machinesPerLot;
  if (measure === 'effective-cost') return effectiveCostPerLot;
  const accelerators = at.offer.acceleratorCount * machinesPerLot;
  return measure === 'accelerators' ? accelerators : accelerators / choice.throughput;
}

/**
 * The drafts, in the order of preference, that an optimal plan may need. One goes only if an earlier one (cheaper, or as cheap
 * and first in the stated order) counts the same in every row of the model and cannot run out before it: then whatever
 * uses the later could use the earlier, so the answer stays exact. Under caps on money that asks for the same money too,
 * because a dearer machine elsewhere makes every other share smaller.
 */
export function pruned<D extends Draft>(
  demandClass: DemandClass,
  drafts: readonly D[],
  rules: Rules,
  supply: Supply,
  budgeted: boolean,
  placeKeys: PlaceKeys = new PlaceKeys(rules),
): readonly D[] {
  const exhaustive = new Set<string>();
  const byBudget = budgeted && rules.budgets;
  const survives = {
    provider: surviveRoom(rules, demandClass, 'provider', '') !== null,
    region: surviveRoom(rules, demandClass, 'region', '') !== null,
  };
  return drafts.filter((draft) => {
    const rows = rowSignature(draft, rules, placeKeys.of(draft.at), survives, byBudget);
    const { claimsKey } = draft.at;
    const signature = claimsKey === '' ? rows : `${rows}|${claimsKey}*${draft.machinesPerLot}`;
    if (exhaustive.has(signature) || exhaustive.has(rows)) return false;
    if (supply.available(draft.at) === null) exhaustive.add(signature);
    return true;
  });
}

/** What an offer's place is to the caps; one for all classes of a fleet saves most of the work. */
export class PlaceKeys {
  readonly #caps: Rules['caps'];
  readonly #keys = new Map<MarketOffer, string>();

  constructor({ caps }: Rules) {
    this.#caps = caps;
  }

  of(at: MarketOffer): string {
    let key = this.#keys.get(at);
    if (key === undefined) {
      // "No subject" and the subject "" of spot machines are two things.
      key = this.#caps.map(({ scope }) => (at.subjects[scope] === null ? '|' : `|=${at.subjects[scope]}`)).join('');
      this.#keys.set(at, key);
    }
    return key;
  }
}

/** Equal for drafts that count alike in every row but those of quotas. */
function rowSignature(
  draft: Draft,
  rules: Rules,
  place: string,
  survives: { readonly provider: boolean; readonly region: boolean },
  byBudget: boolean,
): string {
  const { subjects, offer } = draft.at;
  const byMoney = rules.maxConcentration !== null;
  let signature = `${draft.replicasPerLot}${place}`;
  if (byMoney || rules.minProviders > 1 || survives.provider) signature += `|${offer.pool.provider}`;
  if (survives.region) signature += `|${subjects.region}`;
  if (byMoney) signature += `|${amountOf(draft, moneyMeasure(rules))}`;
  if (countsShares(rules)) signature += `|${amountOf(draft, rules.measure)}`;
  if (byBudget) signature += `|${amountOf(draft, 'spend')}`;
  return signature;
}
