import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { Placement } from './allocation.ts';
import { placedByClass, rankedCostOf } from './allocation.ts';
import type { Solved } from './cutting-model.ts';
import { CuttingModel } from './cutting-model.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Option, Problem } from './problem.ts';
import { surviveRoom } from './problem.ts';
import type { Rules } from './rules.ts';
import { mostLots } from './scenario.ts';
import type { Gap } from './solver.ts';

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

const UNLIMITED = Number.POSITIVE_INFINITY;
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

interface Level {
  readonly columns: ReadonlySet<number>;
  readonly row: number;
}

/** One way of asking after another until replicas are placed as wished. */
class Search {
  readonly #problem: Problem;
  readonly #rules: Rules;
  readonly #cutting: CuttingModel;

  private constructor(problem: Problem, rules: Rules, cutting: CuttingModel) {
    this.#problem = problem;
    this.#rules = rules;
    this.#cutting = cutting;
  }

  static async open(problem: Problem, rules: Rules, requiredProviders: number): Promise<Search> {
    return new Search(problem, rules, await CuttingModel.open(problem, rules, requiredProviders));
  }

  close(): void {
    this.#cutting.close();
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
    this.#cutting.model.setCosts(
      this.#cutting.scenario.columns.map(({ cost }) => (wish.atAnyCost === true ? 0 : cost)),
    );
    const all = this.#cutting.solve(gap);
    if (all !== null) return this.#found(all, true);
    return wish.placed === null ? this.#placeMost(gap, servable) : null;
  }

  /** Higher priorities first: each level places what it can and keeps it. */
  #placeMost(gap: Gap, servable: readonly number[]): Found | null {
    const { classes } = this.#problem;
    for (const [index, { demand }] of classes.entries()) {
      this.#cutting.model.setBounds(this.#unplaced(index), demand - (servable[index] ?? 0), demand);
    }
    const levels = this.#levels();
    return this.#placeAsRelaxed(levels, gap) ?? this.#placeByLevel(levels, gap);
  }

  /** One row per priority, highest first: the replicas of that priority left unplaced. */
  #levels(): readonly Level[] {
    const { classes } = this.#problem;
    const priorities = [...new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a);
    return priorities.map((priority) => {
      const columns = classes.flatMap(({ spec }, index) => (spec.priority === priority ? [this.#unplaced(index)] : []));
      const row = this.#cutting.model.addRow({
        lower: 0,
        upper: UNLIMITED,
        entries: columns.map((column) => [column, 1]),
      });
      return { columns: new Set(columns), row };
    });
  }

  /**
   * No placement leaves fewer replicas out than the relaxation does, rounded up. Mostly one leaves as few, and then the
   * search for the cheapest finds it at once.
   */
  #placeAsRelaxed(levels: readonly Level[], gap: Gap): Found | null {
    for (const level of levels) {
      this.#countOnly(level);
      const relaxed = this.#cutting.relax();
      if (relaxed === null) return null;
      this.#cutting.model.setRowBounds(level.row, 0, Math.ceil(relaxed.objective - 1e-6));
    }
    this.#cutting.model.setCosts(this.#cutting.scenario.columns.map(({ cost }) => cost));
    const cheapest = this.#cutting.solve(gap);
    return cheapest === null ? null : this.#found(cheapest, true);
  }

  #placeByLevel(levels: readonly Level[], gap: Gap): Found | null {
    for (const { row } of levels) this.#cutting.model.setRowBounds(row, 0, UNLIMITED);
    let latest: Solved | null = null;
    let proven = true;
    for (const level of levels) {
      this.#countOnly(level);
      const solved = this.#cutting.solve(COUNT_GAP);
      if (solved === null) break;
      latest = solved;
      proven &&= solved.answer.status === 'optimal';
      const left = [...level.columns].reduce((sum, column) => sum + Math.round(solved.answer.values[column] ?? 0), 0);
      this.#cutting.model.setRowBounds(level.row, 0, left);
    }
    if (latest === null) return null;
    this.#cutting.model.setCosts(this.#cutting.scenario.columns.map(({ cost }) => cost));
    const cheapest = this.#cutting.solve(gap);
    if (cheapest !== null) return this.#found(cheapest, proven);
    return { ...this.#found(latest, false), rankedBound: 0 };
  }

  #countOnly({ columns }: Level): void {
    this.#cutting.model.setCosts(this.#cutting.scenario.columns.map((_, column) => (columns.has(column) ? 1 : 0)));
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

  #holdUnplaced(counts: readonly number[]): void {
    for (const [index, count] of counts.entries()) this.#cutting.model.setBounds(this.#unplaced(index), count, count);
  }

  #unplaced(classIndex: number): number {
    return this.#cutting.scenario.unplaced[classIndex] ?? 0;
  }
}
