import type { CapacityWord } from '../domain/capacity-word.ts';
import { type Pool, type ProviderId, poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, epochMsOrNull, time } from './columns.ts';
import type { Handle } from './schema.ts';

/** What the clouds said since then, by pool key. */
export async function capacityWords(handle: Handle, since: EpochMs): Promise<ReadonlyMap<string, CapacityWord>> {
  const rows = await handle
    .selectFrom('capacity_advice')
    .selectAll()
    .where('observed_at', '>', time(since))
    .orderBy('pool_key')
    .execute();
  return new Map(
    rows.map((row) => [
      row.pool_key,
      {
        obtainability: row.obtainability,
        interruptionsPerHour: row.interruptions_per_hour,
        words: row.words,
        observedAt: epochMsOrNull(row.observed_at) ?? since,
      },
    ]),
  );
}

/** When the cloud was asked about each pool last, by pool key; pools never asked about are absent. */
export async function adviceAskedAt(handle: Handle, provider: ProviderId): Promise<ReadonlyMap<string, EpochMs>> {
  const rows = await handle
    .selectFrom('capacity_advice')
    .select(['pool_key', 'asked_at'])
    .where('provider', '=', provider)
    .execute();
  return new Map(rows.map((row) => [row.pool_key, epochMs(row.asked_at)]));
}

/** Written before the cloud is asked, so that a call that fails counts against the ration too. */
export async function recordAsked(handle: Handle, pools: readonly Pool[], at: EpochMs): Promise<void> {
  if (pools.length === 0) return;
  await handle
    .insertInto('capacity_advice')
    .values(
      pools.map((pool) => ({
        pool_key: poolKey(pool),
        provider: pool.provider,
        region: pool.region,
        obtainability: null,
        interruptions_per_hour: null,
        words: '',
        observed_at: null,
        asked_at: time(at),
      })),
    )
    .onConflict((conflict) =>
      conflict.column('pool_key').doUpdateSet({ asked_at: (excluded) => excluded.ref('excluded.asked_at') }),
    )
    .execute();
}

/** Only pools that were asked about are written; others are passed over. */
export async function recordWord(handle: Handle, pool: Pool, word: CapacityWord): Promise<void> {
  await handle
    .updateTable('capacity_advice')
    .set({
      obtainability: word.obtainability,
      interruptions_per_hour: word.interruptionsPerHour,
      words: word.words,
      observed_at: time(word.observedAt),
    })
    .where('pool_key', '=', poolKey(pool))
    .execute();
}

/** Forgets pools that nobody has asked about since then. */
export async function pruneWords(handle: Handle, before: EpochMs): Promise<void> {
  await handle.deleteFrom('capacity_advice').where('asked_at', '<', time(before)).execute();
}
