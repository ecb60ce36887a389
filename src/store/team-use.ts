import { sql } from 'kysely';
import type { MicroUsdPerHour } from '../domain/money.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMsOrNull, textArray, time } from './columns.ts';
import type { Handle } from './schema.ts';

/** What one lease of a team costs, and while when. */
export interface TeamUse {
  readonly team: string;
  readonly adjustedPriceMicroUsdPerHour: MicroUsdPerHour;
  /** When the launch that made its machine, or may have made it, was sent; null = none was yet. */
  readonly launchedAt: EpochMs | null;
  /** Null = its machine is not proved gone. */
  readonly goneAt: EpochMs | null;
  /** Whether it is to go on. */
  readonly wanted: boolean;
}

/** The leases of these teams whose machines were not proved gone before `since`. Launches that the cloud refused made no machine. */
export async function listTeamUse(
  handle: Handle,
  teams: readonly string[],
  since: EpochMs,
): Promise<readonly TeamUse[]> {
  if (teams.length === 0) return [];
  const rows = await handle
    .selectFrom('leases')
    .innerJoin('workloads', 'workloads.id', 'leases.workload_id')
    .select([
      'workloads.team',
      'leases.adjusted_price_micro_usd_per_hour as price',
      'leases.gone_at',
      'leases.wanted',
      (column) =>
        column
          .selectFrom('attempts')
          .select((attempt) => attempt.fn.min('attempts.sent_at').as('launched_at'))
          .whereRef('attempts.lease_id', '=', 'leases.id')
          // A lease that ends `failed` is one of which the cloud has said that there is no machine.
          .where(
            sql<boolean>`(attempts.state in ('sent', 'accepted') or (attempts.state = 'failed' and leases.state <> 'failed'))`,
          )
          .as('launched_at'),
    ])
    .where('workloads.team', '=', sql<string>`any(${textArray(teams)})`)
    .where((column) => column.or([column('leases.gone_at', 'is', null), column('leases.gone_at', '>', time(since))]))
    .orderBy('leases.id')
    .execute();
  return rows.map((row) => ({
    team: row.team,
    adjustedPriceMicroUsdPerHour: row.price,
    launchedAt: epochMsOrNull(row.launched_at),
    goneAt: epochMsOrNull(row.gone_at),
    wanted: row.wanted,
  }));
}

/** Returns false where the team has been told of in this month before. `month`: its first instant. */
export async function markBudgetAlert(
  transaction: Handle,
  team: string,
  month: EpochMs,
  at: EpochMs,
): Promise<boolean> {
  const marked = await transaction
    .insertInto('budget_alerts')
    .values({ team, month: time(month), alerted_at: time(at) })
    .onConflict((conflict) => conflict.columns(['team', 'month']).doNothing())
    .returning('team')
    .execute();
  return marked.length > 0;
}
