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

/** Spot where there is any, else idle until the last minute: once a tick later the time left would be below work + 2d, on-demand to the end. */
export const greedy: Policy = {
  name: 'greedy',
  create: (scene, job) => (moment) => {
    if (moment.mode !== IDLE) return moment.mode;
    const { ticksLeft, leftSeconds, tick } = moment;
    if ((ticksLeft - 1) * scene.tickSeconds < leftSeconds + 2 * job.overheadSeconds) return ON_DEMAND;
    return cheapestAvailable(scene, tick);
  },
};

/**
 * Uniform Progress (Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI'24): a run on spot goes on until it is
 * lost; behind the straight line from nothing done to all done at the deadline, on-demand; that goes on until ahead of the line by `2d`, or by
 * `d` where there is spot to go to. The line is read at the tick's end.
 */
export const uniformProgress: Policy = {
  name: 'uniform progress',
  create: (scene, job) => (moment) => {
    if (moment.mode >= 0) return moment.mode;
    const spot = cheapestAvailable(scene, moment.tick);
    const ahead = (spot === IDLE ? 2 : 1) * job.overheadSeconds;
    if (moment.mode === ON_DEMAND && isBehind(scene, job, moment, ahead)) return ON_DEMAND;
    if (spot !== IDLE) return spot;
    return isBehind(scene, job, moment, 0) ? ON_DEMAND : IDLE;
  },
};

function isBehind(scene: Scene, job: Job, { tick, leftSeconds }: Moment, aheadSeconds: number): boolean {
  const deadlineSeconds = scene.ticks * scene.tickSeconds;
  const expected = (((tick + 1) * scene.tickSeconds + aheadSeconds) * job.taskSeconds) / deadlineSeconds;
  return job.taskSeconds - leftSeconds < expected;
}
