import type { Call } from '../provider.ts';
import type { Clients } from './clients.ts';
import { instancePages, poolOf } from './instances.ts';
import { quotaOf } from './machine-types.ts';
import { lastSegment, silentIn, unreachableScopes } from './scopes.ts';

/** GPUs of the account's machines, for families whose usage no API tells; null where a zone of the region did not answer. */
export type FamilyUsage = (quota: string, region: string) => number | null;

/** Stopped machines hold no GPU. */
const STOPPED: ReadonlySet<string> = new Set(['TERMINATED', 'STOPPED', 'SUSPENDED']);

/**
 * Counts every machine of the project, whoever started it. What only holds quota without a machine (a reservation that is not full) is
 * not seen, so the headroom can be less than limit − usage.
 */
export async function countFamilyUsage(clients: Clients, project: string, call: Call): Promise<FamilyUsage> {
  const pages = await instancePages(clients, project, null, call);
  const counts = new Map<string, number>();
  for (const resource of pages.flatMap(({ items }) => Object.values(items).flatMap(({ instances }) => instances))) {
    if (STOPPED.has(resource.status)) continue;
    const { region, market } = poolOf(resource);
    for (const { acceleratorType, acceleratorCount } of resource.guestAccelerators) {
      const quota = quotaOf(lastSegment(acceleratorType), market === 'spot' ? 'spot' : 'on-demand');
      const key = `${region}/${quota}`;
      counts.set(key, (counts.get(key) ?? 0) + acceleratorCount);
    }
  }
  const silent = pages.flatMap(unreachableScopes);
  return (quota, region) => (silentIn(region, silent).length > 0 ? null : (counts.get(`${region}/${quota}`) ?? 0));
}
