import { type Selectable, sql } from 'kysely';
import type { MicroUsdPerHour } from '../domain/money.ts';
import { type Pool, type ProviderId, poolKey } from '../domain/pool.ts';
import type { PeerPrice, PriceRecord } from '../domain/price-band.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, poolColumns, poolOf, textArray, time } from './columns.ts';
import type { QuarantinedPricesTable } from './market-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

/** Changes of a pool's price that its median is taken of. */
const CHANGES_OF_RECORD = 50;

export interface QuarantinedRow {
  readonly pool: Pool;
  /** Null where the cloud's price is no amount above zero. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour | null;
  readonly referenceMicroUsdPerHour: MicroUsdPerHour | null;
  /** In words. */
  readonly reason: string;
  readonly firstSeenAt: EpochMs;
  readonly lastSeenAt: EpochMs;
  /** Readings in a row that told the same price. */
  readonly sightings: number;
}

/**
 * What each pool has cost so far, by pool key; pools never seen are absent. Where a price was accepted, only what came after counts,
 * the accepted price itself until something has.
 */
export async function priceRecords(
  handle: Handle,
  poolKeys: readonly string[],
): Promise<ReadonlyMap<string, PriceRecord>> {
  const { rows } = await sql<{ pool_key: string; median: number; since: Date; accepted: boolean }>`
    with points as (
      select history.pool_key, history.observed_at, history.price_micro_usd_per_hour as price,
        accepted.accepted_at is not null as accepted,
        row_number() over (partition by history.pool_key order by history.observed_at desc) as age
      from price_history as history
      left join accepted_prices as accepted on accepted.pool_key = history.pool_key
      where history.pool_key = any(${textArray(poolKeys)})
        and (accepted.accepted_at is null or history.observed_at >= accepted.accepted_at)
      union all
      select pool_key, accepted_at, price_micro_usd_per_hour, true, 1
      from accepted_prices where pool_key = any(${textArray(poolKeys)})
    )
    select pool_key, percentile_disc(0.5) within group (order by price) as median, min(observed_at) as since,
      bool_or(accepted) as accepted
    from points where age <= ${sql.lit(CHANGES_OF_RECORD)} group by pool_key`.execute(handle);
  return new Map(
    rows.map((row) => [
      row.pool_key,
      { medianMicroUsdPerHour: row.median, since: epochMs(row.since), accepted: row.accepted },
    ]),
  );
}

/** Every offer with one of the accelerators, as something to compare prices with. */
export async function peerPrices(handle: Handle, accelerators: readonly string[]): Promise<readonly PeerPrice[]> {
  if (accelerators.length === 0) return [];
  const rows = await handle
    .selectFrom('offers')
    .select(['provider', 'region', 'zone', 'instance_type', 'market', 'reservation'])
    .select(['accelerator', 'accelerator_count', 'vcpu_count', 'price_micro_usd_per_hour'])
    .where('accelerator', '=', sql<string>`any(${textArray(accelerators)})`)
    .orderBy('pool_key')
    .execute();
  return rows.map((row) => ({
    pool: poolOf(row),
    accelerator: row.accelerator,
    acceleratorCount: row.accelerator_count,
    vcpuCount: row.vcpu_count,
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
  }));
}

/** Replaces what a region has in quarantine by what was just read. */
export async function replaceRegionQuarantine(
  transaction: Handle,
  provider: ProviderId,
  region: string,
  rows: readonly QuarantinedRow[],
): Promise<void> {
  await transaction
    .deleteFrom('quarantined_prices')
    .where('provider', '=', provider)
    .where('region', '=', region)
    .execute();
  if (rows.length === 0) return;
  await transaction
    .insertInto('quarantined_prices')
    .values(
      rows.map((row) => ({
        pool_key: poolKey(row.pool),
        ...poolColumns(row.pool),
        price_micro_usd_per_hour: row.priceMicroUsdPerHour,
        reference_micro_usd_per_hour: row.referenceMicroUsdPerHour,
        reason: row.reason,
        first_seen_at: time(row.firstSeenAt),
        last_seen_at: time(row.lastSeenAt),
        sightings: row.sightings,
      })),
    )
    .execute();
}

export async function regionQuarantine(
  handle: Handle,
  provider: ProviderId,
  region: string,
): Promise<readonly QuarantinedRow[]> {
  const rows = await handle
    .selectFrom('quarantined_prices')
    .selectAll()
    .where('provider', '=', provider)
    .where('region', '=', region)
    .orderBy('pool_key')
    .execute();
  return rows.map(rowOf);
}

/** By pool key; null = of every provider. */
export async function listQuarantined(
  handle: Handle,
  filter: { readonly provider: ProviderId | null },
  page: PageQuery,
): Promise<Page<QuarantinedRow>> {
  let query = handle
    .selectFrom('quarantined_prices')
    .selectAll()
    .where('pool_key', '>', page.cursor ?? '')
    .orderBy('pool_key')
    .limit(page.limit + 1);
  if (filter.provider !== null) query = query.where('provider', '=', filter.provider);
  const rows = await query.execute();
  return pageOf(rows.map(rowOf), page.limit, ({ pool }) => poolKey(pool));
}

/** Locks it, so that it is accepted once; null = not in quarantine (any more). */
export async function quarantinedPrice(transaction: Handle, key: string): Promise<QuarantinedRow | null> {
  const row = await transaction
    .selectFrom('quarantined_prices')
    .selectAll()
    .where('pool_key', '=', key)
    .forUpdate()
    .executeTakeFirst();
  return row === undefined ? null : rowOf(row);
}

/** From now on the pool is compared with this price, and what comes after it. */
export async function acceptPrice(
  transaction: Handle,
  key: string,
  price: MicroUsdPerHour,
  at: EpochMs,
): Promise<void> {
  const columns = { price_micro_usd_per_hour: price, accepted_at: time(at) };
  await transaction
    .insertInto('accepted_prices')
    .values({ pool_key: key, ...columns })
    .onConflict((conflict) => conflict.column('pool_key').doUpdateSet(columns))
    .execute();
}

function rowOf(row: Selectable<QuarantinedPricesTable>): QuarantinedRow {
  return {
    pool: poolOf(row),
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
    referenceMicroUsdPerHour: row.reference_micro_usd_per_hour,
    reason: row.reason,
    firstSeenAt: epochMs(row.first_seen_at),
    lastSeenAt: epochMs(row.last_seen_at),
    sightings: row.sightings,
  };
}
