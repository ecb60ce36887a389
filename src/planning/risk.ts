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
  const standing = standingReplicas(machines);
  const byWorkload = Map.groupBy(standing, ({ workloadId }) => workloadId);
  return {
    workloads: input.workloads
      .toSorted((a, b) => compareText(a.id, b.id))
      .map((workload) => workloadRisk(workload, byWorkload.get(workload.id) ?? [])),
    providers: fleetLosses(machines, byWorkload, 'provider'),
    regions: fleetLosses(machines, byWorkload, 'region'),
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
  const losses = [...new Set(standing.flatMap((replica) => [...homesOf(replica, scope)]))].map((lost) => {
    const lostReplicas = standing.filter((replica) => homesOf(replica, scope).has(lost)).length;
    const keptReplicas = standing.length - lostReplicas;
    return { lost, lostReplicas, keptReplicas, keptShare: asked === 0 ? 0 : keptReplicas / asked };
  });
  return losses.toSorted((a, b) => b.lostReplicas - a.lostReplicas || compareText(a.lost, b.lost));
}

function fleetLosses(
  machines: readonly FleetMachine[],
  byWorkload: ReadonlyMap<string, readonly StandingReplica[]>,
  scope: LossScope,
): readonly FleetLoss[] {
  const spend = sum(machines, ({ adjustedPriceMicroUsdPerHour }) => adjustedPriceMicroUsdPerHour);
  const accelerators = sum(machines, ({ acceleratorCount }) => acceleratorCount);
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
      ...replicasLost(byWorkload, scope, lost),
    };
  });
  return losses.toSorted((a, b) => b.spendMicroUsdPerHour - a.spendMicroUsdPerHour || compareText(a.lost, b.lost));
}

function replicasLost(
  byWorkload: ReadonlyMap<string, readonly StandingReplica[]>,
  scope: LossScope,
  lost: string,
): Pick<FleetLoss, 'lostReplicas' | 'workloadsDown'> {
  let lostReplicas = 0;
  const workloadsDown: string[] = [];
  for (const [workloadId, standing] of byWorkload) {
    const gone = standing.filter((replica) => homesOf(replica, scope).has(lost)).length;
    lostReplicas += gone;
    if (gone === standing.length) workloadsDown.push(workloadId);
  }
  return { lostReplicas, workloadsDown: workloadsDown.toSorted(compareText) };
}

function sum<Item>(items: readonly Item[], amountOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + amountOf(item), 0);
}
