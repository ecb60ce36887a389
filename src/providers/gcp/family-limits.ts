import type { Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import { gpuFamilyOf } from './machine-types.ts';
import type { QuotaInfo } from './responses.ts';
import { quotaInfosPage } from './responses.ts';

/** Limits by region of the families that `regions.get` does not tell; null = the cloud does not say. */
export type FamilyLimits = (quota: string, region: string) => number | null;

export const NO_FAMILY_LIMITS: FamilyLimits = () => null;

/** On demand, newer families share this quota; they differ in the dimension `gpu_family`. */
const SHARED_QUOTA = 'GPUS-PER-GPU-FAMILY-per-project-region';

/** `PREEMPTIBLE_NVIDIA_H100_GPUS` → `PREEMPTIBLE-NVIDIA-H100-GPUS-per-project-region` */
function quotaIdOf(quota: string): string {
  return `${quota.replaceAll('_', '-')}-per-project-region`;
}

/**
 * The value in force: entries name some dimensions or none, and of those that fit the most exact counts (family and region, then
 * family, then region, then neither: Cloud Quotas' "dimension precedence"). A negative value is no limit at all, and none that could
 * be told as a number; a missing one says nothing, which is not zero.
 */
function valueIn(info: QuotaInfo | undefined, wanted: Readonly<Record<string, string>>): number | null {
  const weights: Readonly<Record<string, number>> = { gpu_family: 2, region: 1 };
  const fitting = (info?.dimensionsInfos ?? [])
    .filter(({ dimensions }) => Object.entries(dimensions).every(([name, value]) => wanted[name] === value))
    .map(({ dimensions, details }) => ({
      weight: Object.keys(dimensions).reduce((sum, name) => sum + (weights[name] ?? 0), 0),
      value: details?.value ?? null,
    }))
    .toSorted((a, b) => b.weight - a.weight);
  const value = fitting[0]?.value ?? null;
  return value === null || value < 0 ? null : value;
}

export function familyLimitsOf(infos: Iterable<QuotaInfo>): FamilyLimits {
  const byId = new Map([...infos].map((info) => [info.quotaId, info]));
  return (quota, region) => {
    const own = byId.get(quotaIdOf(quota));
    if (own !== undefined) return valueIn(own, { region });
    if (quota.startsWith('PREEMPTIBLE_')) return null;
    return valueIn(byId.get(SHARED_QUOTA), { region, gpu_family: gpuFamilyOf(quota) });
  };
}

/** One list for all families and regions. Without permission for it (or with the API switched off) these limits are unknown, no more. */
export async function readFamilyLimits(clients: Clients, project: string, call: Call): Promise<FamilyLimits> {
  try {
    const pages = await allPages(
      {
        ...{ client: clients.quotas, method: 'listQuotaInfos', operation: 'cloudQuotas.listQuotaInfos' },
        request: { parent: `projects/${project}/locations/global/services/compute.googleapis.com`, pageSize: 1000 },
        ...{ response: quotaInfosPage, mutating: false },
      },
      call,
    );
    return familyLimitsOf(pages.flatMap(({ quotaInfos }) => quotaInfos));
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'unauthorized') return NO_FAMILY_LIMITS;
    throw error;
  }
}
