import type { World } from '../world/contract.ts';
import { filterOf } from './filters.ts';
import type { ListPage } from './paging.ts';
import { pageOf } from './paging.ts';
import { allZones, resourceUrl, zoneRegion } from './resources.ts';
import type { ApiRequest } from './routes.ts';

const MAX_RESULTS = { maximum: 500, field: 'maxResults' };

/** A resource and the scope it is listed under. */
export interface Scoped {
  readonly scope: string;
  readonly resource: object;
}

/** `zones/us-central1-a`, `regions/us-central1` → whether it answers; `global` always does. */
function isSilent(world: World, scope: string): boolean {
  const [kind, name = ''] = scope.split('/');
  const region = kind === 'zones' ? (zoneRegion(world, name)?.name ?? null) : kind === 'regions' ? name : null;
  return region !== null && world.isDown('gcp', region);
}

/**
 * The body of an aggregated list: every scope is present, those without results on this page with a warning, as are those that
 * do not answer. Only the warning's code tells the two apart.
 */
export function aggregated(
  world: World,
  request: ApiRequest,
  list: { readonly kind: string; readonly collection: string; readonly scopes: readonly string[] },
  found: readonly Scoped[],
): object {
  const matches = filterOf(request.query.get('filter'));
  const silent = new Set(list.scopes.filter((scope) => isSilent(world, scope)));
  const page: ListPage<Scoped> = pageOf(
    found.filter(({ scope, resource }) => !silent.has(scope) && matches(resource)),
    request.query.get('pageToken'),
    request.query.get('maxResults'),
    MAX_RESULTS,
  );
  const project = request.path['project'] ?? '';
  const byScope = Map.groupBy(page.items, ({ scope }) => scope);
  const items = list.scopes.map((scope) => {
    if (silent.has(scope)) return [scope, unreachable(scope)] as const;
    const resources = byScope.get(scope)?.map(({ resource }) => resource);
    return [scope, resources === undefined ? noResults(scope) : { [list.collection]: resources }] as const;
  });
  return {
    kind: list.kind,
    id: `projects/${project}/aggregated/${list.collection}`,
    items: Object.fromEntries(items),
    ...(page.nextPageToken === null ? {} : { nextPageToken: page.nextPageToken }),
    selfLink: resourceUrl(project, `aggregated/${list.collection}`),
  };
}

function noResults(scope: string): object {
  return {
    warning: {
      code: 'NO_RESULTS_ON_PAGE',
      message: `There are no results for scope '${scope}' on this page.`,
      data: [{ key: 'scope', value: scope }],
    },
  };
}

function unreachable(scope: string): object {
  return {
    warning: {
      code: 'UNREACHABLE',
      message: `The scope '${scope}' could not be reached.`,
      data: [{ key: 'scope', value: scope }],
    },
  };
}

/** The body of a plain list. */
export function listed(request: ApiRequest, kind: string, path: string, found: readonly object[]): object {
  const page = pageOf(
    found.filter(filterOf(request.query.get('filter'))),
    request.query.get('pageToken'),
    request.query.get('maxResults'),
    MAX_RESULTS,
  );
  const project = request.path['project'] ?? '';
  return {
    kind,
    id: `projects/${project}/${path}`,
    ...(page.items.length === 0 ? {} : { items: page.items }),
    ...(page.nextPageToken === null ? {} : { nextPageToken: page.nextPageToken }),
    selfLink: resourceUrl(project, path),
  };
}

export function zoneScopes(world: World): readonly string[] {
  return allZones(world).map(({ zone }) => `zones/${zone}`);
}

export function regionScopes(world: World): readonly string[] {
  return world.facts('gcp').regions.map(({ name }) => `regions/${name}`);
}
