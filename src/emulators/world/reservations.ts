import type { Clock, EpochMs } from '../../domain/time.ts';
import type { CloudId, WorldMachine, WorldReservation } from './contract.ts';

/** Capacity set aside for the account. */
export interface Reservations {
  /** Throws an Error when the id is taken. */
  add(reservation: WorldReservation): void;
  remove(cloud: CloudId, id: string): void;
  /** Those that have not ended, by id. */
  list(cloud: CloudId): readonly WorldReservation[];
  /** 0 for one that is unknown, not begun or ended. */
  freeIn(cloud: CloudId, id: string): number;
  /** When machines in it are stopped; null = never. */
  endOf(cloud: CloudId, id: string): EpochMs | null;
}

export function createReservations(options: {
  readonly clock: Clock;
  readonly living: (cloud: CloudId) => readonly WorldMachine[];
}): Reservations {
  const { clock, living } = options;
  const reservations = new Map<string, WorldReservation>();

  function keyOf(cloud: CloudId, id: string): string {
    return `${cloud}/${id}`;
  }

  function hasEnded({ endAt }: WorldReservation): boolean {
    return endAt !== null && endAt <= clock.now();
  }

  return {
    add(reservation) {
      const key = keyOf(reservation.cloud, reservation.id);
      if (reservations.has(key))
        throw new Error(`${reservation.cloud} already has a reservation called ${reservation.id}`);
      reservations.set(key, reservation);
    },
    remove(cloud, id) {
      reservations.delete(keyOf(cloud, id));
    },
    list: (cloud) =>
      [...reservations.values()]
        .filter((reservation) => reservation.cloud === cloud && !hasEnded(reservation))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    freeIn(cloud, id) {
      const reservation = reservations.get(keyOf(cloud, id));
      if (reservation === undefined || hasEnded(reservation) || reservation.startAt > clock.now()) return 0;
      const used = living(cloud).filter((machine) => machine.reservation === id).length;
      return Math.max(0, reservation.count - used);
    },
    endOf: (cloud, id) => reservations.get(keyOf(cloud, id))?.endAt ?? null,
  };
}
