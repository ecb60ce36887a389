import type { Placement } from './allocation.ts';
import { effectiveCostOf, fleetsAfter, placedByClass } from './allocation.ts';
import { lacksProviders } from './breaches.ts';
import type { LimitSlope } from './cuts.ts';
import { Cuts, placementsIn } from './cuts.ts';
import { roundedDown } from './greedy.ts';
import type { Relaxed } from './master.ts';
import { Master } from './master.ts';
import type { Problem } from './option.ts';
import { polished } from './polish.ts';
import type { Pricing } from './row-prices.ts';
import type { RuleBook } from './rules.ts';
import { mostServable } from './servable.ts';
import type { Gap } from './solver.ts';
import type { Solved } from './whole-search.ts';
import { WholeSearch } from './whole-search.ts';

/** The best placement found, and how good it is proved to be. */
export interface Optimum {
  readonly placements: readonly Placement[];
  /** Replicas placed, by class. */
  readonly placed: readonly number[];
  /** Effective cost of the placements and a bound on that of any other with as many replicas placed, in micro-dollars per hour. */
  readonly effectiveCost: number;
  readonly effectiveBound: number;
  /** Whether the two are within the gap asked for, and no more replicas could be placed. */
  readonly proven: boolean;
  /** Providers that each fleet had to be spread over. */
  readonly requiredProviders: readonly number[];
}

export interface Wish {
  /** Relative gap at which a cost counts as optimal. */
  readonly gapShare: number;
  /** Exactly so many replicas to place by class; null = as many as the rules let. */
  readonly placed: readonly number[] | null;
  /** Only whether it can be done is asked, not at what cost. */
  readonly atAnyCost?: boolean;
  /** Told when a step of solving begins: for whoever measures. */
  readonly onPhase?: (phase: SolvePhase) => void;
  /** Whether the first good answer will do, however far from proved. */
  readonly quick?: boolean;
  /** Told of whole answers that place all as wished, as they are found. */
  readonly onAnswer?: (answer: Incumbent) => void;
}

/** A whole answer that may not be the best yet: its effective cost and a bound on any other's, in micro-dollars per hour. */
export interface Incumbent {
  readonly effectiveCost: number;
  readonly effectiveBound: number;
}

export type SolvePhase = 'model' | 'relaxation' | 'search';

const UNLIMITED = Number.POSITIVE_INFINITY;
/** Counts are whole, so a gap below 1 proves them. */
const COUNT_GAP: Gap = { relative: 0, absolute: 0.5 };
/** A replica left out costs this many times the dearest lot while it is seen whether all can be placed. */
const EXCESS_FACTOR = 20;

/**
 * Places as many replicas as the rules let, those of higher priority first, and among such placements one of least effective cost.
 * A fleet whose kept leases stand at too few providers comes as near to `minProviders` as it can without holding a replica for it.
 */
export async function optimise(problem: Problem, rules: RuleBook, wish: Wish): Promise<Optimum> {
  const wanted = rules.map(({ minProviders }) => minProviders);
  const lacking = rules.map((own, fleet) => {
    const kept = problem.fleets[fleet]?.kept.staying;
    return kept !== undefined && lacksProviders(kept, own, own.minProviders);
  });
  if (!lacking.includes(true)) return optimiseOver(problem, rules, wanted, wish);
  const required = wanted.map((count, fleet) => (lacking[fleet] === true ? 1 : count));
  const most = await optimiseOver(problem, rules, required, wish);
  let best = most;
  for (const [fleet, own] of rules.entries()) {
    if (lacking[fleet] !== true) continue;
    for (let count = wanted[fleet] ?? 1; count > 1; count -= 1) {
      required[fleet] = count;
      const spread = await optimiseOver(problem, rules, required, { ...wish, placed: most.placed });
      // Where nothing is placed at all, what is kept may still stand at too few.
      const after = fleetsAfter(problem, spread.placements)[fleet];
      const isSpread = after !== undefined && !lacksProviders(after, own, count);
      if (isSpread && spread.placed.every((placed, index) => placed === most.placed[index])) {
        best = spread;
        break;
      }
      required[fleet] = 1;
    }
  }
  return best;
}

/** The same with a stated number of providers for each fleet; one that already runs at fewer is not excused. */
export async function optimiseOver(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  wish: Wish,
): Promise<Optimum> {
  const nothing: Optimum = {
    placements: [],
    placed: problem.classes.map(() => 0),
    effectiveCost: effectiveCostOf(problem, []),
    effectiveBound: 0,
    proven: true,
    requiredProviders,
  };
  if (problem.options.every((options) => options.length === 0)) return nothing;
  const search = new Search(problem, rules, requiredProviders, wish);
  try {
    return (await search.placeBest()) ?? nothing;
  } finally {
    search.close();
  }
}

/** An optimum of the relaxation with all replicas placed: no placement costs less than `bound`, in micro-dollars per hour. */
export interface RelaxedOptimum {
  readonly bound: number;
  /** Mostly whole, a few in fractions. */
  readonly placements: readonly Placement[];
  /** What limits are worth there, in micro-dollars per hour for a change by 1. */
  readonly slopes: readonly LimitSlope[];
}

/** Null where not all replicas (or as many as `placed` says, by class) can be placed, even in fractions. */
export async function relaxedOptimum(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  placed: readonly number[] | null = null,
): Promise<RelaxedOptimum | null> {
  const search = new Search(problem, rules, requiredProviders, { gapShare: 0, placed });
  try {
    return await search.relaxAll();
  } finally {
    search.close();
  }
}

interface Level {
  readonly columns: ReadonlySet<number>;
  readonly row: number;
}

/** One way of asking after another until replicas are placed as wished. */
class Search {
  readonly #problem: Problem;
  readonly #rules: RuleBook;
  readonly #requiredProviders: readonly number[];
  readonly #wish: Wish;
  readonly #gap: Gap;
  readonly #master: Master;
  readonly #cuts: Cuts;
  readonly #whole: WholeSearch;
  readonly #costs: Pricing;

  constructor(problem: Problem, rules: RuleBook, requiredProviders: readonly number[], wish: Wish) {
    this.#problem = problem;
    this.#rules = rules;
    this.#requiredProviders = requiredProviders;
    this.#wish = wish;
    this.#gap = { relative: wish.gapShare, absolute: 1e-9 };
    wish.onPhase?.('model');
    this.#master = new Master(problem, rules, requiredProviders);
    this.#cuts = new Cuts(this.#master);
    this.#whole = new WholeSearch(this.#master, this.#cuts, wish.quick ?? false);
    this.#costs = this.#trueCosts();
  }

  close(): void {
    this.#master.close();
  }

  /** Null: nothing can be placed as wished. */
  async placeBest(): Promise<Optimum | null> {
    const { classes, options, supply } = this.#problem;
    // First as if each class could be placed as far as it could alone: mostly it can, and then there is nothing else to do.
    const servable = classes.map((demandClass, index) => {
      const own = this.#rules[demandClass.fleet];
      return own === undefined ? 0 : mostServable(demandClass, options[index] ?? [], own, supply);
    });
    const all = await this.#placeExactly(this.#wish.placed ?? servable);
    if (all !== null) return this.#found(all, true);
    return this.#wish.placed === null ? this.#placeMost(servable) : null;
  }

  async relaxAll(): Promise<RelaxedOptimum | null> {
    const relaxed = await this.#relaxExactly(this.#wish.placed ?? this.#problem.classes.map(({ demand }) => demand));
    if (relaxed === null) return null;
    const placements = placementsIn(this.#master.places(), relaxed.relaxation.values, false);
    const slopes = this.#cuts.slopes(relaxed.relaxation).map((slope) => {
      return { ...slope, slope: this.#master.units.microUsd(slope.slope) };
    });
    return { bound: this.#master.units.microUsd(relaxed.bound), placements, slopes };
  }

  async #placeExactly(placed: readonly number[]): Promise<Solved | null> {
    const relaxed = await this.#relaxExactly(placed);
    if (relaxed === null) return null;
    this.#wish.onPhase?.('search');
    const solved = await this.#whole.solve(this.#costs, relaxed, this.#gap, (placements) => {
      const rounded = this.#rounded(placements, placed);
      if (rounded !== null) this.#tell(rounded.objective, relaxed.bound);
      return rounded;
    });
    if (solved !== null) this.#tell(solved.objective, solved.bound);
    return solved;
  }

  #tell(objective: number, bound: number): void {
    const { units } = this.#master;
    this.#wish.onAnswer?.({ effectiveCost: units.microUsd(objective), effectiveBound: units.microUsd(bound) });
  }

  /** The relaxation's answer made whole without a search, ties and all; null where that breaks a rule. */
  #rounded(relaxed: readonly Placement[], placed: readonly number[]) {
    if (this.#wish.atAnyCost === true) return null;
    const whole = roundedDown(this.#problem, this.#rules, this.#requiredProviders, relaxed, placed);
    if (whole === null) return null;
    const placements = polished(this.#problem, this.#rules, whole, this.#requiredProviders);
    return { placements, objective: this.#master.units.money(effectiveCostOf(this.#problem, placements)) };
  }

  /** The relaxation with so many replicas placed by class; null where even that cannot be. */
  async #relaxExactly(placed: readonly number[]): Promise<Relaxed | null> {
    const { classes } = this.#problem;
    for (const [index, { demand }] of classes.entries()) {
      const left = demand - (placed[index] ?? 0);
      if (left < 0) return null;
      this.#master.setBounds(this.#unplaced(index), left, left);
      this.#master.setBounds(this.#excess(index), 0, demand - left);
    }
    this.#wish.onPhase?.('relaxation');
    const relaxed = await this.#whole.relax(this.#costs);
    const used = classes.some((_, index) => (relaxed?.relaxation.values[this.#excess(index)] ?? 1) > 1e-6);
    for (const index of classes.keys()) this.#master.setBounds(this.#excess(index), 0, 0);
    return used ? null : relaxed;
  }

  /** Higher priorities first: each level places what it can and keeps it. */
  async #placeMost(servable: readonly number[]): Promise<Optimum | null> {
    for (const [index, { demand }] of this.#problem.classes.entries()) {
      this.#master.setBounds(this.#unplaced(index), demand - (servable[index] ?? 0), demand);
    }
    const levels = this.#levels();
    this.#wish.onPhase?.('search');
    return (await this.#placeAsRelaxed(levels)) ?? (await this.#placeByLevel(levels));
  }

  /** One row per priority, highest first: the replicas of that priority left unplaced. */
  #levels(): readonly Level[] {
    const { classes } = this.#problem;
    const priorities = [...new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a);
    return priorities.map((priority) => {
      const columns = classes.flatMap(({ spec }, index) => (spec.priority === priority ? [this.#unplaced(index)] : []));
      const row = this.#master.addRow(
        { lower: 0, upper: UNLIMITED },
        columns.map((column) => [column, 1]),
        null,
      );
      return { columns: new Set(columns), row };
    });
  }

  /**
   * No placement leaves fewer replicas out than the relaxation does, rounded up. Mostly one leaves as few, and then the
   * search for the cheapest finds it at once.
   */
  async #placeAsRelaxed(levels: readonly Level[]): Promise<Optimum | null> {
    for (const level of levels) {
      const relaxed = await this.#whole.relax(countOf(level));
      if (relaxed === null) return null;
      this.#master.setRowBounds(level.row, { lower: 0, upper: Math.ceil(relaxed.bound - 1e-6) });
    }
    const cheapest = await this.#cheapest();
    return cheapest === null ? null : this.#found(cheapest, true);
  }

  async #placeByLevel(levels: readonly Level[]): Promise<Optimum | null> {
    for (const { row } of levels) this.#master.setRowBounds(row, { lower: 0, upper: UNLIMITED });
    let latest: Solved | null = null;
    let proven = true;
    for (const level of levels) {
      const price = countOf(level);
      const relaxed: Relaxed | null = await this.#whole.relax(price);
      const solved = relaxed === null ? null : await this.#whole.solve(price, relaxed, COUNT_GAP);
      if (solved === null) break;
      latest = solved;
      proven &&= solved.isProven;
      this.#master.setRowBounds(level.row, { lower: 0, upper: Math.round(solved.objective) });
    }
    if (latest === null) return null;
    const cheapest = await this.#cheapest();
    if (cheapest !== null) return this.#found(cheapest, proven);
    return { ...this.#found(latest, false), effectiveBound: 0 };
  }

  async #cheapest(): Promise<Solved | null> {
    const relaxed = await this.#whole.relax(this.#costs);
    return relaxed === null ? null : this.#whole.solve(this.#costs, relaxed, this.#gap);
  }

  #trueCosts(): Pricing {
    const dearest = this.#master.candidates.reduce(
      (most, candidates) => candidates.reduce((inner, { cost }) => Math.max(inner, cost), most),
      0,
    );
    const excess = new Set(this.#master.excess);
    const forLeaving = Math.max(1, dearest) * EXCESS_FACTOR;
    if (this.#wish.atAnyCost === true) {
      return { candidate: () => 0, special: (column) => (excess.has(column) ? forLeaving : 0), penalty: null };
    }
    return {
      candidate: ({ cost }) => cost,
      special: (column) => (excess.has(column) ? forLeaving : this.#master.trueCostOf(column)),
      penalty: forLeaving,
    };
  }

  #found(solved: Solved, proven: boolean): Optimum {
    const effectiveCost = effectiveCostOf(this.#problem, solved.placements);
    return {
      placements: solved.placements,
      placed: placedByClass(this.#problem, solved.placements),
      effectiveCost,
      effectiveBound: Math.max(0, Math.min(effectiveCost, this.#master.units.microUsd(solved.bound))),
      proven: proven && solved.isProven,
      requiredProviders: this.#requiredProviders,
    };
  }

  #unplaced(classIndex: number): number {
    return this.#master.unplaced[classIndex] ?? 0;
  }

  #excess(classIndex: number): number {
    return this.#master.excess[classIndex] ?? 0;
  }
}

/** Only the replicas of the level that are left unplaced cost. */
function countOf({ columns }: Level): Pricing {
  return { candidate: () => 0, special: (column) => (columns.has(column) ? 1 : 0), penalty: null };
}
