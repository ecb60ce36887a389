import { greedy, uniformProgress } from './baselines.ts';
import { optimalCost } from './optimum.ts';
import { ours } from './ours.ts';
import type { Row } from './rows.ts';
import type { Job, Policy, Scene } from './scene.ts';
import { onDemandCost, simulate } from './simulate.ts';
import { jobOf, only, windowsOf, withoutPast } from './windows.ts';

/** Costs as shares of on-demand only, each the mean over the windows. */
export interface RowFigures {
  readonly trace: string;
  readonly deadlineFactor: number;
  readonly prices: 'flat' | 'trace';
  readonly gangSize: number;
  readonly windows: number;
  /** The mean over jobs that know one zone, for each zone of the trace. */
  readonly greedyOneZone: number;
  readonly uniformOneZone: number;
  readonly greedy: number;
  readonly uniform: number;
  readonly optimum: number;
  readonly ours: number;
  /** Ours, when nobody watched the market before the window. */
  readonly oursUnwatched: number;
  /** Cost over the optimum, as a share of Uniform Progress's: the target is 0.5 at most. */
  readonly excessShare: number;
  readonly excessShareUnwatched: number;
  /** Deadlines missed by ours, of twice as many windows; and by the baselines. */
  readonly missed: number;
  readonly missedByBaselines: number;
  readonly seconds: number;
}

interface Tally {
  sum: number;
  count: number;
  missed: number;
}

/** `report` hears of each window done. Throws an Error where the trace is shorter than one window. */
export function measureRow({ trace, settings }: Row, report: (done: number, of: number) => void): RowFigures {
  const startedAt = performance.now();
  const job = jobOf(settings);
  const windows = windowsOf(trace, settings);
  if (windows.length === 0) {
    throw new Error(
      `${trace.name} is shorter than one window; give a shorter --task-hours or a smaller --deadline-factor`,
    );
  }
  const [greedyOne, uniformOne, greedyAll, uniformAll, optimum, watched, unwatched] = Array.from({ length: 7 }, tally);
  const mine = ours();
  const fresh = ours();
  for (const [index, scene] of windows.entries()) {
    const onDemand = onDemandCost(scene, job);
    for (const zone of scene.zones) {
      play(greedyOne, only(scene, zone), job, greedy, onDemand);
      play(uniformOne, only(scene, zone), job, uniformProgress, onDemand);
    }
    play(greedyAll, scene, job, greedy, onDemand);
    play(uniformAll, scene, job, uniformProgress, onDemand);
    play(watched, scene, job, mine, onDemand);
    play(unwatched, withoutPast(scene), job, fresh, onDemand);
    if (optimum !== undefined) add(optimum, optimalCost(scene, job) / onDemand, false);
    report(index + 1, windows.length);
  }
  const least = mean(optimum);
  const uniform = mean(uniformAll);
  return {
    ...{
      trace: trace.name,
      deadlineFactor: settings.deadlineFactor,
      prices: settings.usesTracePrices ? 'trace' : 'flat',
    },
    ...{ gangSize: settings.gangSize, windows: windows.length },
    ...{
      greedyOneZone: mean(greedyOne),
      uniformOneZone: mean(uniformOne),
      greedy: mean(greedyAll),
      uniform,
      optimum: least,
    },
    ...{ ours: mean(watched), oursUnwatched: mean(unwatched) },
    excessShare: (mean(watched) - least) / (uniform - least),
    excessShareUnwatched: (mean(unwatched) - least) / (uniform - least),
    missed: missedOf(watched, unwatched),
    missedByBaselines: missedOf(greedyOne, uniformOne, greedyAll, uniformAll),
    seconds: (performance.now() - startedAt) / 1000,
  };
}

function tally(): Tally {
  return { sum: 0, count: 0, missed: 0 };
}

function play(into: Tally | undefined, scene: Scene, job: Job, policy: Policy, onDemand: number): void {
  const { cost, isMissed } = simulate(scene, job, policy.create(scene, job));
  if (into !== undefined) add(into, cost / onDemand, isMissed);
}

function add(into: Tally, share: number, isMissed: boolean): void {
  into.sum += share;
  into.count += 1;
  into.missed += isMissed ? 1 : 0;
}

function mean(of: Tally | undefined): number {
  return of === undefined ? Number.NaN : of.sum / of.count;
}

function missedOf(...tallies: readonly (Tally | undefined)[]): number {
  return tallies.reduce((sum, one) => sum + (one?.missed ?? 0), 0);
}
