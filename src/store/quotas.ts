import { sql } from 'kysely';
import { type Quota, quotaKey } from '../domain/offer.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, textArray, time } from './columns.ts';
import type { Handle } from './schema.ts';

export interface QuotaRow extends Quota {
  readonly observedAt: EpochMs;
}

/** Replaces all quotas of a region (null: the account-wide ones) by what was read. Throws RangeError for a quota of another place. */
export async function replaceRegionQuotas(
  transaction: Handle,
  provider: ProviderId,
  region: string | null,
  quotas: readonly Quota[],
  at: EpochMs,
): Promise<void> {
  const stray = quotas.find((quota) => quota.provider !== provider || quota.region !== region);
  if (stray !== undefined) throw new RangeError(`The quota ${stray.name} is not of ${provider}:${region ?? '*'}`);
  const rows = new Map(quotas.map((quota) => [quotaKey(provider, region, quota.name), quota]));
  await transaction
    .deleteFrom('quotas')
    .where('provider', '=', provider)
    .where('region', 'is not distinct from', region)
    .where('quota_key', '!=', sql<string>`all(${textArray([...rows.keys()])})`)
    .execute();
  if (rows.size === 0) return;
  await transaction
    .insertInto('quotas')
    .values(
      [...rows].map(([key, quota]) => ({
        quota_key: key,
        provider,
        region,
        name: quota.name,
        unit: quota.unit,
        quota_limit: quota.limit,
        quota_usage: quota.usage,
        observed_at: time(at),
      })),
    )
    .onConflict((conflict) =>
      conflict.column('quota_key').doUpdateSet({
        unit: (excluded) => excluded.ref('excluded.unit'),
        quota_limit: (excluded) => excluded.ref('excluded.quota_limit'),
        quota_usage: (excluded) => excluded.ref('excluded.quota_usage'),
        observed_at: (excluded) => excluded.ref('excluded.observed_at'),
      }),
    )
    .execute();
}

/** All quotas, by key. */
export async function listQuotas(handle: Handle): Promise<readonly QuotaRow[]> {
  const rows = await handle.selectFrom('quotas').selectAll().orderBy('quota_key').execute();
  return rows.map((row) => ({
    provider: row.provider,
    region: row.region,
    name: row.name,
    unit: row.unit,
    limit: row.quota_limit,
    usage: row.quota_usage,
    observedAt: epochMs(row.observed_at),
  }));
}
