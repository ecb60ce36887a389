import type { Placement } from './allocation.ts';
import { placedByClass } from './allocation.ts';
import type { Option, Problem } from './option.ts';
import type { RuleBook } from './rules.ts';
import { Workbench } from './workbench.ts';

/**
 * The whole part of an optimum of the relaxation, and what is left of each class greedily. Null where that breaks a rule, or some
 * replica finds no place. `wanted` replicas are placed of each class; all by default.
 */
export function roundedDown(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  relaxed: readonly Placement[],
  wanted: readonly number[] = problem.classes.map(({ demand }) => demand),
): readonly Placement[] | null {
  const start = relaxed.flatMap(({ option, lots, replicas }) => {
    const whole = Math.floor(lots + 1e-6);
    // Shared machines are as full as the relaxation has them on average, and never empty.
    const served = Math.max(
      whole,
      Math.min(whole * option.replicasPerLot, Math.floor((replicas / lots) * whole + 1e-6)),
    );
    return whole === 0 ? [] : [{ option, lots: whole, replicas: served }];
  });
  return completed(problem, rules, requiredProviders, start, wanted);
}

/**
 * Each replica on the first option, in the order of preference, that every rule and limit allows: higher priorities first, then
 * the classes with the fewest options. Null where some replica finds none; that does not mean that none could be found.
 */
export function greedily(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
): readonly Placement[] | null {
  const wanted = problem.classes.map(({ demand }) => demand);
  return completed(problem, rules, requiredProviders, [], wanted);
}

function completed(
  problem: Problem,
  rules: RuleBook,
  requiredProviders: readonly number[],
  start: readonly Placement[],
  wanted: readonly number[],
): readonly Placement[] | null {
  const bench = new Workbench(problem, rules, start, requiredProviders);
  const placed = placedByClass(problem, start);
  const order = [...problem.classes.entries()].toSorted(
    ([a, one], [b, other]) =>
      other.spec.priority - one.spec.priority ||
      (problem.options[a]?.length ?? 0) - (problem.options[b]?.length ?? 0) ||
      a - b,
  );
  const left = wanted.map((count, index) => count - (placed[index] ?? 0));
  // A share that is full now may have room once the rest of the fleet has grown: what found no place is tried again after it.
  while (left.some((count) => count > 0)) {
    let taken = 0;
    for (const [index] of order) {
      const served = pass(bench, problem.options[index] ?? [], left[index] ?? 0);
      left[index] = (left[index] ?? 0) - served;
      taken += served;
    }
    if (taken === 0) return null;
  }
  return bench.isAllowed() ? bench.placements() : null;
}

/** Fills option after option as far as rules and limits allow; returns the replicas served. */
function pass(bench: Workbench, options: readonly Option[], wanted: number): number {
  let left = wanted;
  for (const option of options) {
    let step = option.replicasPerLot === 1 ? left : 1;
    while (step >= 1 && left > 0) {
      const replicas = option.replicasPerLot === 1 ? step : Math.min(option.replicasPerLot, left);
      if (bench.add(option, step, replicas)) left -= replicas;
      else step = Math.floor(step / 2);
      step = Math.min(step, left);
    }
    if (left === 0) break;
  }
  return wanted - left;
}
