import { type Selectable, sql } from 'kysely';
import { type Pool, poolKey } from '../domain/pool.ts';
import { type RefusalScope, type SoldOut, scopeKey } from '../domain/sold-out.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, time } from './columns.ts';
import type { SoldOutsTable } from './market-tables.ts';
import type { Handle } from './schema.ts';

const SHORTEST_SECONDS = 180;
const LONGEST_SECONDS = 86_400;
/** The first wait may grow this many times: from 3 minutes to an hour. */
const MOST_GROWTH = 20;
/** Strikes this long after the last block ended belong to another time. */
const FORGET_AFTER_MS = 86_400_000;

/**
 * How long a scope is left alone at its nth refusal in a row: the first wait is what the refusal suggests (3 minutes where it
 * suggests nothing), each further one is twice as long, up to twenty times the first and never over a day.
 */
export function blockSeconds(strikes: number, retryAfterSeconds: number): number {
  const first = retryAfterSeconds > 0 ? retryAfterSeconds : SHORTEST_SECONDS;
  const growth = Math.min(2 ** (Math.max(1, strikes) - 1), MOST_GROWTH);
  return Math.min(first * growth, Math.max(LONGEST_SECONDS, first));
}

export interface NewRefusal {
  readonly scope: RefusalScope;
  /** In words. */
  readonly reason: string;
  /** The vendor's code, verbatim; empty where there was none. */
  readonly code: string;
  /** The adapter's suggestion for a first refusal. */
  readonly retryAfterSeconds: number;
  readonly at: EpochMs;
}

/**
 * Remembers a refusal. While the scope is blocked already, more refusals are the same one told by several launches: they add no
 * strike, or ten launches refused together would block a pool for an hour.
 */
export async function rememberRefusal(transaction: Handle, refusal: NewRefusal): Promise<SoldOut> {
  const { scope, reason, code, retryAfterSeconds, at } = refusal;
  const key = scopeKey(scope);
  const before = await transaction
    .selectFrom('sold_outs')
    .selectAll()
    .where('scope_key', '=', key)
    .forUpdate()
    .executeTakeFirst();
  const strikes = nextStrikes(
    before === undefined ? null : { until: epochMs(before.until), strikes: before.strikes },
    at,
  );
  const until = Math.max(
    at + blockSeconds(strikes, retryAfterSeconds) * 1000,
    before === undefined ? 0 : epochMs(before.until),
  );
  const columns = { refused_at: time(at), until: time(until), strikes, reason, code };
  await transaction
    .insertInto('sold_outs')
    .values({
      scope_key: key,
      provider: scope.provider,
      region: scope.region,
      zone: scope.zone,
      instance_type: scope.instanceType,
      market: scope.market,
      quota: scope.quota,
      reservation: scope.reservation ?? null,
      ...columns,
    })
    .onConflict((conflict) => conflict.column('scope_key').doUpdateSet(columns))
    .execute();
  return { scope, until, reason, strikes };
}

/** The count after one more refusal. */
export function nextStrikes(before: { readonly until: EpochMs; readonly strikes: number } | null, at: EpochMs): number {
  if (before === null || at - before.until > FORGET_AFTER_MS) return 1;
  return at < before.until ? before.strikes : before.strikes + 1;
}

/**
 * A launch in the pool succeeded: forgets every scope that covers it, quotas that its offer claims included. With `sentAt` (when the
 * launch was sent) only refusals from before it are forgotten: later ones know better.
 */
export async function clearSoldOut(transaction: Handle, pool: Pool, sentAt: EpochMs | null = null): Promise<void> {
  let query = transaction
    .deleteFrom('sold_outs')
    .where('provider', '=', pool.provider)
    .where((column) => column.or([column('region', 'is', null), column('region', '=', pool.region)]))
    .where((column) => column.or([column('zone', 'is', null), column('zone', '=', pool.zone)]))
    .where((column) =>
      column.or([column('instance_type', 'is', null), column('instance_type', '=', pool.instanceType)]),
    )
    .where((column) => column.or([column('market', 'is', null), column('market', '=', pool.market)]))
    .where((column) =>
      column.or([column('reservation', 'is', null), column('reservation', '=', pool.reservation ?? '')]),
    )
    .where(
      sql<boolean>`(quota is null or quota in (
        select claim ->> 'quota' from offers, jsonb_array_elements(offers.quota_claims) as claim
        where offers.pool_key = ${poolKey(pool)}
      ))`,
    );
  if (sentAt !== null) query = query.where('refused_at', '<=', time(sentAt));
  await query.execute();
}

/** Scopes that are left alone at `at`, by scope. */
export async function listActiveSoldOuts(handle: Handle, at: EpochMs): Promise<readonly SoldOut[]> {
  const rows = await handle
    .selectFrom('sold_outs')
    .selectAll()
    .where('until', '>', time(at))
    .orderBy('scope_key')
    .execute();
  return rows.map(soldOutOf);
}

function soldOutOf(row: Selectable<SoldOutsTable>): SoldOut {
  const { provider, region, zone, market, quota, reservation, reason, strikes } = row;
  return {
    scope: {
      ...{ provider, region, zone, instanceType: row.instance_type, market, quota },
      ...(reservation === null ? {} : { reservation }),
    },
    until: epochMs(row.until),
    reason,
    strikes,
  };
}
