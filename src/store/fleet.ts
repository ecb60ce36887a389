import { notify } from './notifications.ts';
import type { Handle } from './schema.ts';

/**
 * The fleet's revision: raised by everything that changes what is to be placed, in the same transaction as the change. A plan is
 * committed only if the revision it was read at still holds.
 */
export async function fleetRevision(handle: Handle): Promise<number> {
  const { revision } = await handle.selectFrom('fleet').select('revision').executeTakeFirstOrThrow();
  return revision;
}

/** Makes plans under way invalid, and wakes whoever places. */
export async function raiseFleetRevision(handle: Handle): Promise<void> {
  await handle
    .updateTable('fleet')
    .set((column) => ({ revision: column('revision', '+', 1) }))
    .execute();
  await notify(handle, 'fleet');
}

/** Raises the revision only if it is still `revision`; false = the fleet changed meanwhile. Wakes nobody: it is the placer's own. */
export async function raiseFleetRevisionFrom(handle: Handle, revision: number): Promise<boolean> {
  const raised = await handle
    .updateTable('fleet')
    .set({ revision: revision + 1 })
    .where('revision', '=', revision)
    .returning('revision')
    .execute();
  return raised.length > 0;
}

/** Whether the revision is still `revision`; it cannot change then before the transaction ends. Changes nothing and makes no plan invalid. */
export async function holdFleetRevision(transaction: Handle, revision: number): Promise<boolean> {
  const present = await transaction.selectFrom('fleet').select('revision').forUpdate().executeTakeFirstOrThrow();
  return present.revision === revision;
}
