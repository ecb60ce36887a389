/** A cloud behind the provider contract: `aws`, `azure`, `gcp`. Open-ended: a fourth adapter needs no change here. */
export type ProviderId = string;

export const MARKETS = ['on-demand', 'spot', 'reserved'] as const;
export type Market = (typeof MARKETS)[number];

/** provider × region × zone × instance type × market (× reservation): what sells out as one. */
export interface Pool {
  readonly provider: ProviderId;
  /** The cloud's own region name. */
  readonly region: string;
  /** The cloud's own zone name; null where the cloud chooses. */
  readonly zone: string | null;
  /** The cloud's name for the machine shape. */
  readonly instanceType: string;
  readonly market: Market;
  /** The cloud's id of a reservation; only where `market` is `reserved`. */
  readonly reservation: string | null;
}

/** One string per pool, stable and readable: `aws/us-east-1/us-east-1a/p5.48xlarge/spot`; zone `*` where the cloud chooses. */
export function poolKey(pool: Pool): string {
  const base = `${pool.provider}/${pool.region}/${pool.zone ?? '*'}/${pool.instanceType}/${pool.market}`;
  return pool.reservation === null ? base : `${base}/${pool.reservation}`;
}

/** `provider:region`, the name of a region across clouds (region names repeat between clouds). */
export function regionKey(pool: Pick<Pool, 'provider' | 'region'>): string {
  return `${pool.provider}:${pool.region}`;
}

/** `provider:region:zone`, the name of a zone across clouds; a zone the cloud chooses counts as one zone of its region. */
export function zoneKey(pool: Pick<Pool, 'provider' | 'region' | 'zone'>): string {
  return `${pool.provider}:${pool.region}:${pool.zone ?? '*'}`;
}
