import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World, WorldReservation } from '../world/contract.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import { pageOf } from './paging.ts';
import type { Route } from './routes.ts';

const PAGE_SIZE = 20;
const DEFAULT_SUBSCRIPTION = '00000000-0000-4000-8000-000000000000';
const DEFAULT_RESOURCE_GROUP = 'gpu-broker';

/** A capacity reservation group with the reservations in it; each reservation of the world is one member. */
export interface ReservationGroup {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly members: readonly WorldReservation[];
}

/**
 * The world's reservations by group. A reservation's `details` may name `subscription`, `resourceGroup` and `group`; without a group
 * it stands in one of its own name.
 */
export function reservationGroups(world: World): readonly ReservationGroup[] {
  const groups = new Map<string, ReservationGroup>();
  for (const member of world.reservations('azure')) {
    const id = groupIdOf(member);
    const group = groups.get(id.toLowerCase());
    const name = textOf(member.details['group']) ?? member.id;
    groups.set(
      id.toLowerCase(),
      group === undefined
        ? { id, name, location: member.region, tags: member.tags, members: [member] }
        : { ...group, members: [...group.members, member] },
    );
  }
  return [...groups.values()];
}

function groupIdOf({ id, details }: WorldReservation): string {
  const subscription = textOf(details['subscription']) ?? DEFAULT_SUBSCRIPTION;
  const resourceGroup = textOf(details['resourceGroup']) ?? DEFAULT_RESOURCE_GROUP;
  const group = textOf(details['group']) ?? id;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/capacityReservationGroups/${group}`;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Throws an ArmRefusal where there is no such group. */
export function groupAt(world: World, id: string): ReservationGroup {
  const group = reservationGroups(world).find((candidate) => candidate.id.toLowerCase() === id.toLowerCase());
  if (group !== undefined) return group;
  throw new ArmRefusal(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
}

function idAt({ at }: Route): string {
  return `/subscriptions/${at.subscription}/resourceGroups/${at.resourceGroup}/providers/Microsoft.Compute/capacityReservationGroups/${at.name}`;
}

/** `GET capacityReservationGroups/{name}`; how many machines each member holds only with `$expand=instanceView`. */
export function getReservationGroup(world: World, route: Route, request: FrontRequest): FrontResponse {
  const group = groupAt(world, idAt(route));
  const instanceView = request.url.searchParams.get('$expand')?.toLowerCase() === 'instanceview';
  const { id, name, location, tags, members } = group;
  return jsonAnswer(200, {
    ...{ id, name, location, tags },
    type: 'Microsoft.Compute/capacityReservationGroups',
    zones: [...new Set(members.map(({ zone }) => zone))],
    properties: {
      capacityReservations: members.map((member) => ({ id: memberId(group, member) })),
      ...(instanceView
        ? { instanceView: { capacityReservations: members.map((member) => instanceViewOf(world, member)) } }
        : {}),
    },
  });
}

function memberId(group: ReservationGroup, { id }: WorldReservation): string {
  return `${group.id}/capacityReservations/${id}`;
}

function instanceViewOf(world: World, { id, count }: WorldReservation): unknown {
  const used = count - world.freeInReservation('azure', id);
  return {
    name: id,
    utilizationInfo: {
      currentCapacity: count,
      virtualMachinesAllocated: Array.from({ length: used }, (_, index) => ({ id: `${id}/allocated/${index}` })),
    },
    statuses: [{ code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' }],
  };
}

export function listReservations(world: World, route: Route, request: FrontRequest): FrontResponse {
  const group = groupAt(world, idAt(route));
  const members = group.members.map((member) => ({
    id: memberId(group, member),
    name: member.id,
    type: 'Microsoft.Compute/capacityReservationGroups/capacityReservations',
    location: member.region,
    zones: [member.zone],
    tags: member.tags,
    sku: { name: member.instanceType, capacity: member.count },
    properties: { provisioningState: 'Succeeded', timeCreated: new Date(member.startAt).toISOString() },
  }));
  return jsonAnswer(200, pageOf(request, members, PAGE_SIZE));
}

/** The member that a machine of this size in this zone would run in: one with room, else any; null = the group has none for it. */
export function memberFor(world: World, groupId: string, instanceType: string, zone: string): WorldReservation | null {
  const fitting = groupAt(world, groupId).members.filter(
    (member) => member.instanceType === instanceType && member.zone === zone,
  );
  return fitting.find(({ id }) => world.freeInReservation('azure', id) > 0) ?? fitting[0] ?? null;
}
