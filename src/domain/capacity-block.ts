import type { AcceleratorName } from './accelerators.ts';
import type { MicroUsd } from './money.ts';
import type { ProviderId } from './pool.ts';
import type { EpochMs } from './time.ts';

/** Machines that a cloud sells for a span of time in the future, paid in advance (AWS Capacity Blocks). Once bought and begun, a reservation. */
export interface CapacityBlock {
  readonly provider: ProviderId;
  /** The cloud's id of this offering; good for minutes only. */
  readonly id: string;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly accelerator: AcceleratorName;
  /** Accelerators in one machine. */
  readonly acceleratorCount: number;
  readonly machineCount: number;
  readonly startAt: EpochMs;
  readonly endAt: EpochMs;
  /** For all machines and the whole span. */
  readonly upfrontMicroUsd: MicroUsd;
}
