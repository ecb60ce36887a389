import type { EpochMs } from '../domain/time.ts';
import { time } from './columns.ts';
import { isNotFinal } from './lease-row.ts';
import type { Handle } from './schema.ts';

/**
 * Deletes history from before `before`: events, price changes, expired refusals, rebalances that are no longer proposed, and notices and
 * plans that no live lease has. Keeps the newest plan and the newest price of every pool. One statement each, so it may run outside a transaction.
 */
export async function pruneHistory(handle: Handle, before: EpochMs): Promise<void> {
  const then = time(before);
  await handle.deleteFrom('events').where('at', '<', then).where('sequence', 'is not', null).execute();
  await handle
    .deleteFrom('price_history')
    .where('observed_at', '<', then)
    .where((column) =>
      column(
        'observed_at',
        '<',
        column
          .selectFrom('price_history as newer')
          .select((newer) => newer.fn.max('newer.observed_at').as('newest'))
          .whereRef('newer.pool_key', '=', 'price_history.pool_key'),
      ),
    )
    .execute();
  await handle.deleteFrom('sold_outs').where('until', '<', then).execute();
  await handle.deleteFrom('rebalances').where('created_at', '<', then).where('state', '!=', 'proposed').execute();
  // While a lease lives its notices tell whether another one is new.
  await handle
    .deleteFrom('interruption_notices')
    .where('received_at', '<', then)
    .where('lease_id', 'not in', (query) => query.selectFrom('leases').select('id').where(isNotFinal))
    .execute();
  await handle
    .deleteFrom('plans')
    .where('created_at', '<', then)
    .where('id', 'not in', (query) => query.selectFrom('leases').select('plan_id').where(isNotFinal))
    .where('id', '<', (query) =>
      query.selectFrom('plans as newer').select((newer) => newer.fn.max('newer.id').as('newest')),
    )
    .execute();
}
