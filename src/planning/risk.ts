import type { MicroUsdPerHour } from '../domain/money.ts';
import type { Plan, PlanInput, PlanWorkload } from '../domain/plan.ts';
import type { FleetLoss, LossScope, ReplicaLoss, RiskView, WorkloadRisk } from '../domain/plan-analysis.ts';
import type { Pool } from '../domain/pool.ts';
import { regionKey } from '../domain/pool.ts';
import { compareText, policiesInOrder } from './market-view.ts';
import { adjustedPrice } from './pricing.ts';

/** A machine of the plan's fleet, kept or new. */
interface FleetMachine {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
  readonly pool: Pool;
  readonly acceleratorCount: number;
  readonly adjustedPriceMicroUsdPerHour: MicroUsdPerHour;
}

/** A replica with all its machines: lost when any of them is. */
interface StandingReplica {
  readonly workloadId: string;
  readonly providers: ReadonlySet<string>;
  readonly regions: ReadonlySet<string>;
}

/**
 * What the fleet that the plan leads to would lose with each provider and each region. Needs no solver. A replica stands when every
 * machine of it is kept or planned; what is left of a broken gang costs money and stands for nothing.
 */
export function riskOf(input: PlanInput, plan: Plan): RiskView {
  const machines = fleetMachines(input, plan);
  const byWorkload = Map.groupBy(standingReplicas(machines), ({ workloadId }) => workloadId);
  const workloads = input.workloads
    .toSorted((a, b) => compareText(a.id, b.id))
    .map((workload) => workloadRisk(workload, byWorkload.get(workload.id) ?? []));
  return {
    workloads,
    providers: fleetLosses(machines, workloads, 'provider'),
    regions: fleetLosses(machines, workloads, 'region'),
  };
}

function fleetMachines(input: PlanInput, plan: Plan): readonly FleetMachine[] {
  const policies = policiesInOrder(input);
  const kept = new Set(plan.keptLeaseIds);
  const leases = input.leases
    .filter(({ id }) => kept.has(id))
    .map((lease) => ({
      ...lease,
      adjustedPriceMicroUsdPerHour: adjustedPrice(policies, lease.pool, lease.priceMicroUsdPerHour),
    }));
  return [...leases, ...plan.machines];
}

function standingReplicas(machines: readonly FleetMachine[]): readonly StandingReplica[] {
  const byReplica = new Map<string, FleetMachine[]>();
  for (const machine of machines) {
    for (const replica of machine.replicas) {
      const key = JSON.stringify([machine.workloadId, replica]);
      const own = byReplica.get(key);
      if (own === undefined) byReplica.set(key, [machine]);
      else own.push(machine);
    }
  }
  return [...byReplica.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined || new Set(own.map(({ part }) => part)).size < first.partCount) return [];
    return [
      {
        workloadId: first.workloadId,
        providers: new Set(own.map(({ pool }) => subjectOf(pool, 'provider'))),
        regions: new Set(own.map(({ pool }) => subjectOf(pool, 'region'))),
      },
    ];
  });
}

function subjectOf(pool: Pool, scope: LossScope): string {
  return scope === 'provider' ? pool.provider : regionKey(pool);
}

function homesOf(replica: StandingReplica, scope: LossScope): ReadonlySet<string> {
  return scope === 'provider' ? replica.providers : replica.regions;
}

function workloadRisk({ id, spec }: PlanWorkload, standing: readonly StandingReplica[]): WorkloadRisk {
  return {
    workloadId: id,
    replicasAsked: spec.replicas,
    replicasStanding: standing.length,
    providers: replicaLosses(spec.replicas, standing, 'provider'),
    regions: replicaLosses(spec.replicas, standing, 'region'),
  };
}

function replicaLosses(asked: number, standing: readonly StandingReplica[], scope: LossScope): readonly ReplicaLoss[] {
  const counts = new Map<string, number>();
  for (const replica of standing) {
    for (const home of homesOf(replica, scope)) counts.set(home, (counts.get(home) ?? 0) + 1);
  }
  const losses = [...counts].map(([lost, lostReplicas]) => {
    const keptReplicas = standing.length - lostReplicas;
    return { lost, lostReplicas, keptReplicas, keptShare: asked === 0 ? 0 : keptReplicas / asked };
  });
  return losses.toSorted((a, b) => b.lostReplicas - a.lostReplicas || compareText(a.lost, b.lost));
}

/** `workloads` by id. */
function fleetLosses(
  machines: readonly FleetMachine[],
  workloads: readonly WorkloadRisk[],
  scope: LossScope,
): readonly FleetLoss[] {
  const spend = sum(machines, ({ adjustedPriceMicroUsdPerHour }) => adjustedPriceMicroUsdPerHour);
  const accelerators = sum(machines, ({ acceleratorCount }) => acceleratorCount);
  const toReplicas = replicasLost(workloads, scope);
  const groups = Map.groupBy(machines, ({ pool }) => subjectOf(pool, scope));
  const losses = [...groups].map(([lost, group]): FleetLoss => {
    const spendThere = sum(group, ({ adjustedPriceMicroUsdPerHour }) => adjustedPriceMicroUsdPerHour);
    const acceleratorCount = sum(group, (machine) => machine.acceleratorCount);
    return {
      lost,
      spendMicroUsdPerHour: spendThere,
      spendShare: spend === 0 ? 0 : spendThere / spend,
      acceleratorCount,
      acceleratorShare: accelerators === 0 ? 0 : acceleratorCount / accelerators,
      ...(toReplicas.get(lost) ?? { lostReplicas: 0, workloadsDown: [] }),
    };
  });
  return losses.toSorted((a, b) => b.spendMicroUsdPerHour - a.spendMicroUsdPerHour || compareText(a.lost, b.lost));
}

/** What each loss does to all workloads. */
function replicasLost(
  workloads: readonly WorkloadRisk[],
  scope: LossScope,
): ReadonlyMap<string, { readonly lostReplicas: number; readonly workloadsDown: readonly string[] }> {
  const found = new Map<string, { lostReplicas: number; workloadsDown: string[] }>();
  for (const { workloadId, providers, regions } of workloads) {
    for (const { lost, lostReplicas, keptReplicas } of scope === 'provider' ? providers : regions) {
      const entry = found.get(lost) ?? { lostReplicas: 0, workloadsDown: [] };
      found.set(lost, entry);
      entry.lostReplicas += lostReplicas;
      if (keptReplicas === 0) entry.workloadsDown.push(workloadId);
    }
  }
  return found;
}

function sum<Item>(items: readonly Item[], amountOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + amountOf(item), 0);
}
