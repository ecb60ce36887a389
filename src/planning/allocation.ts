import type { Fleet } from './fleets.ts';
import type { Ledger } from './ledger.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import type { RuleBook } from './rules.ts';
import { LOSSES } from './rules.ts';

/** So many lots of one option, serving so many replicas. */
export interface Placement {
  readonly option: Option;
  readonly lots: number;
  readonly replicas: number;
}

/** The fleets that the placements lead to, by policy: the problem's base and the lots. */
export function fleetsAfter(problem: Problem, placements: readonly Placement[]): readonly Ledger[] {
  const ledgers = problem.fleets.map(({ base }) => base.copy());
  for (const { option, lots } of placements) {
    ledgers[problem.classes[option.classIndex]?.fleet ?? -1]?.add(option.weight, lots);
  }
  return ledgers;
}

/** Replicas placed, by class. */
export function placedByClass(problem: Problem, placements: readonly Placement[]): readonly number[] {
  const placed = problem.classes.map(() => 0);
  for (const { option, replicas } of placements) {
    placed[option.classIndex] = (placed[option.classIndex] ?? 0) + replicas;
  }
  return placed;
}

/** What is minimised, in micro-dollars per hour of work: the lots' effective cost, and what giving up running ones costs. */
export function effectiveCostOf(problem: Problem, placements: readonly Placement[]): number {
  let cost = 0;
  const kept = problem.classes.map(() => 0);
  for (const { option, lots, replicas } of placements) {
    cost += option.effectiveCostPerLot * lots;
    if (option.running !== null) kept[option.classIndex] = (kept[option.classIndex] ?? 0) + replicas;
  }
  for (const [index, demandClass] of problem.classes.entries()) {
    const moved = runningReplicas(problem, index) - (kept[index] ?? 0);
    if (moved > 0) cost += moved * moveCostPerHour(problem.fleets[demandClass.fleet]);
  }
  return cost;
}

/** Replicas of the class that run and may be moved. */
export function runningReplicas(problem: Problem, classIndex: number): number {
  return (problem.classes[classIndex]?.members ?? []).reduce(
    (sum, { running }) => sum + running.reduce((replicas, lot) => replicas + lot.replicas.length, 0),
    0,
  );
}

/** What moving one replica costs, spread over the hours in which a move must have paid for itself, in micro-dollars per hour. */
export function moveCostPerHour(fleet: Fleet | undefined): number {
  if (fleet === undefined) return 0;
  const { moveCostMicroUsd, maxPaybackHours } = fleet.policy.rebalance;
  return moveCostMicroUsd / Math.max(1, maxPaybackHours);
}

/** Whether no provider or region holds more replicas of a class than `survive` lets it. */
export function keepsSurvival(problem: Problem, rules: RuleBook, placements: readonly Placement[]): boolean {
  const held = new Map<string, number>();
  for (const { option, replicas } of placements) {
    for (const loss of LOSSES) {
      const key = `${option.classIndex} ${loss} ${option.weight.subjects[loss]}`;
      held.set(key, (held.get(key) ?? 0) + replicas);
    }
  }
  return placements.every(({ option }) => {
    const demandClass = problem.classes[option.classIndex];
    const own = demandClass === undefined ? undefined : rules[demandClass.fleet];
    if (demandClass === undefined || own === undefined) return false;
    return LOSSES.every((loss) => {
      const subject = option.weight.subjects[loss] ?? '';
      const room = surviveRoom(own, demandClass, loss, subject);
      return room === null || (held.get(`${option.classIndex} ${loss} ${subject}`) ?? 0) <= room;
    });
  });
}
