import { type Choice, IDLE, type Job, type Moment, ON_DEMAND, type Policy, type Scene } from './scene.ts';

/** The zone to start in: among those with spot now the cheapest, in the order of the trace. */
function cheapestAvailable(scene: Scene, tick: number): Choice {
  let best = IDLE;
  for (const [index, zone] of scene.zones.entries()) {
    if (zone.available[tick] !== 1) continue;
    if (best === IDLE || (zone.prices[tick] ?? 0) < (scene.zones[best]?.prices[tick] ?? 0)) best = index;
  }
  return best;
}

/** Spot where there is any, else idle until the last minute: `left ≤ T + 2d` → on-demand to the end. */
export const greedy: Policy = {
  name: 'greedy',
  create: (scene, job) => (moment) => {
    if (moment.mode >= 0) return moment.mode;
    if (moment.mode === ON_DEMAND) return ON_DEMAND;
    if (moment.ticksLeft * scene.tickSeconds <= moment.leftSeconds + 2 * job.overheadSeconds) return ON_DEMAND;
    return cheapestAvailable(scene, moment.tick);
  },
};

/**
 * Uniform Progress (Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI'24): on spot when there is any; behind
 * the straight line from nothing done to all done at the deadline, on-demand, and there until ahead of the line by `2d`.
 */
export const uniformProgress: Policy = {
  name: 'uniform progress',
  create: (scene, job) => (moment) => {
    if (moment.mode >= 0) return moment.mode;
    const spot = cheapestAvailable(scene, moment.tick);
    if (spot !== IDLE) return spot;
    const aheadSeconds = moment.mode === ON_DEMAND ? 2 * job.overheadSeconds : 0;
    return isBehind(scene, job, moment, aheadSeconds) ? ON_DEMAND : IDLE;
  },
};

function isBehind(scene: Scene, job: Job, { tick, leftSeconds }: Moment, aheadSeconds: number): boolean {
  const deadlineSeconds = scene.ticks * scene.tickSeconds;
  const expected = ((tick * scene.tickSeconds + aheadSeconds) * job.taskSeconds) / deadlineSeconds;
  return job.taskSeconds - leftSeconds < expected;
}
