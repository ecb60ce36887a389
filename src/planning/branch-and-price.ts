import type { Placement } from './allocation.ts';
import type { Bounds, Fraction } from './branching.ts';
import { Branching, withRounding } from './branching.ts';
import type { Candidate } from './candidates.ts';
import type { Cuts } from './cuts.ts';
import { placementsIn } from './cuts.ts';
import type { Master, Relaxed } from './master.ts';
import type { Pricing } from './row-prices.ts';
import type { Gap, Relaxation } from './solver.ts';
import { absoluteGap } from './solver.ts';

/** An answer in whole numbers, in the question's costs. */
export interface Whole {
  readonly placements: readonly Placement[];
  readonly objective: number;
}

/** A relaxation's placements made whole at once; null where that breaks a rule. */
export type Rounding = (relaxed: readonly Placement[]) => Whole | null;

/** What a search found, and what it proved about all other answers. */
export interface Branched {
  /** Null: none better than what was known. */
  readonly found: Whole | null;
  /** No answer that the search could have found costs less. */
  readonly bound: number;
}

/** A part of all answers: those within the bounds. */
interface Node {
  readonly bound: number;
  readonly bounds: Bounds;
}

export interface SearchOptions {
  readonly price: Pricing;
  /** What a replica left out, or a lot that a bound lacks, counts. */
  readonly penalty: number;
  readonly gap: Gap;
  readonly mostNodes: number;
  readonly rounded: Rounding;
}

/** How far from a whole number values may be, and how near they must be where that breaks a rule. */
const WHOLE = 1e-6;
const TRACE = 1e-9;
/** The share of the gap that is aimed at: mostly it costs little more to come much nearer. */
const AIMED_SHARE = 0.1;
/** After so many parts the gap that was asked for is enough. */
const ENOUGH_NODES = 60;
const MOST_CUT_ROUNDS = 30;
/** Answers are rounded at each of the first nodes, then at every fifth: one takes as long as a node. */
const ROUNDED_FIRST = 5;
const ROUNDED_EVERY = 5;

/**
 * Branch and price: fractions of the relaxation are resolved by bounding sums of lots, and the relaxation of each part takes up the
 * candidates and rows that it needs. So a few hundred of many thousand columns prove an optimum over all of them.
 */
export class BranchAndPrice {
  readonly #master: Master;
  readonly #cuts: Cuts;
  readonly #options: SearchOptions;
  readonly #root: Relaxed;
  readonly #branching: Branching;
  /** Reduced costs at the root, by class and candidate. */
  readonly #reduced: readonly (readonly number[])[];
  /** Candidates that a better answer may use. */
  #among: readonly (readonly Candidate[])[];
  #best: Whole | null = null;
  #objective = Number.POSITIVE_INFINITY;
  /** Only answers below this are looked for. */
  #cutoff = Number.POSITIVE_INFINITY;
  /** Of the parts that were left: no answer in them costs less. */
  #bound = Number.POSITIVE_INFINITY;

  constructor(master: Master, cuts: Cuts, root: Relaxed, options: SearchOptions) {
    this.#master = master;
    this.#cuts = cuts;
    this.#options = options;
    this.#root = root;
    this.#branching = new Branching(master, options.penalty);
    const prices = master.pricesAt(root.relaxation);
    this.#reduced = master.candidates.map((own) =>
      own.map((candidate) => prices.reducedCost(candidate, options.price)),
    );
    this.#among = master.candidates;
  }

  /** Looks for answers below `known` by more than the gap. */
  async search(known: number): Promise<Branched> {
    if (Number.isFinite(known)) this.#aim(known);
    this.#openExcess(true);
    try {
      await this.#explore();
    } finally {
      this.#branching.apply(new Map());
      this.#openExcess(false);
    }
    // What better answers could not use was left out of account, so nothing is proved beyond the best one.
    return { found: this.#best, bound: Math.min(this.#bound, this.#objective) };
  }

  /** Down into one part until it holds nothing better, then on with the most promising of those put aside. */
  async #explore(): Promise<void> {
    const open: Node[] = [];
    let next: Node | null = { bound: this.#root.bound, bounds: new Map() };
    for (let count = 0; next !== null; count += 1) {
      const left: readonly Node[] = [next, ...open];
      if (count >= this.#options.mostNodes || (count >= ENOUGH_NODES && this.#isSettled(left))) {
        for (const { bound } of left) this.#leave(bound);
        return;
      }
      const parts = await this.#split(next, count);
      if (parts.length > 1) open.push(...parts.slice(1));
      next = parts[0] ?? takeLowest(open);
    }
  }

  /** Whether the best answer is within the gap that was asked for, however the rest turns out. */
  #isSettled(left: readonly Node[]): boolean {
    const bound = left.reduce((least, part) => Math.min(least, part.bound), this.#bound);
    return this.#objective - bound <= absoluteGap(this.#options.gap, this.#objective);
  }

  /** The parts in which something better may be, the more promising first. */
  async #split(node: Node, count: number): Promise<readonly Node[]> {
    if (node.bound >= this.#cutoff) {
      this.#leave(node.bound);
      return [];
    }
    this.#branching.apply(node.bounds);
    const relaxed = await this.#relaxed();
    const bound = Math.max(node.bound, relaxed?.bound ?? 0);
    // What leaves something out although that is dear has mostly no answer: it is left with what its bound proves.
    if (relaxed === null || bound >= this.#cutoff || this.#branching.lacks(relaxed.relaxation.values)) {
      this.#leave(bound);
      return [];
    }
    const { relaxation, fractions } = relaxed;
    if (fractions.length === 0) {
      this.#leave(bound);
      const { values, objective } = relaxation;
      this.#take({ placements: placementsIn(this.#master.places(), values, true), objective });
      return [];
    }
    if (count > 0 && (count <= ROUNDED_FIRST || count % ROUNDED_EVERY === 0)) this.#round(relaxation);
    const { fraction, down, up } = this.#branching.choose(fractions, relaxation);
    const lower: Node = { bound, bounds: withRounding(node.bounds, fraction, 'down') };
    const upper: Node = { bound, bounds: withRounding(node.bounds, fraction, 'up') };
    return down <= up ? [lower, upper] : [upper, lower];
  }

  /**
   * The relaxation within the present bounds, with every rule kept that its answers broke, and what is not whole in it; null where that
   * could not be had.
   */
  async #relaxed(): Promise<(Relaxed & { readonly fractions: readonly Fraction[] }) | null> {
    for (let round = 0; round < MOST_CUT_ROUNDS; round += 1) {
      const relaxed = await this.#master.relax(this.#options.price, this.#among);
      if (relaxed === null) return null;
      const { values } = relaxed.relaxation;
      const fractions = this.#branching.fractions(values, WHOLE);
      if (relaxed.bound >= this.#cutoff) return { ...relaxed, fractions };
      const isWhole = fractions.length === 0;
      const placements = placementsIn(this.#master.places(), values, isWhole);
      const { breaches, ledgers } = this.#cuts.broken(placements, isWhole ? 0 : 1e-6);
      // Where an answer that is whole but for traces breaks a rule, the traces are what to branch on.
      const traces = isWhole && breaches.length > 0 ? this.#branching.fractions(values, TRACE) : fractions;
      const isSettled = breaches.length === 0 || (isWhole && traces.length > 0);
      if (isSettled || !this.#cuts.cut(breaches, ledgers, 0, isWhole)) return { ...relaxed, fractions: traces };
    }
    return null;
  }

  #round({ values }: Relaxation): void {
    const rounded = this.#options.rounded(placementsIn(this.#master.places(), values, false));
    if (rounded !== null && rounded.objective < this.#objective) this.#take(rounded);
  }

  #take(found: Whole): void {
    this.#best = found;
    this.#aim(found.objective);
  }

  /** From now on only answers better than this one are looked for, by more than the gap. */
  #aim(objective: number): void {
    this.#objective = objective;
    this.#cutoff = objective - absoluteGap(this.#options.gap, objective) * AIMED_SHARE;
    const reach = objective - this.#root.bound + 1e-9;
    this.#among = this.#master.candidates.map((own, index) =>
      own.filter((_, place) => (this.#reduced[index]?.[place] ?? 0) <= reach),
    );
  }

  #leave(bound: number): void {
    this.#bound = Math.min(this.#bound, bound);
  }

  /** Lets replicas be left out, dearly, so that no bounds leave the relaxation without an answer. */
  #openExcess(isOpen: boolean): void {
    for (const [index, { demand }] of this.#master.problem.classes.entries()) {
      this.#master.setBounds(this.#master.excess[index] ?? 0, 0, isOpen ? demand : 0);
    }
  }
}

/** The open node of the lowest bound, the newest among equals. */
function takeLowest(open: Node[]): Node | null {
  let at = -1;
  for (const [index, { bound }] of open.entries()) {
    if (at < 0 || bound <= (open[at]?.bound ?? 0)) at = index;
  }
  return at < 0 ? null : (open.splice(at, 1)[0] ?? null);
}
