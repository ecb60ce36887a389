import { sql } from 'kysely';
import { adviceWeight, type CapacityWord } from '../domain/capacity-word.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, textArray, time } from './columns.ts';
import type { Handle } from './schema.ts';

/** Old outcomes say little about a pool: after this they count half. */
export const HALF_LIFE_MS = 24 * 3_600_000;
/** Beta(9, 1): a pool of which nothing is known is thought to be there nine times in ten. */
const PRIOR_SUCCESSES = 9;
const PRIOR_REFUSALS = 1;

/** A machine came up in the pool. */
export function recordSuccess(transaction: Handle, pool: Pool, at: EpochMs): Promise<void> {
  return record(transaction, pool, 1, 0, at);
}

/** The pool had no capacity. */
export function recordRefusal(transaction: Handle, pool: Pool, at: EpochMs): Promise<void> {
  return record(transaction, pool, 0, 1, at);
}

async function record(
  transaction: Handle,
  pool: Pool,
  successes: number,
  refusals: number,
  at: EpochMs,
): Promise<void> {
  const aged = sql`power(0.5, greatest(0, extract(epoch from excluded.updated_at - pool_outcomes.updated_at)) * 1000 / ${sql.lit(HALF_LIFE_MS)})`;
  await transaction
    .insertInto('pool_outcomes')
    .values({ pool_key: poolKey(pool), successes, refusals, updated_at: time(at) })
    .onConflict((conflict) =>
      conflict.column('pool_key').doUpdateSet({
        successes: sql`pool_outcomes.successes * ${aged} + excluded.successes`,
        refusals: sql`pool_outcomes.refusals * ${aged} + excluded.refusals`,
        updated_at: sql`greatest(pool_outcomes.updated_at, excluded.updated_at)`,
      }),
    )
    .execute();
}

/**
 * The estimated chance (0..1) that a launch succeeds, for each pool key asked: the mean of the Beta posterior. With `at`, outcomes
 * count as old as they are then; without, as old as at the pool's last outcome. What the cloud says of a pool (`words`, by pool key)
 * counts as so many launches more, fewer as it ages.
 */
export async function successProbabilities(
  handle: Handle,
  poolKeys: readonly string[],
  at: EpochMs | null = null,
  words: ReadonlyMap<string, CapacityWord> = new Map(),
): Promise<ReadonlyMap<string, number>> {
  const rows = await handle
    .selectFrom('pool_outcomes')
    .selectAll()
    .where('pool_key', '=', sql<string>`any(${textArray(poolKeys)})`)
    .execute();
  const known = new Map(
    rows.map((row) => {
      const ageMs = at === null ? 0 : Math.max(0, at - epochMs(row.updated_at));
      const weight = 0.5 ** (ageMs / HALF_LIFE_MS);
      return [row.pool_key, { successes: row.successes * weight, refusals: row.refusals * weight }];
    }),
  );
  return new Map(
    poolKeys.map((key) => {
      const { successes, refusals } = known.get(key) ?? { successes: 0, refusals: 0 };
      const word = words.get(key);
      if (at === null || word?.obtainability == null) return [key, successProbability(successes, refusals)];
      const weight = adviceWeight(at - word.observedAt);
      const { obtainability } = word;
      return [key, successProbability(successes + weight * obtainability, refusals + weight * (1 - obtainability))];
    }),
  );
}

export function successProbability(successes: number, refusals: number): number {
  return (PRIOR_SUCCESSES + successes) / (PRIOR_SUCCESSES + PRIOR_REFUSALS + successes + refusals);
}
