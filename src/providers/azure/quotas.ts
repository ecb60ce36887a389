import type { Quota } from '../../domain/offer.ts';
import type { Call, QuotaQuery, QuotaSnapshot } from '../provider.ts';
import { allPages, callAzure } from './calls.ts';
import type { AdapterContext } from './context.ts';
import { outcomeOf } from './region-outcomes.ts';
import { canonicalQuotaName, isGpuQuota } from './sizes.ts';

/** Limits and usage of the quotas that GPU machines count against: families, regional vCPUs, regional spot vCPUs. */
export async function listQuotas(context: AdapterContext, query: QuotaQuery, call: Call): Promise<QuotaSnapshot> {
  const quotas: Quota[] = [];
  const regions = await Promise.all(
    query.regions.map((region) =>
      outcomeOf(region, call, async () => {
        const usages = await callAzure('usage.list', 'read', call, () =>
          allPages(context.clients.compute.usage.list(region, { abortSignal: call.signal }).byPage(), call),
        );
        for (const { name, limit, currentValue } of usages) {
          if (name.value === undefined || !isGpuQuota(name.value)) continue;
          const quota = canonicalQuotaName(name.value);
          quotas.push({ provider: 'azure', region, name: quota, unit: 'vcpus', limit, usage: currentValue });
        }
      }),
    ),
  );
  return { quotas, regions };
}
