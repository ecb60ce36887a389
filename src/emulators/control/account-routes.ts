import type { WorldReservation } from '../world/contract.ts';
import type { PoolPattern } from '../world/control-contract.ts';
import type { ControlContext, Route } from './route.ts';
import { Refused, read, readBody } from './route.ts';
import {
  cloudQuery,
  deniedBody,
  filterQuery,
  outageBody,
  rateLimitBody,
  reservationBody,
  strandsBody,
  traceBody,
} from './schemas.ts';
import type { PartView, ReservationView } from './views.ts';

/** What the clouds withhold: outages, rate limits, permissions. */
function withholdingRoutes({ control }: ControlContext): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/world/outages',
      run({ body }) {
        const { cloud, region, down } = readBody(outageBody, body);
        control.setOutage(cloud, region, down);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/world/rate-limits',
      run({ body }) {
        const { cloud, bucket, limit } = readBody(rateLimitBody, body);
        control.setRateLimit(cloud, bucket, limit);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/world/denied',
      run({ body }) {
        const { cloud, permissions } = readBody(deniedBody, body);
        control.setDenied(cloud, permissions);
        return {};
      },
    },
  ];
}

function reservationRoutes({ world, control, clouds }: ControlContext): readonly Route[] {
  function viewOf(reservation: WorldReservation): ReservationView {
    return { ...reservation, free: world.freeInReservation(reservation.cloud, reservation.id) };
  }

  function add(body: string): ReservationView {
    const wanted = readBody(reservationBody, body);
    const reservation = { ...wanted, startAt: wanted.startAt ?? world.clock.now() };
    if (world.reservations(wanted.cloud).some(({ id }) => id === wanted.id))
      throw new Refused(409, `${wanted.cloud} already has a reservation called ${wanted.id}`);
    control.addReservation(reservation);
    return viewOf(reservation);
  }

  return [
    {
      method: 'GET',
      path: '/world/reservations',
      run({ query }) {
        const wanted = read(filterQuery, query).cloud;
        const asked = clouds.filter((cloud) => wanted === undefined || cloud === wanted);
        return { reservations: asked.flatMap((cloud) => world.reservations(cloud)).map(viewOf) };
      },
    },
    { method: 'POST', path: '/world/reservations', run: ({ body }) => add(body) },
    {
      method: 'DELETE',
      path: '/world/reservations/*',
      run({ part, query }) {
        control.removeReservation(read(cloudQuery, query).cloud, part);
        return {};
      },
    },
  ];
}

function partRoutes({ world, control, clouds }: ControlContext): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/world/parts',
      run({ query }) {
        const wanted = read(filterQuery, query).cloud;
        const asked = clouds.filter((cloud) => wanted === undefined || cloud === wanted);
        const parts = asked.flatMap((cloud) => world.parts(cloud));
        return { parts: parts.map((part): PartView => ({ ...part, inUse: world.isInUse(part) })) };
      },
    },
    {
      method: 'POST',
      path: '/world/strands',
      run({ body }) {
        const { cloud, strands } = readBody(strandsBody, body);
        control.setStrandsParts(cloud, strands);
        return {};
      },
    },
  ];
}

function traceRoutes({ control }: ControlContext): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/world/traces',
      run({ body }) {
        const { points } = readBody(traceBody, body);
        // A trace names few patterns many times: the world finds the pools of each object once.
        const patterns = new Map<string, PoolPattern>();
        function shared(pattern: PoolPattern): PoolPattern {
          const key = JSON.stringify(pattern);
          const known = patterns.get(key) ?? pattern;
          patterns.set(key, known);
          return known;
        }
        control.replay({ points: points.map((point) => ({ ...point, pattern: shared(point.pattern) })) });
        return { points: points.length };
      },
    },
  ];
}

/** What concerns the account and its market beside machines and pools. */
export function accountRoutes(context: ControlContext): readonly Route[] {
  return [withholdingRoutes, reservationRoutes, partRoutes, traceRoutes].flatMap((routesOf) => routesOf(context));
}
