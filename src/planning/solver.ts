import type { Highs, InitOptions, Model, SymbolDisposable } from 'highs';
import highsModule from 'highs';

/** Name and version of the npm package, as it stands in every plan. */
export const SOLVER = 'highs 1.15.3';

/** Branch-and-bound stops here with its best answer and bound: a limit on work, not on time, so that the same input gives the same plan. */
const MOST_NODES = 100;

export interface Column {
  readonly cost: number;
  readonly lower: number;
  readonly upper: number;
  readonly integer: boolean;
}

export interface Row {
  readonly lower: number;
  readonly upper: number;
  /** Column → coefficient; a column at most once. */
  readonly entries: readonly (readonly [column: number, coefficient: number])[];
}

export interface Gap {
  readonly relative: number;
  readonly absolute: number;
}

/** `feasible`: an answer whose optimality was not proved within the limit on work; `unknown`: none was found there. */
export interface Answer {
  readonly status: 'optimal' | 'feasible' | 'infeasible' | 'unknown';
  readonly objective: number;
  /** No answer has a smaller objective than this. */
  readonly bound: number;
  readonly values: Float64Array;
  /** Of a relaxation: what one unit of a column at 0 would add to the objective. Empty otherwise. */
  readonly reducedCosts: Float64Array;
}

const NOTHING = { objective: 0, bound: 0, values: new Float64Array(), reducedCosts: new Float64Array() } as const;

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

/** A minimisation that grows by rows between solves. `close` frees its memory, which garbage collection does not. */
export class LinearModel {
  readonly #highs: Highs;
  readonly #model: SymbolDisposable<Model>;
  #rowCount: number;

  private constructor(highs: Highs, columns: readonly Column[], rows: readonly Row[]) {
    this.#highs = highs;
    this.#rowCount = rows.length;
    this.#model = highs.createModel({ ...columnVectors(highs, columns), ...rowVectors(highs, columns.length, rows) });
    this.#model.options.set({
      output_flag: false,
      random_seed: 0,
      // Measured on fleets of 1,000 workloads: this heuristic's sub-problems took 15 s where the rest takes 2 s.
      mip_heuristic_run_root_reduced_cost: false,
      mip_max_nodes: MOST_NODES,
    });
  }

  static async open(columns: readonly Column[], rows: readonly Row[]): Promise<LinearModel> {
    return new LinearModel(await loaded(), columns, rows);
  }

  /** Returns the row's index. */
  addRow(row: Row): number {
    const bounds = [finite(this.#highs, row.lower), finite(this.#highs, row.upper)] as const;
    this.#model.addRow(bounds[0], bounds[1], {
      indices: row.entries.map(([column]) => column),
      values: row.entries.map(([, coefficient]) => coefficient),
    });
    this.#rowCount += 1;
    return this.#rowCount - 1;
  }

  setRowBounds(row: number, lower: number, upper: number): void {
    this.#model.changeRowBounds(row, finite(this.#highs, lower), finite(this.#highs, upper));
  }

  setCosts(costs: readonly number[]): void {
    this.#model.changeColsCost({ kind: 'range', from: 0, to: costs.length - 1 }, costs);
    // The last basis is a bad start for another objective: measured 11 s against 0.4 s from scratch.
    this.#model.clearSolver();
  }

  /** Sets the upper bounds of the first columns, as many as there are numbers. */
  setUppers(uppers: readonly number[], lowers: readonly number[]): void {
    this.#model.changeColsBounds({ kind: 'range', from: 0, to: uppers.length - 1 }, lowers, uppers);
  }

  setBounds(column: number, lower: number, upper: number): void {
    this.#model.changeColsBounds({ kind: 'range', from: column, to: column }, [lower], [upper]);
  }

  solveRelaxed(): Answer {
    this.#model.options.set('solve_relaxation', true);
    return this.#run(false);
  }

  solveInteger(gap: Gap): Answer {
    this.#model.options.set({ solve_relaxation: false, mip_rel_gap: gap.relative, mip_abs_gap: gap.absolute });
    // Nothing of an earlier solve may steer this one: the answer depends on the model alone.
    this.#model.clearSolver();
    return this.#run(true);
  }

  #run(integer: boolean): Answer {
    this.#model.run();
    const status = this.#model.getModelStatus();
    const { optimal, infeasible, unboundedOrInfeasible } = this.#highs.constants.modelStatus;
    const { colValue: values, colDual } = this.#model.getSolution();
    const reducedCosts = integer ? NOTHING.reducedCosts : colDual;
    const objective = this.#model.getObjectiveValue();
    if (status === optimal) {
      const bound = integer ? Number(this.#model.info.get('mip_dual_bound')) : objective;
      return { status: 'optimal', objective, bound: Math.min(objective, bound), values, reducedCosts };
    }
    // No objective here can fall without end, so "unbounded or infeasible" is infeasible.
    if (status === infeasible || status === unboundedOrInfeasible) {
      return { status: 'infeasible', ...NOTHING };
    }
    const { feasible } = this.#highs.constants.solutionStatus;
    if (Number(this.#model.info.get('primal_solution_status')) !== feasible) {
      return { status: 'unknown', ...NOTHING };
    }
    const bound = Number(this.#model.info.get('mip_dual_bound'));
    return { status: 'feasible', objective, bound: Math.min(objective, bound), values, reducedCosts };
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

function rowVectors(highs: Highs, columnCount: number, rows: readonly Row[]) {
  const starts = [0];
  const indices: number[] = [];
  const values: number[] = [];
  for (const row of rows) {
    for (const [column, coefficient] of row.entries) {
      indices.push(column);
      values.push(coefficient);
    }
    starts.push(indices.length);
  }
  return {
    numRows: rows.length,
    rowLower: Float64Array.from(rows, ({ lower }) => finite(highs, lower)),
    rowUpper: Float64Array.from(rows, ({ upper }) => finite(highs, upper)),
    matrix: {
      format: 'csr' as const,
      numRows: rows.length,
      numCols: columnCount,
      starts: Int32Array.from(starts),
      indices: Int32Array.from(indices),
      values: Float64Array.from(values),
    },
  };
}
