import type { MicroUsd, MicroUsdPerHour } from '../../src/domain/money.ts';

/** What a job sees and pays at each tick of one window: zones by index, ticks from 0. */
export interface Scene {
  readonly tickSeconds: number;
  /** Ticks until the deadline: `floor(D / g)`. */
  readonly ticks: number;
  readonly onDemandPrice: MicroUsdPerHour;
  readonly zones: readonly SceneZone[];
}

export interface SceneZone {
  readonly name: string;
  readonly region: string;
  /** 1 where the whole gang could be had on spot. */
  readonly available: Uint8Array;
  /** Of the whole gang, at each tick. */
  readonly prices: Float64Array;
  /** Availability and prices of the ticks before the window, oldest first; empty where nobody watched. */
  readonly past: { readonly available: Uint8Array; readonly prices: Float64Array };
}

export interface Job {
  readonly taskSeconds: number;
  /** Every start sets the pending overhead to this: `d`. */
  readonly overheadSeconds: number;
  /** A start on spot in another region than the last run's pays this once. */
  readonly egress: MicroUsd;
}

/** What runs in a tick: nothing, on-demand, or spot in the zone of that index. */
export type Choice = number;
export const IDLE = -1;
export const ON_DEMAND = -2;

/** The state of the job at a tick's start, before the choice. */
export interface Moment {
  readonly tick: number;
  readonly leftSeconds: number;
  readonly ticksLeft: number;
  /** What runs: an interrupted run is {@link IDLE}. */
  readonly mode: Choice;
  /** Of the run under way; 0 once it works. */
  readonly pendingSeconds: number;
  /** Where the checkpoint lies: the region of the last run on spot; null before the first. */
  readonly region: string | null;
}

export type Decide = (moment: Moment) => Choice;

/** Made anew for each window: a policy may remember what it saw in it. */
export interface Policy {
  readonly name: string;
  create(scene: Scene, job: Job): Decide;
}
