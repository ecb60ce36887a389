import type { Placement } from './allocation.ts';
import { moveCostPerHour } from './allocation.ts';
import type { Option, Problem } from './option.ts';
import type { RuleBook } from './rules.ts';
import { Workbench } from './workbench.ts';

/** Each pass only moves lots to better places, so passes end by themselves; this bounds the work on vast fleets. */
const MOST_PASSES = 8;

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
  const bench = new Workbench(problem, rules, placements, requiredProviders);
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    if (!improve(problem, bench)) break;
  }
  return bench.placements();
}

function improve(problem: Problem, bench: Workbench): boolean {
  let moved = false;
  for (const [classIndex, options] of problem.options.entries()) {
    const moveCost = moveCostPerHour(problem.fleets[problem.classes[classIndex]?.fleet ?? -1]);
    for (let index = options.length - 1; index >= 0; index -= 1) {
      const from = options[index];
      if (from === undefined || bench.lotsAt(from) === 0) continue;
      if (improveFrom(bench, options, from, index, moveCost)) moved = true;
    }
  }
  return moved;
}

/** Moves lots of one option to better ones of its class. */
function improveFrom(
  bench: Workbench,
  options: readonly Option[],
  from: Option,
  index: number,
  moveCost: number,
): boolean {
  const cost = costAt(from, moveCost);
  let moved = false;
  for (let place = 0; place < options.length; place += 1) {
    const to = options[place];
    if (to === undefined || to === from) continue;
    const saved = cost - costAt(to, moveCost);
    if (saved < 0 || (saved === 0 && place >= index)) continue;
    if (moveAll(bench, from, to)) moved = true;
    if (moved && bench.lotsAt(from) === 0) break;
  }
  return moved;
}

/** Moves as many lots as go together, then as many as go one by one. */
function moveAll(bench: Workbench, from: Option, to: Option): boolean {
  let moved = false;
  let step = from.replicasPerLot === 1 && to.replicasPerLot === 1 ? bench.lotsAt(from) : 1;
  while (step >= 1) {
    if (bench.move(from, to, step)) moved = true;
    else step = Math.floor(step / 2);
    step = Math.min(step, bench.lotsAt(from));
  }
  return moved;
}

/** What a lot costs where giving up a running one costs a move. */
function costAt({ effectiveCostPerLot, replicasPerLot, running }: Option, moveCost: number): number {
  return effectiveCostPerLot - (running === null ? 0 : moveCost * replicasPerLot);
}
