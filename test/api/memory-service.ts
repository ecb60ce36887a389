import type {
  CapacityBlockFilter,
  LeftoverView,
  MachineNotice,
  PurchaseRequest,
  PurchaseView,
  SweepView,
} from '../../src/broker/execution-service.ts';
import {
  type BrokerService,
  type EventView,
  type LeaseView,
  type OfferView,
  type Page,
  type PageQuery,
  type PlanView,
  type PolicyView,
  type PriceHistoryView,
  type ProviderView,
  type QuarantinedPriceView,
  ServiceError,
  type WorkloadView,
} from '../../src/broker/service.ts';
import { parsePolicy } from '../../src/config/policy.ts';
import type { CapacityBlock } from '../../src/domain/capacity-block.ts';
import type { RuleUse } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { poolScope } from '../../src/domain/sold-out.ts';
import type { EpochMs } from '../../src/domain/time.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { MemoryRebalances } from './memory-rebalances.ts';
import {
  AT,
  AZURE_POOL,
  BLOCK,
  LEFTOVERS,
  leaseOf,
  OFFERS,
  POLICY_SOURCE,
  PURCHASE,
  paged,
  pool,
  QUARANTINED,
  SWEEPS,
} from './memory-samples.ts';

/** A policy in force: that of the samples, under another name. */
export function policyViewOf(name: string, version: number, rejected: readonly string[]): PolicyView {
  const source = POLICY_SOURCE.replace('name: default', `name: ${name}`);
  const parsed = parsePolicy(`policies/${name}.yaml`, source);
  if (!parsed.ok) throw new Error('the policy of this test is wrong');
  return { policy: parsed.value, version, source, loadedAt: AT, rejected };
}

/**
 * A broker that keeps everything in memory and places replicas on AWS and Azure by turns: enough for the HTTP layer and the
 * CLI to be tested alone. The real broker has tests of its own.
 */
export class MemoryService extends MemoryRebalances implements BrokerService {
  readonly applied: WorkloadSpec[] = [];
  readonly events: EventView[] = [];
  readonly heard: MachineNotice[] = [];
  purchase: PurchaseView = PURCHASE;
  missing: readonly string[] = [];
  policies: readonly PolicyView[] = [policyViewOf('default', 3, ['policies/default.yaml:5:1 spec.x: unknown key'])];
  /** Rules that plans tell beside those of `default`. */
  furtherRules: readonly RuleUse[] = [];
  /** When set, every call that reads the fleet fails with it. */
  failure: Error | null = null;
  readonly #workloads = new Map<string, WorkloadView>();

  async listOffers(filter: Parameters<BrokerService['listOffers']>[0], page: PageQuery): Promise<Page<OfferView>> {
    const matches = OFFERS.filter(
      (candidate) =>
        (filter.provider ?? candidate.pool.provider) === candidate.pool.provider &&
        (filter.region ?? candidate.pool.region) === candidate.pool.region &&
        (filter.accelerator ?? candidate.accelerator) === candidate.accelerator &&
        (filter.market ?? candidate.pool.market) === candidate.pool.market,
    );
    return paged(matches, page);
  }

  async applyWorkload(spec: WorkloadSpec): Promise<WorkloadView> {
    if (spec.name === 'conflicted') throw new ServiceError('workload-conflict', 'conflicted is being deleted');
    this.applied.push(spec);
    const id = `${spec.team}-${spec.name}`;
    const before = this.#workloads.get(id);
    const leases = Array.from({ length: Math.min(spec.replicas, 4) }, (_, replica) =>
      replica % 2 === 0
        ? leaseOf({ id, spec }, replica, pool(), 55_040_000)
        : leaseOf({ id, spec }, replica, AZURE_POOL, 98_320_000),
    );
    const isHeld = spec.replicas > 4;
    const view: WorkloadView = {
      id,
      spec,
      state: isHeld ? 'held' : 'placed',
      holdReasons: isHeld
        ? [{ rule: 'headroom', detail: `quota p5 in us-east-1 leaves room for 4 of ${spec.replicas}` }]
        : [],
      generation: (before?.generation ?? 0) + 1,
      leases,
      readyReplicaCount: leases.length,
      costMicroUsdPerHour: leases.reduce((total, lease) => total + lease.priceMicroUsdPerHour, 0),
      createdAt: AT,
      updatedAt: AT,
    };
    this.#workloads.set(id, view);
    this.record('workload.placed', `${spec.name} is placed`, id);
    return view;
  }

  record(type: string, message: string, workloadId: string | null): void {
    this.events.push({ sequence: this.events.length + 1, at: AT, type, workloadId, leaseId: null, message, data: {} });
  }

  async dryRun(specs: readonly WorkloadSpec[]): Promise<PlanView> {
    return { ...this.#plan(specs), id: null, trigger: 'dry-run' };
  }

  #plan(specs: readonly WorkloadSpec[]): PlanView {
    const [first] = specs;
    return {
      id: 'plan-1',
      createdAt: AT,
      trigger: 'admission',
      policies: this.policies.map(({ policy: { name }, version }) => ({ name, version })),
      elapsedMs: 12,
      workloadNames: Object.fromEntries(specs.map((spec) => [`${spec.team}-${spec.name}`, spec.name])),
      plan: {
        machines:
          first === undefined
            ? []
            : [
                {
                  workloadId: `${first.team}-${first.name}`,
                  replicas: [0],
                  part: 0,
                  partCount: 1,
                  pool: pool(),
                  accelerator: 'H100-80GB-SXM',
                  acceleratorCount: 8,
                  priceMicroUsdPerHour: 55_040_000,
                  adjustedPriceMicroUsdPerHour: 55_040_000,
                },
              ],
        keptLeaseIds: [],
        releasedLeaseIds: [],
        effort: 'full',
        effectiveCostMicroUsdPerHour: 440_320_000,
        effectiveBoundMicroUsdPerHour: 440_320_000,
        held: [],
        costMicroUsdPerHour: 153_360_000,
        lowerBoundMicroUsdPerHour: 153_200_000,
        gapShare: 0.001,
        unconstrainedCostMicroUsdPerHour: 110_080_000,
        premiumShare: 0.393,
        rules: [
          {
            policy: 'default',
            rule: 'maxShare.provider',
            subject: 'azure',
            value: 0.6,
            limit: 0.6,
            enforced: true,
            binding: true,
          },
          {
            policy: 'default',
            rule: 'maxShare.provider',
            subject: 'aws',
            value: 0.4,
            limit: 0.6,
            enforced: true,
            binding: false,
          },
          { policy: 'default', rule: 'minProviders', subject: '', value: 2, limit: 2, enforced: true, binding: true },
          ...this.furtherRules,
        ],
        shares: {
          provider: { azure: 0.6, aws: 0.4 },
          region: { 'azure:eastus': 0.6, 'aws:us-east-1': 0.4 },
          market: { 'on-demand': 1 },
        },
        concentration: 0.52,
        solver: 'highs 1.15.3',
        status: 'optimal',
      },
    };
  }

  async listWorkloads(page: PageQuery): Promise<Page<WorkloadView>> {
    return paged([...this.#workloads.values()], page);
  }

  async getWorkload(idOrName: string): Promise<WorkloadView> {
    const found = [...this.#workloads.values()].find(({ id, spec }) => id === idOrName || spec.name === idOrName);
    if (found === undefined) throw new ServiceError('workload-not-found', `There is no workload "${idOrName}"`);
    return found;
  }

  async deleteWorkload(idOrName: string): Promise<WorkloadView> {
    const deleted: WorkloadView = { ...(await this.getWorkload(idOrName)), state: 'deleting' };
    this.#workloads.set(deleted.id, deleted);
    return deleted;
  }

  async explainWorkload(idOrName: string): ReturnType<BrokerService['explainWorkload']> {
    const workload = await this.getWorkload(idOrName);
    const alternative = { accelerator: 'H100-80GB-SXM', acceleratorCount: 8 };
    return {
      workloadId: workload.id,
      workloadName: workload.spec.name,
      planId: 'plan-1',
      alternatives: [
        { ...alternative, pool: pool(), replicaCostMicroUsdPerHour: 55_040_000, verdict: 'chosen', detail: 'cheapest' },
        {
          ...alternative,
          pool: AZURE_POOL,
          replicaCostMicroUsdPerHour: null,
          verdict: 'sold-out',
          detail: 'sold out until 2026-11-01T00:03:00Z',
        },
      ],
      otherAcceleratorCount: 1,
      held: workload.holdReasons,
    };
  }

  async listLeases(filter: Parameters<BrokerService['listLeases']>[0], page: PageQuery): Promise<Page<LeaseView>> {
    const leases = [...this.#workloads.values()].flatMap(({ leases: own }) => own);
    const matches = leases.filter(
      (lease) =>
        (filter.state ?? lease.state) === lease.state &&
        (filter.workload === null || filter.workload === lease.workloadId || filter.workload === lease.workloadName),
    );
    return paged(matches, page);
  }

  async getLease(id: string): Promise<LeaseView> {
    const lease = [...this.#workloads.values()]
      .flatMap(({ leases }) => leases)
      .find((candidate) => candidate.id === id);
    if (lease === undefined) throw new ServiceError('lease-not-found', `There is no lease "${id}"`);
    return lease;
  }

  async listPlans(page: PageQuery): Promise<Page<PlanView>> {
    return paged([this.#plan([])], page);
  }

  async getPlan(id: string): Promise<PlanView> {
    if (id !== 'plan-1') throw new ServiceError('plan-not-found', `There is no plan "${id}"`);
    return this.#plan(this.applied);
  }

  async listQuarantinedPrices(
    filter: { readonly provider: string | null },
    page: PageQuery,
  ): Promise<Page<QuarantinedPriceView>> {
    const matches = QUARANTINED.filter(({ pool: of }) => filter.provider === null || filter.provider === of.provider);
    return { items: matches.slice(0, page.limit), next: null };
  }

  async acceptPrice(key: string): Promise<QuarantinedPriceView> {
    const found = QUARANTINED.find(({ pool: of }) => poolKey(of) === key);
    if (found === undefined) throw new ServiceError('price-not-quarantined', `No price of "${key}" is in quarantine`);
    if (found.priceMicroUsdPerHour === null) throw new ServiceError('price-unreadable', 'There is nothing to accept');
    return found;
  }

  async getPriceHistory(key: string, since: EpochMs): Promise<PriceHistoryView> {
    const current = OFFERS.find(({ pool: of }) => poolKey(of) === key);
    if (current === undefined) throw new ServiceError('pool-not-found', `No pool "${key}" is known`);
    const points = [50_000_000, 60_500_000, 55_040_000].map((priceMicroUsdPerHour, day) => ({
      observedAt: AT - (3 - day) * 86_400_000,
      priceMicroUsdPerHour,
      availability: 'available' as const,
    }));
    return { pool: key, current, points: points.filter(({ observedAt }) => observedAt >= since) };
  }

  async listProviders(): Promise<readonly ProviderView[]> {
    return [
      {
        id: 'aws',
        health: 'degraded',
        healthReason: 'us-west-2 was not read',
        regions: [
          {
            region: 'us-east-1',
            offerCount: 2,
            observedAt: AT,
            error: null,
            failureCount: 0,
            retryAt: null,
            quotasObservedAt: AT,
          },
          {
            ...{ region: 'us-west-2', offerCount: 0, observedAt: null, error: 'RequestLimitExceeded' },
            ...{ failureCount: 3, retryAt: AT + 80_000, quotasObservedAt: null },
          },
        ],
        quotas: [
          {
            ...{ provider: 'aws', region: 'us-east-1', name: 'p5', unit: 'vcpus', limit: 768, usage: null },
            ...{ inFlight: 192, headroom: null, observedAt: AT },
          },
        ],
        soldOut: [
          { scope: poolScope(pool()), until: AT + 180_000, reason: 'InsufficientInstanceCapacity', strikes: 1 },
        ],
        leaseCount: 2,
        costMicroUsdPerHour: 110_080_000,
      },
    ];
  }

  async getProvider(id: string): Promise<ProviderView> {
    const found = (await this.listProviders()).find((provider) => provider.id === id);
    if (found === undefined) throw new ServiceError('provider-not-found', `There is no provider "${id}"`);
    return found;
  }

  async listEvents(filter: { readonly workloadId: string | null }, page: PageQuery): Promise<Page<EventView>> {
    const after = Number(page.cursor ?? '0');
    const matches = this.events.filter(
      (event) => event.sequence > after && (filter.workloadId === null || filter.workloadId === event.workloadId),
    );
    const items = matches.slice(0, page.limit);
    return { items, next: matches.length > items.length ? String(items.at(-1)?.sequence) : null };
  }

  async listPolicies(): Promise<readonly PolicyView[]> {
    return this.policies;
  }

  async getPolicy(name: string): Promise<PolicyView> {
    const found = this.policies.find(({ policy }) => policy.name === name);
    if (found === undefined) throw new ServiceError('policy-not-found', `No policy "${name}" is in force`);
    return found;
  }

  async getFleet(): ReturnType<BrokerService['getFleet']> {
    if (this.failure !== null) throw this.failure;
    return {
      at: AT,
      costMicroUsdPerHour: 153_360_000,
      providerShares: { azure: 0.641, aws: 0.359 },
      regionShares: { 'azure:eastus': 0.641, 'aws:us-east-1': 0.359 },
      marketShares: { 'on-demand': 1 },
      concentration: 0.54,
      leaseCounts: { ready: 2 },
      workloadCounts: { placed: this.#workloads.size },
      latestPlan: this.applied.length === 0 ? null : this.#plan(this.applied),
    };
  }

  async readiness(): Promise<readonly string[]> {
    return this.missing;
  }

  async listLeftovers(provider: string | null, page: PageQuery): Promise<Page<LeftoverView>> {
    return paged(
      LEFTOVERS.filter((leftover) => (provider ?? leftover.provider) === leftover.provider),
      page,
    );
  }

  async listSweeps(): Promise<readonly SweepView[]> {
    return SWEEPS;
  }

  /** Knows the attempt `attempt-1` and its token `token-1`. */
  async hearCallback(attemptId: string, token: string | null, notice: MachineNotice): Promise<{ isNew: boolean }> {
    if (token === null) throw new ServiceError('callback-refused', 'no token');
    if (attemptId !== 'attempt-1') throw new ServiceError('callback-not-found', 'no such machine');
    if (token !== 'token-1') throw new ServiceError('callback-refused', 'another token');
    this.heard.push(notice);
    return { isNew: this.heard.length === 1 };
  }

  async listCapacityBlocks(filter: CapacityBlockFilter): Promise<readonly CapacityBlock[]> {
    return filter.provider === 'aws' ? [BLOCK] : [];
  }

  async requestPurchase(request: PurchaseRequest): Promise<PurchaseView> {
    if (request.blockId !== BLOCK.id) throw new ServiceError('capacity-block-not-found', 'not for sale');
    const { maxPriceMicroUsd, note } = request;
    this.purchase = { ...PURCHASE, maxPriceMicroUsd, note, state: 'awaiting-approval' };
    return this.purchase;
  }

  async listPurchases(_filter: object, page: PageQuery): Promise<Page<PurchaseView>> {
    return paged([this.purchase], page);
  }

  async getPurchase(id: string): Promise<PurchaseView> {
    if (id !== this.purchase.id) throw new ServiceError('purchase-not-found', `There is no purchase "${id}"`);
    return this.purchase;
  }

  async approvePurchase(id: string): Promise<PurchaseView> {
    const purchase = await this.getPurchase(id);
    if (purchase.state !== 'awaiting-approval') throw new ServiceError('purchase-conflict', `it is ${purchase.state}`);
    this.purchase = { ...purchase, state: 'approved' };
    return this.purchase;
  }

  async rejectPurchase(id: string): Promise<PurchaseView> {
    this.purchase = { ...(await this.getPurchase(id)), state: 'rejected' };
    return this.purchase;
  }

  async settlePurchase(id: string, reservationId: string | null): Promise<PurchaseView> {
    const purchase = await this.getPurchase(id);
    this.purchase = { ...purchase, state: reservationId === null ? 'not-bought' : 'bought', reservationId };
    return this.purchase;
  }
}
