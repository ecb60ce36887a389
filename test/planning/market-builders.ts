import type { PlanInput, PlanLease, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { Pool } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';

/** 2026-11-03T12:00:00Z */
export const NOW = 1_793_707_200_000;

export function usd(dollars: number): number {
  return Math.round(dollars * 1_000_000);
}

export function policyWith(changes: Partial<Policy> = {}): Policy {
  return {
    name: 'default',
    teams: ['*'],
    allowedRegions: null,
    allowedProviders: null,
    allowedMarkets: ['on-demand', 'spot', 'reserved'],
    maxSpotShare: null,
    measure: 'spend',
    enforceAboveMicroUsdPerHour: 0,
    minProviders: 1,
    minProviderShare: 0,
    maxShare: { provider: null, region: null, zone: null, pool: null, market: null },
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
      mode: 'propose',
      moveCostMicroUsd: 0,
      minSavingsMicroUsdPerHour: 0,
      minSavingsShare: 0,
      maxPaybackHours: 24,
      cooldownMinutes: 60,
      maxConcurrentMoves: 2,
      maxShareOfWorkload: 0.25,
    },
    ...changes,
  };
}

/** The policy of an input that has one. */
export function policyIn({ policies }: PlanInput): Policy {
  const [policy] = policies;
  if (policy === undefined) throw new RangeError('the input has no policy');
  return policy;
}

export function caps(changes: Partial<Policy['maxShare']>): Policy['maxShare'] {
  return { provider: null, region: null, zone: null, pool: null, market: null, ...changes };
}

/** A pool from `aws/us-east-1/us-east-1a/p5.48xlarge/spot`; zone `*` is null. */
export function poolAt(text: string): Pool {
  const [provider = 'aws', region = 'r1', zone = '*', instanceType = 'h100x8', market = 'on-demand', reservation] =
    text.split('/');
  return {
    provider,
    region,
    zone: zone === '*' ? null : zone,
    instanceType,
    market: market === 'spot' || market === 'reserved' ? market : 'on-demand',
    reservation: reservation ?? null,
  };
}

export function offerAt(text: string, dollars: number, changes: Partial<PlanOffer> = {}): PlanOffer {
  return {
    pool: poolAt(text),
    zonePhysicalId: null,
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    vcpuCount: 96,
    memoryGiB: 1024,
    architecture: 'x86_64',
    priceMicroUsdPerHour: usd(dollars),
    availability: 'available',
    availableCount: null,
    quotaClaims: [],
    interruptionsPerHour: 0,
    observedAt: NOW,
    successProbability: 1,
    ...changes,
  };
}

export function specWith(changes: Partial<WorkloadSpec> = {}): WorkloadSpec {
  return {
    name: 'train',
    team: 'research',
    replicas: 1,
    accelerators: [{ accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput: 1 }],
    markets: ['on-demand', 'spot', 'reserved'],
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

export function workload(id: string, changes: Partial<WorkloadSpec> = {}): PlanWorkload {
  return { id, spec: specWith({ name: id, ...changes }) };
}

export function leaseAt(
  id: string,
  workloadId: string,
  text: string,
  dollars: number,
  changes: Partial<PlanLease> = {},
): PlanLease {
  return {
    id,
    workloadId,
    replicas: [0],
    part: 0,
    partCount: 1,
    pool: poolAt(text),
    accelerator: 'H100-80GB-SXM',
    acceleratorCount: 8,
    priceMicroUsdPerHour: usd(dollars),
    ...changes,
  };
}

export function inputWith({ policy, ...changes }: Partial<PlanInput> & { readonly policy?: Policy } = {}): PlanInput {
  return {
    at: NOW,
    policies: [policy ?? policyWith()],
    offers: [],
    workloads: [],
    leases: [],
    quotas: [],
    soldOut: [],
    teamBudgets: [],
    ...changes,
  };
}
