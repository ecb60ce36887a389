import type { Clock, EpochMs } from '../../domain/time.ts';
import type { Catalog } from './catalog.ts';
import type { WorldMachine, WorldPool, WorldReservation } from './contract.ts';
import type { CloudId } from './market-facts.ts';

/** Capacity set aside for the account. */
export interface Reservations {
  /** Throws an Error when a reservation that has not ended has the id, a RangeError for one that cannot be. */
  add(reservation: WorldReservation): void;
  /** Ends it now: machines in a block are stopped, those in an open one run on in the pool. */
  remove(cloud: CloudId, id: string): void;
  /** Those that have not ended, by id. */
  list(cloud: CloudId): readonly WorldReservation[];
  /** 0 for one that is unknown, not begun or ended. */
  freeIn(cloud: CloudId, id: string): number;
  /** As `freeIn`, and 0 for a pool that it was not made for. */
  freeFor(pool: WorldPool, id: string): number;
  /** When machines in it are stopped: the end of a block; null = never. */
  stopsAt(cloud: CloudId, id: string): EpochMs | null;
  /** Whether the machine uses what was set aside, rather than the pool's own hardware. */
  holds(machine: WorldMachine): boolean;
}

export function createReservations(options: {
  readonly clock: Clock;
  readonly catalog: Catalog;
  /** Machines that hold hardware; brings every machine up to the present. */
  readonly holding: (cloud: CloudId) => readonly WorldMachine[];
}): Reservations {
  const { clock, catalog, holding } = options;
  const reservations = new Map<string, WorldReservation>();

  function keyOf(cloud: CloudId, id: string): string {
    return `${cloud}/${id}`;
  }

  function hasEnded({ endAt }: WorldReservation): boolean {
    return endAt !== null && endAt <= clock.now();
  }

  function current(cloud: CloudId, id: string): WorldReservation | null {
    const reservation = reservations.get(keyOf(cloud, id));
    return reservation === undefined || hasEnded(reservation) ? null : reservation;
  }

  function freeIn(cloud: CloudId, id: string): number {
    const reservation = current(cloud, id);
    if (reservation === null || reservation.startAt > clock.now()) return 0;
    const used = holding(cloud).filter((machine) => machine.reservation === id).length;
    return Math.max(0, reservation.count - used);
  }

  function check(reservation: WorldReservation): void {
    const { id, cloud, region, zone, instanceType, count, startAt, endAt } = reservation;
    if (id === '') throw new RangeError('a reservation needs an id');
    if (!(Number.isSafeInteger(count) && count >= 1))
      throw new RangeError(`a reservation is of a whole number of machines ≥ 1, not ${count}`);
    if (endAt !== null && !(endAt > startAt)) throw new RangeError('a reservation must end after it starts');
    if (!catalog.isSold({ cloud, region, zone, instanceType, market: 'on-demand' }))
      throw new RangeError(`${cloud} does not sell ${instanceType} in zone ${zone} of ${region}: nothing to reserve`);
  }

  return {
    add(reservation) {
      check(reservation);
      const { cloud, id } = reservation;
      if (current(cloud, id) !== null) throw new Error(`${cloud} already has a reservation called ${id}`);
      // Machines of an ended one of the same id must have met its end before it is forgotten.
      holding(cloud);
      reservations.set(keyOf(cloud, id), reservation);
    },
    remove(cloud, id) {
      const reservation = current(cloud, id);
      if (reservation !== null) reservations.set(keyOf(cloud, id), { ...reservation, endAt: clock.now() });
    },
    list: (cloud) =>
      [...reservations.values()]
        .filter((reservation) => reservation.cloud === cloud && !hasEnded(reservation))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    freeIn,
    freeFor(pool, id) {
      const reservation = current(pool.cloud, id);
      const fits =
        reservation !== null &&
        pool.market === 'on-demand' &&
        pool.region === reservation.region &&
        pool.zone === reservation.zone &&
        pool.instanceType === reservation.instanceType;
      return fits ? freeIn(pool.cloud, id) : 0;
    },
    stopsAt(cloud, id) {
      const reservation = reservations.get(keyOf(cloud, id));
      return reservation?.kind === 'block' ? reservation.endAt : null;
    },
    holds({ pool, reservation: id }) {
      const reservation = id === null ? undefined : reservations.get(keyOf(pool.cloud, id));
      // The hardware of a block is never the pool's, not even while the block's last machines stop.
      return reservation !== undefined && (reservation.kind === 'block' || !hasEnded(reservation));
    },
  };
}
