import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import { moveCostPerHour, runningReplicas } from './allocation.ts';
import type { Candidate } from './candidates.ts';
import { candidatesOf, keyOf, RowKeys, totalsNeeded, unitOf } from './candidates.ts';
import type { Problem } from './option.ts';
import type { RuleBook, Rules } from './rules.ts';
import { moneyMeasure } from './rules.ts';
import type { Column, Relaxation, RowBounds } from './solver.ts';
import { LinearModel } from './solver.ts';

const NONE = Number.NEGATIVE_INFINITY;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Columns that a class starts with for each provider and market, and in all classes together. */
const FIRST_PER_PLACE = 4;
const FIRST_IN_ALL = 20_000;
/** Columns that a class may gain in one round of pricing. */
const GAINED_PER_CLASS = 12;
const MOST_ROUNDS = 200;
/** Reduced costs this little below 0 (dollars) are the solver's tolerance. */
const PRICE_TOLERANCE = 1e-7;

/** A column of the model that grows; rows and values are parallel. */
interface OpenColumn {
  readonly cost: number;
  lower: number;
  upper: number;
  readonly integer: boolean;
  readonly rows: number[];
  readonly values: number[];
}

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
  readonly candidates: readonly (readonly Candidate[])[];
  readonly keys = new RowKeys();
  /** Column of the replicas left unplaced, by class. */
  readonly unplaced: readonly number[];
  /** Column of the replicas left unplaced beyond that, by class: shut unless somebody opens it to see whether it is used. */
  readonly excess: readonly number[];
  readonly #columns: OpenColumn[] = [];
  readonly #rows: RowBounds[] = [];
  readonly #rowOf: number[] = [];
  readonly #places = new Map<Candidate, Place>();
  #model: LinearModel | null = null;

  constructor(problem: Problem, rules: RuleBook, requiredProviders: readonly number[]) {
    this.problem = problem;
    this.rules = rules;
    this.candidates = candidatesOf(problem, rules, requiredProviders, this.keys);
    this.unplaced = problem.classes.map(({ demand }, index) =>
      this.#addColumn(0, demand, true, 0, [
        [this.#rowNamed(keyOf.demand(index), () => ({ lower: demand, upper: demand })), 1],
      ]),
    );
    this.excess = problem.classes.map((_, index) =>
      this.#addColumn(0, 0, false, 0, [[this.#rowOf[this.keys.known(keyOf.demand(index)) ?? -1] ?? 0, 1]]),
    );
    for (const index of problem.classes.keys()) this.#addMoved(index);
    for (const [fleet, own] of rules.entries()) this.#addFleet(fleet, own, requiredProviders[fleet] ?? 1);
    for (const candidates of this.candidates) for (const candidate of this.#first(candidates)) this.#take(candidate);
  }

  close(): void {
    this.#model?.close();
    this.#model = null;
  }

  get rowCount(): number {
    return this.#rows.length;
  }

  places(): Iterable<Place> {
    return this.#places.values();
  }

  /** The column of a name of {@link keyOf} total or money. */
  columnOf(name: string): number | null {
    return this.#named.get(name) ?? null;
  }

  readonly #named = new Map<string, number>();

  /** Adds a row over columns of the model; candidates that come later are counted by `key` where one is given. Returns the row. */
  addRow(
    bounds: RowBounds,
    entries: readonly (readonly [column: number, value: number])[],
    key: number | null,
  ): number {
    const row = this.#rows.length;
    this.#rows.push(bounds);
    if (key !== null) this.#rowOf[key] = row;
    const all = key === null ? [...entries] : [...entries, ...this.#counted(key)];
    for (const [column, value] of all) {
      this.#columns[column]?.rows.push(row);
      this.#columns[column]?.values.push(value);
    }
    this.#model?.addRow({ ...bounds, columns: all.map(([column]) => column), values: all.map(([, value]) => value) });
    return row;
  }

  rowOf(key: number): number | null {
    const row = this.#rowOf[key];
    return row === undefined ? null : row;
  }

  setRowBounds(row: number, bounds: RowBounds): void {
    this.#rows[row] = bounds;
    this.#model?.setRowBounds(row, bounds);
  }

  setBounds(column: number, lower: number, upper: number): void {
    const own = this.#columns[column];
    if (own === undefined) return;
    own.lower = lower;
    own.upper = upper;
    this.#model?.setBounds(column, lower, upper);
  }

  /** Whether every column that must be whole is. */
  isWhole(values: Float64Array): boolean {
    return this.#columns.every(({ integer }, column) => {
      const value = values[column] ?? 0;
      return !integer || Math.abs(value - Math.round(value)) < 1e-9;
    });
  }

  /**
   * Solves the relaxation with `price` on candidates and other columns, and takes up candidates until none is left that would
   * make it cheaper. Null where no answer keeps all rows.
   */
  async relax(price: Pricing): Promise<Relaxed | null> {
    const model = await this.#opened(price);
    for (let round = 0; ; round += 1) {
      const relaxation = model.solveRelaxed();
      if (relaxation === null) return null;
      const { gained, slack } = this.#priced(relaxation, price);
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
    const specials = new Map<number, number>();
    const taken = new Set<number>();
    for (const { lots, replicas } of this.#places.values()) taken.add(lots).add(replicas);
    for (const [index, column] of this.#columns.entries()) {
      if (taken.has(index)) continue;
      specials.set(index, columns.length);
      columns.push({ ...column, cost: price.special(index) });
    }
    const chosen = this.candidates.flatMap((candidates) =>
      candidates.flatMap((candidate) => {
        const bounds = lotsOf(candidate);
        return bounds === null ? [] : [{ candidate, bounds }];
      }),
    );
    // Rows first: taking up a candidate may make some.
    for (const { candidate } of chosen) this.#makeRows(candidate);
    const rows: RowBounds[] = [...this.#rows];
    const places = chosen.map(({ candidate, bounds: [lower, upper] }) => {
      const built = this.#built(candidate, price, rows, lower, upper);
      const lots = columns.length;
      columns.push(built.lots);
      if (built.replicas === null) return { candidate, lots, replicas: lots };
      columns.push(built.replicas);
      return { candidate, lots, replicas: lots + 1 };
    });
    this.specialColumns = specials;
    return { model: await LinearModel.open(columns, rows), places };
  }

  /** Where the columns that are no candidates stand in the model that `whole` made last. */
  specialColumns: ReadonlyMap<number, number> = new Map();

  /** What one lot of the candidate would add to the objective at the prices of the rows: no answer that uses it is below bound + this. */
  reducedCost(candidate: Candidate, duals: Float64Array, price: Pricing): number {
    const lots = price.candidate(candidate) - this.#valueAt(candidate.lotKeys, candidate.lotValues, duals);
    const replica = -this.#valueAt(candidate.replicaKeys, null, duals);
    if (candidate.fill !== null) return lots + candidate.fill * replica;
    return Math.min(lots + replica, lots + candidate.full * replica);
  }

  #valueAt(keys: readonly number[], values: readonly number[] | null, duals: Float64Array): number {
    let sum = 0;
    for (let index = 0; index < keys.length; index += 1) {
      const row = this.#rowOf[keys[index] ?? -1];
      if (row !== undefined) sum += (values === null ? 1 : (values[index] ?? 0)) * (duals[row] ?? 0);
    }
    return sum;
  }

  /** Candidates without a column that would make the relaxation cheaper, the best few of each class, and how far off its bound may be. */
  #priced(relaxation: Relaxation, price: Pricing): { readonly gained: readonly Candidate[]; readonly slack: number } {
    const gained: Candidate[] = [];
    let slack = 0;
    for (const candidates of this.candidates) {
      const cheaper: { readonly candidate: Candidate; readonly reduced: number }[] = [];
      let least = 0;
      for (const candidate of candidates) {
        if (this.#places.has(candidate)) continue;
        const reduced = this.reducedCost(candidate, relaxation.rowDuals, price);
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

  #rowNamed(name: string, bounds: () => RowBounds): number {
    const key = this.keys.id(name, bounds);
    return this.#rowOf[key] ?? this.#newRow(key, bounds());
  }

  #newRow(key: number, bounds: RowBounds): number {
    const row = this.#rows.length;
    this.#rows.push(bounds);
    this.#rowOf[key] = row;
    this.#model?.addRow({ ...bounds, columns: [], values: [] });
    return row;
  }

  #makeRows(candidate: Candidate): void {
    for (const key of [...candidate.lotKeys, ...candidate.replicaKeys]) {
      const bounds = this.keys.bounds[key];
      if (this.#rowOf[key] === undefined && bounds != null) this.#newRow(key, bounds);
    }
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

  /** The candidate's columns; rows that tie its two columns together are appended to `rows`. */
  #built(
    candidate: Candidate,
    price: Pricing,
    rows: RowBounds[],
    lower: number,
    upper: number,
  ): { readonly lots: OpenColumn; readonly replicas: OpenColumn | null } {
    const lots: OpenColumn = { cost: price.candidate(candidate), lower, upper, integer: true, rows: [], values: [] };
    this.#enter(lots, candidate.lotKeys, candidate.lotValues);
    if (candidate.fill !== null) {
      const fill = candidate.fill;
      this.#enter(
        lots,
        candidate.replicaKeys,
        candidate.replicaKeys.map(() => fill),
      );
      return { lots, replicas: null };
    }
    const replicas: OpenColumn = { cost: 0, lower: 0, upper: candidate.demand, integer: true, rows: [], values: [] };
    this.#enter(
      replicas,
      candidate.replicaKeys,
      candidate.replicaKeys.map(() => 1),
    );
    // No machine without a replica: an empty one would make shares smaller without serving anybody.
    tie(rows, { lower: 0, upper: UNLIMITED }, [replicas, 1], [lots, -1]);
    tie(rows, { lower: NONE, upper: 0 }, [replicas, 1], [lots, -candidate.full]);
    return { lots, replicas };
  }

  #enter(column: OpenColumn, keys: readonly number[], values: readonly number[]): void {
    for (const [index, key] of keys.entries()) {
      const row = this.#rowOf[key];
      if (row === undefined) continue;
      column.rows.push(row);
      column.values.push(values[index] ?? 0);
    }
  }

  #take(candidate: Candidate): readonly OpenColumn[] {
    this.#makeRows(candidate);
    const before = this.#rows.length;
    const { lots, replicas } = this.#built(candidate, TRUE_COST, this.#rows, 0, candidate.mostLots);
    if (this.#model !== null) {
      for (const bounds of this.#rows.slice(before)) this.#model.addRow({ ...bounds, columns: [], values: [] });
    }
    const place = this.#columns.length;
    this.#columns.push(lots);
    if (replicas !== null) this.#columns.push(replicas);
    this.#places.set(candidate, { candidate, lots: place, replicas: replicas === null ? place : place + 1 });
    return replicas === null ? [lots] : [lots, replicas];
  }

  #takeAll(gained: readonly Candidate[], price: Pricing): void {
    const columns = gained.flatMap((candidate) =>
      this.#take(candidate).map((column) => ({ ...column, cost: column.cost === 0 ? 0 : price.candidate(candidate) })),
    );
    this.#model?.addColumns(columns, this.#rows.length);
  }

  async #opened(price: Pricing): Promise<LinearModel> {
    const costs = this.#columns.map((_, index) => price.special(index));
    for (const { candidate, lots } of this.#places.values()) costs[lots] = price.candidate(candidate);
    if (this.#model === null) {
      const columns = this.#columns.map((column, index) => ({ ...column, cost: costs[index] ?? 0 }));
      this.#model = await LinearModel.open(columns, this.#rows);
      this.#priceOfModel = price;
    } else if (this.#priceOfModel !== price) {
      this.#model.setCosts(costs);
      this.#priceOfModel = price;
    }
    return this.#model;
  }

  #priceOfModel: Pricing | null = null;

  #addColumn(
    lower: number,
    upper: number,
    integer: boolean,
    cost: number,
    entries: readonly (readonly [row: number, value: number])[],
  ): number {
    this.#columns.push({
      cost,
      lower,
      upper,
      integer,
      rows: entries.map(([row]) => row),
      values: entries.map(([, value]) => value),
    });
    return this.#columns.length - 1;
  }

  /** Cost of special columns when costs are the true ones. */
  trueCostOf(column: number): number {
    return this.#columns[column]?.cost ?? 0;
  }

  /** Replicas that run and are not kept where they are: a move each. */
  #addMoved(classIndex: number): void {
    const running = runningReplicas(this.problem, classIndex);
    if (running === 0) return;
    const fleet = this.problem.fleets[this.problem.classes[classIndex]?.fleet ?? -1];
    const bounds = { lower: running, upper: UNLIMITED };
    const row = this.#rowNamed(keyOf.moved(classIndex), () => bounds);
    this.#addColumn(0, running, false, moveCostPerHour(fleet) / MICRO_USD_PER_USD, [[row, 1]]);
  }

  #addFleet(fleet: number, rules: Rules, required: number): void {
    const base = this.problem.fleets[fleet]?.base;
    if (base === undefined) return;
    for (const measure of totalsNeeded(rules)) {
      const amount = base.total(measure) / unitOf(measure);
      this.#addSum(keyOf.total(fleet, measure), amount);
    }
    const providers = new Set(base.subjects('provider'));
    for (const candidate of this.candidates.flat()) {
      if (candidate.fleet === fleet) providers.add(candidate.option.weight.provider);
    }
    const sorted = [...providers].toSorted();
    if (rules.maxConcentration !== null) {
      const measure = moneyMeasure(rules);
      for (const provider of sorted) {
        this.#addSum(keyOf.money(fleet, provider), base.amount('provider', provider, measure) / unitOf(measure));
      }
    }
    if (required > 1) this.#addProviderCount(fleet, rules, required, sorted);
  }

  /** A column that equals `base` + the amounts of the lots that count there. */
  #addSum(name: string, base: number): void {
    const bounds = { lower: base, upper: base };
    this.#named.set(name, this.#addColumn(0, UNLIMITED, false, 0, [[this.#rowNamed(name, () => bounds), 1]]));
  }

  /** One binary per provider: whether it counts; an empty fleet needs no providers. */
  #addProviderCount(fleet: number, rules: Rules, required: number, providers: readonly string[]): void {
    const base = this.problem.fleets[fleet]?.base;
    if (base === undefined) return;
    const demand = this.problem.classes.reduce((sum, entry) => sum + (entry.fleet === fleet ? entry.demand : 0), 0);
    const nothing = this.#rowNamed(keyOf.anything(fleet), () => ({ lower: NONE, upper: 0 }));
    const anything = this.#addColumn(base.machineCount > 0 ? 1 : 0, 1, true, 0, [[nothing, -demand]]);
    const enough = this.#rowNamed(`providers ${fleet}`, () => ({ lower: 0, upper: UNLIMITED }));
    this.#enterSpecial(anything, enough, -required);
    const { measure, minProviderShare } = rules;
    for (const provider of providers) {
      const counted = this.#addColumn(0, 1, true, 0, [[enough, 1]]);
      if (minProviderShare > 0) this.#addShareCount(fleet, measure, minProviderShare, provider, counted);
      else if (base.machinesAt(provider) > 0) this.setBounds(counted, 1, 1);
      else {
        const row = this.#rowNamed(keyOf.used(fleet, provider), () => ({ lower: 0, upper: UNLIMITED }));
        this.#enterSpecial(counted, row, -1);
      }
    }
  }

  /** V(provider) ≥ share × V where the provider counts: `most` bounds what the row may lack where it does not. */
  #addShareCount(fleet: number, measure: ShareMeasure, share: number, provider: string, counted: number): void {
    const base = this.problem.fleets[fleet]?.base;
    const total = this.columnOf(keyOf.total(fleet, measure));
    if (base === undefined || total === null) return;
    const most = share * (base.total(measure) / unitOf(measure) + this.#mostAmount(fleet, measure)) + 1;
    const lower = -most - base.amount('provider', provider, measure) / unitOf(measure);
    const row = this.#rowNamed(keyOf.used(fleet, provider), () => ({ lower, upper: UNLIMITED }));
    this.#enterSpecial(total, row, -share);
    this.#enterSpecial(counted, row, -most);
  }

  /** No answer adds more to the fleet's measure: every replica on the option that counts most. */
  #mostAmount(fleet: number, measure: ShareMeasure): number {
    let sum = 0;
    for (const candidates of this.candidates) {
      let most = 0;
      for (const { option, fleet: own, fill } of candidates) {
        if (own !== fleet) continue;
        most = Math.max(most, option.weight.amounts[measure] / unitOf(measure) / (fill ?? 1));
      }
      sum += most * (candidates[0]?.demand ?? 0);
    }
    return sum;
  }

  #enterSpecial(column: number, row: number, value: number): void {
    this.#columns[column]?.rows.push(row);
    this.#columns[column]?.values.push(value);
  }
}

/** What columns cost in one question: the true costs, or only the replicas left unplaced. */
export interface Pricing {
  readonly candidate: (candidate: Candidate) => number;
  /** Of a column that is no candidate's. */
  readonly special: (column: number) => number;
}

const TRUE_COST: Pricing = { candidate: ({ cost }) => cost, special: () => 0 };

function tie(rows: RowBounds[], bounds: RowBounds, ...entries: readonly (readonly [OpenColumn, number])[]): void {
  for (const [column, value] of entries) {
    column.rows.push(rows.length);
    column.values.push(value);
  }
  rows.push(bounds);
}
