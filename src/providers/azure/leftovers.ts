import type { Call, Leftover, LeftoverSnapshot, OwnedQuery } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { AdapterContext } from './context.ts';
import { providerErrorOf } from './errors.ts';
import { machinesIn } from './instances.ts';
import type { PartKind } from './names.ts';
import { ATTEMPT_TAG, INDEX_TAG, machineName, OWNER_TAG, PART_TYPES } from './names.ts';
import { deletePart, REMOVE_OPERATIONS } from './parts.ts';
import { outcomeOf } from './region-outcomes.ts';
import type { ListedResource } from './resources.ts';
import { listResources } from './resources.ts';

const KINDS: readonly PartKind[] = ['disk', 'network-interface', 'address'];

/** Disks, interfaces and addresses with the owner's tag whose machine the region does not know. Never throws for one failing region. */
export async function listLeftovers(context: AdapterContext, query: OwnedQuery, call: Call): Promise<LeftoverSnapshot> {
  const leftovers: Leftover[] = [];
  const regions = await Promise.all(
    query.regions.map((region) =>
      outcomeOf(region, call, async () => {
        leftovers.push(...(await leftoversIn(context, query.owner, region, call)));
      }),
    ),
  );
  return { leftovers, regions };
}

/** Parts are read before machines: a machine that comes up in between is then no reason to call its disk a leftover. */
async function leftoversIn(
  context: AdapterContext,
  owner: string,
  region: string,
  call: Call,
): Promise<readonly Leftover[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => ({ kind, resources: await listResources(context, PART_TYPES[kind].type, region, call) })),
  );
  const owned = lists.flatMap(({ kind, resources }) =>
    resources.filter(({ tags }) => tags?.[OWNER_TAG] === owner).map((resource) => ({ kind, resource })),
  );
  if (owned.length === 0) return [];
  const machines = new Set((await machinesIn(context, region, call)).map(({ name }) => name?.toLowerCase()));
  return owned
    .filter(({ resource }) => !machines.has(machineOf(resource)) && !isManaged(resource))
    .map(({ kind, resource }) => leftoverOf(kind, owner, region, resource));
}

/** Name of the machine that the part was made for, in lower case; empty where its tags do not tell. */
function machineOf({ tags }: ListedResource): string {
  const key = tags?.[ATTEMPT_TAG];
  return key === undefined ? '' : machineName(key, Number(tags?.[INDEX_TAG] ?? '0')).toLowerCase();
}

/** A disk names the machine that holds it, ours or somebody else's. */
function isManaged({ managedBy }: ListedResource): boolean {
  return managedBy !== undefined && managedBy !== null && managedBy !== '';
}

function leftoverOf(kind: PartKind, owner: string, region: string, resource: ListedResource): Leftover {
  const createdAt = Date.parse(resource.createdTime ?? '');
  return {
    kind,
    region,
    zone: resource.zones?.[0] ?? null,
    id: resource.id,
    owner,
    idempotencyKey: resource.tags?.[ATTEMPT_TAG] ?? null,
    createdAt: Number.isNaN(createdAt) ? null : createdAt,
  };
}

/** Azure itself refuses what is in use: `conflict`. Throws a ProviderError for an id of another kind. */
export async function removeLeftover(
  context: AdapterContext,
  leftover: Leftover,
  call: Call,
): Promise<'removing' | 'gone'> {
  const { kind, id } = leftover;
  const operation = REMOVE_OPERATIONS[kind];
  if (!isIdOf(kind, id)) {
    const message = `${id} is not the ARM id of a ${kind}`;
    throw new ProviderError({ kind: 'invalid-request', provider: 'azure', operation, code: '', message });
  }
  const answer = await deletePart(context, kind, id, call);
  if (answer.ok) return answer.value;
  throw providerErrorOf(answer.failure, operation, 'mutation');
}

function isIdOf(kind: PartKind, id: string): boolean {
  const [, type] = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/([^/]+\/[^/]+)\/[^/]+$/i.exec(id) ?? [];
  return type?.toLowerCase() === PART_TYPES[kind].type.toLowerCase();
}
