import type { Quota } from '../../domain/offer.ts';
import type { Call, QuotaQuery, QuotaSnapshot, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { callApi } from './clients.ts';
import { asProviderError } from './errors.ts';
import { GLOBAL_GPU_QUOTA, GPU_QUOTAS } from './machine-types.ts';
import { projectResource, regionResource } from './responses.ts';

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

/**
 * Limits and usage of the GPU quotas. Families that the region does not tell of (H100 and newer: only the Cloud Quotas API does) have
 * neither limit nor usage: unknown. Without the project's own limit no region is complete, since every offer claims it.
 */
export async function listQuotas(
  clients: Clients,
  project: string,
  query: QuotaQuery,
  call: Call,
): Promise<QuotaSnapshot> {
  const global = await readProjectLimits(clients, project, call).catch(asProviderError);
  const regions = await Promise.all(
    query.regions.map(async (region) => {
      const state = await readRegion(clients, project, region, call).catch(asProviderError);
      return { region, state };
    }),
  );
  const quotas = regions.flatMap(({ region, state }) =>
    state instanceof ProviderError ? [] : GPU_QUOTAS.map((name) => quota(region, name, state.limits)),
  );
  const outcomes = regions.map(({ region, state }): RegionOutcome => {
    if (state instanceof ProviderError) return { region, complete: false, error: state };
    if (global instanceof ProviderError) return { region, complete: false, error: global };
    return { region, complete: true, error: null };
  });
  return {
    quotas: global instanceof ProviderError ? quotas : [quota(null, GLOBAL_GPU_QUOTA, global), ...quotas],
    regions: outcomes,
  };
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
