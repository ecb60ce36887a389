import type { Placement } from './allocation.ts';
import { fleetsAfter } from './allocation.ts';
import { countedProviders, isBroken, keptExcess } from './breaches.ts';
import { budgetRooms } from './candidates.ts';
import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import type { RuleBook, Rules } from './rules.ts';
import { LOSSES, ruleNames } from './rules.ts';

interface Count {
  lots: number;
  replicas: number;
}

/** A placement under construction: lots come and go one by one, and none comes that a rule or limit forbids. */
export class Workbench {
  readonly #problem: Problem;
  readonly #rules: RuleBook;
  readonly #requiredProviders: readonly number[];
  readonly #fleets: readonly Ledger[];
  readonly #counts = new Map<Option, Count>();
  readonly #quotaUnits = new Map<string, number>();
  readonly #poolMachines = new Map<string, number>();
  readonly #replicasAt = new Map<string, number>();
  readonly #budgetRooms: ReadonlyMap<string, number>;
  readonly #teamSpend = new Map<string, number>();

  constructor(
    problem: Problem,
    rules: RuleBook,
    placements: readonly Placement[],
    requiredProviders: readonly number[],
  ) {
    this.#problem = problem;
    this.#rules = rules;
    this.#requiredProviders = requiredProviders;
    this.#fleets = fleetsAfter(problem, []);
    this.#budgetRooms = budgetRooms(problem);
    for (const { option, lots, replicas } of placements) this.#book(option, lots, replicas);
  }

  placements(): readonly Placement[] {
    return this.#problem.options.flatMap((options) =>
      options.flatMap((option) => {
        const count = this.#counts.get(option);
        return count === undefined || count.lots === 0 ? [] : [{ option, ...count }];
      }),
    );
  }

  lotsAt(option: Option): number {
    return this.#counts.get(option)?.lots ?? 0;
  }

  /** Whether all that is placed keeps every rule and limit, as it does unless it was placed from the start. */
  isAllowed(): boolean {
    const fleets = [...this.#fleets.keys()];
    const all = [...this.#counts].filter(([, { lots }]) => lots > 0).map(([option]) => option);
    return (
      fleets.every((fleet) => this.#allowed(fleet, this.#requiredProviders[fleet] ?? 1)) &&
      all.every((option) => this.#suppliable(option) && this.#survivable(option) && this.#affordable(option))
    );
  }

  /** Adds lots with so many replicas in all if every rule and limit allows it. */
  add(option: Option, lots: number, replicas: number): boolean {
    const fleet = this.#problem.classes[option.classIndex]?.fleet ?? -1;
    const rules = this.#rules[fleet];
    const ledger = this.#fleets[fleet];
    if (rules === undefined || ledger === undefined || !this.#mayAdd(option, lots, fleet, rules, ledger)) return false;
    const providers = Math.min(
      this.#requiredProviders[fleet] ?? 1,
      ledger.machineCount === 0 ? 1 : countedProviders(ledger, rules),
    );
    this.#book(option, lots, replicas);
    if (this.#stands(option, fleet, providers)) return true;
    this.#book(option, -lots, -replicas);
    return false;
  }

  /** Moves lots of `from`, the emptiest first, if they are there and every rule and limit allows it. */
  move(from: Option, to: Option, lots: number): boolean {
    const count = this.#counts.get(from);
    if (count === undefined || count.lots < lots || lots === 0) return false;
    const replicas = lots === 1 ? Math.max(1, count.replicas - from.replicasPerLot * (count.lots - 1)) : lots;
    if (replicas > to.replicasPerLot * lots) return false;
    if (to.running !== null && replicas !== to.replicasPerLot * lots) return false;
    const fleet = this.#problem.classes[from.classIndex]?.fleet ?? -1;
    const rules = this.#rules[fleet];
    const ledger = this.#fleets[fleet];
    if (rules === undefined || ledger === undefined || !this.#mayMove(from, to, lots, fleet, rules, ledger))
      return false;
    const providers = Math.min(this.#requiredProviders[fleet] ?? 1, countedProviders(ledger, rules));
    this.#book(from, -lots, -replicas);
    this.#book(to, lots, replicas);
    if (this.#stands(to, fleet, providers)) return true;
    this.#book(to, -lots, -replicas);
    this.#book(from, lots, replicas);
    return false;
  }

  /** Whether every limit and rule allows what was just booked at the option. */
  #stands(option: Option, fleet: number, providers: number): boolean {
    return (
      this.#suppliable(option) &&
      this.#survivable(option) &&
      this.#affordable(option) &&
      this.#allowed(fleet, providers)
    );
  }

  /** Cheap and mostly decisive: whether the place itself has room in its quotas and under its caps. */
  #mayMove(from: Option, to: Option, lots: number, fleet: number, rules: Rules, ledger: Ledger): boolean {
    return this.#hasQuota(from, to, lots) && this.#hasShare(from, to, lots, fleet, rules, ledger);
  }

  #mayAdd(option: Option, lots: number, fleet: number, rules: Rules, ledger: Ledger): boolean {
    return this.#hasQuota(null, option, lots) && this.#hasShare(null, option, lots, fleet, rules, ledger);
  }

  #hasShare(from: Option | null, to: Option, lots: number, fleet: number, rules: Rules, ledger: Ledger): boolean {
    const kept = this.#problem.fleets[fleet]?.kept;
    const { measure } = rules;
    const added = to.weight.amounts[measure] * lots;
    const taken = (from?.weight.amounts[measure] ?? 0) * lots;
    const total = ledger.total(measure) + added - taken;
    return rules.caps.every((cap) => {
      const subject = to.weight.subjects[cap.scope];
      if (subject === null || kept === undefined) return true;
      const leaves = from?.weight.subjects[cap.scope] === subject ? taken : 0;
      const amount = ledger.amount(cap.scope, subject, measure) + added - leaves;
      return amount <= cap.limit * total + keptExcess(kept, cap, subject, measure) + 1e-9 * total;
    });
  }

  #hasQuota(from: Option | null, to: Option, lots: number): boolean {
    if (to.running !== null) return true;
    const given = from?.running === null ? from.at.claims : [];
    return to.at.claims.every(({ quota, units }) => {
      const freed = given.find((claim) => claim.quota === quota)?.units ?? 0;
      const more = (units * to.machinesPerLot - freed * (from?.machinesPerLot ?? 0)) * lots;
      return more <= 0 || (this.#quotaUnits.get(quota) ?? 0) + more <= this.#problem.supply.headroom(quota);
    });
  }

  #book(option: Option, lots: number, replicas: number): void {
    const count = this.#counts.get(option) ?? { lots: 0, replicas: 0 };
    this.#counts.set(option, { lots: count.lots + lots, replicas: count.replicas + replicas });
    const { at, machinesPerLot, weight, classIndex } = option;
    const demandClass = this.#problem.classes[classIndex];
    this.#fleets[demandClass?.fleet ?? -1]?.add(weight, lots);
    for (const loss of LOSSES) addTo(this.#replicasAt, `${classIndex} ${loss} ${weight.subjects[loss]}`, replicas);
    if (this.#budgetRooms.size > 0) addTo(this.#teamSpend, demandClass?.spec.team ?? '', weight.amounts.spend * lots);
    if (option.running !== null) return;
    for (const { quota, units } of at.claims) addTo(this.#quotaUnits, quota, units * lots * machinesPerLot);
    addTo(this.#poolMachines, at.key, lots * machinesPerLot);
  }

  #suppliable(option: Option): boolean {
    const { at, running } = option;
    if (running !== null) return (this.#counts.get(option)?.lots ?? 0) <= running.lots.length;
    const available = this.#problem.supply.available(at);
    if (available !== null && (this.#poolMachines.get(at.key) ?? 0) > available) return false;
    return at.claims.every(({ quota }) => (this.#quotaUnits.get(quota) ?? 0) <= this.#problem.supply.headroom(quota));
  }

  #survivable({ classIndex, weight }: Option): boolean {
    const demandClass = this.#problem.classes[classIndex];
    const rules = this.#rules[demandClass?.fleet ?? -1];
    if (demandClass === undefined || rules === undefined) return false;
    return LOSSES.every((loss) => {
      const subject = weight.subjects[loss] ?? '';
      const room = surviveRoom(rules, demandClass, loss, subject);
      return room === null || (this.#replicasAt.get(`${classIndex} ${loss} ${subject}`) ?? 0) <= room;
    });
  }

  #affordable({ classIndex }: Option): boolean {
    const demandClass = this.#problem.classes[classIndex];
    const team = demandClass?.spec.team ?? '';
    const room = this.#budgetRooms.get(team);
    if (room === undefined || this.#rules[demandClass?.fleet ?? -1]?.budgets !== true) return true;
    return (this.#teamSpend.get(team) ?? 0) <= room;
  }

  #allowed(fleet: number, providers: number): boolean {
    const rules = this.#rules[fleet];
    const ledger = this.#fleets[fleet];
    const kept = this.#problem.fleets[fleet]?.kept;
    if (rules === undefined || ledger === undefined || kept === undefined) return false;
    if (ruleNames(rules).length === 0) return true;
    return !isBroken(ledger, kept, rules, providers);
  }
}

function addTo(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}
