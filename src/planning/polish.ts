import { MICRO_USD_PER_USD } from '../domain/money.ts';
import type { Placement } from './allocation.ts';
import { fleetsAfter, moveCostPerHour } from './allocation.ts';
import { fleetBreaches, keptExcess } from './breaches.ts';
import { budgetRooms } from './candidates.ts';
import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import type { RuleBook, Rules } from './rules.ts';
import { LOSSES, ruleNames } from './rules.ts';

/** Each pass only moves lots to better places, so passes end by themselves; this bounds the work on vast fleets. */
const MOST_PASSES = 8;

interface Count {
  lots: number;
  replicas: number;
}

/**
 * The same placement with ties broken in the stated order: no single lot could move to an option of its class that is
 * cheaper, or as cheap and earlier in the order of preference, without breaking a rule. A solver leaves such moves open
 * among equals, and within the gap it was given.
 */
export function polished(
  problem: Problem,
  rules: RuleBook,
  placements: readonly Placement[],
  requiredProviders: readonly number[],
): readonly Placement[] {
  const bench = new Bench(problem, rules, placements, requiredProviders);
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    if (!bench.improve()) break;
  }
  return bench.placements();
}

class Bench {
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

  improve(): boolean {
    let moved = false;
    for (const [classIndex, options] of this.#problem.options.entries()) {
      const moveCost = moveCostPerHour(this.#problem.fleets[this.#problem.classes[classIndex]?.fleet ?? -1]);
      for (const index of [...options.keys()].toReversed()) {
        if (this.#improveFrom(options, index, moveCost)) moved = true;
      }
    }
    return moved;
  }

  /** Moves lots of one option to better ones of its class. */
  #improveFrom(options: readonly Option[], index: number, moveCost: number): boolean {
    const from = options[index];
    if (from === undefined) return false;
    let moved = false;
    for (const [place, to] of options.entries()) {
      if ((this.#counts.get(from)?.lots ?? 0) === 0) break;
      const saved = costAt(from, moveCost) - costAt(to, moveCost);
      if (saved < 0 || (saved === 0 && place >= index)) continue;
      if (this.#moveAll(from, to)) moved = true;
    }
    return moved;
  }

  /** Moves as many lots as go together, then as many as go one by one. */
  #moveAll(from: Option, to: Option): boolean {
    let moved = false;
    let step = from.replicasPerLot === 1 && to.replicasPerLot === 1 ? (this.#counts.get(from)?.lots ?? 0) : 1;
    while (step >= 1) {
      if (this.#move(from, to, step)) moved = true;
      else step = Math.floor(step / 2);
      step = Math.min(step, this.#counts.get(from)?.lots ?? 0);
    }
    return moved;
  }

  /** Moves lots of `from`, the emptiest first, if they are there and every rule and limit allows it. */
  #move(from: Option, to: Option, lots: number): boolean {
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
    const providers = Math.min(
      this.#requiredProviders[fleet] ?? 1,
      ledger.providerCount(rules.measure, rules.minProviderShare),
    );
    this.#book(from, -lots, -replicas);
    this.#book(to, lots, replicas);
    if (this.#suppliable(to) && this.#survivable(to) && this.#affordable(to) && this.#allowed(fleet, providers)) {
      return true;
    }
    this.#book(to, -lots, -replicas);
    this.#book(from, lots, replicas);
    return false;
  }

  /** Cheap and mostly decisive: whether the place itself has room in its quotas and under its caps. */
  #mayMove(from: Option, to: Option, lots: number, fleet: number, rules: Rules, ledger: Ledger): boolean {
    if (!this.#hasQuota(from, to, lots)) return false;
    const kept = this.#problem.fleets[fleet]?.kept;
    const { measure } = rules;
    const more = (to.weight.amounts[measure] - from.weight.amounts[measure]) * lots;
    const total = ledger.total(measure) + more;
    return rules.caps.every((cap) => {
      const subject = to.weight.subjects[cap.scope];
      if (subject === null || kept === undefined) return true;
      const leaves = from.weight.subjects[cap.scope] === subject ? from.weight.amounts[measure] * lots : 0;
      const amount = ledger.amount(cap.scope, subject, measure) + to.weight.amounts[measure] * lots - leaves;
      return amount <= cap.limit * total + keptExcess(kept, cap, subject, measure) + 1e-9 * total;
    });
  }

  #hasQuota(from: Option, to: Option, lots: number): boolean {
    if (to.running !== null) return true;
    const given = from.running === null ? from.at.claims : [];
    return to.at.claims.every(({ quota, units }) => {
      const freed = given.find((claim) => claim.quota === quota)?.units ?? 0;
      const more = (units * to.machinesPerLot - freed * from.machinesPerLot) * lots;
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
    return (this.#teamSpend.get(team) ?? 0) <= Math.round(room * MICRO_USD_PER_USD);
  }

  #allowed(fleet: number, providers: number): boolean {
    const rules = this.#rules[fleet];
    const ledger = this.#fleets[fleet];
    const kept = this.#problem.fleets[fleet]?.kept;
    if (rules === undefined || ledger === undefined || kept === undefined) return false;
    if (ruleNames(rules).length === 0) return true;
    return fleetBreaches(ledger, kept, rules, providers).length === 0;
  }
}

/** What a lot costs where giving up a running one costs a move. */
function costAt({ effectiveCostPerLot, replicasPerLot, running }: Option, moveCost: number): number {
  return effectiveCostPerLot - (running === null ? 0 : moveCost * replicasPerLot);
}

function addTo(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}
