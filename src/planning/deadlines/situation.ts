import type { MicroUsd, MicroUsdPerHour } from '../../domain/money.ts';

/** A place where the whole gang can run: one pool of a market, by any name that stays the same. */
export interface PlaceNow {
  readonly place: string;
  readonly market: 'spot' | 'on-demand';
  /** Of the whole gang. */
  readonly price: MicroUsdPerHour;
  /** Whether the whole gang could start, or goes on running, here and now. */
  readonly isAvailable: boolean;
  /** Paid once when the job moves here from where its checkpoint lies: egress, and what else a start costs. */
  readonly moveCost: MicroUsd;
}

/** A deadline job at a moment of decision. */
export interface Situation {
  readonly workLeftSeconds: number;
  readonly timeLeftSeconds: number;
  /** Lost at every start before work goes on: boot, load, and the work since the last checkpoint. */
  readonly overheadSeconds: number;
  /** How long this decision stands at most before there is another. */
  readonly stepSeconds: number;
  /** Where it runs now and how much overhead is left there; null when nothing runs. */
  readonly running: { readonly place: string; readonly pendingSeconds: number } | null;
  readonly places: readonly PlaceNow[];
}

export interface Decision {
  readonly action: 'stay' | 'wait' | 'start';
  /** Where to run; null when waiting. */
  readonly place: string | null;
  /** `safety`: the last moment to be sure; `cost`: the least expected cost; `done`: no work is left. */
  readonly reason: 'safety' | 'cost' | 'done' | 'nothing-available';
}
