import type { HeldReplicas, PlannedMachine } from '../domain/plan.ts';
import type { Placement } from './allocation.ts';
import { effectiveCostOf } from './allocation.ts';
import { assign } from './assignment.ts';
import { mostLots } from './candidates.ts';
import type { Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import { polished } from './polish.ts';
import type { RuleBook } from './rules.ts';

/** What one change adds to the fleet. */
export interface Increment {
  readonly machines: readonly PlannedMachine[];
  readonly held: readonly HeldReplicas[];
  /** Of the new machines and their replicas: effective cost an hour of work and its proven bound, with all else as it is. */
  readonly effectiveCostMicroUsdPerHour: number;
  readonly effectiveBoundMicroUsdPerHour: number;
}

/** Places for everything that is asked for, and their effective cost in micro-dollars per hour. */
export interface Answer {
  readonly placements: readonly Placement[];
  readonly cost: number;
}

/** What a cap kept from the best places at first may go there once the rest of the fleet has grown. */
export function finished(
  problem: Problem,
  rules: RuleBook,
  required: readonly number[],
  found: readonly Placement[] | null,
): Answer | null {
  if (found === null) return null;
  const placements = polished(problem, rules, found, required);
  return { placements, cost: effectiveCostOf(problem, placements) };
}

/** No placement of all replicas costs less than that of each class by itself at its cheapest, under `survive` alone. */
export function cheapestOf({ classes, options, supply }: Problem, rules: RuleBook): number {
  let cost = 0;
  for (const [index, demandClass] of classes.entries()) {
    const own = rules[demandClass.fleet];
    if (own === undefined) continue;
    let left = demandClass.demand;
    const taken = new Map<string, number>();
    for (const option of options[index] ?? []) {
      const { provider } = option.weight;
      const room = surviveRoom(own, demandClass, 'provider', provider) ?? demandClass.demand;
      const most = Math.min(left, room - (taken.get(provider) ?? 0));
      const served = Math.min(most, mostLots(supply, option, most) * option.replicasPerLot);
      cost += (served * option.effectiveCostPerLot) / option.replicasPerLot;
      taken.set(provider, (taken.get(provider) ?? 0) + served);
      left -= served;
      if (left <= 0) break;
    }
  }
  return cost;
}

export function incrementOf(problem: Problem, { placements, cost }: Answer, bound: number): Increment {
  return {
    machines: assign(problem, placements).machines,
    held: [],
    effectiveCostMicroUsdPerHour: Math.round(cost),
    effectiveBoundMicroUsdPerHour: Math.floor(Math.min(cost, bound) + 1e-3),
  };
}
