import { type Selectable, sql } from 'kysely';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, json, time } from './columns.ts';
import type { EventsTable } from './fleet-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

export interface NewEvent {
  readonly at: EpochMs;
  /** `lease.ready`, `attempt.refused`, `workload.held` … */
  readonly type: string;
  readonly workloadId: string | null;
  readonly leaseId: string | null;
  /** One sentence for people. No secrets: events are shown to every viewer. */
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventRow extends NewEvent {
  /** Ever-growing; the cursor. */
  readonly sequence: number;
}

/** "gpu-broker numbers events"; see `notifications.ts` and `migrate.ts` for the other numbers that are taken. */
const NUMBERING_LOCK = 4_712_002;

export async function appendEvent(handle: Handle, event: NewEvent): Promise<void> {
  await appendEvents(handle, [event]);
}

export async function appendEvents(handle: Handle, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({
    at: time(event.at),
    type: event.type,
    workload_id: event.workloadId,
    lease_id: event.leaseId,
    message: event.message,
    data: json(event.data),
  }));
  await handle.insertInto('events').values(rows).execute();
}

/**
 * Events after the cursor (a sequence number as text), oldest first. `next` is null at the end; whoever follows the events goes on
 * from the last item's sequence. No event is ever passed over: see `numberEvents`. To be called outside transactions.
 */
export async function listEvents(
  handle: Handle,
  filter: { readonly workloadId: string | null },
  page: PageQuery,
): Promise<Page<EventRow>> {
  await numberEvents(handle);
  let query = handle
    .selectFrom('events')
    .selectAll()
    .where('sequence', '>', sequenceOf(page.cursor))
    .orderBy('sequence')
    .limit(page.limit + 1);
  if (filter.workloadId !== null) query = query.where('workload_id', '=', filter.workloadId);
  const rows = await query.execute();
  return pageOf(rows.map(eventOf), page.limit, ({ sequence }) => String(sequence));
}

/** The sequence of the newest event, 0 before the first: where to start following. */
export async function latestSequence(handle: Handle): Promise<number> {
  await numberEvents(handle);
  const { latest } = await handle
    .selectFrom('events')
    .select((column) => column.fn.max('sequence').as('latest'))
    .executeTakeFirstOrThrow();
  return latest ?? 0;
}

/**
 * Gives the committed events that have none their sequence, one numbering at a time. Writers cannot number them: of two transactions
 * the one that took its number first may commit last, when a reader has already gone past it.
 */
async function numberEvents(handle: Handle): Promise<void> {
  if (handle.isTransaction) return;
  const unnumbered = await handle.selectFrom('events').select('id').where('sequence', 'is', null).limit(1).execute();
  if (unnumbered.length === 0) return;
  await handle.connection().execute(async (session) => {
    // The lock is the session's, not a transaction's: the numbers are committed before it is given back.
    await sql`select pg_advisory_lock(${sql.lit(NUMBERING_LOCK)})`.execute(session);
    try {
      await sql`
        update events set sequence = numbered.sequence
        from (
          select id, nextval('event_sequence') as sequence
          from (select id from events where sequence is null order by id) as pending
        ) as numbered
        where events.id = numbered.id`.execute(session);
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(NUMBERING_LOCK)})`.execute(session);
    }
  });
}

function sequenceOf(cursor: string | null): number {
  const sequence = Number(cursor ?? '0');
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError(`"${cursor}" is not an event cursor`);
  return sequence;
}

function eventOf(row: Selectable<EventsTable>): EventRow {
  return {
    sequence: row.sequence ?? 0,
    at: epochMs(row.at),
    type: row.type,
    workloadId: row.workload_id,
    leaseId: row.lease_id,
    message: row.message,
    data: row.data,
  };
}
