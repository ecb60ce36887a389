import type { Market, Pool, ProviderId } from './pool.ts';
import type { EpochMs } from './time.ts';

/**
 * What a refusal speaks of: null means "any". A pool's refusal names all five; a family quota names the provider,
 * region, market and the quota; a provider-wide one only the provider.
 */
export interface RefusalScope {
  readonly provider: ProviderId;
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string | null;
  readonly market: Market | null;
  /** A quota's name: covers every pool whose offer claims that quota. */
  readonly quota: string | null;
  /** One reservation of the pool alone; missing or null = any, and what is not reserved. */
  readonly reservation?: string | null;
}

/** A scope that refused; left alone until `until`, which grows on repeats. */
export interface SoldOut {
  readonly scope: RefusalScope;
  readonly until: EpochMs;
  readonly reason: string;
  /** Refusals in a row without a success. */
  readonly strikes: number;
}

/** Whether the scope covers the pool; `quotas` are the names of the quotas that the pool's offer claims. */
export function scopeCovers(scope: RefusalScope, pool: Pool, quotas: readonly string[]): boolean {
  return (
    scope.provider === pool.provider &&
    (scope.region === null || scope.region === pool.region) &&
    (scope.zone === null || scope.zone === pool.zone) &&
    (scope.instanceType === null || scope.instanceType === pool.instanceType) &&
    (scope.market === null || scope.market === pool.market) &&
    (scope.quota === null || quotas.includes(scope.quota)) &&
    ((scope.reservation ?? null) === null || scope.reservation === pool.reservation)
  );
}

/** One string per scope, for keys and for people: `aws/us-east-1/us-east-1a/p5.48xlarge/spot`, `*` for "any"; ` quota=…` and ` reservation=…` behind it where one is named. */
export function scopeKey(scope: RefusalScope): string {
  const base = [scope.provider, scope.region, scope.zone, scope.instanceType, scope.market]
    .map((part) => part ?? '*')
    .join('/');
  const quota = scope.quota === null ? '' : ` quota=${scope.quota}`;
  const reservation = (scope.reservation ?? null) === null ? '' : ` reservation=${scope.reservation}`;
  return `${base}${quota}${reservation}`;
}

/** The scope of exactly one pool; of all zones of its region where the cloud chooses the zone. */
export function poolScope(pool: Pool): RefusalScope {
  return {
    provider: pool.provider,
    region: pool.region,
    zone: pool.zone,
    instanceType: pool.instanceType,
    market: pool.market,
    quota: null,
    ...(pool.reservation === null ? {} : { reservation: pool.reservation }),
  };
}
