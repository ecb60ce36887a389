import { emptyLabels, type Labels, mergeLabels, pushLabel } from './labels.ts';
import { type Bounds, boundsOf } from './relaxation.ts';
import type { Job, Scene } from './scene.ts';
import { type Steps, stepsOf } from './steps.ts';

/**
 * The least that the job can cost in a window by somebody who knows all of it: exact dynamic programming over (tick, what runs, ticks since its
 * start, where the checkpoint lies), each state with its Pareto front of (cost so far, work so far). Fronts are kept short by a lower bound on
 * the cost to come (Lagrangian relaxation of "all work done", {@link boundsOf}); only what cannot beat the best known answer is dropped, so the
 * result is exact. Micro-dollars. Throws an Error where even on-demand from the start is too late.
 */
export function optimalCost(scene: Scene, job: Job): number {
  const steps = stepsOf(scene, job);
  const bounds = boundsOf(scene, job, steps);
  let best = bounds.upper;
  if (!Number.isFinite(best)) throw new Error('The task does not fit before the deadline, not even on-demand');
  let fronts: Labels[] = Array.from({ length: steps.states }, emptyLabels);
  const start = fronts[steps.start];
  if (start !== undefined) pushLabel(start, 0, 0);
  for (let tick = 0; tick < scene.ticks; tick++) {
    fronts = advance(steps, bounds, fronts, tick, best);
    for (const front of fronts) best = Math.min(best, cheapestDone(front, job.taskSeconds));
  }
  return (best * scene.tickSeconds) / 3600;
}

/** The fronts one tick later. A label whose bound is no better than `best` is not carried on. */
function advance(steps: Steps, bounds: Bounds, fronts: readonly Labels[], tick: number, best: number): Labels[] {
  const next = Array.from({ length: steps.states }, emptyLabels);
  function carry(from: Labels, to: number, price: number, work: number): void {
    const target = next[to];
    if (target === undefined) return;
    for (let i = 0; i < from.size; i++) {
      const cost = (from.costs[i] ?? 0) + price;
      const done = (from.works[i] ?? 0) + work;
      if (bounds.leastCost(tick + 1, to, cost, done) < best - 1e-6) pushLabel(target, cost, done);
    }
  }
  const stopped = steps.stopped.map(({ sources }) =>
    mergeLabels(sources.map((state) => fronts[state] ?? emptyLabels())),
  );
  for (const [place, { state, starts }] of steps.stopped.entries()) {
    const front = stopped[place] ?? emptyLabels();
    carry(front, state, 0, 0);
    for (const one of starts) {
      if (steps.isOpen(one.runner, tick)) carry(front, one.to, steps.price(one.runner, tick) + one.fee, one.work);
    }
  }
  for (const { from, to, runner, work } of steps.continuations) {
    const front = fronts[from];
    if (front !== undefined && front.size > 0 && steps.isOpen(runner, tick)) {
      carry(front, to, steps.price(runner, tick), work);
    }
  }
  return next.map((front) => mergeLabels([front]));
}

function cheapestDone(front: Labels, taskSeconds: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < front.size; i++) {
    if ((front.works[i] ?? 0) >= taskSeconds - 1e-6) least = Math.min(least, front.costs[i] ?? least);
  }
  return least;
}
