/**
 * What the wire fronts (ec2, arm, gce, lambda) and the control API need of the simulated world. One world holds all
 * clouds; a front only translates between its cloud's protocol and these words. The world sets no timers: the state of
 * everything is a function of its clock, computed when asked, so a stepped clock and a real one give the same answers.
 */
import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Architecture } from '../../domain/offer.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';

export const CLOUD_IDS = ['aws', 'azure', 'gcp', 'lambda'] as const;
export type CloudId = (typeof CLOUD_IDS)[number];
export type WorldMarket = 'on-demand' | 'spot';

/** Where a fact comes from and of which day it is. */
export interface FactSource {
  readonly what: string;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

export interface ZoneFact {
  /** The cloud's zone name: `us-east-1a`, `1`, `us-central1-a`. */
  readonly name: string;
  /** `use1-az6` where the cloud tells one; null otherwise. */
  readonly physicalId: string | null;
}

export interface RegionFact {
  readonly name: string;
  /** The display name used by price lists: `US East (N. Virginia)`, `US East`, `us-central1`. */
  readonly displayName: string;
  /** `na`, `eu`, `ap`, `sa`: drives the daily price rhythm only. */
  readonly area: string;
  readonly zones: readonly ZoneFact[];
}

export interface QuotaClaimFact {
  /** The cloud's own quota name or code: `L-417A185B`, `StandardNCADSA100v4Family`, `NVIDIA_H100_GPUS`. */
  readonly quota: string;
  readonly scope: 'region' | 'global';
  readonly units: number;
}

export interface InstanceTypeFact {
  readonly name: string;
  /** Canonical accelerator name of `domain/accelerators.ts`. */
  readonly accelerator: string;
  readonly acceleratorCount: number;
  /** The cloud's own spelling of the GPU: `H100`, `nvidia-h100-80gb`; null where its API does not tell (Azure). */
  readonly vendorGpuName: string | null;
  /** Memory of one GPU as the cloud's API reports it. */
  readonly gpuMemoryMiB: number;
  readonly vcpus: number;
  readonly memoryGiB: number;
  readonly architecture: Architecture;
  readonly localSsdGiB: number;
  readonly markets: readonly WorldMarket[];
  readonly quotaClaims: Readonly<Record<WorldMarket, readonly QuotaClaimFact[]>>;
  /** The cloud's own name of the family: `p5`, `standardNDSH100v5Family`, `a3`. */
  readonly family: string;
}

export interface QuotaFact {
  readonly name: string;
  readonly scope: 'region' | 'global';
  readonly unit: 'vcpus' | 'accelerators' | 'machines';
  /** The name people see: `Running On-Demand P instances`. */
  readonly displayName: string;
  /** The limit the emulated account starts with, per region or globally. */
  readonly defaultLimit: number;
}

/** How a cloud behaves, beside what it sells. What is documented by the cloud has its source in `sources`; the rest is our choice. */
export interface BehaviourFacts {
  /** Seconds from a spot notice to the stop; null where it sells no spot. */
  readonly spotNoticeSeconds: number | null;
  /** From accepted to running (and to asynchronous failure), in world time. */
  readonly launchLatencyMs: number;
  /** One spot price per zone (AWS) or for the whole region. */
  readonly spotPricePer: 'zone' | 'region';
  /** What shares one spot discount: a machine type, or all sizes with one GPU model (where the price list prices components). */
  readonly spotDiscountPer: 'instance-type' | 'accelerator';
  /** Swing of the spot price around its mean, as a share of the mean. */
  readonly spotVolatility: number;
  /** Where a machine's name is unique while anything of it is left; null where the cloud has no names. */
  readonly namesUniqueIn: 'region' | 'zone' | null;
}

/** `src/emulators/world/market/<cloud>.json`: our own compact table of facts, each with date and source named. */
export interface MarketFacts {
  readonly cloud: CloudId;
  readonly behaviour: BehaviourFacts;
  readonly sources: readonly FactSource[];
  readonly regions: readonly RegionFact[];
  readonly instanceTypes: readonly InstanceTypeFact[];
  readonly quotas: readonly QuotaFact[];
  /** List price of one machine in USD per hour, as decimal text: region → instance type → price. A type not priced in a region is not sold there. */
  readonly listPricesUsd: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Zones in which a type is offered, region → instance type → zone names. Missing = in every zone of the region. */
  readonly zonesOffering: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Anything only this cloud's front needs (GCP: SKU component prices). */
  readonly extra?: unknown;
}

export interface WorldPool {
  readonly cloud: CloudId;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly market: WorldMarket;
}

/**
 * `pending` until `runningAt`; `running` until terminated or interrupted; `stopping` for a short while; then `terminated`.
 * `failed`: accepted, then found impossible at `failedAt` (asynchronous refusal).
 */
export type MachineState = 'pending' | 'running' | 'stopping' | 'terminated' | 'failed';

export interface WorldMachine {
  /** The world's own number, unique in the world's life; a front derives the cloud's id from it. */
  readonly serial: number;
  readonly pool: WorldPool;
  /** The name the front gave it, unique per cloud while it exists (Azure, GCP); null on AWS. */
  readonly name: string | null;
  /** What the front stores with it: owner tags/labels, token, image, user data, network: everything its protocol reads back. */
  readonly tags: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, unknown>>;
  readonly launchedAt: EpochMs;
  readonly runningAt: EpochMs;
  /** Price at launch. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  /** Null until told to stop. */
  readonly stoppingAt: EpochMs | null;
  readonly terminatedAt: EpochMs | null;
  /** Set when the launch was accepted and fails at this time. */
  readonly failedAt: EpochMs | null;
  readonly failure: LaunchFailure | null;
  /** The reservation it runs in; null = it takes from the pool's free capacity. */
  readonly reservation: string | null;
  /** A spot notice was given at this time; the machine stops at `noticeAt + notice`. */
  readonly noticeAt: EpochMs | null;
  /** `user`: asked over the API. `interruption`: the cloud took it back. `loss`: the control API killed it. */
  readonly endedBy: 'user' | 'interruption' | 'loss' | null;
}

/** Why a launch is impossible, in the world's words; each front answers with its cloud's own code. */
export type LaunchFailure =
  | { readonly kind: 'capacity'; readonly pool: WorldPool; readonly free: number }
  | {
      readonly kind: 'quota';
      readonly quota: string;
      readonly scope: 'region' | 'global';
      readonly limit: number;
      readonly usage: number;
      readonly wanted: number;
    }
  | { readonly kind: 'price'; readonly spotPriceMicroUsdPerHour: MicroUsdPerHour }
  | { readonly kind: 'reservation'; readonly reservation: string; readonly free: number }
  | { readonly kind: 'vendor'; readonly error: VendorErrorFact }
  | { readonly kind: 'not-offered' };

/** An error in the cloud's own words, as a test or a drill wants it. */
export interface VendorErrorFact {
  /** HTTP status of a synchronous answer. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** A launch is accepted and fails after the launch latency with this (ARM, GCE); other requests are answered so at once. */
  readonly asynchronous: boolean;
}

/** Capacity set aside for the account in one pool (on-demand capacity reservation, capacity block, reservation group member). */
export interface WorldReservation {
  /** The cloud's own id or name, unique in its cloud. */
  readonly id: string;
  readonly cloud: CloudId;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly count: number;
  readonly kind: 'open' | 'block';
  /** Usable from here … */
  readonly startAt: EpochMs;
  /** … to here; null = until cancelled. Machines in an ended block are stopped. */
  readonly endAt: EpochMs | null;
  readonly tags: Readonly<Record<string, string>>;
  /** What only the front knows of it. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * How long a part lives: until its machine has ended (terminated or failed); until the machine is terminated or forgotten, so that a
 * failed launch keeps it (Azure); or until it is removed.
 */
export type PartLife = 'with-machine' | 'with-its-record' | 'until-removed';

/**
 * A disk, network interface or address. Fronts add the parts of each machine they start (`machine` set). Parts that would end with
 * their machine stay when the cloud fails to clean up (`WorldControl.setStrandsParts`).
 */
export interface WorldPart {
  readonly serial: number;
  readonly cloud: CloudId;
  readonly region: string;
  readonly zone: string | null;
  readonly kind: 'disk' | 'network-interface' | 'address';
  readonly name: string;
  /** Serial of the machine that it was made for; null = none. */
  readonly machine: number | null;
  readonly life: PartLife;
  readonly tags: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, unknown>>;
  readonly createdAt: EpochMs;
}

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

export interface WorldLaunch {
  readonly pool: WorldPool;
  /** All or none of `count` unless `minCount` is lower. */
  readonly count: number;
  readonly minCount: number;
  /** Spot only: refuse when the current price is above; null = no limit. */
  readonly maxPriceMicroUsdPerHour: MicroUsdPerHour | null;
  /** One name per machine, or null (AWS). */
  readonly names: readonly string[] | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, unknown>>;
  /**
   * `sync`: a want of capacity is answered at once and leaves no machine (EC2). `async`: machines are made that turn `failed` after
   * the launch latency (ARM, GCE). Quota, price and not-offered are always answered at once.
   */
  readonly capacityAnswer: 'sync' | 'async';
  /** Launch into this reservation: its free machines count, not the pool's. Missing or null = none. */
  readonly reservation?: string | null;
  /** Accept, and fail after the launch latency with this. Missing or null = as the world would. */
  readonly forcedFailure?: VendorErrorFact | null;
}

export type WorldLaunchResult =
  | { readonly accepted: true; readonly machines: readonly WorldMachine[] }
  | { readonly accepted: false; readonly failure: LaunchFailure };

export interface SpotPricePoint {
  readonly at: EpochMs;
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
}

export interface QuotaState {
  readonly fact: QuotaFact;
  readonly region: string | null;
  readonly limit: number;
  readonly usage: number;
}

export interface World {
  readonly seed: number;
  readonly clock: Clock;
  facts(cloud: CloudId): MarketFacts;
  instanceType(cloud: CloudId, name: string): InstanceTypeFact | null;
  region(cloud: CloudId, name: string): RegionFact | null;
  /** Zone names that offer the type; empty where it is not sold. */
  zonesOffering(cloud: CloudId, region: string, instanceType: string): readonly string[];
  listPrice(cloud: CloudId, region: string, instanceType: string): MicroUsdPerHour | null;
  /** Price now in the pool's market; null where not sold. Azure and GCP have one spot price per region: the world gives all zones the same. */
  price(pool: WorldPool): MicroUsdPerHour | null;
  /** Change points of the spot price in [from, to], oldest first, with the one in force at `from` in front. */
  spotHistory(pool: Omit<WorldPool, 'market'>, from: EpochMs, to: EpochMs): readonly SpotPricePoint[];
  quotas(cloud: CloudId, region: string | null): readonly QuotaState[];
  /** Machines that could be launched now: what a cloud's own capacity hints are made of. */
  freeOf(pool: WorldPool): number;
  launch(request: WorldLaunch): WorldLaunchResult;
  machine(serial: number): WorldMachine | null;
  /** Every machine of the cloud, ended ones included for an hour of world time after their end, by serial. */
  machines(cloud: CloudId): readonly WorldMachine[];
  /** State at the clock's present. */
  stateOf(machine: WorldMachine): MachineState;
  /** Idempotent; returns the machine as it then is, null when unknown. */
  terminate(serial: number): WorldMachine | null;
  /** Forgets a failed or terminated machine at once (Azure DELETE of a failed VM, GCE). */
  forget(serial: number): void;
  /** Adds or replaces tags. */
  tag(serial: number, tags: Readonly<Record<string, string>>): void;
  /** From this moment on a read may show the machine; before it, reads of an eventually consistent API do not. */
  visibleAt(machine: WorldMachine): EpochMs;
  /**
   * The state as a read of an eventually consistent API shows it now: as it was `visibilityDelayMs` ago; null while the machine is too
   * young to be shown.
   */
  shownStateOf(machine: WorldMachine): MachineState | null;
  /** Every reservation of the cloud that has not ended, by id. */
  reservations(cloud: CloudId): readonly WorldReservation[];
  /** Machines that could still be launched into it now; 0 for one that is unknown, not begun or ended. */
  freeInReservation(cloud: CloudId, id: string): number;
  /** What buying a capacity block does. Throws an Error when the id is taken, a RangeError when it cannot be. */
  addReservation(reservation: WorldReservation): void;
  addPart(part: Omit<WorldPart, 'serial' | 'createdAt'>): WorldPart;
  /** Every part that exists, whether its machine lives or not, by serial. */
  parts(cloud: CloudId): readonly WorldPart[];
  /** Whether a living machine uses it. */
  isInUse(part: WorldPart): boolean;
  /** Idempotent. */
  removePart(serial: number): void;
  /** Whether the region (or, with null, the whole cloud) is down. A front whose answer spans regions leaves out, or names, those that are. */
  isDown(cloud: CloudId, region: string | null): boolean;
  /** Whether the account's identity lacks this permission (the cloud's own name for it). */
  isDenied(cloud: CloudId, permission: string): boolean;
  /** State that a front keeps beside the world's (client tokens, operations): one map per cloud and name, living as long as the world. */
  store<V>(cloud: CloudId, name: string): Map<string, V>;
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
