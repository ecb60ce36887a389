import type { Placement } from './allocation.ts';
import { fleetOf } from './allocation.ts';
import { capBreaches, fleetBreaches } from './breaches.ts';
import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './problem.ts';
import { surviveRoom } from './problem.ts';
import type { Rules } from './rules.ts';
import { ruleNames } from './rules.ts';

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
  rules: Rules,
  placements: readonly Placement[],
  requiredProviders: number,
): readonly Placement[] {
  const bench = new Bench(problem, rules, placements, requiredProviders);
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    if (!bench.improve()) break;
  }
  return bench.placements();
}

class Bench {
  readonly #problem: Problem;
  readonly #rules: Rules;
  readonly #requiredProviders: number;
  readonly #fleet: Ledger;
  readonly #counts = new Map<Option, Count>();
  readonly #quotaUnits = new Map<string, number>();
  readonly #poolMachines = new Map<string, number>();
  readonly #providerReplicas = new Map<string, number>();
  readonly #hasRules: boolean;

  constructor(problem: Problem, rules: Rules, placements: readonly Placement[], requiredProviders: number) {
    this.#problem = problem;
    this.#rules = rules;
    this.#requiredProviders = requiredProviders;
    this.#fleet = fleetOf(problem, []);
    this.#hasRules = ruleNames(rules).length > 0;
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
    for (const options of this.#problem.options) {
      for (const [index, from] of [...options.entries()].toReversed()) {
        if ((this.#counts.get(from)?.lots ?? 0) === 0) continue;
        const better = options.filter(
          (to, place) =>
            to.rankedCostPerLot < from.rankedCostPerLot ||
            (to.rankedCostPerLot === from.rankedCostPerLot && place < index),
        );
        for (const to of better) while (this.#move(from, to)) moved = true;
      }
    }
    return moved;
  }

  /** Moves the emptiest lot of `from`, if there is one and every rule and limit allows it. */
  #move(from: Option, to: Option): boolean {
    const count = this.#counts.get(from);
    if (count === undefined || count.lots === 0) return false;
    const replicas = Math.max(1, count.replicas - from.replicasPerLot * (count.lots - 1));
    if (replicas > to.replicasPerLot) return false;
    const providers = Math.min(this.#requiredProviders, this.#fleet.providerCount);
    this.#book(from, -1, -replicas);
    this.#book(to, 1, replicas);
    if (this.#suppliable(to) && this.#survivable(to) && this.#allowed(to, providers)) return true;
    this.#book(to, -1, -replicas);
    this.#book(from, 1, replicas);
    return false;
  }

  #book(option: Option, lots: number, replicas: number): void {
    const count = this.#counts.get(option) ?? { lots: 0, replicas: 0 };
    this.#counts.set(option, { lots: count.lots + lots, replicas: count.replicas + replicas });
    const { at, machinesPerLot } = option;
    const machines = lots * machinesPerLot;
    this.#fleet.add(at.weight, machines);
    for (const { quota, units } of at.claims) addTo(this.#quotaUnits, quota, units * machines);
    addTo(this.#poolMachines, at.key, machines);
    addTo(this.#providerReplicas, `${option.classIndex} ${at.weight.provider}`, replicas);
  }

  #suppliable({ at }: Option): boolean {
    const available = this.#problem.supply.available(at);
    if (available !== null && (this.#poolMachines.get(at.key) ?? 0) > available) return false;
    return at.claims.every(({ quota }) => (this.#quotaUnits.get(quota) ?? 0) <= this.#problem.supply.headroom(quota));
  }

  #survivable({ classIndex, at }: Option): boolean {
    const demandClass = this.#problem.classes[classIndex];
    if (demandClass === undefined) return false;
    const room = surviveRoom(this.#rules, demandClass, at.weight.provider);
    return room === null || (this.#providerReplicas.get(`${classIndex} ${at.weight.provider}`) ?? 0) <= room;
  }

  #allowed({ at }: Option, providers: number): boolean {
    if (!this.#hasRules) return true;
    const { kept } = this.#problem;
    // Cheap and mostly decisive: the caps on the place itself.
    for (const cap of this.#rules.caps) {
      const subject = at.weight.subjects[cap.scope];
      if (subject === null) continue;
      if (capBreaches(this.#fleet, kept, cap, this.#rules.measure, [subject]).length > 0) return false;
    }
    return fleetBreaches(this.#fleet, kept, this.#rules, providers).length === 0;
  }
}

function addTo(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}
