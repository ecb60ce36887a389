import type { ColumnType, Generated } from 'kysely';
import type { CapacityBlock } from '../domain/capacity-block.ts';
import type { PurchaseState } from '../domain/capacity-purchase.ts';
import type { InterruptionKind } from '../domain/interruption.ts';
import type { LeaseState } from '../domain/lease.ts';
import type { LeftoverKind, LeftoverState, SweepOutcome, SweepSubject } from '../domain/leftover.ts';
import type { HoldReason, Plan, PolicyRef } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { Rebalance, RebalanceState } from '../domain/rebalance.ts';
import type { RefusalScope } from '../domain/sold-out.ts';
import type { WorkloadSpec, WorkloadState } from '../domain/workload.ts';
import type { Json, PoolColumns } from './table-columns.ts';

export interface FleetTable {
  only_row: Generated<boolean>;
  revision: number;
}

export interface WorkloadsTable {
  id: string;
  team: string;
  name: string;
  spec: Json<WorkloadSpec>;
  generation: number;
  state: WorkloadState;
  hold_reasons: Json<readonly HoldReason[]>;
  priority: number;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
}

export interface PlansTable {
  id: string;
  created_at: Date;
  trigger: string;
  /** Those the plan was made under, in the order of their names. */
  policies: Json<readonly PolicyRef[]>;
  elapsed_ms: number;
  /** The PlanInput as JSON, gzip. */
  packed_input: Uint8Array;
  plan: Json<Plan>;
  workload_names: Json<Readonly<Record<string, string>>>;
  carried_out: boolean;
  /** Null for plans stored before versions were kept. */
  planner_version: string | null;
  seed: number;
}

export interface LeasesTable extends PoolColumns {
  id: string;
  workload_id: string;
  plan_id: string;
  replicas: number[];
  part: number;
  part_count: number;
  accelerator: string;
  accelerator_count: number;
  price_micro_usd_per_hour: number;
  adjusted_price_micro_usd_per_hour: number;
  state: LeaseState;
  state_reason: string | null;
  instance_id: string | null;
  attempt_id: string | null;
  wanted: boolean;
  not_before: Date;
  woken: Generated<boolean>;
  created_at: Date;
  updated_at: Date;
  ready_at: Date | null;
  gone_at: Date | null;
  lock_token: string | null;
  lock_expires_at: Date | null;
  unwanted_reason: Generated<string | null>;
  drain_until: Generated<Date | null>;
  taken: Generated<boolean>;
}

/** `written`: committed, perhaps never sent. `sent`: may have arrived. The others are the cloud's answer. */
export type AttemptState = 'written' | 'sent' | 'accepted' | 'refused' | 'failed';

/** What was sent, beside the pool: enough to send exactly the same again. */
export interface AttemptParameters {
  readonly userData: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** A refusal as it was answered; the provider contract's `Refusal` fits. */
export interface RecordedRefusal {
  readonly kind: string;
  readonly scope: RefusalScope;
  readonly retryAfterSeconds: number;
  readonly code: string;
  readonly message: string;
}

export interface AttemptsTable extends PoolColumns {
  id: string;
  lease_id: string;
  number: number;
  price_micro_usd_per_hour: number;
  parameters: Json<AttemptParameters>;
  state: AttemptState;
  created_at: Date;
  sent_at: Date | null;
  settled_at: Date | null;
  refusal: ColumnType<RecordedRefusal | null, string | null, string | null>;
  error: string | null;
  callback_token: Generated<string | null>;
  callback_token_hash: Generated<string | null>;
}

export interface PolicyVersionsTable {
  id: Generated<number>;
  name: string;
  version: number;
  source: string;
  policy: Json<Policy>;
  content_hash: string;
  loaded_at: Date;
  in_force: Generated<boolean>;
}

export interface BudgetAlertsTable {
  team: string;
  month: Date;
  alerted_at: Date;
}

export interface EventsTable {
  id: Generated<number>;
  sequence: number | null;
  at: Date;
  type: string;
  workload_id: string | null;
  lease_id: string | null;
  message: string;
  data: Json<Readonly<Record<string, unknown>>>;
}

export interface InterruptionCursorsTable {
  provider: string;
  notice_cursor: string | null;
  polled_at: Date | null;
  error: string | null;
  claim: string | null;
  claimed_until: Date | null;
}

/** Who told: the cloud's own channel, or the machine itself through its call back. */
export type NoticeSource = 'cloud' | 'machine';

export interface InterruptionNoticesTable {
  notice_key: string;
  lease_id: string;
  provider: string;
  region: string;
  instance_id: string;
  kind: InterruptionKind;
  source: NoticeSource;
  noticed_at: Date;
  deadline_at: Date | null;
  received_at: Date;
  message: string;
}

export interface LeftoversTable {
  provider: string;
  region: string;
  kind: LeftoverKind;
  cloud_id: string;
  zone: string | null;
  attempt_id: string | null;
  lease_id: string | null;
  created_at: Date | null;
  first_seen_at: Date;
  last_seen_at: Date;
  state: LeftoverState;
  error: string | null;
}

export interface SweepsTable {
  provider: string;
  region: string;
  subject: SweepSubject;
  outcome: SweepOutcome;
  swept_at: Date;
  complete_at: Date | null;
  error: string | null;
}

export interface CapacityBlockPurchasesTable {
  id: string;
  provider: string;
  block: Json<CapacityBlock>;
  block_id: string;
  duration_hours: number;
  max_price_micro_usd: number;
  note: string | null;
  state: PurchaseState;
  state_reason: string | null;
  reservation_id: string | null;
  requested_at: Date;
  decided_at: Date | null;
  sent_at: Date | null;
  settled_at: Date | null;
  asked_at: Date | null;
}

export interface RebalancesTable {
  id: string;
  created_at: Date;
  confirmed_at: Date;
  expires_at: Date;
  state: RebalanceState;
  state_reason: string | null;
  /** Those it was looked for under, in the order of their names. */
  policies: Json<readonly PolicyRef[]>;
  fleet_revision: number;
  rebalance: Json<Rebalance>;
  content_hash: string;
  workload_names: Json<Readonly<Record<string, string>>>;
  planner_version: string;
}

export interface RebalanceLooksTable {
  only_row: Generated<boolean>;
  looked_at: Date | null;
  fingerprint: string | null;
  claim: string | null;
  claimed_until: Date | null;
}
