import type { ShareMeasure } from '../domain/policy.ts';
import type { Placement } from './allocation.ts';
import { fleetsAfter } from './allocation.ts';
import type { Breach } from './breaches.ts';
import { capExcess, concentrationExcess, excused, fleetBreaches, keptConcentration, keptExcess } from './breaches.ts';
import { budgetRooms, keyOf } from './candidates.ts';
import type { Ledger } from './ledger.ts';
import type { Master, Place } from './master.ts';
import type { Rules, Scope } from './rules.ts';
import { BUDGET, MAX_CONCENTRATION, MIN_PROVIDERS, moneyMeasure, ruleNames } from './rules.ts';
import type { Relaxation } from './solver.ts';

const NONE = Number.NEGATIVE_INFINITY;
/** A subject that holds this much of its cap in the relaxation is near it. */
const NEAR_CAP = 0.6;
/** A fleet this near to its concentration limit, as a share of its money, gets tangents beside its own. */
const NEAR_CONE = 1e-3;
/** With more holders there are too many sides. */
const MOST_BESIDE = 5;
/** How far beside, as shares of the norm: the cone lies within half their square of the tangents. */
const BESIDE = [0.002, 0.006, 0.015] as const;

/** Rules with rows from the start, which a further row could not make exacter. */
const NOT_CUT: ReadonlySet<string> = new Set([MIN_PROVIDERS, BUDGET]);

/** One subject of a rule on a fleet. */
export interface SubjectOfRule {
  readonly fleet: number;
  readonly rule: string;
  readonly subject: string;
  readonly limit: number;
}

/** What the relaxation says a limit is worth: the change of the objective for a change of the limit by 1; never above 0. */
export interface LimitSlope extends SubjectOfRule {
  readonly slope: number;
}

export interface FleetBreach {
  readonly fleet: number;
  readonly breach: Breach;
}

/** Caps and the concentration, added to a master as answers break them: few of thousands ever are. */
export class Cuts {
  readonly #master: Master;
  /** Cap rows in the model, by key, with the margin taken off their bounds. */
  readonly #margins = new Map<number, number>();
  /** Caps in the model, with their rows. */
  readonly #caps: (SubjectOfRule & { readonly row: number; readonly scope: Scope })[] = [];
  readonly #tangents: { readonly fleet: number; readonly row: number }[] = [];

  constructor(master: Master) {
    this.#master = master;
  }

  /** Whether some fleet came up against its concentration limit. */
  get hasTangents(): boolean {
    return this.#tangents.length > 0;
  }

  /**
   * What the placements break by more than `tolerance` of the fleet. Numbers of providers and budgets are held by rows of their own from the
   * start, but only as far as the solver is exact: of whole answers (`tolerance` 0) they are told here as well.
   */
  broken(
    placements: readonly Placement[],
    tolerance: number,
  ): { readonly breaches: readonly FleetBreach[]; readonly ledgers: readonly Ledger[] } {
    const { problem, rules, requiredProviders } = this.#master;
    const ledgers = fleetsAfter(problem, placements);
    const breaches = ledgers.flatMap((ledger, fleet) => {
      const own = rules[fleet];
      const kept = problem.fleets[fleet]?.kept;
      if (own === undefined || kept === undefined || ruleNames(own).length === 0) return [];
      return fleetBreaches(ledger, kept, own, tolerance > 0 ? 0 : (requiredProviders[fleet] ?? 1))
        .filter(({ over, scope }) => over > tolerance * ledger.total(scope === null ? moneyMeasure(own) : own.measure))
        .map((breach) => ({ fleet, breach }));
    });
    if (tolerance === 0) breaches.push(...this.#overBudget(placements));
    return { breaches, ledgers };
  }

  #overBudget(placements: readonly Placement[]): readonly FleetBreach[] {
    const { problem, rules } = this.#master;
    const breaches: FleetBreach[] = [];
    for (const [team, room] of budgetRooms(problem)) {
      const own = placements.filter(({ option }) => problem.classes[option.classIndex]?.spec.team === team);
      const fleet = problem.classes[own[0]?.option.classIndex ?? -1]?.fleet ?? -1;
      if (rules[fleet]?.budgets !== true) continue;
      const value = own.reduce((sum, { option, lots }) => sum + option.weight.amounts.spend * lots, 0);
      if (value <= room) continue;
      breaches.push({
        fleet,
        breach: { rule: BUDGET, scope: null, subject: team, value, limit: room, over: value - room },
      });
    }
    return breaches;
  }

  /** Adds rows against the breaches; false when there was nothing to add: against too few providers and budgets no further row helps. `insist` tightens rows that are there and yet broken. */
  cut(breaches: readonly FleetBreach[], ledgers: readonly Ledger[], leaning: number, insist: boolean): boolean {
    let added = false;
    for (const { fleet, breach } of breaches) {
      const rules = this.#master.rules[fleet];
      const ledger = ledgers[fleet];
      if (rules === undefined || ledger === undefined || NOT_CUT.has(breach.rule)) continue;
      if (breach.scope === null) this.#addTangent(fleet, rules, ledger, leaning);
      else if (!this.#addCap(fleet, rules, breach, insist)) continue;
      added = true;
    }
    return added;
  }

  /**
   * What each limit with a row is worth at an optimum of the relaxation, by the envelope theorem: the row's price times what the
   * limit multiplies. Rows with the price 0 are left out.
   */
  slopes({ values, rowDuals }: Relaxation): readonly LimitSlope[] {
    const caps = this.#caps.map(({ row, scope, ...subject }): LimitSlope => {
      const rules = this.#master.rules[subject.fleet];
      const owner = this.#master.problem.fleets[subject.fleet];
      if (rules === undefined || owner === undefined) return { ...subject, slope: 0 };
      const total = this.#totalIn(values, subject.fleet, rules.measure);
      // Where the kept leases' excess is allowed, the limit moves that allowance as well.
      const { of } = excused(owner.kept, capExcess({ ...subject, scope }, subject.subject, rules.measure));
      const allowed = of === null ? 0 : this.#master.units.amount(rules.measure, of.total(rules.measure));
      return { ...subject, slope: (rowDuals[row] ?? 0) * (total - allowed) };
    });
    const tangents = Map.groupBy(this.#tangents, ({ fleet }) => fleet);
    const concentrations = [...tangents].map(([fleet, rows]): LimitSlope => {
      const rules = this.#master.rules[fleet];
      const owner = this.#master.problem.fleets[fleet];
      const limit = rules?.maxConcentration ?? 1;
      const measure = rules === undefined ? 'spend' : moneyMeasure(rules);
      const over = owner && excused(owner.kept, (ledger) => concentrationExcess(ledger, limit, measure)).of;
      const allowed = over == null ? 0 : this.#master.units.amount(measure, over.total(measure));
      const price = rows.reduce((sum, { row }) => sum + (rowDuals[row] ?? 0), 0);
      const slope = (price * (this.#totalIn(values, fleet, measure) - allowed)) / (2 * Math.sqrt(limit));
      return { fleet, rule: MAX_CONCENTRATION, subject: '', limit, slope };
    });
    return [...caps, ...concentrations].filter(({ slope }) => slope < 0);
  }

  #totalIn(values: Float64Array, fleet: number, measure: ShareMeasure): number {
    const column = this.#master.columnOf(keyOf.total(fleet, measure));
    return column === null ? 0 : (values[column] ?? 0);
  }

  /** Caps that whole machines may well break although the relaxation keeps them: added now, they save a search each. */
  addNear(placements: readonly Placement[]): boolean {
    const { problem, rules } = this.#master;
    let added = this.#addNearTangents(placements);
    for (const [fleet, ledger] of fleetsAfter(problem, placements).entries()) {
      const own = rules[fleet];
      if (own === undefined) continue;
      const total = ledger.total(own.measure);
      for (const cap of own.caps) {
        for (const [subject, amount] of ledger.amounts(cap.scope, own.measure)) {
          if (amount < NEAR_CAP * cap.limit * total) continue;
          const breach = { rule: cap.rule, scope: cap.scope, subject, value: 0, limit: cap.limit, over: 0 };
          added = this.#addCap(fleet, own, breach, false) || added;
        }
      }
    }
    return added;
  }

  /** amount ≤ limit × total + the kept leases' excess. */
  #addCap(fleet: number, rules: Rules, breach: Breach, insist: boolean): boolean {
    const cap = rules.caps.find(({ rule }) => rule === breach.rule);
    const owner = this.#master.problem.fleets[fleet];
    if (cap === undefined || owner === undefined) return false;
    const { measure } = rules;
    const key = this.#master.keys.id(keyOf.cap(fleet, cap.rule, breach.subject), () => null);
    const excess = keptExcess(owner.kept, cap, breach.subject, measure);
    const upper = this.#master.units.amount(measure, excess - owner.base.amount(cap.scope, breach.subject, measure));
    const row = this.#master.rowOf(key);
    if (row === null) {
      const total = this.#master.columnOf(keyOf.total(fleet, measure));
      const added = this.#master.addRow({ lower: NONE, upper }, total === null ? [] : [[total, -cap.limit]], key);
      this.#margins.set(key, 0);
      const { subject } = breach;
      this.#caps.push({ fleet, rule: cap.rule, scope: cap.scope, subject, limit: cap.limit, row: added });
      return true;
    }
    if (!insist) return false;
    // Broken within the solver's tolerance: take that off.
    const margin = (this.#margins.get(key) ?? 0) + this.#master.units.amount(measure, 2 * breach.over);
    this.#margins.set(key, margin);
    this.#master.setRowBounds(row, { lower: NONE, upper: upper - margin });
    return true;
  }

  /**
   * Where the concentration binds, tangents beside the relaxation's point: whole answers lie a little off it, where its own
   * tangent alone would let them through.
   */
  #addNearTangents(placements: readonly Placement[]): boolean {
    const { problem, rules } = this.#master;
    let added = false;
    for (const [fleet, ledger] of fleetsAfter(problem, placements).entries()) {
      const own = rules[fleet];
      if (own === undefined || own.maxConcentration === null) continue;
      const measure = moneyMeasure(own);
      const excess = concentrationExcess(ledger, own.maxConcentration, measure);
      if (excess < -NEAR_CONE * ledger.total(measure)) continue;
      const amounts = ledger.amounts('provider', measure);
      for (const point of pointsBeside(amounts)) this.#addTangentAt(fleet, own, point, 0);
      added = true;
    }
    return added;
  }

  /** The tangent of the cone ‖money by provider‖ ≤ √limit × total at the fleet's point: cuts it off and nothing that keeps the rule. */
  #addTangent(fleet: number, rules: Rules, ledger: Ledger, leaning: number): void {
    this.#addTangentAt(fleet, rules, ledger.amounts('provider', moneyMeasure(rules)), leaning);
  }

  #addTangentAt(fleet: number, rules: Rules, amounts: ReadonlyMap<string, number>, leaning: number): void {
    const limit = rules.maxConcentration ?? 1;
    const measure = moneyMeasure(rules);
    const norm = Math.hypot(...amounts.values());
    const entries: [number, number][] = [];
    for (const [provider, amount] of amounts) {
      const column = this.#master.columnOf(keyOf.money(fleet, provider));
      if (column !== null) entries.push([column, amount / norm]);
    }
    const total = this.#master.columnOf(keyOf.total(fleet, measure));
    if (total !== null) entries.push([total, -Math.sqrt(limit) * (1 - 1e-5 * (2 ** leaning - 1))]);
    const kept = this.#master.problem.fleets[fleet]?.kept;
    const excess = kept === undefined ? 0 : keptConcentration(kept, limit, measure);
    const row = this.#master.addRow({ lower: NONE, upper: this.#master.units.amount(measure, excess) }, entries, null);
    this.#tangents.push({ fleet, row });
  }
}

/** The placements in a solution's values, as they are (fractional in a relaxation). */
export function placementsIn(places: Iterable<Place>, values: Float64Array, integer: boolean): readonly Placement[] {
  const read = (column: number): number => {
    const value = values[column] ?? 0;
    return integer ? Math.round(value) : value;
  };
  const placements: Placement[] = [];
  for (const { candidate, lots, replicas } of places) {
    const taken = read(lots);
    if (taken <= 1e-9) continue;
    const served = candidate.fill === null ? read(replicas) : taken * candidate.fill;
    placements.push({ option: candidate.option, lots: taken, replicas: served });
  }
  return placements;
}

/** Points a little to the side of the amounts: some of one holder's moved to another. */
function pointsBeside(amounts: ReadonlyMap<string, number>): readonly ReadonlyMap<string, number>[] {
  if (amounts.size > MOST_BESIDE) return [];
  const norm = Math.hypot(...amounts.values());
  const pairs = [...amounts.keys()].flatMap((from) =>
    [...amounts.keys()].filter((to) => to !== from).map((to) => [from, to] as const),
  );
  return pairs.flatMap(([from, to]) =>
    BESIDE.map((step) => {
      const beside = new Map(amounts);
      beside.set(from, Math.max(0, (amounts.get(from) ?? 0) - step * norm));
      beside.set(to, (amounts.get(to) ?? 0) + step * norm);
      return beside;
    }),
  );
}
