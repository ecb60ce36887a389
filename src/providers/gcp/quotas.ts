import type { Quota } from '../../domain/offer.ts';
import type { Call, QuotaQuery, QuotaSnapshot, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { callApi } from './clients.ts';
import { asProviderError } from './errors.ts';
import type { FamilyLimits } from './family-limits.ts';
import { NO_FAMILY_LIMITS } from './family-limits.ts';
import type { FamilyUsage } from './family-usage.ts';
import { GLOBAL_GPU_QUOTA, GPU_QUOTAS } from './machine-types.ts';
import { projectResource, regionResource } from './responses.ts';
import type { Observed } from './shared-read.ts';

/** A region as the API tells it: its zones, and the quotas that it tells. */
export interface RegionState {
  readonly zones: readonly string[];
  readonly limits: ReadonlyMap<string, { readonly limit: number | null; readonly usage: number | null }>;
}

function limitsOf(quotas: (typeof projectResource)['_output']['quotas']): RegionState['limits'] {
  return new Map(quotas.map(({ metric, limit, usage }) => [metric, { limit: limit ?? null, usage: usage ?? null }]));
}

export async function readRegion(clients: Clients, project: string, region: string, call: Call): Promise<RegionState> {
  const { zones, quotas } = await callApi(
    {
      ...{ client: clients.regions, method: 'get', operation: 'regions.get', mutating: false },
      ...{ request: { project, region }, response: regionResource },
    },
    call,
  );
  return { zones: zones.map((url) => url.split('/').at(-1) ?? url), limits: limitsOf(quotas) };
}

export async function readProjectLimits(clients: Clients, project: string, call: Call): Promise<RegionState['limits']> {
  const { quotas } = await callApi(
    {
      ...{ client: clients.projects, method: 'get', operation: 'projects.get', mutating: false },
      ...{ request: { project }, response: projectResource },
    },
    call,
  );
  return limitsOf(quotas);
}

export interface QuotaSources {
  readonly clients: Clients;
  readonly project: string;
  readonly familyLimits: (call: Call) => Promise<Observed<FamilyLimits>>;
  readonly projectLimits: (call: Call) => Promise<Observed<RegionState['limits']>>;
  readonly familyUsage: (call: Call) => Promise<Observed<FamilyUsage>>;
}

/**
 * Limits and usage of the GPU quotas. Of families that a region does not tell of (H100 and newer) the Cloud Quotas API has the limit, and
 * the usage is counted from the account's machines; what cannot be told is null, unknown. A region of which some part is missing is
 * incomplete, and so are all without the project's own limit, since every offer claims it.
 */
export async function listQuotas(sources: QuotaSources, query: QuotaQuery, call: Call): Promise<QuotaSnapshot> {
  const { clients, project } = sources;
  const [global, limits, usage, ...regions] = await Promise.all([
    sources.projectLimits(call).catch(asProviderError),
    sources.familyLimits(call).catch(asProviderError),
    sources.familyUsage(call).catch(asProviderError),
    ...query.regions.map(async (region) => {
      const state = await readRegion(clients, project, region, call).catch(asProviderError);
      return { region, state };
    }),
  ]);
  const families: FamilyState = {
    limitOf: limits instanceof ProviderError ? NO_FAMILY_LIMITS : limits.value,
    usageOf: usage instanceof ProviderError ? () => null : usage.value,
  };
  const quotas = regions.flatMap(({ region, state }) =>
    state instanceof ProviderError ? [] : GPU_QUOTAS.map((name) => regionalQuota(region, name, state.limits, families)),
  );
  const shared = [global, limits, usage].find((part) => part instanceof ProviderError) ?? null;
  const outcomes = regions.map(({ region, state }): RegionOutcome => {
    const error = state instanceof ProviderError ? state : shared;
    return { region, complete: error === null, error };
  });
  return {
    quotas: global instanceof ProviderError ? quotas : [quota(null, GLOBAL_GPU_QUOTA, global.value), ...quotas],
    regions: outcomes,
  };
}

interface FamilyState {
  readonly limitOf: FamilyLimits;
  readonly usageOf: FamilyUsage;
}

/** As the region tells it; as Cloud Quotas and a count tell it where the region is silent. */
function regionalQuota(region: string, name: string, limits: RegionState['limits'], families: FamilyState): Quota {
  const told = quota(region, name, limits);
  if (limits.has(name)) return told;
  return { ...told, limit: families.limitOf(name, region), usage: families.usageOf(name, region) };
}

function quota(region: string | null, name: string, limits: RegionState['limits']): Quota {
  const told = limits.get(name);
  return {
    provider: 'gcp',
    region,
    name,
    unit: 'accelerators',
    limit: told?.limit ?? null,
    usage: told?.usage ?? null,
  };
}
