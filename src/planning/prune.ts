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
  const signatures = new Signatures(demandClass, rules, budgeted, placeKeys);
  const before = new Exhaustive();
  return drafts.filter((draft) => {
    const rows = signatures.rowsOf(draft);
    return before.leavesNeed(rows, signatures.withQuotas(draft, rows), supply.available(draft.at) !== null);
  });
}

/** What came before, in the order of preference, and can take all that comes after it and counts alike. */
export class Exhaustive {
  readonly #signatures = new Set<string>();

  /** Whether a draft with these signatures is needed still; if so, and it cannot run out, nothing after it that is alike is. */
  leavesNeed(rows: string, withQuotas: string, canRunOut: boolean): boolean {
    if (this.#signatures.has(withQuotas) || this.#signatures.has(rows)) return false;
    if (!canRunOut) this.#signatures.add(withQuotas);
    return true;
  }
}

/** Tells drafts of a class apart by what they count in the rows of the model. */
export class Signatures {
  readonly #rules: Rules;
  readonly #placeKeys: PlaceKeys;
  readonly #byBudget: boolean;
  readonly #survives: { readonly provider: boolean; readonly region: boolean };

  constructor(demandClass: DemandClass, rules: Rules, budgeted: boolean, placeKeys: PlaceKeys) {
    this.#rules = rules;
    this.#placeKeys = placeKeys;
    this.#byBudget = budgeted && rules.budgets;
    this.#survives = {
      provider: surviveRoom(rules, demandClass, 'provider', '') !== null,
      region: surviveRoom(rules, demandClass, 'region', '') !== null,
    };
  }

  /** Equal for drafts that count alike in every row but those of quotas. */
  rowsOf(draft: Draft): string {
    const { subjects, offer } = draft.at;
    const rules = this.#rules;
    const byMoney = rules.maxConcentration !== null;
    let signature = `${draft.replicasPerLot}${this.#placeKeys.of(draft.at)}`;
    if (byMoney || rules.minProviders > 1 || this.#survives.provider) signature += `|${offer.pool.provider}`;
    if (this.#survives.region) signature += `|${subjects.region}`;
    if (byMoney) signature += `|${amountOf(draft, moneyMeasure(rules))}`;
    if (countsShares(rules)) signature += `|${amountOf(draft, rules.measure)}`;
    if (this.#byBudget) signature += `|${amountOf(draft, 'spend')}`;
    return signature;
  }

  /** Equal for drafts that count alike in every row. */
  withQuotas({ at: { claimsKey }, machinesPerLot }: Draft, rows: string): string {
    return claimsKey === '' ? rows : `${rows}|${claimsKey}*${machinesPerLot}`;
  }
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
