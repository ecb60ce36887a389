/**
 * What EC2 knows of a launch beyond the machines themselves: which reservation they belong to, their order in it, and the
 * client token they were started with. Lives beside the world's own state.
 */
import type { World } from '../world/contract.ts';

export interface Reservation {
  readonly reservationId: string;
  readonly region: string;
  /** In launch order: a machine's place here is its AmiLaunchIndex. */
  readonly serials: readonly number[];
  readonly clientToken: string | null;
  /** The request's parameters in canonical form: the same token must come with the same. */
  readonly fingerprint: string;
  readonly launchedAt: number;
}

export interface Reservations {
  findByToken(region: string, clientToken: string): Reservation | null;
  get(reservationId: string): Reservation | null;
  add(reservation: Omit<Reservation, 'reservationId'>, reservationId: string): Reservation;
  /** Stable within a world, unlike any real one. */
  nextId(): string;
}

/** A token is remembered for a day: far longer than anything retries. */
const REMEMBERED_MS = 24 * 3_600_000;

export function reservationsOf(world: World): Reservations {
  const byId = world.store<Reservation>('aws', 'reservations');
  const byToken = world.store<string>('aws', 'client-tokens');
  const counters = world.store<number>('aws', 'counters');

  function isForgotten({ launchedAt, serials }: Reservation): boolean {
    return launchedAt + REMEMBERED_MS <= world.clock.now() && serials.every((serial) => world.machine(serial) === null);
  }

  function forgetOld(): void {
    for (const [id, reservation] of byId) {
      if (!isForgotten(reservation)) continue;
      byId.delete(id);
      if (reservation.clientToken !== null) byToken.delete(tokenKey(reservation.region, reservation.clientToken));
    }
  }

  return {
    findByToken(region, clientToken) {
      const id = byToken.get(tokenKey(region, clientToken));
      const reservation = id === undefined ? null : (byId.get(id) ?? null);
      return reservation === null || isForgotten(reservation) ? null : reservation;
    },
    get: (reservationId) => byId.get(reservationId) ?? null,
    add(details, reservationId) {
      forgetOld();
      const reservation = { ...details, reservationId };
      byId.set(reservationId, reservation);
      if (details.clientToken !== null) byToken.set(tokenKey(details.region, details.clientToken), reservationId);
      return reservation;
    },
    nextId() {
      const next = (counters.get('reservation') ?? 0) + 1;
      counters.set('reservation', next);
      return `r-${next.toString(16).padStart(17, '0')}`;
    },
  };
}

/** Tokens are regional. */
function tokenKey(region: string, clientToken: string): string {
  return `${region} ${clientToken}`;
}
