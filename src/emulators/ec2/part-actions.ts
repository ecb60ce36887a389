/** What the actions on volumes, network interfaces and addresses have in common. */
import type { Filter } from '@aws-sdk/client-ec2';
import type { WorldPart } from '../world/contract.ts';
import type { ActionContext } from './actions/action.ts';
import { assertFilterNames, matchesFilters } from './filters.ts';
import { isPartId, partIdOf } from './resource-ids.ts';
import { badRequest } from './vendor-error.ts';

export interface PartQuery {
  readonly kind: WorldPart['kind'];
  readonly ids: readonly string[] | undefined;
  readonly filters: readonly Filter[] | undefined;
  /** Filters beside the tags', with what a part says to them. */
  readonly valuesOf: (part: WorldPart, filter: string) => readonly string[] | null;
  readonly filterNames: ReadonlySet<string>;
  /** What EC2 calls an id it does not know: `InvalidVolume.NotFound`. */
  readonly notFound: string;
}

/** The region's parts of the kind that the ids and filters let through, by id. Every id must be known. */
export function queriedParts(context: ActionContext, query: PartQuery): readonly WorldPart[] {
  const { kind, ids = [], filters, filterNames } = query;
  assertFilterNames(filters, (name) => name.startsWith('tag:') || name === 'tag-key' || filterNames.has(name));
  const parts = partsOf(context, kind);
  for (const id of ids) partById(context, kind, id, query.notFound);
  return parts
    .filter((part) => ids.length === 0 || ids.includes(partIdOf(part)))
    .filter((part) =>
      matchesFilters(filters, (name) => {
        if (name === 'tag-key') return Object.keys(part.tags);
        if (!name.startsWith('tag:')) return query.valuesOf(part, name);
        const value = part.tags[name.slice('tag:'.length)];
        return value === undefined ? [] : [value];
      }),
    );
}

function partsOf({ world, region }: ActionContext, kind: WorldPart['kind']): readonly WorldPart[] {
  return world
    .parts('aws')
    .filter((part) => part.kind === kind && part.region === region.name)
    .toSorted((a, b) => (partIdOf(a) < partIdOf(b) ? -1 : 1));
}

/** Throws EC2's words for an id that is malformed or unknown. */
export function partById(context: ActionContext, kind: WorldPart['kind'], id: string, notFound: string): WorldPart {
  if (!isPartId(kind, id)) throw badRequest(notFound.replace('.NotFound', '.Malformed'), `Invalid id: "${id}"`);
  const part = partsOf(context, kind).find((candidate) => partIdOf(candidate) === id);
  if (part === undefined) throw badRequest(notFound, `The ID '${id}' does not exist`);
  return part;
}
