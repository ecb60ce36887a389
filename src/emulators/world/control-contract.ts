/** What tests, drills and the control API do to the world behind the clouds' backs, and what they see of it. */
import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { VendorErrorFact, World, WorldPool, WorldReservation } from './contract.ts';
import type { CloudId, WorldMarket } from './market-facts.ts';

/** A recorded market: from each point on, what it says holds in its pools, until the next point of the same pool. */
export interface MarketTrace {
  readonly points: readonly TracePoint[];
}

export interface TracePoint {
  /** After the moment the trace is started. */
  readonly offsetMs: number;
  readonly pattern: PoolPattern;
  /** Machines that can be launched; null = leave as it is. */
  readonly free: number | null;
  /** Spot price; null = leave as it is. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour | null;
}

/** A set of pools: every field that is null matches anything. */
export interface PoolPattern {
  readonly cloud: CloudId;
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string | null;
  /** Canonical accelerator name. */
  readonly accelerator: string | null;
  readonly market: WorldMarket | null;
}

export type FaultKind =
  | 'throttle'
  | 'unavailable'
  | 'unauthorized'
  /** HTTP 500 in the cloud's own words; nothing is carried out. */
  | 'internal-error'
  /** The error in `Fault.vendorError`. */
  | 'vendor-error'
  /** The request is carried out; headers and half of the body arrive, then the connection is cut. */
  | 'reset'
  /** The connection is cut before the request is carried out. */
  | 'lost-request'
  /** The request is carried out, then the connection is cut. */
  | 'lost-reply'
  /** The answer comes after `delayMs` of the world's clock. */
  | 'slow'
  /** HTTP 502 with an HTML body, as proxies answer. */
  | 'html';

export interface Fault {
  readonly id: string;
  readonly cloud: CloudId | null;
  /** Name of the endpoint (`ec2`, `retail-prices`); missing or null = every API of the cloud. */
  readonly service?: string | null;
  /** Glob over `RequestLabel.operation`; null = every operation. */
  readonly operation: string | null;
  readonly region: string | null;
  readonly kind: FaultKind;
  readonly delayMs: number;
  /** Only for `vendor-error`. An asynchronous one hits only requests that change something: a launch is accepted and fails later. */
  readonly vendorError?: VendorErrorFact | null;
  /** Matching requests that it lets pass first; missing = none. */
  readonly skip?: number;
  /** How many more requests it hits; null = until removed. */
  readonly remaining: number | null;
  /** Share of the matching requests it hits, drawn from the world's seed; 1 = all. */
  readonly probability: number;
}

/** The hand of God: what tests, drills and the control API do to the world behind the clouds' backs. */
export interface WorldControl {
  /** Sets the free machines of every matching pool, overriding the model until cleared; 0 = sold out. Returns how many pools matched. */
  setFree(pattern: PoolPattern, free: number | null): number;
  /** Machines that could be launched now. */
  freeOf(pool: WorldPool): number;
  setQuotaLimit(cloud: CloudId, region: string | null, quota: string, limit: number): void;
  setSpotPrice(pattern: PoolPattern, priceMicroUsdPerHour: MicroUsdPerHour | null): void;
  /** Gives a spot notice; the machine stops when the cloud's notice time has passed. */
  interrupt(serial: number): void;
  /** The machine is gone at once, without notice. */
  lose(serial: number): void;
  /** How long reads lag behind writes where the cloud is eventually consistent (EC2). Default 0 in tests, 500 ms in `clouds`. */
  setVisibilityDelayMs(cloud: CloudId, delayMs: number): void;
  /** Time from accepted to running (and to asynchronous failure). */
  setLaunchLatencyMs(cloud: CloudId, latencyMs: number): void;
  /** Takes a region, or with null the whole cloud, down or up again: its endpoints answer with the cloud's 503, or cut the connection. */
  setOutage(cloud: CloudId, region: string | null, isDown: boolean): void;
  /**
   * A token bucket for the requests whose `RequestLabel.bucket` matches the glob, per region where the label has one; over it the cloud
   * throttles. Of several limits that match, the one set last is in force. Null takes the limit of this glob away. Default: none.
   */
  setRateLimit(
    cloud: CloudId,
    bucket: string,
    limit: { readonly capacity: number; readonly refillPerSecond: number } | null,
  ): void;
  /** Globs over permission names that the account lacks from now on; replaces the former ones. */
  setDenied(cloud: CloudId, permissions: readonly string[]): void;
  addReservation(reservation: WorldReservation): void;
  /** Ends it now: machines in a block are stopped, those in an open one run on. */
  removeReservation(cloud: CloudId, id: string): void;
  /** While true, machines that end leave their parts behind. */
  setStrandsParts(cloud: CloudId, strands: boolean): void;
  /** Replays a recorded market from this moment on. */
  replay(trace: MarketTrace): void;
  addFault(fault: Fault): void;
  removeFault(id: string): void;
  faults(): readonly Fault[];
}

/** One line of the request log. */
export interface LoggedRequest {
  readonly at: EpochMs;
  readonly cloud: CloudId;
  readonly service: string;
  readonly operation: string;
  readonly region: string | null;
  readonly mutating: boolean;
  /** 0 when the connection was cut by a fault, or refused by a cloud that is down (then the operation is not known either: ''). */
  readonly status: number;
  /** The `user-agent` header: proof of which client called. */
  readonly userAgent: string;
  /** What was done to it: a fault; or the cloud or region was down; or it was over a rate limit. */
  readonly fault: FaultKind | 'outage' | 'rate-limit' | null;
}

/** The emulated clouds as running servers on loopback (`src/emulators/clouds.ts`, `startClouds`). */
export interface RunningClouds {
  readonly world: World;
  readonly control: WorldControl;
  /** By cloud and service, as `ProviderSettings.endpoints` wants them. */
  readonly endpoints: Readonly<Record<CloudId, Readonly<Record<string, string>>>>;
  /** PEM of the authority that signed the TLS fronts' certificate. */
  readonly certificateAuthority: string;
  readonly controlUrl: string;
  requests(): readonly LoggedRequest[];
  close(): Promise<void>;
}
