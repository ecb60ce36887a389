import type { ShareMeasure } from '../domain/policy.ts';
import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Ledger } from './ledger.ts';
import type { ModelUnits } from './model-units.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import { pruned } from './prune.ts';
import type { RuleBook, Rules } from './rules.ts';
import { LOSSES, moneyMeasure } from './rules.ts';
import type { RowBounds } from './solver.ts';

const NONE = Number.NEGATIVE_INFINITY;

/** An option as the model may take it up: what it costs and which rows count it. Amounts are in the model's units. */
export interface Candidate {
  readonly option: Option;
  readonly fleet: number;
  readonly cost: number;
  readonly mostLots: number;
  /** The most replicas of the whole class. */
  readonly demand: number;
  /** Replicas on a lot: always so many; null where they share a machine and have a column of their own. */
  readonly fill: number | null;
  /** The most replicas that one lot can hold under the rules. */
  readonly full: number;
  /** Rows that count lots, by key, and what one lot counts there. */
  readonly lotKeys: readonly number[];
  readonly lotValues: readonly number[];
  /** Rows that count replicas, one each. */
  readonly replicaKeys: readonly number[];
}

/**
 * Names of rows. A row is made when the first column of the model needs it (`bounds`), or when an answer breaks it
 * (`bounds` null: caps); until then its price is 0, which is exact for what has no row yet.
 */
export class RowKeys {
  readonly #ids = new Map<string, number>();
  readonly bounds: (RowBounds | null)[] = [];

  id(name: string, bounds: () => RowBounds | null): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.bounds.length;
      this.#ids.set(name, id);
      this.bounds.push(bounds());
    }
    return id;
  }

  known(name: string): number | null {
    return this.#ids.get(name) ?? null;
  }
}

export const keyOf = {
  demand: (classIndex: number): string => `demand ${classIndex}`,
  moved: (classIndex: number): string => `moved ${classIndex}`,
  total: (fleet: number, measure: ShareMeasure): string => `total ${fleet} ${measure}`,
  money: (fleet: number, provider: string): string => `money ${fleet} ${provider}`,
  cap: (fleet: number, rule: string, subject: string): string => `cap ${fleet} ${rule} ${subject}`,
  used: (fleet: number, provider: string): string => `used ${fleet} ${provider}`,
  anything: (fleet: number): string => `anything ${fleet}`,
} as const;

/** Measures whose total a fleet's rules need. */
export function totalsNeeded(rules: Rules): readonly ShareMeasure[] {
  const measures = new Set<ShareMeasure>();
  if (rules.caps.length > 0 || (rules.minProviders > 1 && rules.minProviderShare > 0)) measures.add(rules.measure);
  if (rules.maxConcentration !== null) measures.add(moneyMeasure(rules));
  return [...measures];
}

/** The candidates of every class, in the order of preference, none that another makes needless. */
export function candidatesOf(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  keys: RowKeys,
  units: ModelUnits,
): readonly (readonly Candidate[])[] {
  const builder = new Builder(problem, rules, requiredProviders, keys, units);
  const budgeted = new Set(problem.teamSpends.map(({ team }) => team));
  return problem.classes.map((demandClass, index) => {
    const own = rules[demandClass.fleet];
    if (own === undefined) return [];
    // What runs is always an option.
    const running = (problem.options[index] ?? []).filter((option) => option.running !== null);
    const fresh = (problem.options[index] ?? []).filter((option) => option.running === null);
    const needed = pruned(demandClass, fresh, own, problem.supply, budgeted.has(demandClass.spec.team));
    return [...running, ...needed].map((option) => builder.candidate(option));
  });
}

/** The most lots of the option that supply and demand let anyone take. */
export function mostLots(supply: Supply, option: Option, demand: number): number {
  const { machinesPerLot, at, running } = option;
  if (running !== null) return Math.min(running.lots.length, demand);
  const available = supply.available(at);
  let most = available === null ? demand : Math.min(demand, Math.floor(available / machinesPerLot));
  for (const { quota, units } of at.claims) {
    most = Math.min(most, Math.floor(supply.headroom(quota) / (units * machinesPerLot)));
  }
  return Math.max(0, most);
}

class Builder {
  readonly #problem: Problem;
  readonly #rules: RuleBook;
  readonly #requiredProviders: readonly number[];
  readonly #keys: RowKeys;
  readonly #units: ModelUnits;
  readonly #budgetRoom: ReadonlyMap<string, number>;

  constructor(
    problem: Problem,
    rules: RuleBook,
    requiredProviders: readonly number[],
    keys: RowKeys,
    units: ModelUnits,
  ) {
    this.#units = units;
    this.#problem = problem;
    this.#rules = rules;
    this.#requiredProviders = requiredProviders;
    this.#keys = keys;
    this.#budgetRoom = budgetRooms(problem);
  }

  candidate(option: Option): Candidate {
    const { classIndex, running } = option;
    const demandClass = this.#problem.classes[classIndex];
    const rules = this.#rules[demandClass?.fleet ?? -1];
    const base = this.#problem.fleets[demandClass?.fleet ?? -1]?.base;
    if (demandClass === undefined || rules === undefined || base === undefined) {
      throw new RangeError('an option belongs to a class of a fleet');
    }
    const { fleet, demand } = demandClass;
    const entries: [number, number][] = [];
    if (running === null) this.#addSupply(entries, option);
    this.#addShares(entries, option, fleet, rules, base);
    if (rules.budgets) this.#addBudget(entries, option, demandClass.spec.team);
    const replicaKeys = [this.#keys.id(keyOf.demand(classIndex), () => ({ lower: demand, upper: demand }))];
    if (running !== null) replicaKeys.push(this.#keys.id(keyOf.moved(classIndex), () => null));
    const full = this.#addSurvival(replicaKeys, option, demandClass, rules);
    const fixed = running !== null || option.replicasPerLot === 1;
    if (this.#missingProviders(fleet) > 0) replicaKeys.push(this.#keys.id(keyOf.anything(fleet), () => null));
    return {
      option,
      fleet,
      demand,
      cost: this.#units.money(option.effectiveCostPerLot),
      mostLots: mostLots(this.#problem.supply, option, demand),
      fill: fixed ? option.replicasPerLot : null,
      full,
      lotKeys: entries.map(([key]) => key),
      lotValues: entries.map(([, value]) => value),
      replicaKeys,
    };
  }

  #addBudget(entries: [number, number][], { weight }: Option, team: string): void {
    const room = this.#budgetRoom.get(team);
    if (room === undefined) return;
    const key = this.#keys.id(`budget ${team}`, () => ({ lower: NONE, upper: this.#units.money(room) }));
    entries.push([key, this.#units.money(weight.amounts.spend)]);
  }

  /** Adds what `survive` limits the option's replicas by; returns the most replicas that any machine there can hold. */
  #addSurvival(replicaKeys: number[], option: Option, demandClass: DemandClass, rules: Rules): number {
    let full = option.replicasPerLot;
    for (const loss of LOSSES) {
      const subject = option.weight.subjects[loss] ?? '';
      const most = surviveRoom(rules, demandClass, loss, subject);
      if (most === null || most >= demandClass.demand) continue;
      const name = `survive ${option.classIndex} ${loss} ${subject}`;
      replicaKeys.push(this.#keys.id(name, () => ({ lower: NONE, upper: most })));
      // What `survive` lets a place hold bounds what any machine there can hold: without it the relaxation sees part of a machine.
      full = Math.max(1, Math.min(full, most));
    }
    return full;
  }

  /** Providers that the fleet must be spread over in addition to what runs. */
  #missingProviders(fleet: number): number {
    const required = this.#requiredProviders[fleet] ?? 1;
    return required <= 1 ? 0 : required;
  }

  #addSupply(entries: [number, number][], { at, machinesPerLot }: Option): void {
    const { supply } = this.#problem;
    for (const { quota, units } of at.claims) {
      const bounds = { lower: NONE, upper: supply.headroom(quota) };
      entries.push([this.#keys.id(`quota ${quota}`, () => bounds), units * machinesPerLot]);
    }
    const available = supply.available(at);
    if (available === null) return;
    entries.push([this.#keys.id(`free ${at.key}`, () => ({ lower: NONE, upper: available })), machinesPerLot]);
  }

  #addShares(entries: [number, number][], { weight }: Option, fleet: number, rules: Rules, base: Ledger): void {
    for (const measure of totalsNeeded(rules)) {
      const amount = this.#units.amount(measure, base.total(measure));
      const key = this.#keys.id(keyOf.total(fleet, measure), () => ({ lower: amount, upper: amount }));
      entries.push([key, -this.#units.amount(measure, weight.amounts[measure])]);
    }
    for (const { rule, scope } of rules.caps) {
      const subject = weight.subjects[scope];
      if (subject === null) continue;
      const key = this.#keys.id(keyOf.cap(fleet, rule, subject), () => null);
      entries.push([key, this.#units.amount(rules.measure, weight.amounts[rules.measure])]);
    }
    if (rules.maxConcentration !== null) {
      const measure = moneyMeasure(rules);
      const amount = this.#units.amount(measure, base.amount('provider', weight.provider, measure));
      const key = this.#keys.id(keyOf.money(fleet, weight.provider), () => ({ lower: amount, upper: amount }));
      entries.push([key, -this.#units.amount(measure, weight.amounts[measure])]);
    }
    if (this.#missingProviders(fleet) === 0) return;
    const counted = rules.minProviderShare > 0 ? this.#units.amount(rules.measure, weight.amounts[rules.measure]) : 1;
    entries.push([this.#keys.id(keyOf.used(fleet, weight.provider), () => null), counted]);
  }
}

/** What each budgeted team's new machines may spend, in micro-dollars per hour: the limit, less what its kept leases spend already. */
export function budgetRooms(problem: Problem): ReadonlyMap<string, number> {
  return new Map(
    problem.teamSpends.map(({ team, limitMicroUsdPerHour, baseMicroUsdPerHour, keptMicroUsdPerHour }) => {
      const allowed = Math.max(limitMicroUsdPerHour, keptMicroUsdPerHour);
      return [team, Math.max(0, allowed - baseMicroUsdPerHour)] as const;
    }),
  );
}
