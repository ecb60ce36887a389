import type { Clock, EpochMs } from '../../domain/time.ts';
import {
  type Call,
  type Instance,
  type InstanceRef,
  type OwnedQuery,
  type OwnedSnapshot,
  ProviderError,
} from '../provider.ts';
import type { Api } from './api.ts';
import { findMachines, isUnknownInstance, listMachines } from './machines.ts';
import { PROVIDER_ID } from './names.ts';
import { ofEachRegion } from './regions.ts';
import * as wire from './wire.ts';

export async function getInstance(api: Api, ref: InstanceRef, call: Call): Promise<Instance | null> {
  const [machine] = await findMachines(api, ref, call);
  return machine?.instance ?? null;
}

/** The account's own records hold the machines of every region, so one answer is complete for all of them. */
export function listOwned(api: Api, { owner, regions }: OwnedQuery, call: Call): Promise<OwnedSnapshot> {
  return ofEachRegion(
    regions,
    call,
    async () => {
      const machines = await listMachines(api, call);
      const owned = machines.filter(
        ({ identity, instance }) =>
          identity.owner === owner && instance.state !== 'gone' && regions.includes(instance.pool.region),
      );
      return { instances: owned.map(({ instance }) => instance) };
    },
    { instances: [] },
  );
}

/** How long a look is good for, when the end that it was for has been throttled. */
const LOOK_IS_GOOD_MS = 60_000;

export type Terminate = (ref: InstanceRef, call: Call) => Promise<'terminating' | 'gone'>;

/**
 * Asks first: what has ended, or ends, is not ended again. By key it ends every machine of that key and index, should a launch that
 * Lambda did not show in time have started two. Lambda allows one request a second: where the look used it up, the next call sends
 * without another look, or it would never come to that.
 */
export function createTerminate(api: Api, clock: Clock): Terminate {
  const throttled = new Map<string, { readonly ids: readonly string[]; readonly until: EpochMs }>();

  function forgetStale(): void {
    for (const [key, { until }] of throttled) if (until <= clock.now()) throttled.delete(key);
  }

  return async (ref, call) => {
    forgetStale();
    const key = `${ref.instanceId ?? ''}/${ref.idempotencyKey}/${ref.index}`;
    const seen = throttled.get(key);
    throttled.delete(key);
    const ids = seen?.ids ?? (await idsToEnd(api, ref, call));
    if (typeof ids === 'string') return ids;
    try {
      return await sendTerminate(api, ids, call);
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'rate-limited')
        throttled.set(key, { ids, until: clock.now() + LOOK_IS_GOOD_MS });
      throw error;
    }
  };
}

/** What is to be ended, or that nothing is left to do. */
async function idsToEnd(api: Api, ref: InstanceRef, call: Call): Promise<readonly string[] | 'terminating' | 'gone'> {
  const machines = await findMachines(api, ref, call);
  const left = machines.filter(({ instance }) => instance.state !== 'gone');
  if (left.length === 0) return 'gone';
  const ids = left.filter(({ instance }) => instance.state !== 'stopping').map(({ id }) => id);
  return ids.length === 0 ? 'terminating' : ids;
}

async function sendTerminate(api: Api, ids: readonly string[], call: Call): Promise<'terminating' | 'gone'> {
  const operation = 'terminateInstance';
  const path = '/api/v1/instance-operations/terminate';
  try {
    const request = { method: 'POST', path, operation, body: { instance_ids: ids }, data: wire.terminated } as const;
    const { terminated_instances: ended } = await api.send(request, call);
    // "The list of instances that were successfully terminated": another one was not.
    const missing = ids.find((id) => !ended.some((instance) => instance.id === id));
    if (missing === undefined) return ended.every(({ status }) => status === 'terminated') ? 'gone' : 'terminating';
    const message = `Lambda did not terminate ${missing} and gave no reason`;
    throw new ProviderError({ kind: 'unavailable', provider: PROVIDER_ID, operation, code: '', message });
  } catch (error) {
    // Ended since it was asked for; with several, ask again which are left.
    if (isUnknownInstance(error)) return ids.length === 1 ? 'gone' : 'terminating';
    throw error;
  }
}
