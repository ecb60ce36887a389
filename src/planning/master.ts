import { candidatesOf } from './candidate-builder.ts';
import type { Candidate } from './candidates.ts';
import { keyOf, RowKeys } from './candidates.ts';
import { addFleet, addMoved } from './fleet-rows.ts';
import type { OpenColumn } from './model-draft.ts';
import { ModelDraft } from './model-draft.ts';
import { ModelUnits } from './model-units.ts';
import type { Problem } from './option.ts';
import type { RuleBook } from './rules.ts';
import type { Column, Relaxation, RowBounds } from './solver.ts';
import { LinearModel } from './solver.ts';

/** Columns that a class starts with for each provider and market, and in all classes together. */
const FIRST_PER_PLACE = 4;
const FIRST_IN_ALL = 20_000;
/** Columns that a class may gain in one round of pricing. */
const GAINED_PER_CLASS = 12;
const MOST_ROUNDS = 200;
const UNBOUNDED: RowBounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };
/** Reduced costs this little below 0 are the solver's tolerance. */
const PRICE_TOLERANCE = 1e-7;

/** Where a candidate's lots and replicas stand in a model; the same column unless replicas share a machine. */
export interface Place {
  readonly candidate: Candidate;
  readonly lots: number;
  readonly replicas: number;
}

/** The lots of some of a class's candidates, bounded together: what a search branches on. */
export interface LotSum {
  readonly classIndex: number;
  readonly members: ReadonlySet<Candidate>;
  readonly row: number;
  /** Column of what the lots lack of a lower bound: dear, so that no bound leaves the relaxation without an answer. */
  readonly shortfall: number;
}

/** An optimum of the relaxation over all candidates, those without a column included. */
export interface Relaxed {
  /** In the costs that were asked for; no answer is below it. */
  readonly bound: number;
  readonly relaxation: Relaxation;
}

/**
 * The relaxation of a problem under rules, with a column for few of its many options: those that the prices of its rows call
 * for are added until none would make it cheaper (column generation). Rows are made when a column needs them; caps and
 * tangents are added by whoever finds them broken.
 */
export class Master {
  readonly problem: Problem;
  readonly rules: RuleBook;
  readonly candidates: readonly (readonly Candidate[])[];
  readonly keys = new RowKeys();
  readonly units: ModelUnits;
  /** Column of the replicas left unplaced, by class. */
  readonly unplaced: readonly number[];
  /** Column of the replicas left unplaced beyond that, by class: shut unless somebody opens it to see whether it is used. */
  readonly excess: readonly number[];
  readonly #draft: ModelDraft;
  readonly #places = new Map<Candidate, Place>();
  /** Columns of candidates. */
  readonly #taken = new Set<number>();
  readonly #sums = new Map<number, LotSum[]>();
  #model: LinearModel | null = null;
  #priceOfModel: Pricing | null = null;

  constructor(problem: Problem, rules: RuleBook, requiredProviders: readonly number[]) {
    this.problem = problem;
    this.rules = rules;
    this.units = new ModelUnits(problem);
    this.candidates = candidatesOf(problem, rules, requiredProviders, this.keys, this.units);
    this.#draft = new ModelDraft(this.keys, this.units, (row) => this.#model?.addRow(row));
    this.unplaced = problem.classes.map(({ demand }, index) =>
      this.#draft.addColumn(0, demand, true, 0, [
        [this.#draft.rowNamed(keyOf.demand(index), () => ({ lower: demand, upper: demand })), 1],
      ]),
    );
    this.excess = problem.classes.map((_, index) =>
      this.#draft.addColumn(0, 0, false, 0, [[this.#draft.rowOf(this.keys.known(keyOf.demand(index)) ?? -1) ?? 0, 1]]),
    );
    for (const index of problem.classes.keys()) addMoved(this.#draft, problem, index);
    for (const [fleet, own] of rules.entries()) {
      addFleet(this.#draft, problem, this.candidates, fleet, own, requiredProviders[fleet] ?? 1);
    }
    for (const candidates of this.candidates) for (const candidate of this.#first(candidates)) this.#take(candidate);
  }

  close(): void {
    this.#model?.close();
    this.#model = null;
  }

  places(): Iterable<Place> {
    return this.#places.values();
  }

  /** The column of a name of {@link keyOf} total or money. */
  columnOf(name: string): number | null {
    return this.#draft.columnOf(name);
  }

  /** Adds a row over columns of the model; candidates that come later are counted by `key` where one is given. Returns the row. */
  addRow(
    bounds: RowBounds,
    entries: readonly (readonly [column: number, value: number])[],
    key: number | null,
  ): number {
    return this.#draft.addRow(bounds, key === null ? entries : [...entries, ...this.#counted(key)], key);
  }

  rowOf(key: number): number | null {
    return this.#draft.rowOf(key);
  }

  setRowBounds(row: number, bounds: RowBounds): void {
    this.#draft.rows[row] = bounds;
    this.#model?.setRowBounds(row, bounds);
  }

  setBounds(column: number, lower: number, upper: number): void {
    const own = this.#draft.columns[column];
    if (own === undefined) return;
    own.lower = lower;
    own.upper = upper;
    this.#model?.setBounds(column, lower, upper);
  }

  /** A row over the lots of some of a class's candidates, without bounds until somebody sets them. */
  sumOf(classIndex: number, members: ReadonlySet<Candidate>, shortfallCost: number): LotSum {
    const entries = [...members].flatMap((candidate) => {
      const place = this.#places.get(candidate);
      return place === undefined ? [] : [[place.lots, 1] as const];
    });
    const row = this.#draft.addRow(UNBOUNDED, entries, null);
    const shortfall = this.#draft.addColumn(0, 0, false, shortfallCost, [[row, 1]]);
    const column = this.#draft.columns[shortfall];
    if (column !== undefined) this.#model?.addColumns([column], this.#draft.rows.length);
    const sum: LotSum = { classIndex, members, row, shortfall };
    const own = this.#sums.get(classIndex);
    if (own === undefined) this.#sums.set(classIndex, [sum]);
    else own.push(sum);
    return sum;
  }

  /** Bounds of a sum of lots; null = none. */
  boundSum({ row, shortfall }: LotSum, bounds: RowBounds | null): void {
    this.setRowBounds(row, bounds ?? UNBOUNDED);
    this.setBounds(shortfall, 0, bounds === null ? 0 : Math.max(0, bounds.lower));
  }

  /** The relaxation as it stands, without taking up candidates: no less than what {@link relax} gives. */
  relaxAsIs(): Relaxation | null {
    return this.#model?.solveRelaxed() ?? null;
  }

  /** Columns that are no candidate's and must be whole. */
  wholeSpecials(): readonly number[] {
    return this.#draft.columns.flatMap(({ integer }, column) => (integer && !this.#taken.has(column) ? [column] : []));
  }

  boundsOf(column: number): RowBounds {
    return this.#draft.columns[column] ?? UNBOUNDED;
  }

  /** Whether every column that must be whole is. */
  isWhole(values: Float64Array): boolean {
    return this.#draft.columns.every(({ integer }, column) => {
      const value = values[column] ?? 0;
      return !integer || Math.abs(value - Math.round(value)) < 1e-9;
    });
  }

  /**
   * Solves the relaxation with `price` on candidates and other columns, and takes up candidates until none is left that would
   * make it cheaper. Null where no answer keeps all rows. Only the candidates given are looked at (all by default).
   */
  async relax(price: Pricing, among: readonly (readonly Candidate[])[] = this.candidates): Promise<Relaxed | null> {
    const model = await this.#opened(price);
    for (let round = 0; ; round += 1) {
      const relaxation = model.solveRelaxed();
      if (relaxation === null) return null;
      const { gained, slack } = this.#priced(relaxation, price, among);
      if (gained.length === 0 || round >= MOST_ROUNDS) return { bound: relaxation.objective - slack, relaxation };
      this.#takeAll(gained, price);
    }
  }

  /**
   * A model of whole numbers over the candidates that `lotsOf` gives bounds; null leaves one out. `unplaced` columns and all
   * rows are as they stand.
   */
  async whole(
    price: Pricing,
    lotsOf: (candidate: Candidate) => readonly [lower: number, upper: number] | null,
  ): Promise<{ readonly model: LinearModel; readonly places: readonly Place[] }> {
    const columns: Column[] = [];
    for (const [index, column] of this.#draft.columns.entries()) {
      if (this.#taken.has(index)) continue;
      columns.push({ ...column, cost: price.special(index) });
    }
    const chosen = this.candidates.flatMap((candidates) =>
      candidates.flatMap((candidate) => {
        const bounds = lotsOf(candidate);
        return bounds === null ? [] : [{ candidate, bounds }];
      }),
    );
    // Rows first: taking up a candidate may make some.
    for (const { candidate } of chosen) this.#draft.makeRows(candidate);
    const rows: RowBounds[] = [...this.#draft.rows];
    const places = chosen.map(({ candidate, bounds: [lower, upper] }) => {
      const built = this.#draft.built(candidate, price.candidate(candidate), rows, lower, upper);
      const lots = columns.length;
      columns.push(built.lots);
      if (built.replicas === null) return { candidate, lots, replicas: lots };
      columns.push(built.replicas);
      return { candidate, lots, replicas: lots + 1 };
    });
    return { model: await LinearModel.open(columns, rows), places };
  }

  /** Prices of the rows at an optimum of the relaxation, by which candidates are judged. */
  pricesAt({ rowDuals }: Relaxation): RowPrices {
    const byKey = new Float64Array(this.keys.bounds.length);
    for (let key = 0; key < byKey.length; key += 1) {
      const row = this.#draft.rowOf(key);
      if (row !== null) byKey[key] = rowDuals[row] ?? 0;
    }
    return { byKey, byRow: rowDuals };
  }

  /** What one lot of the candidate would add to the objective at the prices of the rows: no answer that uses it is below bound + this. */
  reducedCost(candidate: Candidate, { byKey, byRow }: RowPrices, price: Pricing): number {
    const { lotKeys, lotValues, replicaKeys, fill, full } = candidate;
    let lots = price.candidate(candidate);
    for (let index = 0; index < lotKeys.length; index += 1) {
      lots -= (byKey[lotKeys[index] ?? 0] ?? 0) * (lotValues[index] ?? 0);
    }
    let replica = 0;
    for (let index = 0; index < replicaKeys.length; index += 1) replica -= byKey[replicaKeys[index] ?? 0] ?? 0;
    if (this.#sums.size > 0) lots -= this.#valueOfSums(candidate, byRow);
    if (fill !== null) return lots + fill * replica;
    return lots + Math.min(replica, full * replica);
  }

  #valueOfSums(candidate: Candidate, byRow: Float64Array): number {
    let value = 0;
    for (const { row, members } of this.#sums.get(candidate.option.classIndex) ?? []) {
      const dual = byRow[row] ?? 0;
      if (dual !== 0 && members.has(candidate)) value += dual;
    }
    return value;
  }

  /** Candidates without a column that would make the relaxation cheaper, the best few of each class, and how far off its bound may be. */
  #priced(
    relaxation: Relaxation,
    price: Pricing,
    among: readonly (readonly Candidate[])[],
  ): { readonly gained: readonly Candidate[]; readonly slack: number } {
    const prices = this.pricesAt(relaxation);
    const gained: Candidate[] = [];
    let slack = 0;
    for (const candidates of among) {
      const cheaper: { readonly candidate: Candidate; readonly reduced: number }[] = [];
      let least = 0;
      for (const candidate of candidates) {
        if (this.#places.has(candidate)) continue;
        const reduced = this.reducedCost(candidate, prices, price);
        least = Math.min(least, reduced);
        if (reduced < -PRICE_TOLERANCE) cheaper.push({ candidate, reduced });
      }
      slack -= least * (candidates[0]?.demand ?? 0);
      cheaper.sort((a, b) => a.reduced - b.reduced);
      for (const { candidate } of cheaper.slice(0, GAINED_PER_CLASS)) gained.push(candidate);
    }
    return { gained, slack };
  }

  #first(candidates: readonly Candidate[]): readonly Candidate[] {
    // Three providers with two markets each are what fleets mostly have.
    const perPlace = this.problem.classes.length * FIRST_PER_PLACE * 6 > FIRST_IN_ALL ? 1 : FIRST_PER_PLACE;
    const counts = new Map<string, number>();
    return candidates.filter(({ option: { running, weight } }) => {
      if (running !== null) return true;
      const place = `${weight.provider} ${weight.subjects.market}`;
      const count = counts.get(place) ?? 0;
      counts.set(place, count + 1);
      return count < perPlace;
    });
  }

  /** Entries of the model's candidates in the row of the key. */
  #counted(key: number): readonly (readonly [number, number])[] {
    const entries: [number, number][] = [];
    for (const { candidate, lots, replicas } of this.#places.values()) {
      const index = candidate.lotKeys.indexOf(key);
      if (index >= 0) entries.push([lots, candidate.lotValues[index] ?? 0]);
      if (candidate.replicaKeys.includes(key)) entries.push([replicas, candidate.fill ?? 1]);
    }
    return entries;
  }

  #take(candidate: Candidate): readonly OpenColumn[] {
    this.#draft.makeRows(candidate);
    const before = this.#draft.rows.length;
    const { lots, replicas } = this.#draft.built(candidate, candidate.cost, this.#draft.rows, 0, candidate.mostLots);
    if (this.#model !== null) {
      for (const bounds of this.#draft.rows.slice(before)) this.#model.addRow({ ...bounds, columns: [], values: [] });
    }
    for (const { row, members } of this.#sums.get(candidate.option.classIndex) ?? []) {
      if (!members.has(candidate)) continue;
      lots.rows.push(row);
      lots.values.push(1);
    }
    const place = this.#draft.columns.length;
    this.#draft.columns.push(lots);
    this.#taken.add(place);
    if (replicas !== null) this.#taken.add(place + 1);
    if (replicas !== null) this.#draft.columns.push(replicas);
    this.#places.set(candidate, { candidate, lots: place, replicas: replicas === null ? place : place + 1 });
    return replicas === null ? [lots] : [lots, replicas];
  }

  #takeAll(gained: readonly Candidate[], price: Pricing): void {
    const columns = gained.flatMap((candidate) =>
      this.#take(candidate).map((column) => ({ ...column, cost: column.cost === 0 ? 0 : price.candidate(candidate) })),
    );
    this.#model?.addColumns(columns, this.#draft.rows.length);
  }

  async #opened(price: Pricing): Promise<LinearModel> {
    const costs = this.#draft.columns.map((_, index) => price.special(index));
    for (const { candidate, lots } of this.#places.values()) costs[lots] = price.candidate(candidate);
    if (this.#model === null) {
      const columns = this.#draft.columns.map((column, index) => ({ ...column, cost: costs[index] ?? 0 }));
      this.#model = await LinearModel.open(columns, this.#draft.rows);
      this.#priceOfModel = price;
    } else if (this.#priceOfModel !== price) {
      this.#model.setCosts(costs);
      this.#priceOfModel = price;
    }
    return this.#model;
  }

  /** Cost of special columns when costs are the true ones. */
  trueCostOf(column: number): number {
    return this.#draft.columns[column]?.cost ?? 0;
  }
}

/** What one unit more of each row's bound would change the objective by. */
export interface RowPrices {
  /** By key; 0 for what has no row yet. */
  readonly byKey: Float64Array;
  readonly byRow: Float64Array;
}

/** What columns cost in one question: the true costs, or only the replicas left unplaced. */
export interface Pricing {
  readonly candidate: (candidate: Candidate) => number;
  /** Of a column that is no candidate's. */
  readonly special: (column: number) => number;
  /** What leaving a replica out costs where all are to be placed; null where leaving some out is what is asked about. */
  readonly penalty: number | null;
}
