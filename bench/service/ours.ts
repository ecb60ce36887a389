import { type Pool, poolKey } from '../../src/domain/pool.ts';
import { decideService } from '../../src/planning/spot-services/decide-service.ts';
import { observePool, type PoolRecord } from '../../src/planning/spot-services/pool-record.ts';
import type { Place, ServiceRules, ServiceState } from '../../src/planning/spot-services/service-state.ts';
import type { ServiceOrders, ServicePolicy, ServiceView } from './simulate.ts';
import type { ServiceWorld } from './world.ts';

/** While nothing happens, the policy is asked this often. */
const QUIET_MS = 60_000;

/** The product's policy, driven as the broker would drive it: it sees what launches and losses tell, nothing else. */
export function ours(world: ServiceWorld, rules: ServiceRules): ServicePolicy {
  const pools = world.zones.flatMap(({ name, region, hasSpot }, zone) => {
    const pool = (market: Pool['market']) => ({
      zone,
      pool: { provider: 'trace', region, zone: name, instanceType: 'recorded', market, reservation: null },
    });
    return hasSpot ? [pool('spot'), pool('on-demand')] : [pool('on-demand')];
  });
  const poolOf = (zone: number | null, market: Pool['market']): Pool => {
    const found = pools.find((entry) => entry.zone === zone && entry.pool.market === market);
    if (found === undefined) throw new Error(`the world has no ${market} pool in zone ${zone}`);
    return found.pool;
  };
  const records = new Map<string, PoolRecord>();

  function learn(view: ServiceView, nowAt: number): void {
    for (const { zone, pool } of pools) {
      if (pool.market !== 'spot') continue;
      const key = poolKey(pool);
      const running = view.replicas.filter((replica) => replica.zone === zone && replica.market === 'spot');
      const runningCount = running.length;
      const acceptedCount = running.filter(({ launchedStep }) => launchedStep === view.step - 1).length;
      const lostCount = view.lost.get(zone) ?? 0;
      const refusedCount = view.refused.get(zone) ?? 0;
      const record = records.get(key) ?? null;
      if (record === null && runningCount + lostCount + refusedCount === 0) continue;
      records.set(key, observePool(record, { at: nowAt, runningCount, lostCount, acceptedCount, refusedCount }));
    }
  }

  let nextAt = 0;
  return (view): ServiceOrders => {
    const nowAt = Math.round(view.step * world.stepSeconds * 1000);
    learn(view, nowAt);
    if (nowAt < nextAt && view.lost.size + view.refused.size === 0) return { launches: [], retire: [] };
    const places = pools.map(
      ({ zone, pool }): Place => ({ pool, priceMicroUsdPerHour: priceOf(world, zone, pool, view.step) }),
    );
    const atMs = (step: number): number => Math.round(step * world.stepSeconds * 1000);
    const state: ServiceState = {
      nowAt,
      places,
      records,
      replicas: view.replicas.map(({ id, zone, market, launchedStep, readyStep }) => ({
        id: String(id),
        pool: poolOf(zone, market),
        launchedAt: atMs(launchedStep),
        readyAt: atMs(readyStep),
        leaving: false,
      })),
    };
    const { launches, retire } = decideService(rules, state);
    nextAt = launches.length + retire.length > 0 ? nowAt : nowAt + QUIET_MS;
    const zoneOf = new Map(pools.map(({ pool, zone }) => [poolKey(pool), zone]));
    return {
      launches: launches.map(({ pool, count }) => ({
        market: pool.market === 'spot' ? 'spot' : 'on-demand',
        zone: zoneOf.get(poolKey(pool)) ?? null,
        count,
      })),
      retire: retire.map(Number),
    };
  };
}

function priceOf(world: ServiceWorld, zone: number, pool: Pool, step: number): number {
  return pool.market === 'spot' ? (world.zones[zone]?.spotPriceAt(step) ?? 0) : world.onDemandPrice;
}
