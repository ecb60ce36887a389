import type { Selectable } from 'kysely';
import type { CapacityBlock } from '../domain/capacity-block.ts';
import { mayPurchaseMove, PURCHASE_STATES, type PurchaseState } from '../domain/capacity-purchase.ts';
import type { MicroUsd } from '../domain/money.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, json, time } from './columns.ts';
import { StoreError } from './errors.ts';
import { appendEvent } from './events.ts';
import type { CapacityBlockPurchasesTable } from './fleet-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

export interface NewPurchase {
  /** Also the key that is written on the reservation. */
  readonly id: string;
  readonly block: CapacityBlock;
  /** As it was asked for: what the same block is looked up by again. */
  readonly durationHours: number;
  readonly maxPriceMicroUsd: MicroUsd;
  /** Of the person who asks: what it is for. */
  readonly note: string | null;
  readonly at: EpochMs;
}

export interface PurchaseRow extends Omit<NewPurchase, 'at'> {
  readonly provider: ProviderId;
  readonly state: PurchaseState;
  /** Why it is in this state, in words. */
  readonly stateReason: string | null;
  readonly reservationId: string | null;
  readonly requestedAt: EpochMs;
  /** When it was approved or rejected. */
  readonly decidedAt: EpochMs | null;
  readonly sentAt: EpochMs | null;
  readonly settledAt: EpochMs | null;
  /** When the cloud was last asked what became of it. */
  readonly askedAt: EpochMs | null;
}

const OPEN_STATES = PURCHASE_STATES.filter((state) => PURCHASE_STATES.some((next) => mayPurchaseMove(state, next)));

/** Writes a request down; while one for the same block is open, that one is it: asking twice is asking once. */
export async function requestPurchase(transaction: Handle, purchase: NewPurchase): Promise<PurchaseRow> {
  const { id, block, at } = purchase;
  const row = await transaction
    .insertInto('capacity_block_purchases')
    .values({
      ...{
        id,
        provider: block.provider,
        block: json(block),
        block_id: block.id,
        duration_hours: purchase.durationHours,
      },
      note: purchase.note,
      ...{ max_price_micro_usd: purchase.maxPriceMicroUsd, state: 'awaiting-approval', state_reason: null },
      ...{
        reservation_id: null,
        requested_at: time(at),
        decided_at: null,
        sent_at: null,
        settled_at: null,
        asked_at: null,
      },
    })
    .onConflict((conflict) => conflict.columns(['provider', 'block_id']).where('state', 'in', OPEN_STATES).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) {
    const open = await transaction
      .selectFrom('capacity_block_purchases')
      .selectAll()
      .where('provider', '=', block.provider)
      .where('block_id', '=', block.id)
      .where('state', 'in', OPEN_STATES)
      .executeTakeFirstOrThrow();
    return purchaseOf(open);
  }
  await tell(transaction, purchaseOf(row), 'A person must approve it', at);
  return purchaseOf(row);
}

export interface PurchaseMove {
  readonly id: string;
  readonly from: PurchaseState;
  readonly to: PurchaseState;
  /** In words, for people. */
  readonly reason: string;
  readonly reservationId?: string;
  readonly at: EpochMs;
}

/**
 * Moves a purchase and writes its event (`capacity-block.<state>`). Null = it is not in `from` any more: of several that try, one
 * succeeds. Throws StoreError `illegal-transition` for a move that the domain's table does not have.
 */
export async function movePurchase(transaction: Handle, move: PurchaseMove): Promise<PurchaseRow | null> {
  const { id, from, to, reason, at } = move;
  if (!mayPurchaseMove(from, to)) {
    throw new StoreError('illegal-transition', `Purchase ${id} may not go from ${from} to ${to}`);
  }
  const row = await transaction
    .updateTable('capacity_block_purchases')
    .set({ state: to, state_reason: reason, ...entering(to, at), ...reservationColumn(move) })
    .where('id', '=', id)
    .where('state', '=', from)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return null;
  await tell(transaction, purchaseOf(row), reason, at);
  return purchaseOf(row);
}

function reservationColumn({ reservationId }: PurchaseMove) {
  return reservationId === undefined ? {} : { reservation_id: reservationId };
}

function entering(to: PurchaseState, at: EpochMs) {
  if (to === 'approved') return { decided_at: time(at) };
  if (to === 'sending') return { sent_at: time(at) };
  if (OPEN_STATES.includes(to)) return {};
  return { settled_at: time(at), ...(to === 'rejected' ? { decided_at: time(at) } : {}) };
}

async function tell(transaction: Handle, purchase: PurchaseRow, reason: string, at: EpochMs): Promise<void> {
  const { block, state, id, reservationId } = purchase;
  const what = `${block.machineCount} × ${block.instanceType} in ${block.provider}/${block.region}/${block.zone}`;
  await appendEvent(transaction, {
    at,
    type: `capacity-block.${state}`,
    workloadId: null,
    leaseId: null,
    message: `Purchase ${id} of capacity block ${block.id} (${what}) is ${state}: ${reason}`,
    data: {
      purchaseId: id,
      blockId: block.id,
      provider: block.provider,
      upfrontMicroUsd: block.upfrontMicroUsd,
      reservationId,
    },
  });
}

/** The cloud was asked what became of it, and could not say. */
export async function noteAsked(handle: Handle, id: string, at: EpochMs): Promise<void> {
  await handle
    .updateTable('capacity_block_purchases')
    .set({ asked_at: time(at) })
    .where('id', '=', id)
    .execute();
}

export async function getPurchase(handle: Handle, id: string): Promise<PurchaseRow | null> {
  const row = await handle.selectFrom('capacity_block_purchases').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : purchaseOf(row);
}

/** Oldest first. */
export async function listPurchases(
  handle: Handle,
  filter: { readonly state: PurchaseState | null },
  page: PageQuery,
): Promise<Page<PurchaseRow>> {
  let query = handle
    .selectFrom('capacity_block_purchases')
    .selectAll()
    .where('id', '>', page.cursor ?? '')
    .orderBy('id')
    .limit(page.limit + 1);
  if (filter.state !== null) query = query.where('state', '=', filter.state);
  return pageOf((await query.execute()).map(purchaseOf), page.limit, ({ id }) => id);
}

/** Those with something left to do: to be sent, or to be asked for. */
export async function listWorkablePurchases(handle: Handle): Promise<readonly PurchaseRow[]> {
  const rows = await handle
    .selectFrom('capacity_block_purchases')
    .selectAll()
    .where('state', 'in', ['approved', 'sending', 'unknown'])
    .orderBy('id')
    .execute();
  return rows.map(purchaseOf);
}

function purchaseOf(row: Selectable<CapacityBlockPurchasesTable>): PurchaseRow {
  return {
    id: row.id,
    provider: row.provider,
    block: row.block,
    durationHours: row.duration_hours,
    maxPriceMicroUsd: row.max_price_micro_usd,
    note: row.note,
    state: row.state,
    stateReason: row.state_reason,
    reservationId: row.reservation_id,
    requestedAt: epochMs(row.requested_at),
    decidedAt: epochMsOrNull(row.decided_at),
    sentAt: epochMsOrNull(row.sent_at),
    settledAt: epochMsOrNull(row.settled_at),
    askedAt: epochMsOrNull(row.asked_at),
  };
}
