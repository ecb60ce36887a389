import { sql } from 'kysely';
import { isFinal, type LeaseState } from '../../src/domain/lease.ts';
import type { Handle } from '../../src/store/open-store.ts';

/** What the judge reads of the store, past the broker's own functions. */
export interface LeaseFact {
  readonly id: string;
  readonly workloadId: string;
  readonly planId: string;
  readonly state: LeaseState;
  readonly wanted: boolean;
  readonly attemptId: string | null;
  readonly provider: string;
  readonly region: string;
  readonly zone: string | null;
  readonly market: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
  readonly price: number;
}

export interface WorkloadFact {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly replicas: number;
  readonly holdReasonCount: number;
  readonly isProtected: boolean;
}

export async function leaseFacts(database: Handle): Promise<readonly LeaseFact[]> {
  const rows = await database
    .selectFrom('leases')
    .select(['id', 'workload_id', 'plan_id', 'state', 'wanted', 'attempt_id', 'provider', 'region', 'zone', 'market'])
    .select(['replicas', 'part', 'part_count', 'adjusted_price_micro_usd_per_hour'])
    .orderBy('id')
    .execute();
  return rows.map((row) => ({
    ...{ id: row.id, workloadId: row.workload_id, planId: row.plan_id ?? '', state: row.state, wanted: row.wanted },
    ...{ attemptId: row.attempt_id, provider: row.provider, region: row.region, zone: row.zone, market: row.market },
    ...{ replicas: row.replicas, part: row.part, partCount: row.part_count },
    price: row.adjusted_price_micro_usd_per_hour,
  }));
}

export async function workloadFacts(database: Handle): Promise<readonly WorkloadFact[]> {
  const rows = await database.selectFrom('workloads').selectAll().orderBy('id').execute();
  return rows.map(({ id, name, state, spec, hold_reasons: reasons }) => ({
    ...{ id, name, state, replicas: spec.replicas, isProtected: spec.isProtected },
    holdReasonCount: reasons.length,
  }));
}

export async function isAttemptWritten(database: Handle, id: string): Promise<boolean> {
  return (await database.selectFrom('attempts').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

export async function attemptIds(database: Handle): Promise<ReadonlySet<string>> {
  return new Set((await database.selectFrom('attempts').select('id').execute()).map(({ id }) => id));
}

export interface LeaseEvent {
  readonly id: number;
  readonly leaseId: string;
  readonly from: string;
  readonly to: string;
  readonly message: string;
  readonly at: number;
}

/** Moves of leases that were committed after the event of that number, in the order of writing. */
export async function leaseEventsAfter(database: Handle, id: number): Promise<readonly LeaseEvent[]> {
  const { rows } = await sql<{
    id: number;
    lease_id: string;
    data: { from: string; to: string };
    message: string;
    at: Date;
  }>`
    select id, lease_id, data, message, at from events where id > ${id} and type like 'lease.%' order by id
  `.execute(database);
  return rows.map((row) => ({
    ...{ id: Number(row.id), leaseId: row.lease_id, from: row.data.from, to: row.data.to, message: row.message },
    at: row.at.getTime(),
  }));
}

export function isLive({ state }: Pick<LeaseFact, 'state'>): boolean {
  return !isFinal(state);
}

const SERVING: ReadonlySet<LeaseState> = new Set(['planned', 'launching', 'starting', 'ready']);

/** Serves its workload, or will. */
export function serves({ state, wanted }: Pick<LeaseFact, 'state' | 'wanted'>): boolean {
  return wanted && SERVING.has(state);
}
