import { type Selectable, sql } from 'kysely';
import type { HoldReason } from '../domain/plan.ts';
import type { EpochMs } from '../domain/time.ts';
import type { WorkloadSpec, WorkloadState } from '../domain/workload.ts';
import { epochMs, epochMsOrNull, json, time } from './columns.ts';
import { StoreError } from './errors.ts';
import { appendEvent } from './events.ts';
import type { WorkloadsTable } from './fleet-tables.ts';
import { isNotFinal } from './lease-row.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

export interface WorkloadRow {
  readonly id: string;
  readonly spec: WorkloadSpec;
  readonly state: WorkloadState;
  readonly holdReasons: readonly HoldReason[];
  /** Grows by one with each change of the spec, from 1. */
  readonly generation: number;
  readonly createdAt: EpochMs;
  readonly updatedAt: EpochMs;
  readonly deletedAt: EpochMs | null;
}

/**
 * Creates the workload, or changes the one of that team and name; one that is being deleted does not count, its name is free.
 * `changed` is false where the spec is already exactly this. A changed workload is `pending` again. Writes no event.
 */
export async function upsertWorkload(
  transaction: Handle,
  { id, spec, at }: { readonly id: string; readonly spec: WorkloadSpec; readonly at: EpochMs },
): Promise<{ readonly row: WorkloadRow; readonly changed: boolean }> {
  const written = await transaction
    .insertInto('workloads')
    .values({
      id,
      team: spec.team,
      name: spec.name,
      spec: json(spec),
      generation: 1,
      state: 'pending',
      hold_reasons: '[]',
      priority: spec.priority,
      created_at: time(at),
      updated_at: time(at),
      deleted_at: null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['team', 'name'])
        .where(sql<boolean>`state not in ('deleting', 'deleted')`)
        .doUpdateSet({
          spec: (excluded) => excluded.ref('excluded.spec'),
          generation: sql`workloads.generation + 1`,
          state: 'pending',
          hold_reasons: '[]',
          priority: spec.priority,
          updated_at: time(at),
        })
        .where(sql<boolean>`workloads.spec is distinct from excluded.spec`),
    )
    .returningAll()
    .executeTakeFirst();
  if (written !== undefined) return { row: workloadOf(written), changed: true };
  const present = await servedOf(transaction)
    .where('team', '=', spec.team)
    .where('name', '=', spec.name)
    .executeTakeFirstOrThrow();
  return { row: workloadOf(present), changed: false };
}

function servedOf(handle: Handle) {
  return handle.selectFrom('workloads').selectAll().where('state', 'not in', ['deleting', 'deleted']);
}

export async function getWorkload(handle: Handle, id: string): Promise<WorkloadRow | null> {
  const row = await handle.selectFrom('workloads').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : workloadOf(row);
}

/**
 * By id, `team/name` or name. Of several with that name the one that is served comes first, then the one deleted last.
 * Throws StoreError `ambiguous-name` where teams share the name.
 */
export async function findWorkload(handle: Handle, idOrName: string): Promise<WorkloadRow | null> {
  const rows = await handle
    .selectFrom('workloads')
    .selectAll()
    .where((column) =>
      column.or([
        column('id', '=', idOrName),
        column('name', '=', idOrName),
        column(sql`team || '/' || name`, '=', idOrName),
      ]),
    )
    .orderBy(sql`case state when 'deleted' then 2 when 'deleting' then 1 else 0 end`)
    .orderBy('id', 'desc')
    .execute();
  const exact = rows.find(({ id }) => id === idOrName);
  const [first] = rows;
  if (exact !== undefined) return workloadOf(exact);
  if (first === undefined) return null;
  const served = rows.filter(({ state }) => state !== 'deleting' && state !== 'deleted');
  if (served.length > 1) {
    const names = served.map(({ team, name }) => `${team}/${name}`).toSorted();
    throw new StoreError(
      'ambiguous-name',
      `Several teams have a workload "${idOrName}": name one of ${names.join(', ')}`,
    );
  }
  return workloadOf(first);
}

/** Workloads that are not deleted, oldest first. */
export async function listWorkloads(handle: Handle, page: PageQuery): Promise<Page<WorkloadRow>> {
  const rows = await handle
    .selectFrom('workloads')
    .selectAll()
    .where('state', '!=', 'deleted')
    .where('id', '>', page.cursor ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return pageOf(rows.map(workloadOf), page.limit, ({ id }) => id);
}

/** All workloads that are not deleted, oldest first. */
export async function listAllWorkloads(handle: Handle): Promise<readonly WorkloadRow[]> {
  const rows = await handle.selectFrom('workloads').selectAll().where('state', '!=', 'deleted').orderBy('id').execute();
  return rows.map(workloadOf);
}

/** Workloads that want machines: neither deleted nor being deleted. Most important first, then oldest. */
export async function listServedWorkloads(handle: Handle): Promise<readonly WorkloadRow[]> {
  const rows = await servedOf(handle).orderBy('priority', 'desc').orderBy('id').execute();
  return rows.map(workloadOf);
}

export interface WorkloadStateChange {
  readonly id: string;
  readonly state: 'pending' | 'placed' | 'held';
  /** Empty unless `held`. */
  readonly holdReasons: readonly HoldReason[];
  readonly at: EpochMs;
}

/**
 * Sets state and reasons of a workload that is not being deleted, with an event when the state or the set of rules in the way is
 * another one; the figures inside the reasons change with every price and are updated silently. Returns whether there was an event.
 */
export async function setWorkloadState(transaction: Handle, change: WorkloadStateChange): Promise<boolean> {
  const { id, state, holdReasons, at } = change;
  const present = await servedOf(transaction).where('id', '=', id).forUpdate().executeTakeFirst();
  if (present === undefined) return false;
  const changed = present.state !== state || rulesOf(present.hold_reasons) !== rulesOf(holdReasons);
  if (!changed && json(present.hold_reasons) === json(holdReasons)) return false;
  await transaction
    .updateTable('workloads')
    .set({ state, hold_reasons: json(holdReasons), ...(changed ? { updated_at: time(at) } : {}) })
    .where('id', '=', id)
    .execute();
  if (!changed) return false;
  const because = holdReasons.map(({ detail }) => detail).join('; ');
  await appendEvent(transaction, {
    at,
    type: `workload.${state}`,
    workloadId: id,
    leaseId: null,
    message: `Workload ${present.name} of team ${present.team} is ${state}${because === '' ? '' : `: ${because}`}`,
    data: { from: present.state, to: state, holdReasons },
  });
  return true;
}

function rulesOf(reasons: readonly HoldReason[]): string {
  return [...new Set(reasons.map(({ rule }) => rule))].toSorted().join(' ');
}

/** Returns false where it is already being deleted, or was never there. Writes no event. */
export async function markDeleting(transaction: Handle, id: string, at: EpochMs): Promise<boolean> {
  const marked = await transaction
    .updateTable('workloads')
    .set({ state: 'deleting', hold_reasons: '[]', updated_at: time(at) })
    .where('id', '=', id)
    .where('state', 'not in', ['deleting', 'deleted'])
    .returning('id')
    .execute();
  return marked.length > 0;
}

/**
 * A workload that is being deleted and has no lease left is `deleted`, with an event. Returns whether that happened now. Of two leases that
 * end at the same moment the second one waits here for the first, so that it sees that it is the last.
 */
export async function settleDeletedWorkload(transaction: Handle, id: string, at: EpochMs): Promise<boolean> {
  const deleting = transaction
    .selectFrom('workloads')
    .select('id')
    .where('id', '=', id)
    .where('state', '=', 'deleting');
  if ((await deleting.forUpdate().executeTakeFirst()) === undefined) return false;
  const settled = await transaction
    .updateTable('workloads')
    .set({ state: 'deleted', updated_at: time(at), deleted_at: time(at) })
    .where('id', '=', id)
    .where('state', '=', 'deleting')
    .where((column) =>
      column.not(
        column.exists(column.selectFrom('leases').select('leases.id').where('workload_id', '=', id).where(isNotFinal)),
      ),
    )
    .returning(['team', 'name'])
    .executeTakeFirst();
  if (settled === undefined) return false;
  await appendEvent(transaction, {
    at,
    type: 'workload.deleted',
    workloadId: id,
    leaseId: null,
    message: `Workload ${settled.name} of team ${settled.team} is deleted; its machines are gone`,
    data: { name: settled.name, team: settled.team },
  });
  return true;
}

function workloadOf(row: Selectable<WorkloadsTable>): WorkloadRow {
  return {
    id: row.id,
    spec: row.spec,
    state: row.state,
    holdReasons: row.hold_reasons,
    generation: row.generation,
    createdAt: epochMs(row.created_at),
    updatedAt: epochMs(row.updated_at),
    deletedAt: epochMsOrNull(row.deleted_at),
  };
}
