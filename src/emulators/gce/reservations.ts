import { z } from 'zod';
import type { World, WorldPool, WorldReservation } from '../world/contract.ts';
import type { Scoped } from './lists.ts';
import { aggregated, zoneScopes } from './lists.ts';
import { hasOwnGpus, hostOf, numericId, resourceUrl, timestamp } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import { invalidValue } from './vendor-error.ts';

function reservationResource(world: World, project: string, reservation: WorldReservation): object {
  const { id, zone, instanceType, count, startAt } = reservation;
  const type = world.instanceType('gcp', instanceType);
  const gpus =
    type === null || hasOwnGpus(type)
      ? []
      : [
          {
            acceleratorType: resourceUrl(project, `zones/${zone}/acceleratorTypes/${type.vendorGpuName}`),
            acceleratorCount: type.acceleratorCount,
          },
        ];
  const inUse = world
    .machines('gcp')
    .filter(
      (machine) => machine.reservation === id && ['pending', 'running', 'stopping'].includes(world.stateOf(machine)),
    );
  return {
    kind: 'compute#reservation',
    id: numericId(`reservation/${id}`),
    name: id,
    creationTimestamp: timestamp(startAt),
    zone: resourceUrl(project, `zones/${zone}`),
    selfLink: resourceUrl(project, `zones/${zone}/reservations/${id}`),
    status: startAt > world.clock.now() ? 'CREATING' : 'READY',
    // In the world a machine is in a reservation only if its launch names it.
    specificReservationRequired: true,
    specificReservation: {
      count: String(count),
      assuredCount: String(count),
      inUseCount: String(inUse.length),
      instanceProperties: { machineType: hostOf(instanceType), guestAccelerators: gpus },
    },
  };
}

export function aggregatedReservations(world: World, request: ApiRequest): object {
  const project = request.path['project'] ?? '';
  const found = world.reservations('gcp').map(
    (reservation): Scoped => ({
      scope: `zones/${reservation.zone}`,
      resource: reservationResource(world, project, reservation),
    }),
  );
  const list = { kind: 'compute#reservationAggregatedList', collection: 'reservations', scopes: zoneScopes(world) };
  return aggregated(world, request, list, found);
}

const RESERVATION_KEY = 'compute.googleapis.com/reservation-name';
const FIELD = 'resource.reservationAffinity';

export const reservationAffinity = z.looseObject({
  consumeReservationType: z.string().default('ANY_RESERVATION'),
  key: z.string().optional(),
  values: z.array(z.string()).default([]),
});

/** The reservation that a launch asks for by name; null where it asks for none. Throws VendorError for one that cannot hold the machine. */
export function reservationOf(
  world: World,
  pool: WorldPool,
  affinity: z.infer<typeof reservationAffinity> | undefined,
): string | null {
  if (affinity?.consumeReservationType !== 'SPECIFIC_RESERVATION') return null;
  const [name = '', ...others] = affinity.values;
  if (affinity.key !== RESERVATION_KEY || others.length > 0)
    throw invalidValue(FIELD, name, `A specific reservation is named by one value of the key ${RESERVATION_KEY}.`);
  const found = world.reservations('gcp').find(({ id, zone }) => id === name && zone === pool.zone);
  if (found === undefined)
    throw invalidValue(FIELD, name, `Could not find the given reservation in zone ${pool.zone}.`);
  if (found.instanceType !== pool.instanceType || pool.market !== 'on-demand')
    throw invalidValue(FIELD, name, 'The reservation is incorrect for the requested resources.');
  return name;
}
