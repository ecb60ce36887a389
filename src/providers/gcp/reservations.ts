import type { Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import { withAttached } from './machine-types.ts';
import { reservationsPage } from './responses.ts';
import { lastSegment, unreachableScopes } from './scopes.ts';

/** Capacity set aside that only a launch which names it may use. */
export interface SpecificReservation {
  readonly name: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly freeCount: number;
}

export interface ReservationState {
  readonly reservations: readonly SpecificReservation[];
  readonly silent: readonly string[];
}

const PAGE_SIZE = 500;

/**
 * Reservations that any launch may use are left to the cloud: it takes from them by itself, and their pools are the on-demand ones.
 * Without permission to list them there are none to offer.
 */
export async function readReservations(clients: Clients, project: string, call: Call): Promise<ReservationState> {
  try {
    const pages = await allPages(
      {
        ...{ client: clients.reservations, method: 'aggregatedList', operation: 'reservations.aggregatedList' },
        ...{ request: { project, maxResults: PAGE_SIZE }, response: reservationsPage, mutating: false },
      },
      call,
    );
    const listed = pages.flatMap(({ items }) => Object.values(items).flatMap((scope) => scope.reservations));
    return { reservations: listed.flatMap(specificReservation), silent: pages.flatMap(unreachableScopes) };
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'unauthorized') return { reservations: [], silent: [] };
    throw error;
  }
}

type Listed = (typeof reservationsPage)['_output']['items'][string]['reservations'][number];

function specificReservation(listed: Listed): readonly SpecificReservation[] {
  const { name, zone, status, specificReservationRequired, specificReservation: held } = listed;
  const machineType = held?.instanceProperties?.machineType ?? '';
  if (specificReservationRequired !== true || status !== 'READY' || !held || machineType === '') return [];
  const [gpu] = held.instanceProperties?.guestAccelerators ?? [];
  const host = lastSegment(machineType);
  const attached = host.startsWith('n1-') && gpu !== undefined;
  const instanceType = attached ? withAttached(host, lastSegment(gpu.acceleratorType), gpu.acceleratorCount) : host;
  return [{ name, zone: lastSegment(zone), instanceType, freeCount: Math.max(0, held.count - held.inUseCount) }];
}
