import { type Choice, type Decide, IDLE, type Job, type Moment, ON_DEMAND, type Scene } from './scene.ts';

export interface Outcome {
  /** Micro-dollars. */
  readonly cost: number;
  readonly isMissed: boolean;
  readonly starts: number;
  /** Seconds that were billed on-demand. */
  readonly onDemandSeconds: number;
  readonly spotSeconds: number;
  /** Ticks from the start of the window to the end of the job. */
  readonly ticks: number;
}

interface Rules {
  /** Every policy has it; only the proof of the optimum goes without. */
  readonly hasSafetyNet: boolean;
}

const WITH_NET: Rules = { hasSafetyNet: true };

interface State {
  mode: Choice;
  pending: number;
  left: number;
  region: string | null;
  cost: number;
  starts: number;
  onDemandTicks: number;
  spotTicks: number;
}

/** Runs one policy through one window, under the rules of `bench/README.md`. */
export function simulate(scene: Scene, job: Job, decide: Decide, { hasSafetyNet }: Rules = WITH_NET): Outcome {
  const state: State = {
    ...{ mode: IDLE, pending: 0, left: job.taskSeconds, region: null },
    ...{ cost: 0, starts: 0, onDemandTicks: 0, spotTicks: 0 },
  };
  let tick = 0;
  for (; tick < scene.ticks && state.left > 0; tick++) {
    if (state.mode >= 0 && scene.zones[state.mode]?.available[tick] !== 1) state.mode = IDLE;
    const moment = momentOf(scene, state, tick);
    const choice = hasSafetyNet && mustHurry(scene, job, moment) ? hurried(moment) : decide(moment);
    run(scene, job, state, choice, tick);
  }
  return {
    cost: state.cost,
    isMissed: state.left > 0,
    starts: state.starts,
    onDemandSeconds: state.onDemandTicks * scene.tickSeconds,
    spotSeconds: state.spotTicks * scene.tickSeconds,
    ticks: tick,
  };
}

function momentOf(scene: Scene, state: State, tick: number): Moment {
  return {
    tick,
    leftSeconds: state.left,
    ticksLeft: scene.ticks - tick,
    mode: state.mode,
    pendingSeconds: state.mode === IDLE ? 0 : state.pending,
    region: state.region,
  };
}

/** The safety net: from here on one start of on-demand is just in time. */
function mustHurry(scene: Scene, job: Job, { leftSeconds, ticksLeft }: Moment): boolean {
  return Math.ceil((leftSeconds + job.overheadSeconds) / scene.tickSeconds) >= ticksLeft;
}

function hurried({ mode, pendingSeconds }: Moment): Choice {
  return mode >= 0 && pendingSeconds === 0 ? mode : ON_DEMAND;
}

function run(scene: Scene, job: Job, state: State, choice: Choice, tick: number): void {
  const isStart = choice !== IDLE && choice !== state.mode;
  state.mode = choice;
  if (choice === IDLE) return;
  const zone = scene.zones[choice];
  if (zone !== undefined && zone.available[tick] !== 1) {
    throw new Error(`A policy chose spot in ${zone.name} at tick ${tick}, where there is none`);
  }
  if (isStart) {
    state.pending = job.overheadSeconds;
    state.starts += 1;
    if (zone !== undefined) {
      if (state.region !== null && state.region !== zone.region) state.cost += job.egress;
      state.region = zone.region;
    }
  }
  const { tickSeconds } = scene;
  state.left -= Math.max(tickSeconds - state.pending, 0);
  state.pending = Math.max(state.pending - tickSeconds, 0);
  state.cost += ((zone?.prices[tick] ?? scene.onDemandPrice) * tickSeconds) / 3600;
  if (zone === undefined) state.onDemandTicks += 1;
  else state.spotTicks += 1;
}

/** What the job costs on-demand from the start of the window to its end. */
export function onDemandCost(scene: Scene, job: Job): number {
  return simulate(scene, job, () => ON_DEMAND).cost;
}
