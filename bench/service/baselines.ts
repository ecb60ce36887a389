import type { ServiceOptions, ServiceOrders, ServicePolicy, ServiceView, SimulatedReplica } from './simulate.ts';
import type { ServiceWorld } from './world.ts';

/** N on-demand machines, wherever. */
export function allOnDemand({ replicas }: ServiceOptions): ServicePolicy {
  return (view) => ({ launches: fallback(view, replicas), retire: [] });
}

/** N spot replicas, as many in each zone as in every other, taken up again where they were lost; no fallback. */
export function evenSpread(world: ServiceWorld, { replicas }: ServiceOptions): ServicePolicy {
  const zones = spotZones(world);
  const wanted = new Map(zones.map((zone, index) => [zone, shareOf(replicas, zones.length, index)]));
  return (view) => {
    const launches = [...wanted].map(([zone, count]) => ({
      market: 'spot' as const,
      zone,
      count: count - inZone(view.replicas, zone).length,
    }));
    return { launches: launches.filter(({ count }) => count > 0), retire: [] };
  };
}

/**
 * SpotHedge (Mao et al., "SkyServe", EuroSys'25, §4) as its authors' simulation has it: N + over spot replicas are kept asked for; zones are active until one
 * of their replicas is lost or refused and again when they keep what they have; a new replica goes to an active zone without any, else to any
 * active zone; on-demand replicas stand in for those of the N + over that are not ready, at most N.
 * `random` gives numbers in [0, 1).
 */
export function spotHedge(
  world: ServiceWorld,
  { replicas }: ServiceOptions,
  over: number,
  random: () => number,
): ServicePolicy {
  const zones = spotZones(world);
  let active = [...zones];
  let asked = new Map<number, number>();

  function learn(held: ReadonlyMap<number, number>): void {
    for (const zone of zones) {
      const wanted = asked.get(zone) ?? 0;
      const has = held.get(zone) ?? 0;
      if (wanted > has) active = active.filter((other) => other !== zone);
      else if (wanted > 0 && !active.includes(zone)) active.push(zone);
    }
    if (active.length <= Math.max(0, Math.min(1, zones.length - 3))) active = [...zones];
  }

  function place(held: ReadonlyMap<number, number>): Map<number, number> {
    const plan = new Map(held);
    const total = (): number => [...plan.values()].reduce((sum, count) => sum + count, 0);
    while (total() < replicas + over) {
      const empty = active.filter((zone) => (plan.get(zone) ?? 0) === 0);
      const choice = empty.length > 0 ? empty : active;
      const zone = choice[Math.floor(random() * choice.length)];
      if (zone === undefined) break;
      plan.set(zone, (plan.get(zone) ?? 0) + 1);
    }
    return plan;
  }

  return (view) => {
    const spot = view.replicas.filter(({ market }) => market === 'spot');
    const held = new Map(zones.map((zone) => [zone, inZone(spot, zone).length]));
    learn(held);
    asked = place(held);
    const launches = zones.map((zone) => ({
      market: 'spot' as const,
      zone,
      count: (asked.get(zone) ?? 0) - (held.get(zone) ?? 0),
    }));
    const readySpot = spot.filter(({ readyStep }) => readyStep < view.step).length;
    const onDemand = Math.min(replicas, Math.max(0, replicas + over - readySpot));
    return {
      launches: [...launches.filter(({ count }) => count > 0), ...fallback(view, onDemand)],
      retire: surplus(view, onDemand),
    };
  };
}

function fallback(view: ServiceView, count: number): ServiceOrders['launches'] {
  const held = view.replicas.filter(({ market }) => market === 'on-demand').length;
  return held < count ? [{ market: 'on-demand', zone: null, count: count - held }] : [];
}

/** On-demand machines beyond `count`, the youngest first. */
function surplus(view: ServiceView, count: number): readonly number[] {
  const held = view.replicas.filter(({ market }) => market === 'on-demand');
  return held.slice(count).map(({ id }) => id);
}

function inZone(replicas: readonly SimulatedReplica[], zone: number): readonly SimulatedReplica[] {
  return replicas.filter((replica) => replica.zone === zone);
}

function spotZones(world: ServiceWorld): readonly number[] {
  return world.zones.flatMap(({ hasSpot }, index) => (hasSpot ? [index] : []));
}

function shareOf(total: number, parts: number, index: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0);
}
