import type { Clock } from '../../domain/time.ts';
import type { Call, Leftover, LeftoverSnapshot, OwnedQuery, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages, callApi } from './clients.ts';
import { asProviderError, isMissing } from './errors.ts';
import { ATTEMPT_LABEL, deletionIdOf, OWNER_LABEL } from './identity.ts';
import { isDone } from './operations.ts';
import { addressesPage, disksPage, operationResource } from './responses.ts';
import { lastSegment, outcomeOf, regionOfZone, unreachableScopes } from './scopes.ts';

export interface LeftoverSources {
  readonly clients: Clients;
  readonly project: string;
  readonly clock: Clock;
}

const PAGE_SIZE = 500;

interface Found {
  readonly leftovers: readonly Leftover[];
  readonly silent: readonly string[];
}

function common(
  resource: { readonly labels: Readonly<Record<string, string>>; readonly creationTimestamp: string },
  owner: string,
): Pick<Leftover, 'owner' | 'idempotencyKey' | 'createdAt'> {
  const createdAt = Date.parse(resource.creationTimestamp);
  const idempotencyKey = resource.labels[ATTEMPT_LABEL] ?? null;
  return { owner, idempotencyKey, createdAt: Number.isNaN(createdAt) ? null : createdAt };
}

/** Disks that no machine uses. */
async function findDisks({ clients, project }: LeftoverSources, owner: string, call: Call): Promise<Found> {
  const pages = await allPages(
    {
      ...{ client: clients.disks, method: 'aggregatedList', operation: 'disks.aggregatedList', mutating: false },
      request: { project, filter: `labels.${OWNER_LABEL}=${owner}`, maxResults: PAGE_SIZE },
      response: disksPage,
    },
    call,
  );
  const disks = pages.flatMap(({ items }) => Object.values(items).flatMap((scope) => scope.disks));
  const leftovers = disks
    .filter(({ users }) => users.length === 0)
    .map((disk): Leftover => {
      const zone = lastSegment(disk.zone);
      const id = `zones/${zone}/disks/${disk.name}`;
      return { kind: 'disk', region: regionOfZone(zone), zone, id, ...common(disk, owner) };
    });
  return { leftovers, silent: pages.flatMap(unreachableScopes) };
}

/** Addresses that are reserved and that nothing uses. Those that come with a machine go with it. */
async function findAddresses({ clients, project }: LeftoverSources, owner: string, call: Call): Promise<Found> {
  const pages = await allPages(
    {
      ...{ client: clients.addresses, method: 'aggregatedList', operation: 'addresses.aggregatedList' },
      request: { project, filter: `labels.${OWNER_LABEL}=${owner}`, maxResults: PAGE_SIZE },
      ...{ response: addressesPage, mutating: false },
    },
    call,
  );
  const addresses = pages.flatMap(({ items }) => Object.values(items).flatMap((scope) => scope.addresses));
  const leftovers = addresses
    .filter(({ status, users, region }) => status === 'RESERVED' && users.length === 0 && region !== '')
    .map((address): Leftover => {
      const region = lastSegment(address.region);
      const id = `regions/${region}/addresses/${address.name}`;
      return { kind: 'address', region, zone: null, id, ...common(address, owner) };
    });
  return { leftovers, silent: pages.flatMap(unreachableScopes) };
}

export async function listLeftovers(
  sources: LeftoverSources,
  query: OwnedQuery,
  call: Call,
): Promise<LeftoverSnapshot> {
  const wanted = new Set(query.regions);
  const lists = [
    { operation: 'disks.aggregatedList', found: findDisks },
    { operation: 'addresses.aggregatedList', found: findAddresses },
  ];
  const answers = await Promise.all(
    lists.map(async ({ operation, found }) => ({
      operation,
      found: await found(sources, query.owner, call).catch(asProviderError),
    })),
  );
  const regions = query.regions.map((region): RegionOutcome => {
    const outcomes = answers.map(({ operation, found }) =>
      found instanceof ProviderError
        ? { region, complete: false, error: found }
        : outcomeOf(operation, region, found.silent),
    );
    return outcomes.find(({ complete }) => !complete) ?? { region, complete: true, error: null };
  });
  const leftovers = answers.flatMap(({ found }) => (found instanceof ProviderError ? [] : found.leftovers));
  return { leftovers: leftovers.filter(({ region }) => wanted.has(region)), regions };
}

/** Throws a `conflict` for what a machine uses. Network interfaces are no resources of their own here. */
export async function removeLeftover(
  sources: LeftoverSources,
  leftover: Leftover,
  call: Call,
): Promise<'removing' | 'gone'> {
  const { clients, project, clock } = sources;
  const [, place = '', kind, name = ''] =
    /^(?:zones|regions)\/([^/]+)\/(disks|addresses)\/([^/]+)$/.exec(leftover.id) ?? [];
  const isDisk = kind === 'disks';
  if (kind === undefined)
    throw new ProviderError({
      ...{ kind: 'invalid-request', provider: 'gcp', operation: 'removeLeftover', code: '' },
      message: `"${leftover.id}" is neither zones/…/disks/… nor regions/…/addresses/…`,
    });
  const requestId = deletionIdOf(leftover.id, clock.now());
  const operation = isDisk ? 'disks.delete' : 'addresses.delete';
  try {
    const answer = await callApi(
      {
        ...{ client: isDisk ? clients.disks : clients.addresses, method: 'delete', operation, mutating: true },
        request: {
          ...{ project, requestId },
          ...(isDisk ? { zone: place, disk: name } : { region: place, address: name }),
        },
        response: operationResource,
      },
      call,
    );
    return isDone(answer, operation) ? 'gone' : 'removing';
  } catch (error) {
    if (isMissing(error, kind)) return 'gone';
    throw error;
  }
}
