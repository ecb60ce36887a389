import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { PolicyRef } from '../domain/plan.ts';
import type { Rebalance, RebalanceState } from '../domain/rebalance.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, json, time } from './columns.ts';
import type { RebalancesTable } from './fleet-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

export interface NewRebalance {
  readonly id: string;
  readonly at: EpochMs;
  readonly expiresAt: EpochMs;
  /** Those it was looked for under, in the order of their names. */
  readonly policies: readonly PolicyRef[];
  /** The fleet that was looked at. */
  readonly fleetRevision: number;
  readonly rebalance: Rebalance;
  /** Workload ids → names, so that it can be read alone. */
  readonly workloadNames: Readonly<Record<string, string>>;
  readonly plannerVersion: string;
}

export interface RebalanceRow extends Omit<NewRebalance, 'at'> {
  readonly createdAt: EpochMs;
  /** When a look last came to the very same. */
  readonly confirmedAt: EpochMs;
  readonly state: RebalanceState;
  /** Why it is no longer proposed, in words; null while it is. */
  readonly stateReason: string | null;
}

/** `confirmed`: the very same is proposed already, and lives on. */
export type ProposalOutcome =
  | { readonly kind: 'proposed'; readonly superseded: RebalanceRow | null }
  | { readonly kind: 'confirmed'; readonly row: RebalanceRow };

/** Puts the rebalance in the place of what is proposed; one that is proposed already is only confirmed. Ask in a transaction that holds the fleet. */
export async function proposeRebalance(transaction: Handle, rebalance: NewRebalance): Promise<ProposalOutcome> {
  const hash = hashOf(rebalance);
  const open = await proposedRow(transaction);
  const { at, expiresAt } = rebalance;
  if (open !== undefined && open.content_hash === hash && epochMs(open.expires_at) > at) {
    const confirmed = await transaction
      .updateTable('rebalances')
      .set({ confirmed_at: time(at), expires_at: time(expiresAt), rebalance: json(rebalance.rebalance) })
      .where('id', '=', open.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return { kind: 'confirmed', row: rebalanceOf(confirmed) };
  }
  const superseded = await supersedeRebalance(transaction, `Rebalance ${rebalance.id} took its place`);
  await transaction
    .insertInto('rebalances')
    .values({
      ...{ id: rebalance.id, created_at: time(at), confirmed_at: time(at), expires_at: time(expiresAt) },
      ...{ state: 'proposed', state_reason: null, policies: json(rebalance.policies) },
      ...{ fleet_revision: rebalance.fleetRevision, rebalance: json(rebalance.rebalance), content_hash: hash },
      ...{ workload_names: json(rebalance.workloadNames), planner_version: rebalance.plannerVersion },
    })
    .execute();
  return { kind: 'proposed', superseded };
}

/** Nothing that it depends on has changed: what is proposed stands. */
export async function confirmRebalance(
  transaction: Handle,
  at: EpochMs,
  expiresAt: EpochMs,
): Promise<RebalanceRow | null> {
  const row = await transaction
    .updateTable('rebalances')
    .set({ confirmed_at: time(at), expires_at: time(expiresAt) })
    .where('state', '=', 'proposed')
    .where('expires_at', '>', time(at))
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : rebalanceOf(row);
}

/** Ends what is proposed: a look came to something else, or to nothing that pays. Null where nothing was. */
export async function supersedeRebalance(transaction: Handle, reason: string): Promise<RebalanceRow | null> {
  const row = await transaction
    .updateTable('rebalances')
    .set({ state: 'superseded', state_reason: reason })
    .where('state', '=', 'proposed')
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : rebalanceOf(row);
}

/** Ends the proposal whose time is over; null where there is none. */
export async function expireRebalance(transaction: Handle, at: EpochMs): Promise<RebalanceRow | null> {
  const row = await transaction
    .updateTable('rebalances')
    .set({ state: 'expired', state_reason: 'No look has confirmed it in time' })
    .where('state', '=', 'proposed')
    .where('expires_at', '<=', time(at))
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : rebalanceOf(row);
}

function proposedRow(handle: Handle): Promise<Selectable<RebalancesTable> | undefined> {
  return handle.selectFrom('rebalances').selectAll().where('state', '=', 'proposed').executeTakeFirst();
}

export async function getRebalance(handle: Handle, id: string): Promise<RebalanceRow | null> {
  const row = await handle.selectFrom('rebalances').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : rebalanceOf(row);
}

/** Newest first. */
export async function listRebalances(
  handle: Handle,
  filter: { readonly state: RebalanceState | null },
  page: PageQuery,
): Promise<Page<RebalanceRow>> {
  let query = handle
    .selectFrom('rebalances')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(page.limit + 1);
  if (page.cursor !== null) query = query.where('id', '<', page.cursor);
  if (filter.state !== null) query = query.where('state', '=', filter.state);
  return pageOf((await query.execute()).map(rebalanceOf), page.limit, ({ id }) => id);
}

/** Of what would move where and at what prices: two with the same hash are one, though chances and so effective costs drift with time. */
function hashOf({ rebalance: { moves, added, now, after }, policies }: NewRebalance): string {
  const content = {
    policies,
    moves: moves.map(({ from, to }) => ({ from, to })),
    ...{ added, costs: [now.costMicroUsdPerHour, after.costMicroUsdPerHour] },
  };
  return createHash('sha256').update(json(content)).digest('hex');
}

function rebalanceOf(row: Selectable<RebalancesTable>): RebalanceRow {
  return {
    id: row.id,
    createdAt: epochMs(row.created_at),
    confirmedAt: epochMs(row.confirmed_at),
    expiresAt: epochMs(row.expires_at),
    state: row.state,
    stateReason: row.state_reason,
    policies: row.policies,
    fleetRevision: row.fleet_revision,
    rebalance: row.rebalance,
    workloadNames: row.workload_names,
    plannerVersion: row.planner_version,
  };
}

export interface LookClaim {
  /** New for each claim. */
  readonly claim: string;
  readonly now: EpochMs;
  /** Not before so long after the last look. */
  readonly everySeconds: number;
  /** Others may look after this. */
  readonly claimSeconds: number;
}

/** What the last look depended on. */
export interface LastLook {
  readonly lookedAt: EpochMs | null;
  readonly fingerprint: string | null;
}

/** Claims the next look, so that of several processes one looks. Null = not due yet, or another process is looking. */
export async function claimLook(handle: Handle, look: LookClaim): Promise<LastLook | null> {
  const now = time(look.now);
  const row = await handle
    .updateTable('rebalance_looks')
    .set({ claim: look.claim, claimed_until: time(look.now + look.claimSeconds * 1000) })
    .where(sql<boolean>`(claimed_until is null or claimed_until <= ${now})`)
    .where(sql<boolean>`(looked_at is null or looked_at <= ${time(look.now - look.everySeconds * 1000)})`)
    .returning(['looked_at', 'fingerprint'])
    .executeTakeFirst();
  return row === undefined ? null : { lookedAt: epochMsOrNull(row.looked_at), fingerprint: row.fingerprint };
}

/** Ends the claim with what was looked at; null = looking failed, so that the next look takes nothing for known. False = the claim is somebody else's now: roll back. */
export async function endLook(
  transaction: Handle,
  look: { readonly claim: string; readonly at: EpochMs; readonly fingerprint: string | null },
): Promise<boolean> {
  const ended = await transaction
    .updateTable('rebalance_looks')
    .set({ looked_at: time(look.at), fingerprint: look.fingerprint, claim: null, claimed_until: null })
    .where('claim', '=', look.claim)
    .returning('only_row')
    .execute();
  return ended.length > 0;
}

/** Gives the claim back without a look. */
export async function dropLook(handle: Handle, claim: string): Promise<void> {
  await handle
    .updateTable('rebalance_looks')
    .set({ claim: null, claimed_until: null })
    .where('claim', '=', claim)
    .execute();
}

/** Drops whatever claim there is: for the start of a process that is known to be the only one. */
export async function clearLookClaim(handle: Handle): Promise<void> {
  await handle.updateTable('rebalance_looks').set({ claim: null, claimed_until: null }).execute();
}
