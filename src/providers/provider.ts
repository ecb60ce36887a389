/**
 * The contract between the broker and a cloud. One adapter per cloud implements it with that cloud's official SDK;
 * `test/conformance/provider-suite.ts` holds every adapter to every sentence below, over HTTP.
 *
 * What all adapters have in common:
 * - They remember nothing that the cloud does not know. A restart loses nothing; every question can be asked again.
 * - Everyday refusals are values ({@link Refusal}); everything else is a thrown {@link ProviderError}.
 * - Mutating calls are sent once: the SDK's own retries are off for them, repeating is the broker's decision.
 * - Every call ends soon after `call.signal` aborts, with the signal's reason.
 * - No secret ever appears in an error, a tag, a log line or a result.
 */
import type { AcceleratorName } from '../domain/accelerators.ts';
import type { CapacityBlock } from '../domain/capacity-block.ts';
import type { Offer, Quota } from '../domain/offer.ts';
import type { Pool, ProviderId } from '../domain/pool.ts';
import type { RefusalScope } from '../domain/sold-out.ts';
import type { Clock, EpochMs } from '../domain/time.ts';

export interface Capabilities {
  readonly markets: readonly Pool['market'][];
  /** Seconds between a spot notice and the loss of the machine; null where the cloud gives none. */
  readonly spotNoticeSeconds: number | null;
  /** Whether the caller chooses the zone. False: the cloud does, and `pool.zone` is null. */
  readonly choosesZone: boolean;
  /** Whether a launch that was accepted can still fail for want of capacity or quota (Azure, GCP). */
  readonly refusesAsynchronously: boolean;
  /** What the account's quotas span. Without `global`, no offer claims an account-wide quota and none is listed. */
  readonly quotaScopes: readonly ('region' | 'global')[];
}

/** What comes with every call. */
export interface Call {
  /** Aborts the call; also carries the deadline (`AbortSignal.timeout`). */
  readonly signal: AbortSignal;
}

/** How one region answered. Regions that failed are named, never dropped. */
export interface RegionOutcome {
  readonly region: string;
  /** True only if everything of this region was read. A partial answer proves nothing about what is absent. */
  readonly complete: boolean;
  readonly error: ProviderError | null;
}

export interface OfferQuery {
  /** The regions to read; each must be one of the adapter's configured regions. */
  readonly regions: readonly string[];
}

/** A price that cannot be true (≤ 0, unreadable), kept out of the offers and shown to the operator. */
export interface QuarantinedPrice {
  readonly pool: Pool;
  readonly reason: string;
}

export interface OfferSnapshot {
  readonly offers: readonly Offer[];
  readonly quarantined: readonly QuarantinedPrice[];
  readonly regions: readonly RegionOutcome[];
}

export interface QuotaQuery {
  readonly regions: readonly string[];
}

export interface QuotaSnapshot {
  /** Only quotas that some GPU offer claims. `limit`/`usage` null = the cloud does not tell. */
  readonly quotas: readonly Quota[];
  readonly regions: readonly RegionOutcome[];
}

export interface LaunchRequest {
  /** The broker's id, written on every object: `listOwned` finds them by it. 1–40 characters of `[a-z0-9-]`. */
  readonly owner: string;
  /**
   * 1–40 characters of `[a-z0-9]`, new for each attempt, stable within one. AWS ClientToken, Azure VM name, GCP requestId and
   * name derive from it alone. The same key with the same request starts the machines once, however often it is sent;
   * with another request it is a `conflict`.
   */
  readonly idempotencyKey: string;
  /**
   * True when the same key may have been sent before (a lost reply, a crash): the adapter then asks the cloud what became of it
   * before it sends anything, so that a machine which has come and gone meanwhile is not started anew.
   */
  readonly resend: boolean;
  /** `zone` may be null only where the adapter's `choosesZone` is false. A `reserved` pool names its reservation. */
  readonly pool: Pool;
  /** The pool's accelerator: it chooses the image. */
  readonly accelerator: AcceleratorName;
  /** Machines wanted, ≥ 1. */
  readonly count: number;
  /** Free-form tags/labels, `[a-z0-9-]` keys and values of at most 63 characters; the adapter adds owner and attempt. */
  readonly tags: Readonly<Record<string, string>>;
  /** cloud-init user data, plain text; null boots the bare image. */
  readonly userData: string | null;
}

/** Names one machine of one attempt. `instanceId` is null when the launch's reply was lost: the cloud is then asked by key. */
export interface InstanceRef {
  readonly region: string;
  readonly zone: string | null;
  readonly idempotencyKey: string;
  /** 0..count−1 within the attempt. */
  readonly index: number;
  /** The cloud's own id or name. */
  readonly instanceId: string | null;
}

/**
 * `pending`: accepted, not yet running. `running`: the cloud says it runs (and bills). `stopping`: on its way out.
 * `failed`: it will never run; `refusal` or `failure` says why; it may need `terminate` to clear what is left.
 * `gone`: the cloud still lists it, as ended.
 */
export type InstanceState = 'pending' | 'running' | 'stopping' | 'failed' | 'gone';

export interface Instance {
  readonly ref: InstanceRef;
  /** With the zone that the cloud really chose. */
  readonly pool: Pool;
  readonly state: InstanceState;
  /** Set when `state` is `failed` for want of capacity, quota or price. */
  readonly refusal: Refusal | null;
  /** Vendor's words when `state` is `failed` for another reason. */
  readonly failure: string | null;
  readonly owner: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly launchedAt: EpochMs | null;
}

/** Why the cloud would not start machines: an everyday answer, not an error. */
export interface Refusal {
  readonly kind: 'capacity' | 'quota' | 'price' | 'restricted' | 'reservation';
  /** What else is pointless to try until `retryAfterSeconds` have passed. */
  readonly scope: RefusalScope;
  /** The adapter's suggestion for a first refusal; the broker grows it on repeats. */
  readonly retryAfterSeconds: number;
  /** The vendor's code and message, verbatim. */
  readonly code: string;
  readonly message: string;
}

/** `instances.length` + the refused counts = the machines asked for. */
export interface LaunchResult {
  readonly instances: readonly Instance[];
  readonly refusals: readonly { readonly count: number; readonly refusal: Refusal }[];
}

export interface OwnedQuery {
  readonly owner: string;
  readonly regions: readonly string[];
}

export interface OwnedSnapshot {
  /** Machines with the owner's tag in any state but `gone`; failed ones included, since they can leave disks behind. */
  readonly instances: readonly Instance[];
  /** Absence proves "gone" only in regions that are `complete`. */
  readonly regions: readonly RegionOutcome[];
}

/**
 * A disk, network interface or address with the owner's tag whose machine does not exist (any more): what a failed launch, or a
 * machine that ended in an unusual way, left behind. It costs money and quota until it is removed.
 */
export interface Leftover {
  readonly kind: 'disk' | 'network-interface' | 'address';
  readonly region: string;
  readonly zone: string | null;
  /** The cloud's own id: what `removeLeftover` takes. */
  readonly id: string;
  readonly owner: string;
  /** Of the attempt it was made for; null where its tags do not tell. */
  readonly idempotencyKey: string | null;
  readonly createdAt: EpochMs | null;
}

export interface LeftoverSnapshot {
  readonly leftovers: readonly Leftover[];
  readonly regions: readonly RegionOutcome[];
}

export interface AdviceQuery {
  /** Finalists only: such calls are few a day. `count` machines at once are thought of. */
  readonly pools: readonly { readonly pool: Pool; readonly count: number }[];
}

/** What the cloud itself says about the chances of a pool. A point-in-time hint, never a promise. */
export interface CapacityAdvice {
  readonly pool: Pool;
  /** 0..1: chance that the machines can be had, as far as the cloud's own scale translates; null = it does not say. */
  readonly obtainability: number | null;
  /** Expected interruptions per machine-hour; null = it does not say. */
  readonly interruptionsPerHour: number | null;
  /** The cloud's own words: `placement score 7 of 10`, `eviction rate 5-10 %`. */
  readonly words: string;
  readonly observedAt: EpochMs;
}

/**
 * `notice`: the machine will be taken at `deadlineAt`. `risk`: it is at elevated risk; nothing is decided. `taken`: the cloud has
 * taken it already. `maintenance`: the cloud will stop or restart it.
 */
export type InterruptionKind = 'notice' | 'risk' | 'taken' | 'maintenance';

export interface InterruptionNotice {
  readonly kind: InterruptionKind;
  readonly region: string;
  /** The cloud's own id or name of the machine. The machine need not be ours: the broker looks it up. */
  readonly instanceId: string;
  /** The cloud's time of the notice. */
  readonly at: EpochMs;
  readonly deadlineAt: EpochMs | null;
  /** The vendor's words. */
  readonly message: string;
}

export interface InterruptionPage {
  /** Delivered at least once; the same notice may come again. */
  readonly notices: readonly InterruptionNotice[];
  /**
   * Acknowledges this page and continues behind it: pass it to the next call, after the notices are safely stored. Until then the
   * cloud (or the adapter, which asks it from the old cursor) delivers them again.
   */
  readonly cursor: string | null;
  /** Null where everything could be asked. */
  readonly error: ProviderError | null;
}

/**
 * A shell script (POSIX sh with curl) that runs inside the machine and tells the broker about the machine's own notices, for clouds
 * that give them only there. It finds in its environment `GPU_BROKER_CALLBACK_URL` and `GPU_BROKER_CALLBACK_TOKEN`; each event is one
 * `POST` with the token as bearer and a JSON body `{"kind","message","deadlineAt"}` ({@link InterruptionKind}, RFC 3339 or null).
 * `GPU_BROKER_METADATA_URL`, if set, replaces the base URL of the metadata service.
 */
export interface NoticeRelay {
  readonly script: string;
}

export interface CapacityBlockQuery {
  readonly region: string;
  readonly instanceType: string;
  readonly machineCount: number;
  readonly durationHours: number;
  /** The block must start in this window; null = any time. */
  readonly startAfter: EpochMs | null;
  readonly startBefore: EpochMs | null;
}

export interface CapacityBlockPurchase {
  readonly owner: string;
  /** Written on the reservation, so that "was it bought?" can be asked. */
  readonly idempotencyKey: string;
  readonly block: CapacityBlock;
}

/** One permission that the adapter needs, tried with a read-only or dry-run call. */
export interface AccessCheck {
  /** The cloud's own name: `ec2:RunInstances`, `Microsoft.Compute/virtualMachines/write`, `compute.instances.create`. */
  readonly permission: string;
  /** What does not work without it, in words. */
  readonly neededFor: string;
  /** False: the broker works without it, but knows less. */
  readonly required: boolean;
  /** `unknown`: the cloud could not be asked; `message` says why. */
  readonly outcome: 'allowed' | 'missing' | 'unknown';
  /** The vendor's words where it is not allowed. */
  readonly message: string | null;
}

export interface Provider {
  readonly contract: 1;
  readonly id: ProviderId;
  readonly capabilities: Capabilities;
  /** Every GPU pool the account may buy from in these regions, sold-out ones included. Never throws for one failing region. */
  listOffers(query: OfferQuery, call: Call): Promise<OfferSnapshot>;
  /** Limits and usage. A throttled answer is a failed region, never an empty list. */
  listQuotas(query: QuotaQuery, call: Call): Promise<QuotaSnapshot>;
  /**
   * Starts machines; returns as soon as the cloud has accepted or refused them. Throws `outcome-unknown` when the request
   * may have arrived (timeout or reset after sending): call again with the same key to find out.
   */
  launch(request: LaunchRequest, call: Call): Promise<LaunchResult>;
  /** Null = the cloud does not know it: never started, ended long ago, or too young to be visible. */
  getInstance(ref: InstanceRef, call: Call): Promise<Instance | null>;
  /** Everything tagged with `owner` in every region asked. Never throws for one failing region. */
  listOwned(query: OwnedQuery, call: Call): Promise<OwnedSnapshot>;
  /**
   * Call until `gone`; a machine the cloud does not know is `gone`. Returns at once; also removes what belongs to the
   * machine (disks, NICs, IPs) and what a failed launch left behind.
   */
  terminate(ref: InstanceRef, call: Call): Promise<'terminating' | 'gone'>;
  /** Disks, interfaces and addresses with the owner's tag that belong to no machine. Never throws for one failing region. */
  listLeftovers(query: OwnedQuery, call: Call): Promise<LeftoverSnapshot>;
  /** Call until `gone`; what the cloud does not know is `gone`. One that a machine uses (again) is a `conflict`, and left alone. */
  removeLeftover(leftover: Leftover, call: Call): Promise<'removing' | 'gone'>;
  /** Tries every permission the adapter needs. Launches and changes nothing; throws only the signal's reason. */
  checkAccess(call: Call): Promise<readonly AccessCheck[]>;
  /** Pools without a word are absent. Absent where the cloud gives no advice. */
  adviseCapacity?(query: AdviceQuery, call: Call): Promise<readonly CapacityAdvice[]>;
  /** Notices since the cursor; null = from now on. Absent where the cloud tells nobody outside the machine. */
  pollInterruptions?(cursor: string | null, call: Call): Promise<InterruptionPage>;
  /** Absent where `pollInterruptions` tells everything. */
  readonly noticeRelay?: NoticeRelay;
  /** Capacity for sale in advance; empty where nothing fits. Absent where the cloud sells none. */
  listCapacityBlocks?(query: CapacityBlockQuery, call: Call): Promise<readonly CapacityBlock[]>;
  /**
   * Buys a block: money is spent at once and cannot be got back. Sent exactly once, by nobody but an approved request; the cloud has
   * no idempotency for it, so after `outcome-unknown` only `findCapacityBlockPurchase` tells. Answers the reservation's id.
   */
  buyCapacityBlock?(purchase: CapacityBlockPurchase, call: Call): Promise<string>;
  /** The reservation that the key bought; null = none that the cloud shows. */
  findCapacityBlockPurchase?(region: string, idempotencyKey: string, call: Call): Promise<string | null>;
  /** Releases sockets and timers. */
  close(): Promise<void>;
}

/** What the broker does next decides the kind; the table is `broker/failure-policy.ts`. */
export const PROVIDER_ERROR_KINDS = [
  /** Slow down and repeat. */
  'rate-limited',
  /** Nothing happened, or a read failed: repeat. */
  'unavailable',
  /** A mutation may have happened: ask by key before anything else. */
  'outcome-unknown',
  /** Credentials or permissions: suspend the provider and tell people. */
  'unauthorized',
  /** Same key with other parameters, or a name taken by someone else: fail, keep the evidence. */
  'conflict',
  /** The cloud rejects our input: fail, never repeat. */
  'invalid-request',
] as const;
export type ProviderErrorKind = (typeof PROVIDER_ERROR_KINDS)[number];

export interface ProviderErrorDetails {
  readonly kind: ProviderErrorKind;
  readonly provider: ProviderId;
  /** The vendor operation that failed, e.g. `RunInstances`. */
  readonly operation: string;
  /** The vendor's code, verbatim; empty where there was none (connection errors). */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number | null;
  /** True when no row of the adapter's table matched: counted, so that new codes are noticed. */
  readonly unknownCode?: boolean;
  readonly cause?: unknown;
}

export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly kind: ProviderErrorKind;
  readonly provider: ProviderId;
  readonly operation: string;
  readonly code: string;
  readonly retryAfterSeconds: number | null;
  readonly unknownCode: boolean;

  constructor(details: ProviderErrorDetails) {
    super(`${details.provider} ${details.operation}: ${details.message}`, { cause: details.cause });
    this.kind = details.kind;
    this.provider = details.provider;
    this.operation = details.operation;
    this.code = details.code;
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
    this.unknownCode = details.unknownCode ?? false;
  }
}

/** Where and how an adapter reaches its cloud: from `config/broker.yaml`. */
export interface ProviderSettings {
  readonly regions: readonly string[];
  /**
   * Base URLs by service, overriding the cloud's own: aws `ec2`, `pricing`, `service-quotas`, `sqs`; azure `resource-manager`,
   * `retail-prices`; gcp `compute`, `cloud-billing`, `cloud-quotas`, `cloud-resource-manager`; lambda `api`. Empty for the real cloud.
   */
  readonly endpoints: Readonly<Record<string, string>>;
  /** PEM of a certificate authority to trust besides the system's; null for the real cloud. */
  readonly certificateAuthority: string | null;
  /** `default`: the SDK's own credential chain. `emulated`: a fixed, worthless identity for emulated clouds. */
  readonly credentials: 'default' | 'emulated';
  /** The adapter's own settings (Azure subscription and resource group, GCP project, images, networks); the adapter validates them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
}

/** Each adapter's `index.ts` exports `createProvider` of this type; only `registry.ts` imports it, when it is configured. */
export type ProviderFactory = (settings: ProviderSettings) => Promise<Provider>;
