import type { Front } from '../http/front.ts';
import type { QuotaState, World } from '../world/contract.ts';
import { pageOf } from './paging.ts';
import { routedReadFront } from './read-front.ts';
import { isToldByRegions } from './regions.ts';
import type { ApiRequest } from './routes.ts';
import { createRouter } from './routes.ts';
import { loadApiSchema } from './schema.ts';
import { VendorError } from './vendor-error.ts';

const PERMISSION = 'cloudquotas.quotas.get';
const SERVICE = 'compute.googleapis.com';

interface Dimensioned {
  readonly dimensions: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly regions: readonly string[];
}

function quotaInfo(
  project: string,
  quotaId: string,
  metric: string,
  dimensions: readonly string[],
  entries: readonly Dimensioned[],
): object {
  return {
    name: `projects/${project}/locations/global/services/${SERVICE}/quotaInfos/${quotaId}`,
    quotaId,
    metric: `${SERVICE}/${metric}`,
    service: SERVICE,
    isPrecise: true,
    containerType: 'PROJECT',
    dimensions,
    metricDisplayName: metric,
    quotaDisplayName: metric,
    metricUnit: '1',
    isConcurrent: true,
    dimensionsInfos: entries.map((entry) => ({
      dimensions: entry.dimensions,
      // 64-bit integers travel as strings.
      details: { value: String(entry.limit) },
      applicableLocations: entry.regions,
    })),
  };
}

/** The limits of one quota: an entry of its own for each region that differs from what most have, and one for all the rest. */
function entriesOf(
  states: readonly { readonly region: string; readonly state: QuotaState }[],
  dimensions: Readonly<Record<string, string>>,
): readonly Dimensioned[] {
  const usual = states[0]?.state.fact.defaultLimit ?? 0;
  const own = states.filter(({ state }) => state.limit !== usual);
  const others = states.filter(({ state }) => state.limit === usual).map(({ region }) => region);
  return [
    ...own.map(({ region, state }) => ({
      dimensions: { ...dimensions, region },
      limit: state.limit,
      regions: [region],
    })),
    ...(others.length === 0 ? [] : [{ dimensions, limit: usual, regions: others }]),
  ];
}

/**
 * GPU quotas as Cloud Quotas has them: newer families on demand share one quota with the dimension `gpu_family`; each family's
 * preemptible quota is one of its own. Among them is what a reader must tell apart: a quota without limit (−1), and commitments.
 */
function quotaInfos(world: World, project: string): readonly object[] {
  const regions = world.facts('gcp').regions.map(({ name }) => name);
  const names = world
    .facts('gcp')
    .quotas.filter(({ scope }) => scope === 'region')
    .map(({ name }) => name);
  const statesOf = (name: string) =>
    regions.flatMap((region) =>
      world
        .quotas('gcp', region)
        .filter(({ fact }) => fact.name === name)
        .map((state) => ({ region, state })),
    );
  const families = names.filter((name) => !isToldByRegions(name) && !name.startsWith('PREEMPTIBLE_'));
  const inFamilies = families.flatMap((name) => entriesOf(statesOf(name), { gpu_family: name.replace(/_GPUS$/, '') }));
  const separate = names.filter((name) => isToldByRegions(name) || name.startsWith('PREEMPTIBLE_'));
  const global = world
    .quotas('gcp', null)
    .map(({ fact, limit }) =>
      quotaInfo(
        project,
        `${fact.name.replaceAll('_', '-')}-per-project`,
        fact.name.toLowerCase(),
        [],
        [{ dimensions: {}, limit, regions: ['global'] }],
      ),
    );
  return [
    ...global,
    quotaInfo(
      project,
      'COMMITTED-NVIDIA-H100-GPUS-per-project-region',
      'committed_nvidia_h100_gpus',
      ['region'],
      [{ dimensions: {}, limit: -1, regions }],
    ),
    quotaInfo(
      ...([project, 'GPUS-PER-GPU-FAMILY-per-project-region', 'gpus_per_gpu_family'] as const),
      ...([['gpu_family', 'region'], inFamilies] as const),
    ),
    ...separate.map((name) =>
      quotaInfo(
        ...([project, `${name.replaceAll('_', '-')}-per-project-region`, name.toLowerCase()] as const),
        ...([['region'], entriesOf(statesOf(name), {})] as const),
      ),
    ),
  ];
}

function listQuotaInfos(world: World, { path, query }: ApiRequest): object {
  const parent = path['parent'] ?? '';
  const [, project = '', location, service] =
    /^projects\/([^/]+)\/locations\/([^/]+)\/services\/([^/]+)$/.exec(parent) ?? [];
  if (location !== 'global' || service !== SERVICE)
    throw new VendorError({
      ...{ status: 404, reason: 'notFound', canonicalStatus: 'NOT_FOUND' },
      message: `${parent} was not found.`,
    });
  if (world.isDenied('gcp', PERMISSION))
    throw new VendorError({
      ...{ status: 403, reason: 'forbidden', canonicalStatus: 'PERMISSION_DENIED' },
      message: `Permission '${PERMISSION}' denied on resource '${parent}' (or it may not exist).`,
    });
  const limits = { maximum: 1000, field: 'pageSize' };
  const page = pageOf(quotaInfos(world, project), query.get('pageToken'), query.get('pageSize'), limits);
  return { quotaInfos: page.items, nextPageToken: page.nextPageToken ?? '' };
}

/** The Cloud Quotas API, as far as limits are read from it. */
export function createCloudQuotasFront(world: World): Front {
  const schema = loadApiSchema('@google-cloud/cloudquotas', 'google.api.cloudquotas.v1');
  const router = createRouter(schema, [
    {
      method: schema.method('CloudQuotas', 'ListQuotaInfos'),
      mutating: false,
      handle: (request) => listQuotaInfos(world, request),
    },
  ]);

  return routedReadFront('cloud-quotas', router);
}
