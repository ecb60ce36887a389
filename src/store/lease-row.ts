import { type Selectable, sql } from 'kysely';
import { isFinal, LEASE_STATES, type LeaseState } from '../domain/lease.ts';
import type { MicroUsdPerHour } from '../domain/money.ts';
import type { Pool } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, poolOf } from './columns.ts';
import type { LeasesTable } from './fleet-tables.ts';

export interface NewLease {
  readonly id: string;
  readonly workloadId: string;
  readonly planId: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
  readonly pool: Pool;
  readonly accelerator: string;
  readonly acceleratorCount: number;
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  readonly adjustedPriceMicroUsdPerHour: MicroUsdPerHour;
  readonly at: EpochMs;
}

export interface LeaseRow extends Omit<NewLease, 'at'> {
  readonly state: LeaseState;
  /** Why it is in this state, in words. */
  readonly stateReason: string | null;
  /** The cloud's id of the machine; null until known. */
  readonly instanceId: string | null;
  /** The attempt that the machine comes of; null until one is written. */
  readonly attemptId: string | null;
  /** False = its machine is to be released. */
  readonly wanted: boolean;
  /** Why it is no longer wanted, where that is not its workload's doing: the cloud takes its machine. */
  readonly unwantedReason: string | null;
  /** An unwanted lease serves until then, if its machine does; null = it is released at once. */
  readonly drainUntil: EpochMs | null;
  /** The cloud has said that its machine is taken already. */
  readonly taken: boolean;
  /** When there is work to do on it next. */
  readonly notBefore: EpochMs;
  readonly createdAt: EpochMs;
  readonly updatedAt: EpochMs;
  readonly readyAt: EpochMs | null;
  /** When it became final. */
  readonly goneAt: EpochMs | null;
  /** Who works it now. */
  readonly lockToken: string | null;
  readonly lockExpiresAt: EpochMs | null;
}

/** Literally the predicate of the partial indexes, so that they are used. */
export const isNotFinal = sql<boolean>`state not in (${sql.join(LEASE_STATES.filter(isFinal).map((state) => sql.lit(state)))})`;
export function leaseOf(row: Selectable<LeasesTable>): LeaseRow {
  return {
    id: row.id,
    workloadId: row.workload_id,
    planId: row.plan_id,
    replicas: row.replicas,
    part: row.part,
    partCount: row.part_count,
    pool: poolOf(row),
    accelerator: row.accelerator,
    acceleratorCount: row.accelerator_count,
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
    adjustedPriceMicroUsdPerHour: row.adjusted_price_micro_usd_per_hour,
    state: row.state,
    stateReason: row.state_reason,
    instanceId: row.instance_id,
    attemptId: row.attempt_id,
    wanted: row.wanted,
    unwantedReason: row.unwanted_reason,
    drainUntil: epochMsOrNull(row.drain_until),
    taken: row.taken,
    notBefore: epochMs(row.not_before),
    createdAt: epochMs(row.created_at),
    updatedAt: epochMs(row.updated_at),
    readyAt: epochMsOrNull(row.ready_at),
    goneAt: epochMsOrNull(row.gone_at),
    lockToken: row.lock_token,
    lockExpiresAt: epochMsOrNull(row.lock_expires_at),
  };
}
