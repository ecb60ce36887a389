import { type Selectable, sql } from 'kysely';
import type { MicroUsdPerHour } from '../domain/money.ts';
import type { Availability, Offer } from '../domain/offer.ts';
import { type Market, type ProviderId, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, json, poolColumns, poolOf, textArray, time } from './columns.ts';
import type { OffersTable } from './market-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';

/** A list of offers travels as one JSON parameter: a region has hundreds, and a statement may have only 65,535 parameters. */
const COLUMN_TYPES = {
  pool_key: 'text',
  provider: 'text',
  region: 'text',
  zone: 'text',
  zone_physical_id: 'text',
  instance_type: 'text',
  market: 'text',
  reservation: 'text',
  accelerator: 'text',
  accelerator_count: 'integer',
  vcpu_count: 'double precision',
  memory_gib: 'double precision',
  architecture: 'text',
  price_micro_usd_per_hour: 'bigint',
  availability: 'text',
  available_count: 'integer',
  quota_claims: 'jsonb',
  interruptions_per_hour: 'double precision',
  observed_at: 'timestamptz',
} as const satisfies Record<keyof OffersTable, string>;
const COLUMNS = Object.keys(COLUMN_TYPES);
const OFFER_COLUMNS = sql.raw(COLUMNS.join(', '));
const OFFER_ROWS = sql.raw(
  `(${Object.entries(COLUMN_TYPES)
    .map(([column, type]) => `${column} ${type}`)
    .join(', ')})`,
);
/** All but the time of the observation. */
const CONTENT = COLUMNS.filter((column) => column !== 'observed_at');
const CONTENT_OF_OFFERS = sql.raw(CONTENT.map((column) => `offers.${column}`).join(', '));
const CONTENT_OF_READ = sql.raw(CONTENT.map((column) => `read.${column}`).join(', '));
const TAKE_NEW_VALUES = sql.raw(COLUMNS.map((column) => `${column} = excluded.${column}`).join(', '));

/**
 * Replaces all offers of a region by what was read, and appends every new or changed price to the price history. Returns whether
 * anything that a plan depends on has changed. Throws RangeError for an offer of another region, or two of one pool.
 */
export async function replaceRegionOffers(
  transaction: Handle,
  provider: ProviderId,
  region: string,
  offers: readonly Offer[],
): Promise<boolean> {
  const keys = offers.map(({ pool }) => poolKey(pool));
  const stray = offers.find(({ pool }) => pool.provider !== provider || pool.region !== region);
  if (stray !== undefined) throw new RangeError(`The offer ${poolKey(stray.pool)} is not of ${provider}:${region}`);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new RangeError(`The pool ${twice} is offered twice`);
  const gone = await transaction
    .deleteFrom('offers')
    .where('provider', '=', provider)
    .where('region', '=', region)
    .where('pool_key', '!=', sql<string>`all(${textArray(keys)})`)
    .returning('pool_key')
    .execute();
  if (offers.length === 0) return gone.length > 0;
  const rows = json(offers.map(offerColumns).toSorted((a, b) => (a.pool_key < b.pool_key ? -1 : 1)));
  const { rows: changed } = await sql`
    select read.pool_key
    from jsonb_to_recordset(${rows}::jsonb) as read ${OFFER_ROWS}
    left join offers on offers.pool_key = read.pool_key
    where (${CONTENT_OF_OFFERS}) is distinct from (${CONTENT_OF_READ})
    limit 1`.execute(transaction);
  await sql`
    insert into price_history (pool_key, observed_at, price_micro_usd_per_hour, availability)
    select read.pool_key, read.observed_at, read.price_micro_usd_per_hour, read.availability
    from jsonb_to_recordset(${rows}::jsonb) as read ${OFFER_ROWS}
    left join offers on offers.pool_key = read.pool_key
    where offers.pool_key is null
      or offers.price_micro_usd_per_hour <> read.price_micro_usd_per_hour
      or offers.availability <> read.availability
    on conflict (pool_key, observed_at) do nothing`.execute(transaction);
  await sql`
    insert into offers (${OFFER_COLUMNS})
    select ${OFFER_COLUMNS} from jsonb_to_recordset(${rows}::jsonb) as read ${OFFER_ROWS}
    on conflict (pool_key) do update set ${TAKE_NEW_VALUES}`.execute(transaction);
  return gone.length > 0 || changed.length > 0;
}

/** All offers, by pool key. */
export async function listOffers(handle: Handle): Promise<readonly Offer[]> {
  const rows = await handle.selectFrom('offers').selectAll().orderBy('pool_key').execute();
  return rows.map(offerOf);
}

/** The offers of these pools; those that are not offered (any more) are absent. By pool key. */
export async function offersOfPools(handle: Handle, poolKeys: readonly string[]): Promise<readonly Offer[]> {
  const rows = await handle
    .selectFrom('offers')
    .selectAll()
    .where('pool_key', '=', sql<string>`any(${textArray(poolKeys)})`)
    .orderBy('pool_key')
    .execute();
  return rows.map(offerOf);
}

/** Null = any. */
export interface OfferFilter {
  readonly provider: ProviderId | null;
  readonly region: string | null;
  readonly accelerator: string | null;
  readonly market: Market | null;
}

/** By pool key. */
export async function findOffers(handle: Handle, filter: OfferFilter, page: PageQuery): Promise<Page<Offer>> {
  let query = handle
    .selectFrom('offers')
    .selectAll()
    .where('pool_key', '>', page.cursor ?? '')
    .orderBy('pool_key')
    .limit(page.limit + 1);
  if (filter.provider !== null) query = query.where('provider', '=', filter.provider);
  if (filter.region !== null) query = query.where('region', '=', filter.region);
  if (filter.accelerator !== null) query = query.where('accelerator', '=', filter.accelerator);
  if (filter.market !== null) query = query.where('market', '=', filter.market);
  const rows = await query.execute();
  return pageOf(rows.map(offerOf), page.limit, ({ pool }) => poolKey(pool));
}

export interface PricePoint {
  readonly observedAt: EpochMs;
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  readonly availability: Availability;
}

/** The changes of a pool's price since then, oldest first, with the one in force then in front; each holds until the next. */
export async function priceHistory(handle: Handle, key: string, since: EpochMs): Promise<readonly PricePoint[]> {
  const inForce = handle
    .selectFrom('price_history')
    .select((column) => column.fn.max('observed_at').as('at'))
    .where('pool_key', '=', key)
    .where('observed_at', '<=', time(since));
  const rows = await handle
    .selectFrom('price_history')
    .selectAll()
    .where('pool_key', '=', key)
    .where('observed_at', '>=', sql<Date>`coalesce(${inForce}, ${time(since)}::timestamptz)`)
    .orderBy('observed_at')
    .execute();
  return rows.map((row) => ({
    observedAt: epochMs(row.observed_at),
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
    availability: row.availability,
  }));
}

function offerColumns(offer: Offer): Record<keyof OffersTable, unknown> & { readonly pool_key: string } {
  return {
    pool_key: poolKey(offer.pool),
    ...poolColumns(offer.pool),
    zone_physical_id: offer.zonePhysicalId,
    accelerator: offer.accelerator,
    accelerator_count: offer.acceleratorCount,
    vcpu_count: offer.vcpuCount,
    memory_gib: offer.memoryGiB,
    architecture: offer.architecture,
    price_micro_usd_per_hour: offer.priceMicroUsdPerHour,
    availability: offer.availability,
    available_count: offer.availableCount,
    quota_claims: offer.quotaClaims,
    interruptions_per_hour: offer.interruptionsPerHour,
    observed_at: time(offer.observedAt).toISOString(),
  };
}

function offerOf(row: Selectable<OffersTable>): Offer {
  return {
    pool: poolOf(row),
    zonePhysicalId: row.zone_physical_id,
    accelerator: row.accelerator,
    acceleratorCount: row.accelerator_count,
    vcpuCount: row.vcpu_count,
    memoryGiB: row.memory_gib,
    architecture: row.architecture,
    priceMicroUsdPerHour: row.price_micro_usd_per_hour,
    availability: row.availability,
    availableCount: row.available_count,
    quotaClaims: row.quota_claims,
    interruptionsPerHour: row.interruptions_per_hour,
    observedAt: epochMs(row.observed_at),
  };
}
