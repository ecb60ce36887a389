import type { Candidate } from './candidates.ts';
import type { LotSums } from './lot-sums.ts';
import type { ModelDraft } from './model-draft.ts';
import type { Relaxation } from './solver.ts';

/** What columns cost in one question: the true costs, or only the replicas left unplaced. */
export interface Pricing {
  readonly candidate: (candidate: Candidate) => number;
  /** Of a column that is no candidate's. */
  readonly special: (column: number) => number;
  /** What leaving a replica out costs where all are to be placed; null where leaving some out is what is asked about. */
  readonly penalty: number | null;
}

/** Columns that a class may gain in one round of pricing. */
const GAINED_PER_CLASS = 12;
/** Reduced costs this little below 0 are the solver's tolerance. */
const PRICE_TOLERANCE = 1e-7;

/** Prices of the rows at an optimum of the relaxation, by which candidates are judged. */
export class RowPrices {
  /** By key; 0 for what has no row yet. */
  readonly #byKey: Float64Array;
  readonly #byRow: Float64Array;
  readonly #sums: LotSums;

  constructor(draft: ModelDraft, sums: LotSums, { rowDuals }: Relaxation) {
    this.#byRow = rowDuals;
    this.#sums = sums;
    this.#byKey = new Float64Array(draft.keys.bounds.length);
    for (let key = 0; key < this.#byKey.length; key += 1) {
      const row = draft.rowOf(key);
      if (row !== null) this.#byKey[key] = rowDuals[row] ?? 0;
    }
  }

  /** What one lot of the candidate would add to the objective: no answer that uses it is below bound + this. */
  reducedCost(candidate: Candidate, price: Pricing): number {
    const { lotKeys, lotValues, replicaKeys, fill, full } = candidate;
    const byKey = this.#byKey;
    let lots = price.candidate(candidate) - this.#sums.valueOf(candidate, this.#byRow);
    for (let index = 0; index < lotKeys.length; index += 1) {
      lots -= (byKey[lotKeys[index] ?? 0] ?? 0) * (lotValues[index] ?? 0);
    }
    let replica = 0;
    for (let index = 0; index < replicaKeys.length; index += 1) replica -= byKey[replicaKeys[index] ?? 0] ?? 0;
    if (fill !== null) return lots + fill * replica;
    return lots + Math.min(replica, full * replica);
  }

  /** Candidates that are not `taken` and would make the relaxation cheaper, the best few of each class, and how far off its bound may be. */
  gaining(
    among: readonly (readonly Candidate[])[],
    price: Pricing,
    taken: { readonly has: (candidate: Candidate) => boolean },
  ): { readonly gained: readonly Candidate[]; readonly slack: number } {
    const gained: Candidate[] = [];
    let slack = 0;
    for (const candidates of among) {
      const cheaper: { readonly candidate: Candidate; readonly reduced: number }[] = [];
      for (const candidate of candidates) {
        const reduced = this.reducedCost(candidate, price);
        if (reduced < 0 && !taken.has(candidate)) cheaper.push({ candidate, reduced });
      }
      cheaper.sort((a, b) => a.reduced - b.reduced);
      slack -= (cheaper[0]?.reduced ?? 0) * (candidates[0]?.demand ?? 0);
      for (const { candidate, reduced } of cheaper.slice(0, GAINED_PER_CLASS)) {
        if (reduced < -PRICE_TOLERANCE) gained.push(candidate);
      }
    }
    return { gained, slack };
  }
}
