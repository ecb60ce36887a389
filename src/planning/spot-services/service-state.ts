import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Pool } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { PoolRecord } from './pool-record.ts';

/** What a service asks for, and the rules that it is kept by. */
export interface ServiceRules {
  /** N: replicas that should serve at any time. */
  readonly replicas: number;
  /** Fewer serving replicas than this count as a deeper shortage; at most `replicas`. */
  readonly minAvailable: number;
  /** Most of the N replicas that one zone may hold, as a share in (0, 1]. */
  readonly maxZoneShare: number;
  /**
   * What that share limits. `held`: every replica in the zone, on-demand or spot, starting or serving: never above ⌊share × N⌋ (at least 1), so
   * no loss elsewhere can break it. `counted`: replicas over N do not count: a zone may hold ⌊share × N⌋ and as many more as the service
   * holds over N, so that losing any one zone leaves N − ⌊share × N⌋.
   */
  readonly zoneShareOf: 'held' | 'counted';
  /** Seconds from launch to serving. */
  readonly coldStartSeconds: number;
  /** Seconds until a loss is seen and its replacement sent. */
  readonly reactionSeconds: number;
  /** What an hour with fewer than N serving is worth, in hours of an on-demand replica. The higher, the more replicas are held over N. */
  readonly shortageWeight: number;
}

/** A pool that a replica may be launched in, with its price now. */
export interface Place {
  readonly pool: Pool;
  /** Of all machines of one replica. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
}

export interface ServiceReplica {
  readonly id: string;
  readonly pool: Pool;
  readonly launchedAt: EpochMs;
  /** When it serves, or is expected to. */
  readonly readyAt: EpochMs;
  /** The cloud has given notice, or it drains: it holds room in its zone and counts for nothing else. */
  readonly leaving: boolean;
}

export interface ServiceState {
  readonly nowAt: EpochMs;
  /** Everywhere that the service may run; pools of zones may be many, on-demand and spot. */
  readonly places: readonly Place[];
  readonly replicas: readonly ServiceReplica[];
  /** What was seen of each pool, by `poolKey`; a pool without a record was never tried. */
  readonly records: ReadonlyMap<string, PoolRecord>;
}

export interface PlaceCount {
  readonly pool: Pool;
  readonly count: number;
}

export interface ServiceDecision {
  readonly launches: readonly PlaceCount[];
  /** Ids, to be drained and ended. */
  readonly retire: readonly string[];
  /** What the service should come to hold if every launch is accepted. */
  readonly wish: readonly PlaceCount[];
}
