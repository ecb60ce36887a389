import type { Candidate } from './candidates.ts';
import type { LotSum } from './lot-sums.ts';
import type { Master, Place } from './master.ts';
import type { Relaxation, RowBounds } from './solver.ts';

/** What a search branches on: lots of some candidates of a class together, or one column. */
export type Target =
  | { readonly kind: 'lots'; readonly sum: LotSum }
  | { readonly kind: 'column'; readonly column: number; readonly bounds: RowBounds };

/** Targets that are bounded, each more tightly than from the start. */
export type Bounds = ReadonlyMap<Target, RowBounds>;

/** A target whose value is not whole. */
export interface Fraction {
  readonly target: Target;
  readonly value: number;
}

export type Direction = 'down' | 'up';

/** What one unit of rounding was seen to cost. */
interface Experience {
  readonly down: number;
  readonly up: number;
}

/** A fraction, with what its two roundings are expected to cost. */
export interface Choice {
  readonly fraction: Fraction;
  readonly down: number;
  readonly up: number;
}

const LACKING = 1e-6;
const NOTHING = 1e-9;
/** Targets that are looked at for one choice. */
const MOST_TRIED = 12;

/** From coarse to fine: what rules count together comes before what only supply tells apart. */
const LEVELS: readonly ((candidate: Candidate) => string)[] = [
  ({ option: { weight } }) => `provider ${weight.provider}`,
  ({ option: { weight } }) => `market ${weight.provider} ${weight.subjects.market}`,
  ({ option: { weight } }) => `region ${weight.subjects.region} ${weight.subjects.market}`,
  ({ option: { weight } }) => `zone ${weight.subjects.zone} ${weight.subjects.market}`,
  ({ option: { at, choice, running } }) =>
    `option ${at.key} ${choice.accelerator} ${choice.count} ${running?.signature ?? ''}`,
];

/**
 * Finds what is not whole in answers of a master's relaxation, and which of it to branch on. Sums of lots come first, of a class at a provider,
 * then at finer places: ties between like places need no branching.
 */
export class Branching {
  readonly #master: Master;
  /** What lacking one lot of a lower bound costs. */
  readonly #penalty: number;
  readonly #targets = new Map<string, Target>();
  readonly #experiences = new Map<Target, Experience>();
  #applied: Bounds = new Map();

  constructor(master: Master, penalty: number) {
    this.#master = master;
    this.#penalty = penalty;
  }

  /** Bounds these targets and no others. */
  apply(bounds: Bounds): void {
    for (const target of this.#applied.keys()) if (!bounds.has(target)) this.#bound(target, null);
    for (const [target, own] of bounds) if (this.#applied.get(target) !== own) this.#bound(target, own);
    this.#applied = bounds;
  }

  /** Whether the answer leaves out replicas that must be placed, or lacks lots of a lower bound. */
  lacks(values: Float64Array): boolean {
    const lacking = (column: number): boolean => (values[column] ?? 0) > LACKING;
    if (this.#master.excess.some(lacking)) return true;
    return [...this.#applied.keys()].some((target) => target.kind === 'lots' && lacking(target.sum.shortfall));
  }

  /** What is not whole by more than the tolerance: of each class at the coarsest level where something is not, and other columns. */
  fractions(values: Float64Array, tolerance: number): readonly Fraction[] {
    const fractions: Fraction[] = [];
    for (const [classIndex, places] of this.#used(values)) {
      if (places.every(({ lots }) => isWhole(values[lots] ?? 0, tolerance))) {
        for (const { replicas } of places) this.#addColumn(fractions, replicas, values, tolerance);
      } else {
        this.#addLots(fractions, classIndex, places, values, tolerance);
      }
    }
    for (const column of this.#master.wholeSpecials()) this.#addColumn(fractions, column, values, tolerance);
    return fractions;
  }

  /** The fraction of which both roundings are expected to cost most. */
  choose(fractions: readonly Fraction[], relaxation: Relaxation): Choice {
    const choices = fractions.slice(0, MOST_TRIED).map((fraction) => this.#expected(fraction, relaxation));
    const [first, ...others] = choices;
    if (first === undefined) throw new RangeError('there is nothing to branch on');
    return others.reduce((best, other) => (scoreOf(other) > scoreOf(best) ? other : best), first);
  }

  #used(values: Float64Array): ReadonlyMap<number, readonly Place[]> {
    const byClass = new Map<number, Place[]>();
    for (const place of this.#master.places()) {
      if ((values[place.lots] ?? 0) <= NOTHING) continue;
      const { classIndex } = place.candidate.option;
      const own = byClass.get(classIndex);
      if (own === undefined) byClass.set(classIndex, [place]);
      else own.push(place);
    }
    return byClass;
  }

  #addLots(
    fractions: Fraction[],
    classIndex: number,
    places: readonly Place[],
    values: Float64Array,
    tolerance: number,
  ): void {
    for (const level of LEVELS) {
      const sums = new Map<string, number>();
      for (const { candidate, lots } of places) {
        const group = level(candidate);
        sums.set(group, (sums.get(group) ?? 0) + (values[lots] ?? 0));
      }
      const broken = [...sums].filter(([, value]) => !isWhole(value, tolerance));
      for (const [group, value] of broken) {
        fractions.push({ target: this.#lotsTarget(classIndex, level, group), value });
      }
      if (broken.length > 0) return;
    }
  }

  #addColumn(fractions: Fraction[], column: number, values: Float64Array, tolerance: number): void {
    const value = values[column] ?? 0;
    if (!isWhole(value, tolerance)) fractions.push({ target: this.#columnTarget(column), value });
  }

  #lotsTarget(classIndex: number, level: (candidate: Candidate) => string, group: string): Target {
    return this.#targetOf(`${classIndex} ${group}`, () => {
      const own = this.#master.candidates[classIndex] ?? [];
      const members = new Set(own.filter((candidate) => level(candidate) === group));
      return { kind: 'lots', sum: this.#master.sumOf(classIndex, members, this.#penalty) };
    });
  }

  #columnTarget(column: number): Target {
    return this.#targetOf(`column ${column}`, () => {
      const { lower, upper } = this.#master.boundsOf(column);
      return { kind: 'column', column, bounds: { lower, upper } };
    });
  }

  #targetOf(name: string, made: () => Target): Target {
    let target = this.#targets.get(name);
    if (target === undefined) {
      target = made();
      this.#targets.set(name, target);
    }
    return target;
  }

  #expected(fraction: Fraction, relaxation: Relaxation): Choice {
    const below = fraction.value - Math.floor(fraction.value);
    let experience = this.#experiences.get(fraction.target);
    if (experience === undefined) {
      const down = this.#tried(fraction, 'down', relaxation) / below;
      experience = { down, up: this.#tried(fraction, 'up', relaxation) / (1 - below) };
      this.#experiences.set(fraction.target, experience);
    }
    return { fraction, down: experience.down * below, up: experience.up * (1 - below) };
  }

  /** What the rounding costs among the columns that are there. */
  #tried(fraction: Fraction, direction: Direction, { objective }: Relaxation): number {
    const before = this.#applied.get(fraction.target) ?? null;
    this.#bound(fraction.target, narrowed(before, fraction, direction));
    const tried = this.#master.relaxAsIs();
    this.#bound(fraction.target, before);
    return tried === null ? this.#penalty : Math.max(0, tried.objective - objective);
  }

  #bound(target: Target, bounds: RowBounds | null): void {
    if (target.kind === 'lots') {
      this.#master.boundSum(target.sum, bounds);
      return;
    }
    const { lower, upper } = bounds ?? target.bounds;
    this.#master.setBounds(target.column, lower, upper);
  }
}

/** The bounds with the fraction rounded. */
export function withRounding(bounds: Bounds, fraction: Fraction, direction: Direction): Bounds {
  const { target } = fraction;
  return new Map(bounds).set(target, narrowed(bounds.get(target) ?? null, fraction, direction));
}

function narrowed(bounds: RowBounds | null, { target, value }: Fraction, direction: Direction): RowBounds {
  const { lower, upper } = bounds ?? (target.kind === 'column' ? target.bounds : ANY_LOTS);
  return direction === 'down' ? { lower, upper: Math.floor(value) } : { lower: Math.ceil(value), upper };
}

const ANY_LOTS: RowBounds = { lower: 0, upper: Number.POSITIVE_INFINITY };
/** Stands in for an expected cost of 0, so that the other rounding's still counts. */
const LEAST = 1e-9;

function scoreOf({ down, up }: Choice): number {
  return Math.max(down, LEAST) * Math.max(up, LEAST);
}

function isWhole(value: number, tolerance: number): boolean {
  return Math.abs(value - Math.round(value)) < tolerance;
}
