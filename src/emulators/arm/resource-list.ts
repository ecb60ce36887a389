import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import { mayRead } from './authorization.ts';
import { PART_TYPES, partId, userOf } from './machine-parts.ts';
import { pageOf } from './paging.ts';
import { reservationGroups } from './reserved-capacity.ts';

/** The real one pages by 1000; here pages are small, so that every client has to follow links. */
const PAGE_SIZE = 20;

interface GenericResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly managedBy?: string;
  readonly createdTime?: string;
}

/** `GET resources`: what exists, without its properties, by `location` and `resourceType`. */
export function listResources(world: World, subscription: string, request: FrontRequest): FrontResponse {
  const filter = readFilter(request.url.searchParams.get('$filter') ?? '');
  const withTimes = /\bcreatedTime\b/i.test(request.url.searchParams.get('$expand') ?? '');
  const resources = [...parts(world, withTimes), ...groups(world)]
    .filter(({ id }) => id.toLowerCase().startsWith(`/subscriptions/${subscription.toLowerCase()}/`))
    .filter(({ type }) => mayRead(world, type))
    .filter(({ location }) => !world.isDown('azure', location))
    .filter(({ location }) => filter.location === null || location === filter.location)
    .filter(({ type }) => filter.type === null || type.toLowerCase() === filter.type);
  return jsonAnswer(200, pageOf(request, resources, PAGE_SIZE));
}

interface Filter {
  readonly location: string | null;
  readonly type: string | null;
}

/** Of ARM's filters here: `location eq '…'` and `resourceType eq '…'`, joined by `and`. */
export function readFilter(text: string): Filter {
  let filter: Filter = { location: null, type: null };
  for (const clause of text.split(/\s+and\s+/i).filter((part) => part.trim() !== '')) {
    const [, field = '', value = ''] = /^\s*(location|resourceType)\s+eq\s+'([^']+)'\s*$/i.exec(clause) ?? [];
    if (field === '')
      throw new ArmRefusal(400, 'InvalidFilterInQueryString', `Invalid $filter '${text}' in the query string.`);
    const given = value.replaceAll(' ', '').toLowerCase();
    filter = field.toLowerCase() === 'location' ? { ...filter, location: given } : { ...filter, type: given };
  }
  return filter;
}

function parts(world: World, withTimes: boolean): readonly GenericResource[] {
  return world.parts('azure').map((part) => {
    const user = part.kind === 'disk' ? userOf(world, part) : null;
    return {
      id: partId(part),
      name: part.name,
      type: PART_TYPES[part.kind],
      location: part.region,
      tags: part.tags,
      ...(part.zone === null ? {} : { zones: [part.zone] }),
      ...(user === null ? {} : { managedBy: user }),
      ...(withTimes ? { createdTime: new Date(part.createdAt).toISOString() } : {}),
    };
  });
}

function groups(world: World): readonly GenericResource[] {
  return reservationGroups(world).map(({ id, name, location, tags }) => ({
    id,
    name,
    type: 'Microsoft.Compute/capacityReservationGroups',
    location,
    tags,
  }));
}
