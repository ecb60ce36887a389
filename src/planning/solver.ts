import type { Highs, InitOptions, Model, SymbolDisposable } from 'highs';
import highsModule from 'highs';

/** Name and version of the npm package, as it stands in every plan. */
export const SOLVER = 'highs 1.15.3';

/** Entries by row; a row at most once. */
export interface Column {
  readonly cost: number;
  readonly lower: number;
  readonly upper: number;
  readonly integer: boolean;
  readonly rows: readonly number[];
  readonly values: readonly number[];
}

export interface RowBounds {
  readonly lower: number;
  readonly upper: number;
}

/** Entries by column; a column at most once. */
export interface Row extends RowBounds {
  readonly columns: readonly number[];
  readonly values: readonly number[];
}

export interface Gap {
  readonly relative: number;
  readonly absolute: number;
}

/** How far an answer may be from the best where the gap counts as closed. */
export function absoluteGap({ relative, absolute }: Gap, objective: number): number {
  return Math.max(absolute, relative * Math.abs(objective));
}

export interface Relaxation {
  readonly objective: number;
  readonly values: Float64Array;
  /** What one unit more of a row's bound would change the objective by. */
  readonly rowDuals: Float64Array;
}

/** `feasible`: an answer whose optimality was not proved within the limit on work; `unknown`: none was found there. */
export interface IntegerAnswer {
  readonly status: 'optimal' | 'feasible' | 'infeasible' | 'unknown';
  readonly objective: number;
  /** No answer has a smaller objective than this. */
  readonly bound: number;
  readonly values: Float64Array;
}

const NOTHING = { objective: 0, bound: 0, values: new Float64Array() } as const;

type Loader = (options?: InitOptions) => Promise<Highs>;

/** The package's types speak of its CommonJS build, in which the loader would be one `default` deeper than it is. */
function isLoader(value: unknown): value is Loader {
  return typeof value === 'function';
}

let loading: Promise<Highs> | null = null;

/** Loads the solver once per thread. */
function loaded(): Promise<Highs> {
  const loader: unknown = highsModule;
  if (!isLoader(loader)) throw new TypeError('the package "highs" does not export its loader');
  loading ??= loader();
  return loading;
}

/** A minimisation that grows by rows and columns between solves. `close` frees its memory, which garbage collection does not. */
export class LinearModel {
  readonly #highs: Highs;
  readonly #model: SymbolDisposable<Model>;

  private constructor(highs: Highs, columns: readonly Column[], rows: readonly RowBounds[]) {
    this.#highs = highs;
    this.#model = highs.createModel({
      ...columnVectors(highs, columns),
      numRows: rows.length,
      rowLower: Float64Array.from(rows, ({ lower }) => finite(highs, lower)),
      rowUpper: Float64Array.from(rows, ({ upper }) => finite(highs, upper)),
      matrix: columnMatrix(columns, rows.length),
    });
    this.#model.options.set({
      output_flag: false,
      random_seed: 0,
      // Measured on fleets of 1,000 workloads: this heuristic's sub-problems took 15 s where the rest takes 2 s.
      mip_heuristic_run_root_reduced_cost: false,
      // Measured: looking for symmetry took half of the search and found none that helps.
      mip_detect_symmetry: false,
    });
  }

  static async open(columns: readonly Column[], rows: readonly RowBounds[]): Promise<LinearModel> {
    return new LinearModel(await loaded(), columns, rows);
  }

  addRow({ lower, upper, columns, values }: Row): void {
    this.#model.addRow(finite(this.#highs, lower), finite(this.#highs, upper), {
      indices: [...columns],
      values: [...values],
    });
  }

  /** Integrality is not looked at: the model must be one that is only relaxed. */
  addColumns(columns: readonly Column[], rowCount: number): void {
    if (columns.length === 0) return;
    const { colCost, colLower, colUpper } = columnVectors(this.#highs, columns);
    const matrix = columnMatrix(columns, rowCount);
    this.#model.addCols({ cost: colCost, lower: colLower, upper: colUpper, matrix });
  }

  setRowBounds(row: number, { lower, upper }: RowBounds): void {
    this.#model.changeRowBounds(row, finite(this.#highs, lower), finite(this.#highs, upper));
  }

  setCosts(costs: readonly number[]): void {
    this.#model.changeColsCost({ kind: 'range', from: 0, to: costs.length - 1 }, costs);
    // The last basis is a bad start for another objective: measured 11 s against 0.4 s from scratch.
    this.#model.clearSolver();
  }

  setBounds(column: number, lower: number, upper: number): void {
    this.#model.changeColsBounds({ kind: 'range', from: column, to: column }, [lower], [upper]);
  }

  /** Null where nothing keeps all rows. */
  solveRelaxed(): Relaxation | null {
    this.#model.options.set('solve_relaxation', true);
    this.#run();
    if (this.#model.getModelStatus() !== this.#highs.constants.modelStatus.optimal) return null;
    const { colValue, rowDual } = this.#model.getSolution();
    return { objective: this.#model.getObjectiveValue(), values: colValue, rowDuals: rowDual };
  }

  /**
   * `mostNodes` limits the work, not the time: the same model gives the same answer. With `proveOnly` a good answer is known
   * already, and no work goes into finding others but by the search itself.
   */
  solveInteger(gap: Gap, mostNodes: number, proveOnly: boolean): IntegerAnswer {
    this.#model.options.set({
      solve_relaxation: false,
      mip_rel_gap: gap.relative,
      mip_abs_gap: gap.absolute,
      mip_max_nodes: mostNodes,
      mip_heuristic_effort: proveOnly ? 0 : 0.05,
      mip_allow_cut_separation_at_nodes: !proveOnly,
    });
    this.#run();
    const status = this.#model.getModelStatus();
    const { optimal, infeasible, unboundedOrInfeasible } = this.#highs.constants.modelStatus;
    // No objective here can fall without end, so "unbounded or infeasible" is infeasible.
    if (status === infeasible || status === unboundedOrInfeasible) return { status: 'infeasible', ...NOTHING };
    const { feasible } = this.#highs.constants.solutionStatus;
    if (status !== optimal && Number(this.#model.info.get('primal_solution_status')) !== feasible) {
      return { status: 'unknown', ...NOTHING };
    }
    const objective = this.#model.getObjectiveValue();
    const bound = Math.min(objective, Number(this.#model.info.get('mip_dual_bound')));
    const { colValue: values } = this.#model.getSolution();
    return { status: status === optimal ? 'optimal' : 'feasible', objective, bound, values };
  }

  /** Where the solver fails on the way from its last basis, it starts anew. */
  #run(): void {
    try {
      this.#model.run();
    } catch {
      this.#model.clearSolver();
      this.#model.run();
    }
  }

  close(): void {
    this.#model.dispose();
  }
}

function finite(highs: Highs, bound: number): number {
  if (bound === Number.POSITIVE_INFINITY) return highs.infinity;
  return bound === Number.NEGATIVE_INFINITY ? -highs.infinity : bound;
}

function columnVectors(highs: Highs, columns: readonly Column[]) {
  return {
    numCols: columns.length,
    colCost: Float64Array.from(columns, ({ cost }) => cost),
    colLower: Float64Array.from(columns, ({ lower }) => finite(highs, lower)),
    colUpper: Float64Array.from(columns, ({ upper }) => finite(highs, upper)),
    integrality: Int32Array.from(columns, ({ integer }) => (integer ? 1 : 0)),
  };
}

function columnMatrix(columns: readonly Column[], rowCount: number) {
  const count = columns.reduce((sum, { rows }) => sum + rows.length, 0);
  const starts = new Int32Array(columns.length + 1);
  const indices = new Int32Array(count);
  const values = new Float64Array(count);
  let next = 0;
  for (const [index, column] of columns.entries()) {
    indices.set(column.rows, next);
    values.set(column.values, next);
    next += column.rows.length;
    starts[index + 1] = next;
  }
  return { format: 'csc' as const, numRows: rowCount, numCols: columns.length, starts, indices, values };
}
