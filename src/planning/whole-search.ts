import type { Placement } from './allocation.ts';
import type { Rounding, Whole } from './branch-and-price.ts';
import { BranchAndPrice } from './branch-and-price.ts';
import type { Candidate } from './candidates.ts';
import type { Cuts } from './cuts.ts';
import { placementsIn } from './cuts.ts';
import type { Master, Relaxed } from './master.ts';
import type { Pricing } from './row-prices.ts';
import type { Gap, IntegerAnswer } from './solver.ts';
import { absoluteGap } from './solver.ts';

/** Branch-and-bound stops here with its best answer and bound: a limit on work, not on time, so that the same input gives the same plan. */
const MOST_NODES = 3000;
/** The search near the relaxation is for a good answer at once; proving comes after it. */
const NEARBY_NODES = 60;
/** Parts that branching looks at: under a concentration limit, where the solver's search comes first, and where a good answer will do. */
const MOST_BRANCHES = 400;
const BRANCHES_AFTER_SEARCH = 60;
const QUICK_BRANCHES = 30;
/** So few candidates take the solver no time. */
const FEW_CANDIDATES = 2000;
/** How far from proved a good answer may be. */
const QUICK_GAP_SHARE = 1e-3;
/** How far lots may lie from the relaxation's, and how many of each class's cheapest others take part. */
const NEARBY_LOTS = 5;
const NEARBY_OTHERS = 20;
const NEARBY_IN_ALL = 2000;
/** How far above the relaxation's optimum the first search looks where no answer is known; the next looks further. */
const FIRST_REACH_SHARE = 0.001;
/** Rounds of adding violated rows; each adds at least one, so real fleets need a handful. */
const MOST_RELAXED_ROUNDS = 40;
const MOST_ROUNDS = 60;
/** From this round on, cuts on the concentration lean inwards, so that the rounds end; the bound stays that of the round before. */
const LEANING_ROUND = 30;

/** An answer in whole numbers that was checked against every rule in whole micro-dollars. */
export interface Solved extends Whole {
  /** In the question's costs, and proved for every answer. */
  readonly bound: number;
  /** Whether the two are within the gap asked for. */
  readonly isProven: boolean;
}

interface Searched {
  /** Null: none was found; `isInfeasible` says whether there is none. */
  readonly answer: IntegerAnswer | null;
  readonly found: readonly Placement[];
  readonly isInfeasible: boolean;
}

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Looks for whole answers: near the relaxation first, then among all candidates that could be in a better one. */
export class WholeSearch {
  readonly #master: Master;
  readonly #cuts: Cuts;
  /** Whether a good answer near the relaxation will do. */
  readonly #quick: boolean;

  constructor(master: Master, cuts: Cuts, quick: boolean) {
    this.#master = master;
    this.#cuts = cuts;
    this.#quick = quick;
  }

  /** Solves the relaxation and whatever rows its answers turn out to break, until they break none. */
  async relax(price: Pricing): Promise<Relaxed | null> {
    let relaxed = await this.#master.relax(price);
    for (let round = 0; relaxed !== null && round < MOST_RELAXED_ROUNDS; round += 1) {
      const placements = placementsIn(this.#master.places(), relaxed.relaxation.values, false);
      const { breaches, ledgers } = this.#cuts.broken(placements, 1e-6);
      if (!this.#cuts.cut(breaches, ledgers, 0, false)) break;
      relaxed = await this.#master.relax(price);
    }
    return relaxed;
  }

  /**
   * The best whole answer within the gap, from an optimum of the relaxation; null where there is none. `rounded` makes a whole answer
   * of the relaxation's without a search; of many small classes that is mostly good enough.
   */
  async solve(price: Pricing, relaxed: Relaxed, gap: Gap, rounded: Rounding = () => null): Promise<Solved | null> {
    const asIs = this.#asIs(relaxed);
    if (asIs !== null) return asIs;
    const placements = placementsIn(this.#master.places(), relaxed.relaxation.values, false);
    const enough = this.#quick ? { ...gap, relative: Math.max(gap.relative, QUICK_GAP_SHARE) } : gap;
    let best = proved(rounded(placements), relaxed.bound, enough);
    if (best?.isProven === true) return proved(best, best.bound, gap);
    this.#cuts.addNear(placements);
    const nearby = () => this.#nearby(price, relaxed, placements, enough);
    const branched = () => this.#branched(price, best, enough, rounded);
    for (const search of this.#searches(nearby, branched)) {
      best = better(await search(), best, enough);
      if (best !== null && (best.isProven || this.#quick)) return proved(best, best.bound, gap);
    }
    const proven = await this.#among(price, relaxed, best, gap);
    return proven ?? best;
  }

  /** Under a concentration limit few large lots decide, and the solver's search is slow at that; else it finds the best answer sooner. */
  #searches<T>(nearby: T, branched: T): readonly T[] {
    if (this.#cuts.hasTangents) return [branched, nearby];
    // Of few candidates the solver has tried all that matter before branching has begun.
    const count = this.#master.candidates.reduce((sum, candidates) => sum + candidates.length, 0);
    return count <= FEW_CANDIDATES ? [nearby] : [nearby, branched];
  }

  /** The relaxation's own answer where it is whole and breaks nothing. */
  #asIs({ bound, relaxation: { values } }: Relaxed): Solved | null {
    if (!this.#master.isWhole(values)) return null;
    const placements = placementsIn(this.#master.places(), values, true);
    if (this.#cuts.broken(placements, 0).breaches.length > 0) return null;
    return { placements, objective: bound, bound, isProven: true };
  }

  /** What branching finds within its limit of work, or what is known with a better bound; null where it finds nothing. */
  async #branched(price: Pricing, known: Solved | null, gap: Gap, rounded: Rounding): Promise<Solved | null> {
    const { penalty } = price;
    if (penalty === null) return null;
    const root = await this.relax(price);
    if (root === null) return null;
    const mostNodes = this.#quick ? QUICK_BRANCHES : this.#cuts.hasTangents ? MOST_BRANCHES : BRANCHES_AFTER_SEARCH;
    const search = new BranchAndPrice(this.#master, this.#cuts, root, { price, penalty, gap, mostNodes, rounded });
    const { found, bound } = await search.search(known?.objective ?? UNLIMITED);
    return proved(found ?? known, bound, gap);
  }

  /** A good answer at once: lots a few away from the relaxation's, and few others. Its bound is the relaxation's. */
  async #nearby(price: Pricing, relaxed: Relaxed, placements: readonly Placement[], gap: Gap): Promise<Solved | null> {
    const lotsAt = new Map(placements.map(({ option, lots }) => [option, lots]));
    const chosen = new Map<Candidate, readonly [number, number]>();
    const prices = this.#master.pricesAt(relaxed.relaxation);
    const mostOthers = Math.max(2, Math.min(NEARBY_OTHERS, Math.floor(NEARBY_IN_ALL / this.#master.candidates.length)));
    for (const candidates of this.#master.candidates) {
      const others: { readonly candidate: Candidate; readonly reduced: number }[] = [];
      for (const candidate of candidates) {
        const lots = lotsAt.get(candidate.option);
        if (lots === undefined) {
          others.push({ candidate, reduced: prices.reducedCost(candidate, price) });
          continue;
        }
        const lower = Math.max(0, Math.floor(lots + 1e-6) - NEARBY_LOTS);
        chosen.set(candidate, [lower, Math.min(candidate.mostLots, Math.ceil(lots - 1e-6) + NEARBY_LOTS)]);
      }
      others.sort((a, b) => a.reduced - b.reduced);
      for (const { candidate } of others.slice(0, mostOthers)) {
        chosen.set(candidate, [0, Math.min(candidate.mostLots, NEARBY_LOTS)]);
      }
    }
    const near: Gap = { ...gap, relative: gap.relative / 2 };
    for (let round = 0; round < 4; round += 1) {
      const { answer, found } = await this.#search(
        price,
        (candidate) => chosen.get(candidate) ?? null,
        near,
        NEARBY_NODES,
        false,
      );
      if (answer === null) return null;
      const { breaches, ledgers } = this.#cuts.broken(found, 0);
      if (breaches.length === 0) {
        return proved({ placements: found, objective: answer.objective }, relaxed.bound, gap);
      }
      if (!this.#cuts.cut(breaches, ledgers, 0, true)) return null;
    }
    return null;
  }

  /**
   * The best answer, by searching only what can be in a better one than is known: a candidate whose reduced cost exceeds the
   * distance between the known answer and the relaxation cannot.
   */
  async #among(price: Pricing, relaxed: Relaxed, known: Solved | null, gap: Gap): Promise<Solved | null> {
    const { bound: floor, relaxation } = relaxed;
    let reach =
      known === null ? Math.max(FIRST_REACH_SHARE * Math.abs(floor), 10 * gap.absolute) : known.objective - floor;
    const prices = this.#master.pricesAt(relaxation);
    const inReach = (candidate: Candidate): readonly [number, number] | null =>
      prices.reducedCost(candidate, price) > reach + 1e-9 ? null : [0, candidate.mostLots];
    while (true) {
      const found = await this.#unbroken(price, inReach, gap, floor + reach, known);
      if (found === null && reach === UNLIMITED) return null;
      // Nothing within reach, or it may be that something better lies beyond it: past the limit on work that is not looked for.
      if (found !== null && (found.isProven || found.isExhausted || found.bound < floor + reach)) return found;
      reach = found === null ? UNLIMITED : found.objective - floor;
    }
  }

  /**
   * The best answer among some candidates that breaks no rule, by adding what answers break and searching again. `ceiling`
   * bounds answers that use others. Null where there is none; what is `known` already is returned where nothing is better.
   */
  async #unbroken(
    price: Pricing,
    lotsOf: (candidate: Candidate) => readonly [number, number] | null,
    gap: Gap,
    ceiling: number,
    known: Solved | null,
  ): Promise<(Solved & { readonly isExhausted: boolean }) | null> {
    let reached = gap;
    let bound = Number.NEGATIVE_INFINITY;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const { answer, found, isInfeasible } = await this.#search(price, lotsOf, reached, MOST_NODES, known !== null);
      if (answer === null) return unbeaten(known, isInfeasible);
      const leans = round >= LEANING_ROUND;
      if (!leans) bound = Math.max(bound, Math.min(answer.bound, ceiling));
      const { breaches, ledgers } = this.#cuts.broken(found, 0);
      if (breaches.length === 0) {
        const best = better({ placements: found, objective: answer.objective, bound, isProven: false }, known, gap);
        return { ...best, isProven: !leans && best.isProven, isExhausted: leans || answer.status === 'feasible' };
      }
      if (!this.#cuts.cut(breaches, ledgers, Math.max(0, round + 1 - LEANING_ROUND), true)) break;
      // Where the limit on work was met once, a further search is not asked for more than this one gave.
      if (answer.status === 'feasible') reached = { ...gap, relative: Math.max(reached.relative, gapOf(answer)) };
    }
    return unbeaten(known, false);
  }

  async #search(
    price: Pricing,
    lotsOf: (candidate: Candidate) => readonly [number, number] | null,
    gap: Gap,
    mostNodes: number,
    proveOnly: boolean,
  ): Promise<Searched> {
    const { model, places } = await this.#master.whole(price, lotsOf);
    try {
      const answer = model.solveInteger(gap, mostNodes, proveOnly);
      if (answer.status === 'infeasible' || answer.status === 'unknown') {
        return { answer: null, found: [], isInfeasible: answer.status === 'infeasible' };
      }
      return { answer, found: placementsIn(places, answer.values, true), isInfeasible: false };
    } finally {
      model.close();
    }
  }
}

/** A known answer after a search for better ones that found none, because there is none (`isInfeasible`) or for want of work. */
function unbeaten(known: Solved | null, isInfeasible: boolean): (Solved & { readonly isExhausted: boolean }) | null {
  if (known === null) return null;
  return {
    ...known,
    bound: isInfeasible ? known.objective : known.bound,
    isProven: isInfeasible || known.isProven,
    isExhausted: true,
  };
}

/** The cheaper of two answers, with the better of their bounds. */
function better(found: Solved, known: Solved | null, gap: Gap): Solved;
function better(found: Solved | null, known: Solved | null, gap: Gap): Solved | null;
function better(found: Solved | null, known: Solved | null, gap: Gap): Solved | null {
  if (found === null || known === null) return proved(found ?? known, (found ?? known)?.bound ?? 0, gap);
  const best = found.objective < known.objective ? found : known;
  return proved(best, Math.max(found.bound, known.bound), gap);
}

function gapOf({ objective, bound }: { readonly objective: number; readonly bound: number }): number {
  return objective === 0 ? 0 : (objective - bound) / Math.abs(objective);
}

function within(gap: Gap, objective: number, bound: number): boolean {
  return objective - bound <= absoluteGap(gap, objective);
}

/** The answer with what is known of its distance to the best. */
function proved(answer: Whole | null, bound: number, gap: Gap): Solved | null {
  if (answer === null) return null;
  return { ...answer, bound: Math.min(bound, answer.objective), isProven: within(gap, answer.objective, bound) };
}
