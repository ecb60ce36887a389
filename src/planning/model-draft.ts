import type { Candidate, RowKeys } from './candidates.ts';
import type { ModelUnits } from './model-units.ts';
import type { Row, RowBounds } from './solver.ts';

const NONE = Number.NEGATIVE_INFINITY;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** A column of the model that grows; rows and values are parallel. */
export interface OpenColumn {
  readonly cost: number;
  lower: number;
  upper: number;
  readonly integer: boolean;
  readonly rows: number[];
  readonly values: number[];
}

/** The rows and columns of a model while it grows, known by name. */
export class ModelDraft {
  readonly keys: RowKeys;
  readonly units: ModelUnits;
  readonly columns: OpenColumn[] = [];
  readonly rows: RowBounds[] = [];
  readonly #rowOf: number[] = [];
  readonly #named = new Map<string, number>();
  /** Told of every row that is made. */
  readonly #onRow: (row: Row) => void;

  constructor(keys: RowKeys, units: ModelUnits, onRow: (row: Row) => void) {
    this.keys = keys;
    this.units = units;
    this.#onRow = onRow;
  }

  /** The row of a key; null where it has none yet. */
  rowOf(key: number): number | null {
    return this.#rowOf[key] ?? null;
  }

  /** The column of a sum, by its name. */
  columnOf(name: string): number | null {
    return this.#named.get(name) ?? null;
  }

  /** Adds a row over columns that are there. */
  addRow(
    bounds: RowBounds,
    entries: readonly (readonly [column: number, value: number])[],
    key: number | null,
  ): number {
    const row = this.rows.length;
    this.rows.push(bounds);
    if (key !== null) this.#rowOf[key] = row;
    for (const [column, value] of entries) this.enterSpecial(column, row, value);
    this.#onRow({ ...bounds, columns: entries.map(([column]) => column), values: entries.map(([, value]) => value) });
    return row;
  }

  /** The row of the name, made where there is none. */
  rowNamed(name: string, bounds: () => RowBounds): number {
    const key = this.keys.id(name, bounds);
    return this.#rowOf[key] ?? this.addRow(bounds(), [], key);
  }

  /** Makes the rows that the candidate needs and that need no answer to break them first. */
  makeRows(candidate: Candidate): void {
    for (const key of [...candidate.lotKeys, ...candidate.replicaKeys]) {
      const bounds = this.keys.bounds[key];
      if (this.#rowOf[key] === undefined && bounds != null) this.addRow(bounds, [], key);
    }
  }

  /** The candidate's columns; rows that tie its two columns together are appended to `rows`. */
  built(
    candidate: Candidate,
    cost: number,
    rows: RowBounds[],
    lower: number,
    upper: number,
  ): { readonly lots: OpenColumn; readonly replicas: OpenColumn | null } {
    const lots: OpenColumn = { cost: cost, lower, upper, integer: true, rows: [], values: [] };
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

  addColumn(
    lower: number,
    upper: number,
    integer: boolean,
    cost: number,
    entries: readonly (readonly [row: number, value: number])[],
  ): number {
    this.columns.push({
      cost,
      lower,
      upper,
      integer,
      rows: entries.map(([row]) => row),
      values: entries.map(([, value]) => value),
    });
    return this.columns.length - 1;
  }

  /** A column that equals `base` + the amounts of the lots that count there. */
  addSum(name: string, base: number): void {
    const bounds = { lower: base, upper: base };
    this.#named.set(name, this.addColumn(0, UNLIMITED, false, 0, [[this.rowNamed(name, () => bounds), 1]]));
  }

  enterSpecial(column: number, row: number, value: number): void {
    this.columns[column]?.rows.push(row);
    this.columns[column]?.values.push(value);
  }
}

function tie(rows: RowBounds[], bounds: RowBounds, ...entries: readonly (readonly [OpenColumn, number])[]): void {
  for (const [column, value] of entries) {
    column.rows.push(rows.length);
    column.values.push(value);
  }
  rows.push(bounds);
}
