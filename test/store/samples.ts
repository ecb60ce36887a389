import type { Offer } from '../../src/domain/offer.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { Pool } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { type EventRow, listEvents } from '../../src/store/events.ts';
import { insertLeases, type NewLease } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/open-store.ts';
import { upsertWorkload } from '../../src/store/workloads.ts';

export const NOW = Date.parse('2026-05-04T12:00:00.123Z');
export const MINUTE = 60_000;

export const POOL: Pool = {
  provider: 'north',
  region: 'r1',
  zone: 'r1-a',
  instanceType: 'gpu.8',
  market: 'spot',
  reservation: null,
};

export function specOf(changes: Partial<WorkloadSpec> = {}): WorkloadSpec {
  return {
    name: 'training',
    team: 'research',
    replicas: 2,
    accelerators: [{ accelerator: 'H100-80GB-SXM', count: 8, throughput: 1, perMachine: null }],
    markets: ['on-demand', 'spot'],
    regions: null,
    providers: null,
    maxPriceMicroUsdPerHour: null,
    keepShare: null,
    data: null,
    isProtected: false,
    architecture: 'x86_64',
    priority: 0,
    container: null,
    userData: null,
    ...changes,
  };
}

export function leaseOf(id: string, changes: Partial<NewLease> = {}): NewLease {
  return {
    id,
    workloadId: 'w1',
    planId: 'p1',
    replicas: [0],
    part: 0,
    partCount: 1,
    pool: POOL,
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    priceMicroUsdPerHour: 31_000_000,
    adjustedPriceMicroUsdPerHour: 30_000_000,
    at: NOW,
    ...changes,
  };
}

/** Workload `w1` with these leases, all planned and due at NOW. */
export async function seedLeases(store: Store, ids: readonly string[]): Promise<void> {
  await store.transaction(async (transaction) => {
    await upsertWorkload(transaction, { id: 'w1', spec: specOf(), at: NOW });
    await insertLeases(
      transaction,
      ids.map((id) => leaseOf(id)),
    );
  });
}

export function offerOf(pool: Partial<Pool>, changes: Partial<Offer> = {}): Offer {
  return {
    pool: { ...POOL, ...pool },
    zonePhysicalId: 'n1-az4',
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    vcpuCount: 192,
    memoryGiB: 2048.5,
    architecture: 'x86_64',
    priceMicroUsdPerHour: 31_000_000,
    availability: 'available',
    availableCount: null,
    quotaClaims: [{ quota: 'gpu-family', scope: 'region', units: 192 }],
    interruptionsPerHour: 0.015,
    observedAt: NOW,
    ...changes,
  };
}

export function policyOf(name: string): Policy {
  return {
    name,
    teams: ['*'],
    allowedRegions: null,
    allowedProviders: null,
    allowedMarkets: ['on-demand'],
    maxSpotShare: null,
    measure: 'spend',
    enforceAboveMicroUsdPerHour: 0,
    minProviders: 1,
    minProviderShare: 0,
    maxShare: { provider: 0.6, region: null, zone: null, pool: null, market: null },
    maxConcentration: null,
    survive: [],
    onInfeasible: 'hold',
    relax: [],
    maxPremiumShare: null,
    maxPriceMicroUsdPerHour: null,
    egressMicroUsdPerGb: 0,
    budgets: [],
    priceAdjustments: [],
    rebalance: {
      schedule: null,
      timeZone: 'UTC',
      mode: 'off',
      moveCostMicroUsd: 0,
      minSavingsMicroUsdPerHour: 0,
      minSavingsShare: 0,
      maxPaybackHours: 24,
      cooldownMinutes: 60,
      maxConcurrentMoves: 1,
      maxShareOfWorkload: 1,
    },
  };
}

/** A first page that holds everything. */
export const FIRST = { cursor: null, limit: 100 };

export async function eventsOf(store: Store): Promise<readonly EventRow[]> {
  return (await listEvents(store.database, { workloadId: null }, FIRST)).items;
}
