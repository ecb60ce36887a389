import type { Candidate } from './candidates.ts';

/** The lots of some of a class's candidates, bounded together: what a search branches on. */
export interface LotSum {
  readonly classIndex: number;
  readonly members: ReadonlySet<Candidate>;
  readonly row: number;
  /** Column of what the lots lack of a lower bound: dear, so that no bound leaves the relaxation without an answer. */
  readonly shortfall: number;
}

/** The sums of a model, by class. */
export class LotSums {
  readonly #byClass = new Map<number, LotSum[]>();

  add(sum: LotSum): void {
    const own = this.#byClass.get(sum.classIndex);
    if (own === undefined) this.#byClass.set(sum.classIndex, [sum]);
    else own.push(sum);
  }

  /** Those that count the candidate's lots. */
  *with(candidate: Candidate): Generator<LotSum> {
    for (const sum of this.#byClass.get(candidate.option.classIndex) ?? []) {
      if (sum.members.has(candidate)) yield sum;
    }
  }

  /** What the rows of the sums are worth to one lot of the candidate. */
  valueOf(candidate: Candidate, rowDuals: Float64Array): number {
    const own = this.#byClass.get(candidate.option.classIndex);
    if (own === undefined) return 0;
    let value = 0;
    for (const { row, members } of own) {
      const dual = rowDuals[row] ?? 0;
      if (dual !== 0 && members.has(candidate)) value += dual;
    }
    return value;
  }
}
