import type { QuotaState, World } from '../world/contract.ts';
import type { RegionFact } from '../world/market-facts.ts';
import { listed } from './lists.ts';
import { numericId, requiredRegion, resourceUrl } from './resources.ts';
import type { ApiRequest } from './routes.ts';

const EPOCH = '1969-12-31T16:00:00.000-08:00';

/** GPU families whose quota only the Cloud Quotas API tells (`GPUS_PER_GPU_FAMILY`): regions.get is silent about them. */
const FAMILIES_NOT_TOLD = /^(?:PREEMPTIBLE_)?NVIDIA_(?:H100|H100_MEGA|H200|B200|RTX_PRO_6000)_GPUS$/;

export function isToldByRegions(quota: string): boolean {
  return !FAMILIES_NOT_TOLD.test(quota);
}

function quota({ fact, limit, usage }: QuotaState): object {
  return { metric: fact.name, limit, usage };
}

function regionResource(world: World, project: string, region: RegionFact): object {
  return {
    kind: 'compute#region',
    id: numericId(region.name),
    creationTimestamp: EPOCH,
    name: region.name,
    description: region.name,
    status: 'UP',
    zones: region.zones.map(({ name }) => resourceUrl(project, `zones/${name}`)),
    quotas: [
      { metric: 'CPUS', limit: 100_000, usage: 0 },
      { metric: 'SSD_TOTAL_GB', limit: 500_000, usage: 0 },
      ...world
        .quotas('gcp', region.name)
        .filter(({ fact }) => isToldByRegions(fact.name))
        .map(quota),
    ],
    selfLink: resourceUrl(project, `regions/${region.name}`),
    supportsPzs: false,
  };
}

export function getRegion(world: World, request: ApiRequest): object {
  const { project = '', region = '' } = request.path;
  return regionResource(world, project, requiredRegion(world, region));
}

export function listRegions(world: World, request: ApiRequest): object {
  const { project = '' } = request.path;
  const found = world.facts('gcp').regions.map((region) => regionResource(world, project, region));
  return listed(request, 'compute#regionList', 'regions', found);
}

export function getProject(world: World, request: ApiRequest): object {
  const { project = '' } = request.path;
  return {
    kind: 'compute#project',
    id: numericId(project),
    creationTimestamp: '2026-01-01T00:00:00.000-08:00',
    name: project,
    quotas: [{ metric: 'NETWORKS', limit: 50, usage: 1 }, ...world.quotas('gcp', null).map(quota)],
    selfLink: `https://www.googleapis.com/compute/v1/projects/${project}`,
    defaultNetworkTier: 'PREMIUM',
  };
}
