import { candidatesOf } from './candidate-builder.ts';
import type { Candidate } from './candidates.ts';
import { keyOf, RowKeys } from './candidates.ts';
import { addFleet, addMoved } from './fleet-rows.ts';
import type { LotSum } from './lot-sums.ts';
import { LotSums } from './lot-sums.ts';
import type { OpenColumn } from './model-draft.ts';
import { ModelDraft } from './model-draft.ts';
import { ModelUnits } from './model-units.ts';
import type { Problem } from './option.ts';
import type { Pricing } from './row-prices.ts';
import { RowPrices } from './row-prices.ts';
import type { RuleBook } from './rules.ts';
import type { Column, Relaxation, RowBounds } from './solver.ts';
import { LinearModel } from './solver.ts';

/** Columns that a class starts with for each provider and market, and in all classes together. */
const FIRST_PER_PLACE = 4;
const FIRST_IN_ALL = 20_000;
const MOST_ROUNDS = 200;
const UNBOUNDED: RowBounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** Where a candidate's lots and replicas stand in a model; the same column unless replicas share a machine. */
export interface Place {
  readonly candidate: Candidate;
  readonly lots: number;
  readonly replicas: number;
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
  /** Providers that each fleet must be spread over. */
  readonly requiredProviders: readonly number[];
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
  readonly #sums = new LotSums();
  #model: LinearModel | null = null;
  #priceOfModel: Pricing | null = null;

  constructor(problem: Problem, rules: RuleBook, requiredProviders: readonly number[]) {
    this.problem = problem;
    this.rules = rules;
    this.requiredProviders = requiredProviders;
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
    this.#sums.add(sum);
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
      const { gained, slack } = this.pricesAt(relaxation).gaining(among, price, this.#places);
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

  pricesAt(relaxation: Relaxation): RowPrices {
    return new RowPrices(this.#draft, this.#sums, relaxation);
  }

  #first(candidates: readonly Candidate[]): readonly Candidate[] {
    // Three providers with two markets each are what fleets mostly have.
    const perPlace = this.problem.classes.length * FIRST_PER_PLACE * 6 > FIRST_IN_ALL ? 1 : FIRST_PER_PLACE;
    const counts = new Map<string, number>();
    return candidates.filter(({ option: { running, at } }) => {
      if (running !== null) return true;
      const place = `${at.subjects.provider} ${at.subjects.market}`;
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
    for (const { row } of this.#sums.with(candidate)) {
      lots.rows.push(row);
      lots.values.push(1);
    }
    const place = this.#draft.columns.length;
    this.#draft.columns.push(lots);
    this.#taken.add(place);
    if (replicas !== null) {
      this.#draft.columns.push(replicas);
      this.#taken.add(place + 1);
    }
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
    if (this.#model !== null && this.#priceOfModel === price) return this.#model;
    const costs = this.#draft.columns.map((_, index) => price.special(index));
    for (const { candidate, lots } of this.#places.values()) costs[lots] = price.candidate(candidate);
    this.#priceOfModel = price;
    if (this.#model === null) {
      const columns = this.#draft.columns.map((column, index) => ({ ...column, cost: costs[index] ?? 0 }));
      this.#model = await LinearModel.open(columns, this.#draft.rows);
    } else {
      this.#model.setCosts(costs);
    }
    return this.#model;
  }

  /** Cost of special columns when costs are the true ones. */
  trueCostOf(column: number): number {
    return this.#draft.columns[column]?.cost ?? 0;
  }
}
