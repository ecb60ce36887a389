/** What the broker in memory shows. */
import type { LeftoverView, PurchaseView, SweepView } from '../../src/broker/execution-service.ts';
import type { LeaseView, OfferView, Page, PageQuery, QuarantinedPriceView } from '../../src/broker/service.ts';
import type { CapacityBlock } from '../../src/domain/capacity-block.ts';
import type { Pool } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';

/** 2026-11-01T00:00:00Z */
export const AT = 1_793_491_200_000;

export const POLICY_SOURCE = `apiVersion: gpu-broker/v1
kind: Policy
metadata: { name: default }
spec:
  diversification: { minProviders: 2, maxShare: { provider: 0.6 } }
  cost: { maxPricePerMachine: { usdPerHour: 120.5 } }
`;

export function pool(overrides: Partial<Pool> = {}): Pool {
  return {
    provider: 'aws',
    region: 'us-east-1',
    zone: 'us-east-1a',
    instanceType: 'p5.48xlarge',
    market: 'on-demand',
    reservation: null,
    ...overrides,
  };
}

export const AZURE_POOL = pool({
  provider: 'azure',
  region: 'eastus',
  zone: null,
  instanceType: 'Standard_ND96isr_H100_v5',
});

export const L4_POOL = pool({
  provider: 'gcp',
  region: 'us-central1',
  zone: 'us-central1-a',
  instanceType: 'g2-standard-4',
  market: 'spot',
});

export const ADVICE = { obtainability: 0.7, interruptionsPerHour: null, words: 'placement score 7 of 10' };

export function offer(of: Pool, price: number, soldOutUntil: number | null): OfferView {
  return {
    pool: of,
    zonePhysicalId: of.zone === null ? null : 'use1-az6',
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    vcpuCount: 192,
    memoryGiB: 2048,
    architecture: 'x86_64',
    priceMicroUsdPerHour: price,
    availability: 'available',
    availableCount: null,
    quotaClaims: [{ quota: 'p5', scope: 'region', units: 192 }],
    interruptionsPerHour: 0,
    observedAt: AT - 60_000,
    soldOutUntil,
    ageSeconds: 60,
    headroomMachines: null,
    advice: soldOutUntil === null ? null : { ...ADVICE, observedAt: AT - 120_000 },
    successProbability: 0.9,
  };
}

export const OFFERS: readonly OfferView[] = [
  offer(pool(), 55_040_000, null),
  offer(AZURE_POOL, 98_320_000, AT + 180_000),
  {
    ...offer(L4_POOL, 338_000, null),
    accelerator: 'L4',
    acceleratorCount: 1,
  },
];

export const LEFTOVERS: readonly LeftoverView[] = [
  {
    ...{ provider: 'azure', region: 'eastus', zone: null, kind: 'disk', cloudId: 'gb-01-disk', attemptId: '01' },
    ...{ leaseId: null, createdAt: null, firstSeenAt: AT - 900_000, lastSeenAt: AT, state: 'reported', error: null },
  },
];

export const SWEEPS: readonly SweepView[] = [
  {
    ...{ provider: 'azure', region: 'eastus', subject: 'leftovers', outcome: 'complete' },
    ...{ sweptAt: AT, completeAt: AT, error: null },
  },
  {
    ...{ provider: 'azure', region: 'westus3', subject: 'leftovers', outcome: 'failed' },
    ...{ sweptAt: AT, completeAt: null, error: 'throttled' },
  },
];

export const BLOCK: CapacityBlock = {
  ...{ provider: 'aws', id: 'cb-1', region: 'us-east-1', zone: 'us-east-1a', instanceType: 'p5.48xlarge' },
  ...{ accelerator: 'H100-80GB-SXM', acceleratorCount: 8, machineCount: 2 },
  ...{ startAt: AT + 86_400_000, endAt: AT + 2 * 86_400_000, upfrontMicroUsd: 1_510_080_000 },
};

export const PURCHASE: PurchaseView = {
  ...{ id: 'purchase-1', block: BLOCK, maxPriceMicroUsd: 1_600_000_000, note: null, state: 'awaiting-approval' },
  ...{ stateReason: null, reservationId: null, requestedAt: AT, decidedAt: null, sentAt: null, settledAt: null },
};

export function paged<T>(items: readonly T[], { cursor, limit }: PageQuery): Page<T> {
  const start = cursor === null ? 0 : Number(cursor);
  const end = start + limit;
  return { items: items.slice(start, end), next: end < items.length ? String(end) : null };
}

export function leaseOf(
  workload: { id: string; spec: WorkloadSpec },
  replica: number,
  of: Pool,
  price: number,
): LeaseView {
  return {
    id: `lease-${workload.id}-${replica}`,
    workloadId: workload.id,
    workloadName: workload.spec.name,
    replicas: [replica],
    part: 0,
    partCount: 1,
    pool: of,
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    state: 'ready',
    stateReason: null,
    priceMicroUsdPerHour: price,
    instanceId: `i-${replica}`,
    drainUntil: null,
    planId: 'plan-1',
    createdAt: AT,
    updatedAt: AT,
  };
}

export const QUARANTINED: readonly QuarantinedPriceView[] = [
  {
    pool: pool({ market: 'spot' }),
    priceMicroUsdPerHour: 1_000_000,
    referenceMicroUsdPerHour: 20_000_000,
    reason: 'the median of its own history is 20.0 times as much',
    firstSeenAt: AT - 3_600_000,
    lastSeenAt: AT,
    sightings: 2,
    sightingsToRelease: 3,
  },
  {
    pool: AZURE_POOL,
    priceMicroUsdPerHour: null,
    referenceMicroUsdPerHour: null,
    reason: 'the price 0 cannot be true',
    firstSeenAt: AT - 3_600_000,
    lastSeenAt: AT,
    sightings: 12,
    sightingsToRelease: 3,
  },
];
