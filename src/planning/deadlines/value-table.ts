import { after, type MarketChain } from './market-chain.ts';
import { STATES, UP_STATES } from './market-states.ts';

/** A job as the table sees it. */
export interface TableInput {
  readonly chain: MarketChain;
  readonly workSeconds: number;
  /** Time left beyond the work left. */
  readonly slackSeconds: number;
  readonly overheadSeconds: number;
  /** Micro-dollars an hour of the whole gang. */
  readonly onDemandPrice: number;
  /** Between decisions: finer steps than that tell nothing. */
  readonly decisionSeconds: number;
}

/**
 * Expected cost to the end, in micro-dollars, by work left and slack left in steps of `stepSeconds`, and by state of the market. Cells lie at
 * `(work × slackSteps + slack) × states + state`.
 */
export interface ValueTable {
  readonly input: TableInput;
  readonly stepSeconds: number;
  readonly workSteps: number;
  readonly slackSteps: number;
  /** Nothing runs. */
  readonly idle: Float64Array;
  /** On-demand runs past its overhead, and goes on for a step at least. */
  readonly onDemand: Float64Array;
  /** Spot runs past its overhead, by the run's own state. */
  readonly spot: Float64Array;
}

const MOST_WORK_STEPS = 240;
const MOST_CELLS = 30_000;
const RUN = UP_STATES + 1;

/**
 * Finite-horizon dynamic programme over (work left, slack left, market, what runs): a running hour costs its price and leaves the slack as it is; an
 * hour of waiting costs an hour of slack; each start costs the overhead in both. That is the state of Uniform Progress (Wu et al., NSDI'24), with
 * the straight line replaced by expected cost, and the value of time of SkyNomad (arXiv 2601.06520) as the slope of this table along the slack.
 */
export function solveValues(input: TableInput): ValueTable {
  const { workSeconds, slackSeconds } = input;
  const stepSeconds = Math.max(
    input.decisionSeconds,
    workSeconds / MOST_WORK_STEPS,
    slackSeconds / MOST_WORK_STEPS,
    Math.sqrt((workSeconds * Math.max(slackSeconds, 0)) / MOST_CELLS),
  );
  const workSteps = Math.ceil(workSeconds / stepSeconds) + 1;
  const slackSteps = Math.ceil(Math.max(slackSeconds, 0) / stepSeconds) + 2;
  const cells = (workSteps + 1) * slackSteps;
  const table: ValueTable = {
    ...{ input, stepSeconds, workSteps, slackSteps },
    idle: new Float64Array(cells * STATES),
    onDemand: new Float64Array(cells * STATES),
    spot: new Float64Array(cells * UP_STATES),
  };
  const sweep = sweepOf(table);
  for (let work = 1; work <= workSteps; work++) {
    for (let slack = 0; slack < slackSteps; slack++) {
      sweepRuns(sweep, work, slack);
      sweepStopped(sweep, work, slack);
    }
  }
  return table;
}

/** What the sweeps need again and again. */
interface Sweep {
  readonly table: ValueTable;
  /** Chances over one step, and over the overhead of a start. */
  readonly marketStep: Float64Array;
  readonly runStep: Float64Array;
  readonly marketStart: Float64Array;
  readonly runStart: Float64Array;
  readonly stepHours: number;
  readonly startHours: number;
  /** Overhead in steps. */
  readonly startSteps: number;
  /** Of one cell: the value of going on with on-demand. */
  readonly goOn: Float64Array;
}

function sweepOf(table: ValueTable): Sweep {
  const { chain, overheadSeconds } = table.input;
  return {
    table,
    marketStep: after(chain.market, STATES, table.stepSeconds),
    runStep: after(chain.run, RUN, table.stepSeconds),
    marketStart: after(chain.market, STATES, overheadSeconds),
    runStart: after(chain.run, RUN, overheadSeconds),
    stepHours: table.stepSeconds / 3600,
    startHours: overheadSeconds / 3600,
    startSteps: overheadSeconds / table.stepSeconds,
    goOn: new Float64Array(STATES),
  };
}

/** Values of going on with a run for one step, from those with a step less of work. */
function sweepRuns(sweep: Sweep, work: number, slack: number): void {
  const { table, marketStep, runStep, stepHours } = sweep;
  const { chain, onDemandPrice } = table.input;
  const at = work * table.slackSteps + slack;
  const less = (work - 1) * table.slackSteps + slack;
  for (let state = 0; state < STATES; state++) {
    let value = onDemandPrice * stepHours;
    for (let to = 0; to < STATES; to++) {
      // On-demand may stop at any moment: the better of going on and being idle.
      const ahead = Math.min(table.onDemand[less * STATES + to] ?? 0, table.idle[less * STATES + to] ?? 0);
      value += (marketStep[state * STATES + to] ?? 0) * ahead;
    }
    table.onDemand[at * STATES + state] = value;
  }
  for (let state = 0; state < UP_STATES; state++) {
    let value = (chain.prices[state] ?? 0) * stepHours;
    for (let to = 0; to < UP_STATES; to++)
      value += (runStep[state * RUN + to] ?? 0) * (table.spot[less * UP_STATES + to] ?? 0);
    value += (runStep[state * RUN + UP_STATES] ?? 0) * landed(table, state, less);
    table.spot[at * UP_STATES + state] = value;
  }
}

/** Expected value after the loss of a run in this state. */
function landed(table: ValueTable, state: number, cell: number): number {
  const { landings } = table.input.chain;
  let value = 0;
  for (let to = 0; to < STATES; to++)
    value += (landings[state * STATES + to] ?? 0) * (table.idle[cell * STATES + to] ?? 0);
  return value;
}

/** The least of waiting a step, starting on-demand and starting on spot. */
function sweepStopped(sweep: Sweep, work: number, slack: number): void {
  const { table, marketStep, startSteps } = sweep;
  const row = work * table.slackSteps;
  const mayWait = slack - 1 >= startSteps;
  const maySpot = slack >= 2 * startSteps;
  for (let state = 0; state < STATES; state++) {
    let least = startOnDemand(sweep, row, slack, state);
    if (mayWait) {
      let wait = 0;
      for (let to = 0; to < STATES; to++) {
        wait += (marketStep[state * STATES + to] ?? 0) * (table.idle[(row + slack - 1) * STATES + to] ?? 0);
      }
      least = Math.min(least, wait);
    }
    if (maySpot && state < UP_STATES) least = Math.min(least, startSpot(sweep, row, slack, state));
    table.idle[(row + slack) * STATES + state] = least;
  }
}

function startOnDemand(sweep: Sweep, row: number, slack: number, state: number): number {
  const { table, marketStart, startSteps, startHours } = sweep;
  const after = Math.max(slack - startSteps, 0);
  const low = Math.floor(after);
  const share = after - low;
  let value = table.input.onDemandPrice * startHours;
  for (let to = 0; to < STATES; to++) {
    const chance = marketStart[state * STATES + to] ?? 0;
    const below = table.onDemand[(row + low) * STATES + to] ?? 0;
    const above = share === 0 ? below : (table.onDemand[(row + low + 1) * STATES + to] ?? 0);
    value += chance * (below + share * (above - below));
  }
  return value;
}

function startSpot(sweep: Sweep, row: number, slack: number, state: number): number {
  const { table, runStart, startSteps, startHours } = sweep;
  const after = Math.max(slack - startSteps, 0);
  const low = Math.floor(after);
  const share = after - low;
  let value = (table.input.chain.prices[state] ?? 0) * startHours;
  for (let to = 0; to < UP_STATES; to++) {
    const below = table.spot[(row + low) * UP_STATES + to] ?? 0;
    const above = share === 0 ? below : (table.spot[(row + low + 1) * UP_STATES + to] ?? 0);
    value += (runStart[state * RUN + to] ?? 0) * (below + share * (above - below));
  }
  const lost = runStart[state * RUN + UP_STATES] ?? 0;
  // Lost before it worked: the slack is gone. Rounded down, which also keeps to cells that are known already.
  return value + lost * landed(table, state, row + Math.max(0, Math.min(low, slack - 1)));
}

/** The value between the steps. Less slack than none counts as none. */
export function valueAt(
  table: ValueTable,
  values: Float64Array,
  states: number,
  workSeconds: number,
  slackSeconds: number,
  state: number,
): number {
  const work = Math.min(Math.max(workSeconds / table.stepSeconds, 0), table.workSteps);
  const slack = Math.min(Math.max(slackSeconds / table.stepSeconds, 0), table.slackSteps - 1);
  const workLow = Math.min(Math.floor(work), table.workSteps - 1);
  const slackLow = Math.min(Math.floor(slack), table.slackSteps - 2);
  const workShare = work - workLow;
  const slackShare = slack - slackLow;
  function cell(w: number, s: number): number {
    return values[(w * table.slackSteps + s) * states + state] ?? 0;
  }
  const low = cell(workLow, slackLow) * (1 - slackShare) + cell(workLow, slackLow + 1) * slackShare;
  const high = cell(workLow + 1, slackLow) * (1 - slackShare) + cell(workLow + 1, slackLow + 1) * slackShare;
  return low * (1 - workShare) + high * workShare;
}
