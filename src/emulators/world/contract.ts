/**
 * What the wire fronts (ec2, arm, gce, lambda) and the control API need of the simulated world. One world holds all
 * clouds; a front only translates between its cloud's protocol and these words. The world sets no timers: the state of
 * everything is a function of its clock, computed when asked, so a stepped clock and a real one give the same answers.
 */
import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { Clock, EpochMs } from '../../domain/time.ts';
import type { CloudId, InstanceTypeFact, MarketFacts, QuotaFact, RegionFact, WorldMarket } from './market-facts.ts';

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
