import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { MicroUsdPerHour } from '../domain/money.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, json, poolColumns, poolOf, time } from './columns.ts';
import { StoreError } from './errors.ts';
import { appendEvent } from './events.ts';
import type { AttemptParameters, AttemptState, AttemptsTable, RecordedRefusal } from './fleet-tables.ts';
import { transitionLease } from './lease-work.ts';
import type { LeaseRow } from './leases.ts';
import type { Handle } from './schema.ts';

export type { AttemptParameters, AttemptState, RecordedRefusal } from './fleet-tables.ts';

export interface NewAttempt {
  /** Also the idempotency key at the cloud. */
  readonly id: string;
  readonly leaseId: string;
  readonly pool: Pool;
  /** The price that the decision was made on. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  readonly parameters: AttemptParameters;
  /** What the machine proves itself by when it calls back; null = it will not. */
  readonly callbackToken: string | null;
  readonly at: EpochMs;
}

export interface AttemptRow extends Omit<NewAttempt, 'at'> {
  /** 1 for the first of its lease. */
  readonly number: number;
  readonly state: AttemptState;
  readonly createdAt: EpochMs;
  /** SHA-256 of the call back's token, hexadecimal. The token itself stays only until the launch is settled. */
  readonly callbackTokenHash: string | null;
  /** When it was sent first. */
  readonly sentAt: EpochMs | null;
  readonly settledAt: EpochMs | null;
  readonly refusal: RecordedRefusal | null;
  readonly error: string | null;
}

/**
 * Writes an attempt down before it is sent: the attempt, the lease that names it as its own and becomes `launching`, and the event.
 * Null = stale: the lease is no longer `planned`, or its lock is somebody else's; nothing was written and nothing may be sent.
 */
export async function writeAttempt(
  transaction: Handle,
  lease: Pick<LeaseRow, 'id' | 'lockToken'>,
  attempt: NewAttempt,
): Promise<AttemptRow | null> {
  const { at, pool } = attempt;
  const moved = await transitionLease(transaction, {
    id: lease.id,
    token: lease.lockToken,
    from: 'planned',
    to: 'launching',
    reason: `Launching in ${poolKey(pool)} as attempt ${attempt.id}`,
    at,
    patch: { attemptId: attempt.id },
  });
  if (!moved) return null;
  const earlier = await transaction
    .selectFrom('attempts')
    .select((column) => column.fn.countAll<number>().as('count'))
    .where('lease_id', '=', lease.id)
    .executeTakeFirstOrThrow();
  const row = await transaction
    .insertInto('attempts')
    .values({
      id: attempt.id,
      lease_id: lease.id,
      number: earlier.count + 1,
      ...poolColumns(pool),
      price_micro_usd_per_hour: attempt.priceMicroUsdPerHour,
      parameters: json(attempt.parameters),
      state: 'written',
      created_at: time(at),
      sent_at: null,
      settled_at: null,
      refusal: null,
      error: null,
      callback_token: attempt.callbackToken,
      callback_token_hash: attempt.callbackToken === null ? null : hashToken(attempt.callbackToken),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return attemptRowOf(row);
}

/** The lease's own attempt. Throws StoreError `corrupt` where it has none: only a `planned` lease may lack one. */
export async function attemptOf(handle: Handle, lease: Pick<LeaseRow, 'id' | 'attemptId'>): Promise<AttemptRow> {
  const row = await handle.selectFrom('attempts').selectAll().where('id', '=', lease.attemptId).executeTakeFirst();
  if (row === undefined) throw new StoreError('corrupt', `Lease ${lease.id} has no attempt ${lease.attemptId}`);
  return attemptRowOf(row);
}

/** All attempts of a lease, first one first. */
export async function attemptsOfLease(handle: Handle, leaseId: string): Promise<readonly AttemptRow[]> {
  const rows = await handle
    .selectFrom('attempts')
    .selectAll()
    .where('lease_id', '=', leaseId)
    .orderBy('number')
    .execute();
  return rows.map(attemptRowOf);
}

/** `first`: nothing of this attempt was ever sent. `again`: it may have arrived already. `stale`: it must not be sent. */
export type Sending = 'first' | 'again' | 'stale';

/**
 * From now on the request may have arrived; the time of the first sending stays. Says whether this is the first sending, which only one
 * caller ever hears, and `stale` to whoever has lost the lease to somebody else.
 */
export async function markSent(
  handle: Handle,
  attempt: { readonly id: string; readonly token: string | null; readonly at: EpochMs },
): Promise<Sending> {
  const { id, token, at } = attempt;
  const held = sql<boolean>`exists (select 1 from leases where leases.id = attempts.lease_id
    and leases.attempt_id = attempts.id and leases.state = 'launching' and leases.lock_token = ${token})`;
  const first = await handle
    .updateTable('attempts')
    .set({ state: 'sent', sent_at: time(at) })
    .where('id', '=', id)
    .where('state', '=', 'written')
    .where(held)
    .returning('id')
    .execute();
  if (first.length > 0) return 'first';
  const again = await handle.selectFrom('attempts').select('id').where('id', '=', id).where(held).execute();
  return again.length > 0 ? 'again' : 'stale';
}

/** How a token is kept. It has 256 random bits, so no salt and no slow hash are needed. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export interface CallbackTarget {
  readonly leaseId: string;
  readonly tokenHash: string;
}

/** What a call back of this attempt's machine must prove; null where the attempt is unknown or its machine has no token. */
export async function findCallbackTarget(handle: Handle, attemptId: string): Promise<CallbackTarget | null> {
  const row = await handle
    .selectFrom('attempts')
    .select(['lease_id', 'callback_token_hash'])
    .where('id', '=', attemptId)
    .executeTakeFirst();
  if (row === undefined || row.callback_token_hash === null) return null;
  return { leaseId: row.lease_id, tokenHash: row.callback_token_hash };
}

export type AttemptOutcome =
  | { readonly state: 'accepted'; readonly at: EpochMs }
  | { readonly state: 'refused'; readonly at: EpochMs; readonly refusal: RecordedRefusal }
  | { readonly state: 'failed'; readonly at: EpochMs; readonly error: string };

/**
 * Writes the cloud's answer down, with an event (`attempt.<state>`). An accepted attempt may still be refused or fail, since clouds
 * start machines asynchronously; nothing changes a refused or failed one any more. To be called in the transaction that moves the
 * lease: that one checks the lock.
 */
export async function settleAttempt(transaction: Handle, id: string, outcome: AttemptOutcome): Promise<void> {
  const refusal = outcome.state === 'refused' ? outcome.refusal : null;
  const error = outcome.state === 'failed' ? outcome.error : null;
  const settled = await transaction
    .updateTable('attempts')
    .set({
      state: outcome.state,
      settled_at: time(outcome.at),
      refusal: refusal === null ? null : json(refusal),
      error,
      callback_token: null,
    })
    .where('id', '=', id)
    .where('state', 'in', outcome.state === 'accepted' ? ['written', 'sent'] : ['written', 'sent', 'accepted'])
    .returningAll()
    .executeTakeFirst();
  if (settled === undefined) return;
  const { workload_id: workloadId } = await transaction
    .selectFrom('leases')
    .select('workload_id')
    .where('id', '=', settled.lease_id)
    .executeTakeFirstOrThrow();
  const key = poolKey(poolOf(settled));
  const because = refusal === null ? error : `${refusal.code}: ${refusal.message}`;
  await appendEvent(transaction, {
    at: outcome.at,
    type: `attempt.${outcome.state}`,
    workloadId,
    leaseId: settled.lease_id,
    message: `The launch in ${key} was ${outcome.state === 'failed' ? 'a failure' : outcome.state}${because === null ? '' : `: ${because}`}`,
    data: { attemptId: id, pool: key, ...(refusal === null ? {} : { refusal }) },
  });
}

function attemptRowOf(row: Selectable<AttemptsTable>): AttemptRow {
  return {
    id: row.id,
    leaseId: row.lease_id,
    number: row.number,
    pool: poolOf(row),
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
    parameters: row.parameters,
    callbackToken: row.callback_token,
    callbackTokenHash: row.callback_token_hash,
    state: row.state,
    createdAt: epochMs(row.created_at),
    sentAt: epochMsOrNull(row.sent_at),
    settledAt: epochMsOrNull(row.settled_at),
    refusal: row.refusal,
    error: row.error,
  };
}
