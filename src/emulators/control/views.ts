import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { MachineState, WorldMachine, WorldPart, WorldPool, WorldReservation } from '../world/contract.ts';
import type { Fault, LoggedRequest, RunningClouds } from '../world/control-contract.ts';
import type { CloudId } from '../world/market-facts.ts';

/** What the control API answers; the client reads it back. */

export interface WorldView {
  readonly seed: number;
  readonly now: EpochMs;
  /** Whether `POST /world/clock` can move the time. */
  readonly manualClock: boolean;
  readonly clouds: readonly CloudId[];
  readonly endpoints: RunningClouds['endpoints'];
  readonly certificateAuthority: string;
}

export interface MachineView extends WorldMachine {
  readonly state: MachineState;
}

export interface PoolView extends WorldPool {
  /** Machines that could be launched now. */
  readonly free: number;
  readonly priceMicroUsdPerHour: MicroUsdPerHour | null;
}

export interface ReservationView extends WorldReservation {
  /** Machines that could still be launched into it now. */
  readonly free: number;
}

export interface PartView extends WorldPart {
  /** Whether a living machine uses it. */
  readonly inUse: boolean;
}

export interface RequestsView {
  readonly requests: readonly LoggedRequest[];
  /** What to give as `after` to read on. */
  readonly next: number;
}

export interface FaultsView {
  readonly faults: readonly Fault[];
}

/** Every answer that is not 2xx. */
export interface ControlProblem {
  readonly error: string;
  readonly problems: readonly { readonly field: string; readonly message: string }[];
}
