import { concentrationOf, sharesOf } from '../domain/concentration.ts';
import { isFinal, type LeaseState } from '../domain/lease.ts';
import { sumMoney } from '../domain/money.ts';
import { regionKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import type { WorkloadState } from '../domain/workload.ts';
import type { LeaseRow } from '../store/leases.ts';
import type { PlanRow } from '../store/plans.ts';
import type { WorkloadRow } from '../store/workloads.ts';
import { servesStill } from './placing.ts';
import type { FleetView, LeaseView, PlanView, WorkloadView } from './service.ts';

export function leaseView(lease: LeaseRow, workloadName: string): LeaseView {
  return {
    id: lease.id,
    workloadId: lease.workloadId,
    workloadName,
    replicas: lease.replicas,
    part: lease.part,
    partCount: lease.partCount,
    pool: lease.pool,
    accelerator: lease.accelerator,
    acceleratorCount: lease.acceleratorCount,
    state: lease.state,
    stateReason: lease.stateReason,
    priceMicroUsdPerHour: lease.priceMicroUsdPerHour,
    instanceId: lease.instanceId,
    drainUntil: lease.drainUntil,
    planId: lease.planId,
    createdAt: lease.createdAt,
    updatedAt: lease.updatedAt,
  };
}

/** `leases`: those of the workload that are not final. */
export function workloadView(workload: WorkloadRow, leases: readonly LeaseRow[]): WorkloadView {
  return {
    id: workload.id,
    spec: workload.spec,
    state: workload.state,
    holdReasons: workload.holdReasons,
    generation: workload.generation,
    leases: leases.map((lease) => leaseView(lease, workload.spec.name)),
    readyReplicaCount: readyReplicas(leases),
    costMicroUsdPerHour: sumMoney(leases.filter(servesStill).map((lease) => lease.priceMicroUsdPerHour)),
    createdAt: workload.createdAt,
    updatedAt: workload.updatedAt,
  };
}

/** A replica is ready when every machine of its gang is. */
function readyReplicas(leases: readonly LeaseRow[]): number {
  const readyParts = new Map<number, number>();
  let ready = 0;
  for (const lease of leases) {
    if (lease.state !== 'ready' || !lease.wanted) continue;
    for (const replica of lease.replicas) {
      const parts = (readyParts.get(replica) ?? 0) + 1;
      readyParts.set(replica, parts);
      if (parts === lease.partCount) ready += 1;
    }
  }
  return ready;
}

export function planView(row: PlanRow): PlanView {
  return {
    id: row.id,
    createdAt: row.createdAt,
    trigger: row.trigger,
    policies: row.policies,
    elapsedMs: row.elapsedMs,
    plan: row.plan,
    workloadNames: row.workloadNames,
  };
}

/** `leases`: all that are not final; shares are of spend. */
export function fleetView(
  at: EpochMs,
  leases: readonly LeaseRow[],
  workloads: readonly WorkloadRow[],
  latestPlan: PlanView | null,
): FleetView {
  const serving = leases.filter(servesStill);
  const spend = (keyOf: (lease: LeaseRow) => string): ReadonlyMap<string, number> => {
    const sums = new Map<string, number>();
    for (const lease of serving) {
      sums.set(keyOf(lease), (sums.get(keyOf(lease)) ?? 0) + lease.priceMicroUsdPerHour);
    }
    return sums;
  };
  const byProvider = spend((lease) => lease.pool.provider);
  return {
    at,
    costMicroUsdPerHour: sumMoney(serving.map((lease) => lease.priceMicroUsdPerHour)),
    providerShares: Object.fromEntries(sharesOf(byProvider)),
    regionShares: Object.fromEntries(sharesOf(spend((lease) => regionKey(lease.pool)))),
    marketShares: Object.fromEntries(sharesOf(spend((lease) => lease.pool.market))),
    concentration: concentrationOf(byProvider),
    leaseCounts: countBy(leases.filter((lease) => !isFinal(lease.state)).map((lease): LeaseState => lease.state)),
    workloadCounts: countBy(workloads.map((workload): WorkloadState => workload.state)),
    latestPlan,
  };
}

function countBy<Key extends string>(keys: readonly Key[]): Partial<Record<Key, number>> {
  const counts: Partial<Record<Key, number>> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}
