import type { Job, Scene } from './scene.ts';
import type { Start, Steps, Stopped } from './steps.ts';

export interface Bounds {
  /** The cost of an answer, in price units times ticks. */
  readonly upper: number;
  /** No way on from this label costs less in all; infinite where the work cannot be done any more. */
  leastCost(tick: number, state: number, cost: number, work: number): number;
}

/** For one price of work: the most that (price × work − cost) can be from each tick and state to the end. */
interface Values {
  readonly price: number;
  readonly of: Float64Array;
}

const ROUNDS = 50;

/**
 * Gives work a price instead of demanding it: max over schedules of (price × work − cost) bounds the cost of every schedule that does all the
 * work from below (weak duality). The price is bisected to where a best schedule just does it all; that schedule is the upper bound.
 */
export function boundsOf(scene: Scene, job: Job, steps: Steps): Bounds {
  const most = valuesOf(scene, steps, 1, false);
  const task = job.taskSeconds - 1e-6;
  let low = 0;
  let high =
    (100 *
      Math.max(scene.onDemandPrice, ...scene.zones.map(({ prices }) => prices.reduce((a, b) => Math.max(a, b), 0)))) /
    scene.tickSeconds;
  let upper = Number.POSITIVE_INFINITY;
  let dual = -1;
  const kept: Values[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const price = (low + high) / 2;
    const values = valuesOf(scene, steps, price, true);
    const path = follow(scene, steps, values, job.taskSeconds);
    const bound = price * job.taskSeconds - (values.of[steps.start] ?? 0);
    if (bound > dual) {
      dual = bound;
      kept.unshift(values);
    }
    if (path.work >= task) {
      high = price;
      upper = Math.min(upper, path.cost);
    } else low = price;
  }
  const [first, second] = kept;
  const sharp = [first, second].filter((values) => values !== undefined);
  return {
    upper: upper + 1e-3,
    leastCost(tick, state, cost, work) {
      const left = job.taskSeconds - work;
      if (left <= 1e-6) return cost;
      const at = tick * steps.states + state;
      if ((most.of[at] ?? 0) < left - 1e-6) return Number.POSITIVE_INFINITY;
      let least = 0;
      for (const { price, of } of sharp) least = Math.max(least, price * left - (of[at] ?? 0));
      return cost + least;
    },
  };
}

/** Backwards over the ticks. Without prices, the work that can still be done. */
function valuesOf(scene: Scene, steps: Steps, price: number, isPaid: boolean): Values {
  const { states } = steps;
  const of = new Float64Array((scene.ticks + 1) * states);
  const paid = (runner: number, tick: number, fee: number): number => (isPaid ? steps.price(runner, tick) + fee : 0);
  for (let tick = scene.ticks - 1; tick >= 0; tick--) {
    const at = tick * states;
    for (const one of steps.stopped) {
      const value = stoppedValue(
        steps,
        one,
        tick,
        of,
        (start) => price * start.work - paid(start.runner, tick, start.fee),
      );
      for (const source of one.sources) of[at + source] = value;
    }
    for (const { from, to, runner, work } of steps.continuations) {
      if (!steps.isOpen(runner, tick)) continue;
      const value = price * work - paid(runner, tick, 0) + (of[at + states + to] ?? 0);
      of[at + from] = Math.max(of[at + from] ?? 0, value);
    }
  }
  return { price, of };
}

/** The best of staying stopped and of every start. */
function stoppedValue(
  { states, isOpen }: Steps,
  { state, starts }: Stopped,
  tick: number,
  of: Float64Array,
  gain: (start: Start) => number,
): number {
  const next = (tick + 1) * states;
  let value = of[next + state] ?? 0;
  for (const start of starts) {
    if (isOpen(start.runner, tick)) value = Math.max(value, gain(start) + (of[next + start.to] ?? 0));
  }
  return value;
}

/** A schedule that is best at this price of work, up to where all work is done. */
function follow(
  scene: Scene,
  steps: Steps,
  { price, of }: Values,
  taskSeconds: number,
): { cost: number; work: number } {
  let state = steps.start;
  let cost = 0;
  let work = 0;
  for (let tick = 0; tick < scene.ticks && work < taskSeconds - 1e-6; tick++) {
    const next = (tick + 1) * steps.states;
    const step = bestStep(steps, state, tick, (to, worked, paid) => price * worked - paid + (of[next + to] ?? 0));
    state = step.to;
    cost += step.paid;
    work += step.work;
  }
  return { cost, work };
}

interface Step {
  readonly to: number;
  readonly paid: number;
  readonly work: number;
}

function bestStep(
  steps: Steps,
  state: number,
  tick: number,
  worth: (to: number, work: number, paid: number) => number,
): Step {
  const place = steps.stopped.find(({ sources }) => sources.includes(state));
  let best: Step = { to: place?.state ?? 0, paid: 0, work: 0 };
  function consider(to: number, work: number, paid: number): void {
    if (worth(to, work, paid) > worth(best.to, best.work, best.paid)) best = { to, work, paid };
  }
  for (const { from, to, runner, work } of steps.continuations) {
    if (from === state && steps.isOpen(runner, tick)) consider(to, work, steps.price(runner, tick));
  }
  for (const { runner, to, work, fee } of place?.starts ?? []) {
    if (steps.isOpen(runner, tick)) consider(to, work, steps.price(runner, tick) + fee);
  }
  return best;
}
