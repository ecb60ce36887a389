import type { Job, Scene } from './scene.ts';

/** A way to run: spot in the zone of that index, or on-demand, which is last. */
export type Runner = number;

/** The graph of what may follow what, alike at each tick. */
export interface Steps {
  readonly states: number;
  /** Nothing ever ran. */
  readonly start: number;
  /** By where the checkpoint lies: what can be stopped into it, and what can be started from it. */
  readonly stopped: readonly Stopped[];
  readonly continuations: readonly Continuation[];
  isOpen(runner: Runner, tick: number): boolean;
  /** Micro-dollars an hour. */
  price(runner: Runner, tick: number): number;
}

export interface Stopped {
  readonly state: number;
  /** The states that may stop here: itself, and every run of that region. */
  readonly sources: readonly number[];
  readonly starts: readonly Start[];
}

export interface Start {
  readonly runner: Runner;
  readonly to: number;
  readonly work: number;
  /** Egress, in micro-dollars an hour for one tick. */
  readonly fee: number;
}

export interface Continuation {
  readonly from: number;
  readonly to: number;
  readonly runner: Runner;
  readonly work: number;
}

/**
 * States: stopped by region (and before any run), then runs by (runner, region of the checkpoint, ticks since the start). A run on spot has its
 * zone's region; on-demand stays where the checkpoint lies. Without egress all regions are one.
 */
export function stepsOf(scene: Scene, job: Job): Steps {
  const ages = Math.max(1, Math.ceil(job.overheadSeconds / scene.tickSeconds));
  const regions = job.egress === 0 ? [''] : [...new Set(scene.zones.map(({ region }) => region))];
  const places = job.egress === 0 ? 1 : regions.length + 1;
  const fee = (job.egress * 3600) / scene.tickSeconds;
  const stopped: { state: number; sources: number[]; starts: Start[] }[] = Array.from(
    { length: places },
    (_, state) => ({
      ...{ state, sources: [state], starts: [] },
    }),
  );
  const continuations: Continuation[] = [];
  let states = places;
  /** Adds the states of one run, and how it goes on and stops. */
  function addRun(runner: Runner, place: number): number {
    const first = states;
    states += ages;
    for (let age = 1; age <= ages; age++) {
      const from = first + age - 1;
      continuations.push({ from, to: first + Math.min(age, ages - 1), runner, work: workOf(scene, job, age) });
      stopped[place]?.sources.push(from);
    }
    return first;
  }
  const work = workOf(scene, job, 0);
  for (const [runner, zone] of scene.zones.entries()) {
    const place = job.egress === 0 ? 0 : regions.indexOf(zone.region);
    const to = addRun(runner, place);
    for (const from of stopped) {
      const isMove = from.state !== place && from.state !== regions.length;
      from.starts.push({ runner, to, work, fee: isMove ? fee : 0 });
    }
  }
  for (const from of stopped)
    from.starts.push({ runner: scene.zones.length, to: addRun(scene.zones.length, from.state), work, fee: 0 });
  return {
    ...{ states, start: job.egress === 0 ? 0 : regions.length, stopped, continuations },
    isOpen: (runner, tick) => scene.zones[runner]?.available[tick] !== 0,
    price: (runner, tick) => scene.zones[runner]?.prices[tick] ?? scene.onDemandPrice,
  };
}

/** Seconds of work in the tick after `age` ticks of a run. */
function workOf(scene: Scene, job: Job, age: number): number {
  return Math.max(scene.tickSeconds - Math.max(job.overheadSeconds - age * scene.tickSeconds, 0), 0);
}
