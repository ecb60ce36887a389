import { adverseChain, after, chainOf } from './market-chain.ts';
import { betweenStates, STATES, UP_STATES } from './market-states.ts';
import type { Decision, PlaceNow, Situation } from './situation.ts';
import { solveValues, type ValueTable, valueAt } from './value-table.ts';
import { lifeOf, type MarketWatch } from './watch.ts';

/** The values that a job's decisions are made by, solved anew as the market is learnt. Made by {@link createDeadlinePlanner}. */
export interface DeadlinePlanner {
  readonly watch: MarketWatch;
  tables: Tables | null;
  solvedAtSeconds: number;
  /** Chances of the market over one step of decisions. */
  steps: Map<ValueTable, { readonly seconds: number; readonly chances: Float64Array }>;
}

interface Tables {
  readonly learnt: ValueTable;
  readonly adverse: ValueTable;
}

/** One per job; jobs of one market may share what was learnt of it. */
export function createDeadlinePlanner(watch: MarketWatch): DeadlinePlanner {
  return { watch, tables: null, solvedAtSeconds: 0, steps: new Map() };
}

/**
 * What was learnt is no more than an average of the past, and most of the loss lies in the hours when all places fail at once. So every decision
 * is weighed under a market this much worse as well; slack is then not spent as if such hours never came.
 */
const ADVERSE_WEIGHT = 0.5;
const ADVERSE_FACTOR = 2;

const SOLVE_EVERY_SECONDS = 4 * 3600;

/**
 * What to do now, having shown {@link MarketWatch} the market as it is now. While there is on-demand, the work is done in time: once waiting, or
 * a start on spot, for one more step would leave less than the work and one start, it runs on-demand, or stays where it works already.
 */
export function decideNext(planner: DeadlinePlanner, situation: Situation): Decision {
  if (situation.workLeftSeconds <= 0)
    return { action: situation.running === null ? 'wait' : 'stay', place: null, reason: 'done' };
  const onDemand = cheapestOnDemand(situation);
  if (isLastMoment(situation)) return hurry(situation, onDemand);
  const all = candidates(planner, situation, onDemand);
  // One more start's worth. The figures are learnt, and slack and runs that are given up do not come back: neither is for less than that.
  const doubt = ((onDemand?.price ?? 0) * situation.overheadSeconds) / 3600;
  const spot = new Set(situation.places.filter(({ market }) => market === 'spot').map(({ place }) => place));
  function weighed({ decision: { action, place }, cost }: Candidate): number {
    const keeps = place !== null && spot.has(place) && action === 'stay';
    const waste =
      action === 'wait' &&
      all.length > 1 &&
      all.some(({ decision }) => decision.place !== null && spot.has(decision.place));
    return cost - (keeps ? doubt : 0) + (waste ? doubt : 0);
  }
  return all.reduce((a, b) => (weighed(b) < weighed(a) ? b : a)).decision;
}

/** The safety net of Uniform Progress (NSDI'24), for steps of any length. */
function isLastMoment({ timeLeftSeconds, workLeftSeconds, overheadSeconds, stepSeconds }: Situation): boolean {
  return timeLeftSeconds - stepSeconds < workLeftSeconds + overheadSeconds;
}

function hurry(situation: Situation, onDemand: PlaceNow | null): Decision {
  const { running, places } = situation;
  const here = running === null ? undefined : places.find(({ place }) => place === running.place);
  if (running !== null && here?.isAvailable === true && (running.pendingSeconds === 0 || here.market === 'on-demand')) {
    return { action: 'stay', place: running.place, reason: 'safety' };
  }
  const refuge = onDemand ?? here ?? places.find(({ isAvailable }) => isAvailable);
  if (refuge === undefined || !refuge.isAvailable) return { action: 'wait', place: null, reason: 'nothing-available' };
  return { action: refuge.place === running?.place ? 'stay' : 'start', place: refuge.place, reason: 'safety' };
}

/** For the rest of the work, the move there included. */
function cheapestOnDemand({ places, workLeftSeconds }: Situation): PlaceNow | null {
  let best: PlaceNow | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const one of places) {
    if (one.market !== 'on-demand' || !one.isAvailable) continue;
    const cost = (one.price * workLeftSeconds) / 3600 + one.moveCost;
    if (cost < least) {
      best = one;
      least = cost;
    }
  }
  return best;
}

interface Candidate {
  readonly decision: Decision;
  /** Expected micro-dollars to the end. */
  readonly cost: number;
}

/** What there is to do, and what each is expected to cost: under the market as learnt, and under a worse one, weighed. */
function candidates(planner: DeadlinePlanner, situation: Situation, onDemand: PlaceNow | null): readonly Candidate[] {
  const tables = tablesFor(planner, situation, onDemand);
  const { running, places, overheadSeconds } = situation;
  function weigh(cost: (table: ValueTable) => number): number {
    return (1 - ADVERSE_WEIGHT) * cost(tables.learnt) + ADVERSE_WEIGHT * cost(tables.adverse);
  }
  const found: Candidate[] = [
    {
      decision: { action: 'wait', place: null, reason: 'cost' },
      cost: weigh((table) => waitingCost(planner, table, situation)),
    },
  ];
  for (const one of places) {
    if (!one.isAvailable) continue;
    const isHere = one.place === running?.place;
    if (one.market === 'on-demand' && !isHere && one !== onDemand) continue;
    const pending = isHere ? (running?.pendingSeconds ?? 0) : overheadSeconds;
    const run = one.market === 'spot' ? spotCost : onDemandCost;
    found.push({
      decision: { action: isHere ? 'stay' : 'start', place: one.place, reason: 'cost' },
      cost: weigh((table) => run(planner, table, situation, one, pending)) + (isHere ? 0 : one.moveCost),
    });
  }
  return found;
}

function slackOf({ timeLeftSeconds, workLeftSeconds }: Situation): number {
  return timeLeftSeconds - workLeftSeconds;
}

function waitingCost(planner: DeadlinePlanner, table: ValueTable, situation: Situation): number {
  const slack = slackOf(situation) - situation.stepSeconds;
  const chances = stepChances(planner, table, situation.stepSeconds);
  const now = marketNow(planner.watch);
  let cost = 0;
  for (let to = 0; to < STATES; to++) {
    const chance = now.reduce((sum, { state, share }) => sum + share * (chances[state * STATES + to] ?? 0), 0);
    cost += chance * valueAt(table, table.idle, STATES, situation.workLeftSeconds, slack, to);
  }
  return cost;
}

/** The market lies between two of its states while there is spot. */
function marketNow({ state, bestLife }: MarketWatch): readonly { readonly state: number; readonly share: number }[] {
  if (bestLife === 0) return [{ state, share: 1 }];
  const { lower, upper, share } = betweenStates(bestLife);
  return [
    { state: lower, share: 1 - share },
    { state: upper, share },
  ];
}

function stepChances(planner: DeadlinePlanner, table: ValueTable, seconds: number): Float64Array {
  const known = planner.steps.get(table);
  if (known?.seconds === seconds) return known.chances;
  const chances = after(table.input.chain.market, STATES, seconds);
  planner.steps.set(table, { seconds, chances });
  return chances;
}

function onDemandCost(
  planner: DeadlinePlanner,
  table: ValueTable,
  situation: Situation,
  one: PlaceNow,
  pending: number,
): number {
  const slack = slackOf(situation) - pending;
  const value = marketNow(planner.watch).reduce(
    (sum, { state, share }) =>
      sum + share * valueAt(table, table.onDemand, STATES, situation.workLeftSeconds, slack, state),
    0,
  );
  return value + (one.price * pending) / 3600;
}

/** As the table has it for the life expected here, with this place's own price for as long as it is expected to last. */
function spotCost(
  planner: DeadlinePlanner,
  table: ValueTable,
  situation: Situation,
  one: PlaceNow,
  pending: number,
): number {
  const record = planner.watch.places.get(one.place);
  const life = record === undefined ? 3600 : lifeOf(planner.watch, record);
  const { lower, upper, share } = betweenStates(life);
  const work = situation.workLeftSeconds;
  const slack = slackOf(situation) - pending;
  const low = valueAt(table, table.spot, UP_STATES, work, slack, lower);
  const high = valueAt(table, table.spot, UP_STATES, work, slack, upper);
  const { prices } = table.input.chain;
  const usual = (prices[lower] ?? 0) * (1 - share) + (prices[upper] ?? 0) * share;
  const dearer = ((one.price - usual) * Math.min(life, work)) / 3600;
  return low * (1 - share) + high * share + dearer + (one.price * pending) / 3600;
}

function tablesFor(planner: DeadlinePlanner, situation: Situation, onDemand: PlaceNow | null): Tables {
  const now = planner.watch.atSeconds ?? 0;
  const spot = situation.places.filter(({ market }) => market === 'spot').map(({ price }) => price);
  const dearest = Math.max(...spot, 1);
  // Without on-demand, an hour of it stands for an hour too late: dear, but no infinity.
  const onDemandPrice = onDemand?.price ?? 3 * dearest;
  const { tables } = planner;
  if (
    tables !== null &&
    now - planner.solvedAtSeconds < SOLVE_EVERY_SECONDS &&
    isFor(tables.learnt, situation, onDemandPrice)
  ) {
    return tables;
  }
  const chain = chainOf(planner.watch, spot.length === 0 ? dearest : spot.reduce((a, b) => a + b, 0) / spot.length);
  const job = {
    ...{ workSeconds: situation.workLeftSeconds, slackSeconds: slackOf(situation) },
    ...{ overheadSeconds: situation.overheadSeconds, onDemandPrice, decisionSeconds: situation.stepSeconds },
  };
  planner.tables = {
    learnt: solveValues({ ...job, chain }),
    adverse: solveValues({ ...job, chain: adverseChain(chain, ADVERSE_FACTOR) }),
  };
  planner.solvedAtSeconds = now;
  planner.steps = new Map();
  return planner.tables;
}

function isFor({ input }: ValueTable, situation: Situation, onDemandPrice: number): boolean {
  return (
    input.onDemandPrice === onDemandPrice &&
    input.overheadSeconds === situation.overheadSeconds &&
    input.workSeconds >= situation.workLeftSeconds &&
    input.slackSeconds >= slackOf(situation)
  );
}
