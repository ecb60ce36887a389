import { sql } from 'kysely';
import type { InterruptionKind } from '../domain/interruption.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { time } from './columns.ts';
import type { NoticeSource } from './fleet-tables.ts';
import type { Handle } from './schema.ts';

export type { NoticeSource } from './fleet-tables.ts';

export interface PollClaim {
  readonly provider: ProviderId;
  /** New for each claim. */
  readonly claim: string;
  readonly now: EpochMs;
  /** Others may poll after this. */
  readonly claimSeconds: number;
}

/** Where to go on reading a provider's notices; null = another process is reading them. Of several processes one reads. */
export async function claimPoll(
  handle: Handle,
  poll: PollClaim,
): Promise<{ readonly cursor: string | null; readonly error: string | null } | null> {
  const until = time(poll.now + poll.claimSeconds * 1000);
  const row = await handle
    .insertInto('interruption_cursors')
    .values({
      ...{ provider: poll.provider, notice_cursor: null, polled_at: null, error: null },
      ...{ claim: poll.claim, claimed_until: until },
    })
    .onConflict((conflict) =>
      conflict
        .column('provider')
        .doUpdateSet({ claim: poll.claim, claimed_until: until })
        .where(
          sql<boolean>`(interruption_cursors.claimed_until is null or interruption_cursors.claimed_until <= ${time(poll.now)})`,
        ),
    )
    .returning(['notice_cursor', 'error'])
    .executeTakeFirst();
  return row === undefined ? null : { cursor: row.notice_cursor, error: row.error };
}

export interface PollEnd {
  readonly provider: ProviderId;
  readonly claim: string;
  readonly cursor: string | null;
  /** Why not everything could be asked; null after a good poll. */
  readonly error: string | null;
  readonly at: EpochMs;
}

/** Ends the claim and stores the cursor, in the transaction that stores the notices. False = the claim is somebody else's now: roll back. */
export async function endPoll(transaction: Handle, end: PollEnd): Promise<boolean> {
  const ended = await transaction
    .updateTable('interruption_cursors')
    .set({
      ...{ notice_cursor: end.cursor, error: end.error, claim: null, claimed_until: null },
      ...(end.error === null ? { polled_at: time(end.at) } : {}),
    })
    .where('provider', '=', end.provider)
    .where('claim', '=', end.claim)
    .returning('provider')
    .execute();
  return ended.length > 0;
}

/** Drops all claims: for the start of a process that is known to be the only one. */
export async function clearPollClaims(handle: Handle): Promise<void> {
  await handle
    .updateTable('interruption_cursors')
    .set({ claim: null, claimed_until: null })
    .where('claim', 'is not', null)
    .execute();
}

export interface NewNotice {
  readonly key: string;
  readonly leaseId: string;
  readonly provider: ProviderId;
  readonly region: string;
  readonly instanceId: string;
  readonly kind: InterruptionKind;
  readonly source: NoticeSource;
  readonly noticedAt: EpochMs;
  readonly deadlineAt: EpochMs | null;
  readonly receivedAt: EpochMs;
  readonly message: string;
}

/** False = it is known already: notices are delivered at least once, and by more than one way. */
export async function insertNotice(transaction: Handle, notice: NewNotice): Promise<boolean> {
  const inserted = await transaction
    .insertInto('interruption_notices')
    .values({
      notice_key: notice.key,
      lease_id: notice.leaseId,
      provider: notice.provider,
      region: notice.region,
      instance_id: notice.instanceId,
      kind: notice.kind,
      source: notice.source,
      noticed_at: time(notice.noticedAt),
      deadline_at: notice.deadlineAt === null ? null : time(notice.deadlineAt),
      received_at: time(notice.receivedAt),
      message: notice.message,
    })
    .onConflict((conflict) => conflict.column('notice_key').doNothing())
    .returning('notice_key')
    .execute();
  return inserted.length > 0;
}
