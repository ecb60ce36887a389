/** Capacity that the account has set aside: on-demand capacity reservations, and Capacity Blocks that have begun. */
import type { EC2Client, Filter } from '@aws-sdk/client-ec2';
import { DescribeCapacityReservationsCommand } from '@aws-sdk/client-ec2';
import type { Call } from '../provider.ts';
import { requirePart } from './errors.ts';
import { LARGEST_PAGE, tagsOf } from './instances.ts';
import { pagesOf } from './pages.ts';

export interface CapacityReservation {
  readonly id: string;
  readonly zone: string;
  readonly instanceType: string;
  /** Machines that could still be launched into it. */
  readonly availableCount: number;
  readonly isBlock: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** Linux on shared hardware: what the broker launches. */
const USABLE: readonly Filter[] = [
  { Name: 'tenancy', Values: ['default'] },
  { Name: 'instance-platform', Values: ['Linux/UNIX'] },
];

/** Those in use now. One that others share with the account counts too. */
export function activeReservations(client: EC2Client, call: Call): Promise<readonly CapacityReservation[]> {
  return reservationsWhere(client, { filters: [{ Name: 'state', Values: ['active'] }, ...USABLE] }, call);
}

/** Those with these ids, every one of which must exist, or those that the filters let through. */
export async function reservationsWhere(
  client: EC2Client,
  query: { readonly filters: readonly Filter[] } | { readonly ids: readonly string[] },
  call: Call,
): Promise<readonly CapacityReservation[]> {
  const attempted = { operation: 'DescribeCapacityReservations', mutating: false };
  const found: CapacityReservation[] = [];
  // EC2 takes no page size together with ids.
  const input =
    'ids' in query
      ? { CapacityReservationIds: [...query.ids] }
      : { Filters: [...query.filters], MaxResults: LARGEST_PAGE };
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new DescribeCapacityReservationsCommand({ ...input, ...more }), options),
  );
  for await (const page of pages) {
    for (const reservation of requirePart(page.CapacityReservations, attempted, 'CapacityReservations')) {
      const { CapacityReservationId: id, AvailabilityZone: zone, InstanceType: instanceType } = reservation;
      if (id === undefined || zone === undefined || instanceType === undefined) continue;
      found.push({
        id,
        zone,
        instanceType,
        availableCount: reservation.AvailableInstanceCount ?? 0,
        isBlock: reservation.ReservationType === 'capacity-block',
        tags: tagsOf(reservation.Tags),
      });
    }
  }
  return found;
}
