import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { Placement } from './allocation.ts';
import { fleetOf } from './allocation.ts';
import type { Breach } from './breaches.ts';
import { concentrationExcess, fleetBreaches } from './breaches.ts';
import type { Ledger } from './ledger.ts';
import type { Problem } from './problem.ts';
import type { Rules } from './rules.ts';
import { ruleNames } from './rules.ts';
import type { Scenario } from './scenario.ts';
import { capRow, placementsIn, scenarioOf, unitOf } from './scenario.ts';
import type { Answer, Gap, Row } from './solver.ts';
import { LinearModel } from './solver.ts';

/** How far above the relaxation's optimum the first search looks; the next looks as far as the answer found. */
const FIRST_REACH_SHARE = 0.001;
/** A subject that holds this much of its cap in the relaxation is near it. */
const NEAR_CAP = 0.6;
/** Rounds of adding violated rows; each adds at least one, so real fleets need a handful. */
const MOST_RELAXED_ROUNDS = 40;
const MOST_INTEGER_ROUNDS = 60;
/** From this round on, cuts on the concentration lean inwards, so that the rounds end; the bound stays that of the round before. */
const LEANING_ROUND = 30;

/** An answer in whole numbers and the placements in it. */
export interface Solved {
  readonly answer: Answer;
  readonly placements: readonly Placement[];
}

function gapOf({ objective, bound }: Answer): number {
  return objective === 0 ? 0 : (objective - bound) / Math.abs(objective);
}

/**
 * A scenario's model with the caps and the concentration added as answers break them: few of thousands ever are. What it
 * answers has been checked against every rule in whole micro-dollars.
 */
export class CuttingModel {
  readonly scenario: Scenario;
  /** For bounds, costs and rows of the caller's own. */
  readonly model: LinearModel;
  readonly #problem: Problem;
  readonly #rules: Rules;
  /** Bounds of the options' columns, which are the first ones. */
  readonly #openUppers: readonly number[];
  readonly #zeros: readonly number[];
  /** Cap rows in the model, by rule and subject, with the margin taken off their bounds. */
  readonly #margins = new Map<string, number>();

  private constructor(problem: Problem, rules: Rules, scenario: Scenario, model: LinearModel) {
    this.#problem = problem;
    this.#rules = rules;
    this.scenario = scenario;
    this.model = model;
    const last = scenario.options.reduce((column, { lots, replicas }) => Math.max(column, lots, replicas), -1);
    this.#openUppers = scenario.columns.slice(0, last + 1).map(({ upper }) => upper);
    this.#zeros = this.#openUppers.map(() => 0);
  }

  static async open(problem: Problem, rules: Rules, requiredProviders: number): Promise<CuttingModel> {
    const scenario = scenarioOf(problem, rules, requiredProviders);
    const model = await LinearModel.open(scenario.columns, scenario.rows);
    return new CuttingModel(problem, rules, scenario, model);
  }

  close(): void {
    this.model.close();
  }

  /** Solves the model and whatever rows its answers turn out to break, until they break none. */
  solve(gap: Gap): Solved | null {
    const relaxed = this.relax();
    if (relaxed === null) return null;
    let bound = 0;
    let reached = gap;
    for (let round = 0; round < MOST_INTEGER_ROUNDS; round += 1) {
      const answer = round === 0 && this.#isWhole(relaxed) ? relaxed : this.#solveWithin(relaxed, reached);
      if (answer === null) return null;
      const leans = round >= LEANING_ROUND;
      if (!leans) bound = answer.bound;
      const placements = placementsIn(this.scenario, answer.values, true);
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
    return this.scenario.columns.every(({ integer }, column) => {
      const value = values[column] ?? 0;
      return !integer || Math.abs(value - Math.round(value)) < 1e-9;
    });
  }

  /** An integer answer, looked for among the options within reach of the relaxation's optimum first. */
  #solveWithin(relaxed: Answer, gap: Gap): Answer | null {
    let reach = Math.max(FIRST_REACH_SHARE * Math.abs(relaxed.objective), 10 * gap.absolute);
    while (reach < Number.POSITIVE_INFINITY) {
      this.#shutBeyond(relaxed, reach);
      const answer = this.model.solveInteger(gap);
      if (answer.status === 'infeasible' || answer.status === 'unknown') break;
      const bounded = { ...answer, bound: Math.min(answer.bound, relaxed.objective + reach) };
      // Past its limit on work a search among more options would do no better.
      if (gapOf(bounded) <= gap.relative || bounded.bound === answer.bound || answer.status === 'feasible')
        return bounded;
      reach = answer.objective - relaxed.objective;
    }
    this.#openAll();
    const answer = this.model.solveInteger(gap);
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
    this.model.setUppers(uppers, this.#zeros);
  }

  #openAll(): void {
    this.model.setUppers(this.#openUppers, this.#zeros);
  }

  /** Adds what the relaxation breaks, which is cheap to find; null when even the relaxation has no answer. */
  relax(): Answer | null {
    this.#openAll();
    let answer = this.model.solveRelaxed();
    for (let round = 0; round < MOST_RELAXED_ROUNDS && answer.status === 'optimal'; round += 1) {
      const fleet = fleetOf(this.#problem, placementsIn(this.scenario, answer.values, false));
      if (!this.#cut(this.#breaches(fleet, 1e-6), fleet, 0, false)) break;
      answer = this.model.solveRelaxed();
    }
    if (answer.status !== 'optimal') return null;
    this.#addNearCaps(fleetOf(this.#problem, placementsIn(this.scenario, answer.values, false)));
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
      if (breach.scope === null) this.model.addRow(this.#concentrationCut(fleet, leaning));
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
    const row = capRow(this.scenario, this.#problem, this.#rules, cap, breach.subject);
    this.model.addRow({ ...row, upper: row.upper - margin });
    return true;
  }

  /** The tangent of the cone ‖spend by provider‖ ≤ √limit × total at the fleet's point: cuts it off and nothing that keeps the rule. */
  #concentrationCut(fleet: Ledger, leaning: number): Row {
    const limit = this.#rules.maxConcentration ?? 1;
    const amounts = fleet.amounts('provider', 'spend');
    const norm = Math.hypot(...amounts.values());
    const entries: [number, number][] = [];
    for (const [provider, column] of this.scenario.providerSpend) {
      const share = (amounts.get(provider) ?? 0) / norm;
      if (share > 0) entries.push([column, share]);
    }
    const root = Math.sqrt(limit) * (1 - 1e-5 * (2 ** leaning - 1));
    const total = this.scenario.totals.spend;
    if (total !== undefined) entries.push([total, -root]);
    const upper = Math.max(0, concentrationExcess(this.#problem.kept, limit)) / MICRO_USD_PER_USD;
    return { lower: Number.NEGATIVE_INFINITY, upper, entries };
  }
}
