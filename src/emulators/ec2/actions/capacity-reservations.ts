import type {
  CapacityReservation,
  DescribeCapacityReservationsRequest,
  DescribeCapacityReservationsResult,
} from '@aws-sdk/client-ec2';
import { DescribeCapacityReservations$ } from '@aws-sdk/client-ec2';
import type { WorldReservation } from '../../world/contract.ts';
import { assertFilterNames, matchesFilters } from '../filters.ts';
import { OWNER_ID, tagList } from '../instance-shape.ts';
import { pageOf } from '../paging.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const FILTERS: ReadonlySet<string> = new Set([
  'state',
  'instance-type',
  'availability-zone',
  'tenancy',
  'instance-platform',
]);

function runDescribeCapacityReservations(
  context: ActionContext,
  input: DescribeCapacityReservationsRequest,
): DescribeCapacityReservationsResult {
  assertFilterNames(input.Filters, (name) => name.startsWith('tag:') || FILTERS.has(name));
  const all = context.world.reservations('aws').filter(({ region }) => region === context.region.name);
  const ids = input.CapacityReservationIds ?? [];
  const unknown = ids.find((id) => !all.some((reservation) => reservation.id === id));
  if (unknown !== undefined) {
    throw badRequest(
      'InvalidCapacityReservationId.NotFound',
      `The capacity reservation ID '${unknown}' does not exist`,
    );
  }
  const page = pageOf(
    all
      .filter(({ id }) => ids.length === 0 || ids.includes(id))
      .filter((reservation) => matchesFilters(input.Filters, (filter) => filterValues(context, reservation, filter))),
    ({ id }) => id,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 1, most: 1000, standard: 1000 },
  );
  return {
    CapacityReservations: page.items.map((reservation) => describeCapacityReservation(context, reservation)),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function filterValues(context: ActionContext, reservation: WorldReservation, filter: string): readonly string[] | null {
  if (filter.startsWith('tag:')) {
    const value = reservation.tags[filter.slice('tag:'.length)];
    return value === undefined ? [] : [value];
  }
  const values: Readonly<Record<string, string>> = {
    state: stateOf(context, reservation),
    'instance-type': reservation.instanceType,
    'availability-zone': reservation.zone,
    tenancy: 'default',
    'instance-platform': 'Linux/UNIX',
  };
  const value = values[filter];
  return value === undefined ? null : [value];
}

function stateOf({ world }: ActionContext, { startAt }: WorldReservation): 'active' | 'scheduled' {
  return startAt <= world.clock.now() ? 'active' : 'scheduled';
}

export function describeCapacityReservation(
  context: ActionContext,
  reservation: WorldReservation,
): CapacityReservation {
  const { world, region } = context;
  const { id, zone, instanceType, count, kind, startAt, endAt, tags } = reservation;
  const physicalId = region.zones.find(({ name }) => name === zone)?.physicalId ?? null;
  return {
    CapacityReservationId: id,
    OwnerId: OWNER_ID,
    CapacityReservationArn: `arn:aws:ec2:${region.name}:${OWNER_ID}:capacity-reservation/${id}`,
    ...(physicalId === null ? {} : { AvailabilityZoneId: physicalId }),
    InstanceType: instanceType,
    InstancePlatform: 'Linux/UNIX',
    AvailabilityZone: zone,
    Tenancy: 'default',
    TotalInstanceCount: count,
    AvailableInstanceCount: world.freeInReservation('aws', id),
    EbsOptimized: true,
    EphemeralStorage: false,
    State: stateOf(context, reservation),
    StartDate: new Date(startAt),
    ...(endAt === null ? {} : { EndDate: new Date(endAt) }),
    EndDateType: endAt === null ? 'unlimited' : 'limited',
    InstanceMatchCriteria: 'targeted',
    CreateDate: new Date(startAt),
    Tags: tagList(tags),
    ReservationType: kind === 'block' ? 'capacity-block' : 'default',
  };
}

export const describeCapacityReservations = defineAction(
  DescribeCapacityReservations$,
  false,
  runDescribeCapacityReservations,
);
