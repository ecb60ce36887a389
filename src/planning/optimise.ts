import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { Placement } from './allocation.ts';
import { fleetOf, placedByClass, rankedCostOf } from './allocation.ts';
import type { Breach } from './breaches.ts';
import { concentrationExcess, fleetBreaches } from './breaches.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './problem.ts';
import { surviveRoom } from './problem.ts';
import type { Rules } from './rules.ts';
import { ruleNames } from './rules.ts';
import type { Scenario } from './scenario.ts';
import { capRow, mostLots, placementsIn, scenarioOf, unitOf } from './scenario.ts';
import type { Answer, Gap, Row } from './solver.ts';
import { LinearModel } from './solver.ts';

/** The best placement found, and how good it is proved to be. */
export interface Optimum {
  readonly placements: readonly Placement[];
  /** Replicas placed, by class. */
  readonly placed: readonly number[];
  /** Ranked cost of the placements and a bound on that of any other with as many replicas placed, in micro-dollars. */
  readonly rankedCost: number;
  readonly rankedBound: number;
  /** Whether the solver finished within the gap asked for. */
  readonly proven: boolean;
  /** Providers that the fleet had to be spread over. */
  readonly requiredProviders: number;
}

export interface Wish {
  /** Relative gap at which a cost counts as optimal. */
  readonly gapShare: number;
  /** Exactly so many replicas to place by class; null = as many as the rules let. */
  readonly placed: readonly number[] | null;
  /** Only whether it can be done is asked, not at what cost. */
  readonly atAnyCost?: boolean;
}

/** How far above the relaxation's optimum the first search looks; the next looks as far as the answer found. */
const FIRST_REACH_SHARE = 0.001;
/** A subject that holds this much of its cap in the relaxation is near it. */
const NEAR_CAP = 0.6;
/** Rounds of adding violated rows; each adds at least one, so real fleets need a handful. */
const MOST_RELAXED_ROUNDS = 40;
const MOST_INTEGER_ROUNDS = 60;
/** From this round on, cuts on the concentration lean inwards, so that the rounds end; the bound stays that of the round before. */
const LEANING_ROUND = 30;
/** Counts are whole, so a gap below 1 proves them. */
const COUNT_GAP: Gap = { relative: 0, absolute: 0.5 };

/**
 * Places as many replicas as the rules let, those of higher priority first, and among such placements one of least ranked cost.
 * A fleet whose kept leases stand at too few providers comes as near to `minProviders` as it can without holding a replica for it.
 */
export async function optimise(problem: Problem, rules: Rules, wish: Wish): Promise<Optimum> {
  const present = problem.base.providerCount;
  if (present === 0 || present >= rules.minProviders) return optimiseOver(problem, rules, rules.minProviders, wish);
  const most = await optimiseOver(problem, rules, present, wish);
  for (let required = rules.minProviders; required > present; required -= 1) {
    const spread = await optimiseOver(problem, rules, required, { ...wish, placed: most.placed });
    if (spread.placed.every((count, index) => count === most.placed[index])) return spread;
  }
  return most;
}

/** The same with a stated number of providers; a fleet that already runs at fewer is not excused. */
export async function optimiseOver(
  problem: Problem,
  rules: Rules,
  requiredProviders: number,
  wish: Wish,
): Promise<Optimum> {
  const nothing: Optimum = {
    placements: [],
    placed: problem.classes.map(() => 0),
    rankedCost: 0,
    rankedBound: 0,
    proven: true,
    requiredProviders,
  };
  if (problem.options.every((options) => options.length === 0)) return nothing;
  const search = await Search.open(problem, rules, requiredProviders);
  try {
    const found = search.placeBest(wish);
    return found === null ? nothing : { ...found, requiredProviders };
  } finally {
    search.close();
  }
}

function gapOf({ objective, bound }: Answer): number {
  return objective === 0 ? 0 : (objective - bound) / Math.abs(objective);
}

/** No more replicas of the class than these can be placed, even if it had the market to itself. */
export function mostServable(
  demandClass: DemandClass,
  options: readonly Option[],
  rules: Rules,
  supply: Supply,
): number {
  let most = 0;
  for (const [provider, there] of Map.groupBy(options, ({ at }) => at.weight.provider)) {
    const room = surviveRoom(rules, demandClass, provider) ?? demandClass.demand;
    const held = there.reduce((sum, option) => sum + option.replicasPerLot * mostLots(supply, option, room), 0);
    most += Math.min(room, held);
  }
  return Math.min(demandClass.demand, most);
}

type Found = Omit<Optimum, 'requiredProviders'>;

interface Solved {
  readonly answer: Answer;
  readonly placements: readonly Placement[];
}

/** One scenario being solved: a linear model and the rows found wanting so far. */
class Search {
  readonly #problem: Problem;
  readonly #rules: Rules;
  readonly #scenario: Scenario;
  readonly #model: LinearModel;
  /** Bounds of the options' columns, which are the first ones. */
  readonly #openUppers: readonly number[];
  readonly #zeros: readonly number[];
  /** Cap rows in the model, by rule and subject, with the margin taken off their bounds. */
  readonly #margins = new Map<string, number>();

  private constructor(problem: Problem, rules: Rules, scenario: Scenario, model: LinearModel) {
    this.#problem = problem;
    this.#rules = rules;
    this.#scenario = scenario;
    this.#model = model;
    const last = scenario.options.reduce((column, { lots, replicas }) => Math.max(column, lots, replicas), -1);
    this.#openUppers = scenario.columns.slice(0, last + 1).map(({ upper }) => upper);
    this.#zeros = this.#openUppers.map(() => 0);
  }

  static async open(problem: Problem, rules: Rules, required: number): Promise<Search> {
    const scenario = scenarioOf(problem, rules, required);
    return new Search(problem, rules, scenario, await LinearModel.open(scenario.columns, scenario.rows));
  }

  close(): void {
    this.#model.close();
  }

  /** Null: nothing can be placed as wished. */
  placeBest(wish: Wish): Found | null {
    const { classes, options } = this.#problem;
    const gap: Gap = { relative: wish.gapShare, absolute: 1e-9 };
    // First as if each class could be placed as far as it could alone: mostly it can, and then there is nothing else to do.
    const servable = classes.map((demandClass, index) =>
      mostServable(demandClass, options[index] ?? [], this.#rules, this.#problem.supply),
    );
    this.#holdUnplaced((wish.placed ?? servable).map((count, index) => (classes[index]?.demand ?? 0) - count));
    this.#model.setCosts(this.#scenario.columns.map(({ cost }) => (wish.atAnyCost === true ? 0 : cost)));
    const all = this.#solve(gap);
    if (all !== null) return this.#found(all, true);
    return wish.placed === null ? this.#placeMost(gap) : null;
  }

  /** Higher priorities first: each level places what it can and keeps it. */
  #placeMost(gap: Gap): Found | null {
    const { classes } = this.#problem;
    for (const [index, { demand }] of classes.entries()) this.#model.setBounds(this.#unplaced(index), 0, demand);
    const priorities = [...new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a);
    let latest: Solved | null = null;
    let proven = true;
    for (const priority of priorities) {
      const level = classes.flatMap(({ spec }, index) => (spec.priority === priority ? [this.#unplaced(index)] : []));
      const columns = new Set(level);
      this.#model.setCosts(this.#scenario.columns.map((_, column) => (columns.has(column) ? 1 : 0)));
      const solved = this.#solve(COUNT_GAP);
      if (solved === null) break;
      latest = solved;
      proven &&= solved.answer.status === 'optimal';
      const left = level.reduce((sum, column) => sum + Math.round(solved.answer.values[column] ?? 0), 0);
      this.#model.addRow({ lower: 0, upper: left, entries: level.map((column) => [column, 1]) });
    }
    if (latest === null) return null;
    this.#model.setCosts(this.#scenario.columns.map(({ cost }) => cost));
    const cheapest = this.#solve(gap);
    if (cheapest !== null) return this.#found(cheapest, proven);
    return { ...this.#found(latest, false), rankedBound: 0 };
  }

  #found({ answer, placements }: Solved, proven: boolean): Found {
    const rankedCost = rankedCostOf(placements);
    return {
      placements,
      placed: placedByClass(this.#problem, placements),
      rankedCost,
      rankedBound: Math.max(0, Math.min(rankedCost, answer.bound * MICRO_USD_PER_USD)),
      proven: proven && answer.status === 'optimal',
    };
  }

  /** Solves the model and whatever rows its answers turn out to break, until they break none. */
  #solve(gap: Gap): Solved | null {
    this.#openAll();
    const relaxed = this.#tightenRelaxed();
    if (relaxed === null) return null;
    let bound = 0;
    let reached = gap;
    for (let round = 0; round < MOST_INTEGER_ROUNDS; round += 1) {
      const answer = round === 0 && this.#isWhole(relaxed) ? relaxed : this.#solveWithin(relaxed, reached);
      if (answer === null) return null;
      const leans = round >= LEANING_ROUND;
      if (!leans) bound = answer.bound;
      const placements = placementsIn(this.#scenario, answer.values, true);
      const fleet = fleetOf(this.#problem, placements);
      const breaches = this.#breaches(fleet, 0);
      const status = leans ? 'feasible' : answer.status;
      if (breaches.length === 0) return { answer: { ...answer, status, bound }, placements };
      this.#cut(breaches, fleet, Math.max(0, round + 1 - LEANING_ROUND), true);
      // Where the limit on work was met once, a further search is not asked for more than this one gave.
      if (answer.status === 'feasible') reached = { ...gap, relative: Math.max(reached.relative, gapOf(answer)) };
    }
    return null;
  }

  /** Mostly the relaxation is whole by itself, and then it is the answer. */
  #isWhole({ values }: Answer): boolean {
    return this.#scenario.columns.every(({ integer }, column) => {
      const value = values[column] ?? 0;
      return !integer || Math.abs(value - Math.round(value)) < 1e-9;
    });
  }

  /** An integer answer, looked for among the options within reach of the relaxation's optimum first. */
  #solveWithin(relaxed: Answer, gap: Gap): Answer | null {
    let reach = Math.max(FIRST_REACH_SHARE * Math.abs(relaxed.objective), 10 * gap.absolute);
    while (reach < Number.POSITIVE_INFINITY) {
      this.#shutBeyond(relaxed, reach);
      const answer = this.#model.solveInteger(gap);
      if (answer.status === 'infeasible' || answer.status === 'unknown') break;
      const bounded = { ...answer, bound: Math.min(answer.bound, relaxed.objective + reach) };
      // Past its limit on work a search among more options would do no better.
      if (gapOf(bounded) <= gap.relative || bounded.bound === answer.bound || answer.status === 'feasible')
        return bounded;
      reach = answer.objective - relaxed.objective;
    }
    this.#openAll();
    const answer = this.#model.solveInteger(gap);
    return answer.status === 'infeasible' || answer.status === 'unknown' ? null : answer;
  }

  /**
   * Shuts options that cost more than `reach` above the relaxation's optimum as soon as one lot is used (their reduced cost
   * says so): no answer within reach uses them, and the search is many times shorter without.
   */
  #shutBeyond(relaxed: Answer, reach: number): void {
    const uppers = this.#openUppers.map((upper, column) => {
      return (relaxed.reducedCosts[column] ?? 0) > reach + 1e-9 ? 0 : upper;
    });
    this.#model.setUppers(uppers, this.#zeros);
  }

  #openAll(): void {
    this.#model.setUppers(this.#openUppers, this.#zeros);
  }

  /** Adds what the relaxation breaks, which is cheap to find; null when even the relaxation has no answer. */
  #tightenRelaxed(): Answer | null {
    let answer = this.#model.solveRelaxed();
    for (let round = 0; round < MOST_RELAXED_ROUNDS && answer.status === 'optimal'; round += 1) {
      const fleet = fleetOf(this.#problem, placementsIn(this.#scenario, answer.values, false));
      if (!this.#cut(this.#breaches(fleet, 1e-6), fleet, 0, false)) break;
      answer = this.#model.solveRelaxed();
    }
    if (answer.status !== 'optimal') return null;
    this.#addNearCaps(fleetOf(this.#problem, placementsIn(this.#scenario, answer.values, false)));
    return answer;
  }

  /** Caps that whole machines may well break although the relaxation keeps them: added now, they save a search each. */
  #addNearCaps(fleet: Ledger): void {
    const { measure, caps } = this.#rules;
    const total = fleet.total(measure);
    for (const cap of caps) {
      for (const [subject, amount] of fleet.amounts(cap.scope, measure)) {
        if (amount < NEAR_CAP * cap.limit * total) continue;
        this.#addCap({ rule: cap.rule, scope: cap.scope, subject, value: 0, limit: cap.limit, over: 0 }, false);
      }
    }
  }

  #breaches(fleet: Ledger, tolerance: number): readonly Breach[] {
    if (ruleNames(this.#rules).length === 0) return [];
    // The number of providers is held by rows of its own from the start.
    const breaches = fleetBreaches(fleet, this.#problem.kept, this.#rules, 0);
    if (tolerance === 0) return breaches;
    return breaches.filter(({ over, scope }) => {
      const measure = scope === null ? 'spend' : this.#rules.measure;
      return over > tolerance * fleet.total(measure);
    });
  }

  /** Adds rows against the breaches; false when there was nothing to add. */
  #cut(breaches: readonly Breach[], fleet: Ledger, leaning: number, insist: boolean): boolean {
    let added = false;
    for (const breach of breaches) {
      if (breach.scope === null) this.#model.addRow(this.#concentrationCut(fleet, leaning));
      else if (!this.#addCap(breach, insist)) continue;
      added = true;
    }
    return added;
  }

  #addCap(breach: Breach, insist: boolean): boolean {
    const cap = this.#rules.caps.find(({ rule }) => rule === breach.rule);
    if (cap === undefined) return false;
    const key = `${breach.rule} ${breach.subject}`;
    const former = this.#margins.get(key);
    if (former !== undefined && !insist) return false;
    // A row that is there and yet broken is broken within the solver's tolerance: take that off.
    const margin = former === undefined ? 0 : former + (2 * breach.over) / unitOf(this.#rules.measure);
    this.#margins.set(key, margin);
    const row = capRow(this.#scenario, this.#problem, this.#rules, cap, breach.subject);
    this.#model.addRow({ ...row, upper: row.upper - margin });
    return true;
  }

  /** The tangent of the cone ‖spend by provider‖ ≤ √limit × total at the fleet's point: cuts it off and nothing that keeps the rule. */
  #concentrationCut(fleet: Ledger, leaning: number): Row {
    const limit = this.#rules.maxConcentration ?? 1;
    const amounts = fleet.amounts('provider', 'spend');
    const norm = Math.hypot(...amounts.values());
    const entries: [number, number][] = [];
    for (const [provider, column] of this.#scenario.providerSpend) {
      const share = (amounts.get(provider) ?? 0) / norm;
      if (share > 0) entries.push([column, share]);
    }
    const root = Math.sqrt(limit) * (1 - 1e-5 * (2 ** leaning - 1));
    const total = this.#scenario.totals.spend;
    if (total !== undefined) entries.push([total, -root]);
    const upper = Math.max(0, concentrationExcess(this.#problem.kept, limit)) / MICRO_USD_PER_USD;
    return { lower: Number.NEGATIVE_INFINITY, upper, entries };
  }

  #holdUnplaced(counts: readonly number[]): void {
    for (const [index, count] of counts.entries()) this.#model.setBounds(this.#unplaced(index), count, count);
  }

  #unplaced(classIndex: number): number {
    return this.#scenario.unplaced[classIndex] ?? 0;
  }
}
