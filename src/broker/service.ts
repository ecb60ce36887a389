/**
 * What the API offers its callers, in the domain's words. The broker implements it; the API translates it to JSON
 * (RFC 3339 times, decimal dollars beside micro-dollars) and the CLI reads that JSON.
 */
import type { CapacityWord } from '../domain/capacity-word.ts';
import type { LeaseState } from '../domain/lease.ts';
import type { MicroUsdPerHour } from '../domain/money.ts';
import type { Offer, Quota } from '../domain/offer.ts';
import type { Explanation, HoldReason, Plan, PolicyRef } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { Market, Pool, ProviderId } from '../domain/pool.ts';
import type { SoldOut } from '../domain/sold-out.ts';
import type { EpochMs } from '../domain/time.ts';
import type { WorkloadSpec, WorkloadState } from '../domain/workload.ts';
import type { AnalysisService } from './analysis-service.ts';
import type { ExecutionService } from './execution-service.ts';
import type { Page, PageQuery } from './page.ts';
import type { RebalanceService } from './rebalance-service.ts';

export type { Page, PageQuery } from './page.ts';

export interface OfferFilter {
  readonly provider: ProviderId | null;
  readonly region: string | null;
  readonly accelerator: string | null;
  readonly market: Market | null;
}

/** A price that is not ranked because it cannot be true, or is too far from what it should be. */
export interface QuarantinedPriceView {
  readonly pool: Pool;
  /** Null where the cloud's price is no amount above zero. */
  readonly priceMicroUsdPerHour: MicroUsdPerHour | null;
  /** What it was compared with. */
  readonly referenceMicroUsdPerHour: MicroUsdPerHour | null;
  readonly reason: string;
  readonly firstSeenAt: EpochMs;
  readonly lastSeenAt: EpochMs;
  /** Readings in a row that told the same price, and how many of them it takes to be believed. */
  readonly sightings: number;
  readonly sightingsToRelease: number;
}

export interface PriceHistoryView {
  /** Pool key as asked. */
  readonly pool: string;
  /** What the pool costs now; null where it is not offered (any more). */
  readonly current: OfferView | null;
  /** Changes, oldest first, the one in force at the beginning in front; each holds until the next. */
  readonly points: readonly {
    readonly observedAt: EpochMs;
    readonly priceMicroUsdPerHour: MicroUsdPerHour;
    readonly availability: Offer['availability'];
  }[];
}

export interface OfferView extends Offer {
  /** A refusal that covers this pool now; null where none. */
  readonly soldOutUntil: EpochMs | null;
  readonly ageSeconds: number;
  /** Machines that the account's quotas leave room for, launches in flight counted; null = some quota is unknown and none known is short. */
  readonly headroomMachines: number | null;
  /** What the cloud itself last said about the chances here; null where it said nothing, or long ago. */
  readonly advice: CapacityWord | null;
  /** The estimated chance (0..1) that a launch here succeeds: own experience and the cloud's words. */
  readonly successProbability: number;
}

export interface LeaseView {
  readonly id: string;
  readonly workloadId: string;
  readonly workloadName: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
  readonly pool: Pool;
  readonly accelerator: string;
  readonly acceleratorCount: number;
  readonly state: LeaseState;
  /** Why it is in this state, in words; null where nothing needs saying. */
  readonly stateReason: string | null;
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  /** The cloud's id of the machine; null until known. */
  readonly instanceId: string | null;
  /** Until when a machine that the cloud takes may still work; null = it is not being taken. */
  readonly drainUntil: EpochMs | null;
  readonly planId: string;
  readonly createdAt: EpochMs;
  readonly updatedAt: EpochMs;
}

export interface WorkloadView {
  readonly id: string;
  readonly spec: WorkloadSpec;
  readonly state: WorkloadState;
  /** The rules and facts that hold it, in words; empty unless `held`. */
  readonly holdReasons: readonly HoldReason[];
  /** Grows by one with each change of the spec. */
  readonly generation: number;
  readonly leases: readonly LeaseView[];
  readonly readyReplicaCount: number;
  readonly costMicroUsdPerHour: MicroUsdPerHour;
  readonly createdAt: EpochMs;
  readonly updatedAt: EpochMs;
}

export interface PlanView {
  /** Null for a dry run: nothing was stored. */
  readonly id: string | null;
  readonly createdAt: EpochMs;
  /** What asked for it: `admission`, `failover`, `dry-run` … */
  readonly trigger: string;
  /** Those it was made under, in the order of their names. */
  readonly policies: readonly PolicyRef[];
  readonly elapsedMs: number;
  readonly plan: Plan;
  /** Workload ids → names, so that a plan can be read alone. */
  readonly workloadNames: Readonly<Record<string, string>>;
}

export interface QuotaView extends Quota {
  /** Units of machines of ours that `usage` cannot hold yet. */
  readonly inFlight: number;
  /** limit − usage − in flight, never below 0; null = unknown. */
  readonly headroom: number | null;
  readonly observedAt: EpochMs;
}

export interface ProviderView {
  readonly id: ProviderId;
  /** `suspended`: the credentials were refused; nothing is launched there until they work again. */
  readonly health: 'ok' | 'degraded' | 'suspended' | 'starting';
  readonly healthReason: string | null;
  readonly regions: readonly {
    readonly region: string;
    readonly offerCount: number;
    /** Null = never read yet. */
    readonly observedAt: EpochMs | null;
    /** Why reading the offers, or the quotas, failed last; null = it did not. */
    readonly error: string | null;
    /** Failed readings of the offers in a row. */
    readonly failureCount: number;
    /** When the failing region is tried again. */
    readonly retryAt: EpochMs | null;
    readonly quotasObservedAt: EpochMs | null;
  }[];
  readonly quotas: readonly QuotaView[];
  readonly soldOut: readonly SoldOut[];
  readonly leaseCount: number;
  readonly costMicroUsdPerHour: MicroUsdPerHour;
}

export interface EventView {
  /** Ever-growing; the cursor. */
  readonly sequence: number;
  readonly at: EpochMs;
  /** `lease.ready`, `attempt.refused`, `workload.held`, `policy.rejected` … */
  readonly type: string;
  readonly workloadId: string | null;
  readonly leaseId: string | null;
  /** One sentence for people. */
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface PolicyView {
  readonly policy: Policy;
  readonly version: number;
  /** The YAML as the operator wrote it. */
  readonly source: string;
  readonly loadedAt: EpochMs;
  /** Errors of newer policy files, which were refused together; all policies stay in force. Empty when the newest files are in force. */
  readonly rejected: readonly string[];
}

/** The fleet at a glance: what the console's first page, `gpu-broker status` and the demo show. */
export interface FleetView {
  readonly at: EpochMs;
  readonly costMicroUsdPerHour: MicroUsdPerHour;
  readonly providerShares: Readonly<Record<string, number>>;
  readonly regionShares: Readonly<Record<string, number>>;
  readonly marketShares: Readonly<Record<string, number>>;
  readonly concentration: number;
  readonly leaseCounts: Readonly<Partial<Record<LeaseState, number>>>;
  readonly workloadCounts: Readonly<Partial<Record<WorkloadState, number>>>;
  /** The newest plan that was carried out: bound, premium, rules; null before the first. */
  readonly latestPlan: PlanView | null;
}

/** Thrown for requests that cannot be met; the API's problem table maps each code to a status. */
export const SERVICE_ERROR_CODES = [
  'workload-not-found',
  'plan-not-found',
  'policy-not-found',
  'lease-not-found',
  'provider-not-found',
  'pool-not-found',
  'price-not-quarantined',
  'price-unreadable',
  'workload-conflict',
  'callback-not-found',
  'callback-refused',
  'capacity-block-not-found',
  'rebalance-not-found',
  'purchase-not-found',
  'purchase-conflict',
  'provider-unavailable',
  'analysis-timeout',
  'not-ready',
] as const;
export type ServiceErrorCode = (typeof SERVICE_ERROR_CODES)[number];

export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ServiceErrorCode;
  constructor(code: ServiceErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface BrokerService extends ExecutionService, AnalysisService, RebalanceService {
  listOffers(filter: OfferFilter, page: PageQuery): Promise<Page<OfferView>>;
  /** Prices that are not ranked, by pool key. */
  listQuarantinedPrices(
    filter: { readonly provider: ProviderId | null },
    page: PageQuery,
  ): Promise<Page<QuarantinedPriceView>>;
  /** A person vouches for the price: it is ranked from the next reading on, which follows at once. Throws `price-not-quarantined`, `price-unreadable`. */
  acceptPrice(poolKey: string): Promise<QuarantinedPriceView>;
  /** Throws `pool-not-found` for a pool that was never offered. */
  getPriceHistory(poolKey: string, since: EpochMs): Promise<PriceHistoryView>;
  /** Creates the workload, or changes it when one of that name and team exists. Planning follows within a second. */
  applyWorkload(spec: WorkloadSpec): Promise<WorkloadView>;
  /** What a plan would do if these were applied now, together with everything pending. Stores and launches nothing. */
  dryRun(specs: readonly WorkloadSpec[]): Promise<PlanView>;
  listWorkloads(page: PageQuery): Promise<Page<WorkloadView>>;
  /** By id or by name. Throws `workload-not-found`. */
  getWorkload(idOrName: string): Promise<WorkloadView>;
  /** Releases its machines; the workload is `deleted` when the cloud has proved them gone. */
  deleteWorkload(idOrName: string): Promise<WorkloadView>;
  explainWorkload(
    idOrName: string,
  ): Promise<Explanation & { readonly workloadName: string; readonly planId: string | null }>;
  listLeases(
    filter: { readonly workload: string | null; readonly state: LeaseState | null },
    page: PageQuery,
  ): Promise<Page<LeaseView>>;
  getLease(id: string): Promise<LeaseView>;
  listPlans(page: PageQuery): Promise<Page<PlanView>>;
  getPlan(id: string): Promise<PlanView>;
  listProviders(): Promise<readonly ProviderView[]>;
  getProvider(id: ProviderId): Promise<ProviderView>;
  /** Events after the cursor (a sequence number as text), oldest first. */
  listEvents(filter: { readonly workloadId: string | null }, page: PageQuery): Promise<Page<EventView>>;
  /** The policies in force, in the order of their names. */
  listPolicies(): Promise<readonly PolicyView[]>;
  /** Throws `policy-not-found` for a policy that is not in force. */
  getPolicy(name: string): Promise<PolicyView>;
  getFleet(): Promise<FleetView>;
  /** Ready to serve: the store answers and every configured provider was read once. The strings say what is missing. */
  readiness(): Promise<readonly string[]>;
}
