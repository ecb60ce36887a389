import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './problem.ts';
import { surviveRoom } from './problem.ts';
import type { Rules } from './rules.ts';

/** So many lots of one option, serving so many replicas. */
export interface Placement {
  readonly option: Option;
  readonly lots: number;
  readonly replicas: number;
}

/** The fleet that the placements lead to: the problem's base and the new machines. */
export function fleetOf(problem: Problem, placements: readonly Placement[]): Ledger {
  const ledger = problem.base.copy();
  for (const { option, lots } of placements) ledger.add(option.at.weight, lots * option.machinesPerLot);
  return ledger;
}

/** Replicas placed, by class. */
export function placedByClass(problem: Problem, placements: readonly Placement[]): readonly number[] {
  const placed = problem.classes.map(() => 0);
  for (const { option, replicas } of placements) {
    placed[option.classIndex] = (placed[option.classIndex] ?? 0) + replicas;
  }
  return placed;
}

export function rankedCostOf(placements: readonly Placement[]): number {
  return placements.reduce((sum, { option, lots }) => sum + option.rankedCostPerLot * lots, 0);
}

/** Whether no provider holds more replicas of a class than `survive` lets it. */
export function keepsSurvival(problem: Problem, rules: Rules, placements: readonly Placement[]): boolean {
  const held = new Map<string, number>();
  for (const { option, replicas } of placements) {
    const key = `${option.classIndex} ${option.at.weight.provider}`;
    held.set(key, (held.get(key) ?? 0) + replicas);
  }
  return placements.every(({ option }) => {
    const demandClass = problem.classes[option.classIndex];
    if (demandClass === undefined) return false;
    const room = surviveRoom(rules, demandClass, option.at.weight.provider);
    return room === null || (held.get(`${option.classIndex} ${option.at.weight.provider}`) ?? 0) <= room;
  });
}
