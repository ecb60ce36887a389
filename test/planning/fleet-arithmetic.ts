/**
 * What a machine counts, from docs/policy.md and the domain alone. Shares no code with `src/planning`, so that the two can only
 * agree by both being right.
 */
import type { Plan, PlanInput, PlanLease, PlannedMachine, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import type { Policy, ShareMeasure } from '../../src/domain/policy.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { poolKey, regionKey } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { globMatches } from '../../src/domain/workload.ts';

/** A machine of a fleet, kept or new, and what it counts in each measure (an hour, money in micro-dollars). */
export interface Machine extends Readonly<Record<ShareMeasure, number>> {
  readonly workloadId: string;
  readonly pool: Pool;
  /** Where a new machine is bought; null for a kept lease. */
  readonly offer: PlanOffer | null;
}

/** What one hour of lost work and restart an interruption costs. */
const INTERRUPTION_HOURS = 0.25;

export function policyOf({ policies }: PlanInput, team: string): Policy | null {
  return policies.find(({ teams }) => teams.some((pattern) => globMatches(pattern, team))) ?? null;
}

/** The price that counts: by the first adjustment that fits, of all policies in the order of their names. */
export function adjusted({ policies }: PlanInput, pool: Pool, price: number): number {
  const name = `${regionKey(pool)}:${pool.instanceType}`;
  const all = policies
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ priceAdjustments }) => priceAdjustments);
  const fitting = all.find(
    ({ match, market }) =>
      globMatches(match, name) && (market === undefined || market === null || market === pool.market),
  );
  return fitting === undefined ? price : Math.max(1, Math.round(price * fitting.factor));
}

/** What `machines` machines of the workload pay an hour to read their data from home. */
export function egressOf(input: PlanInput, { data, team }: WorkloadSpec, pool: Pool, machines: number): number {
  if (data === null || data.home === pool.provider || data.home === regionKey(pool)) return 0;
  return data.gbPerHour * machines * (policyOf(input, team)?.egressMicroUsdPerGb ?? 0);
}

/** Effective cost of one replica on `machines` machines, or of one shared machine. */
export function lotCost(
  input: PlanInput,
  spec: WorkloadSpec,
  offer: PlanOffer,
  machines: number,
  throughput: number,
): number {
  const price = adjusted(input, offer.pool, offer.priceMicroUsdPerHour);
  const loss = 1 + offer.interruptionsPerHour * machines * INTERRUPTION_HOURS;
  return (
    ((price * machines) / throughput / offer.successProbability) * loss + egressOf(input, spec, offer.pool, machines)
  );
}

/** The machines of one replica, or one shared machine. */
export function newLot(
  input: PlanInput,
  { id, spec }: PlanWorkload,
  offer: PlanOffer,
  machines: number,
  throughput: number,
): Machine[] {
  const machine: Machine = {
    workloadId: id,
    pool: offer.pool,
    offer,
    spend: adjusted(input, offer.pool, offer.priceMicroUsdPerHour),
    accelerators: offer.acceleratorCount,
    'accelerator-hours': offer.acceleratorCount / throughput,
    'effective-cost': lotCost(input, spec, offer, machines, throughput) / machines,
  };
  return Array.from({ length: machines }, () => machine);
}

/** Throughput of the choice that a machine serves: whole machines of a replica, or a part of one. */
export function throughputOf(
  spec: WorkloadSpec,
  machine: Pick<PlanLease, 'accelerator' | 'acceleratorCount' | 'partCount'>,
): number {
  const { accelerator, acceleratorCount, partCount } = machine;
  const served = spec.accelerators.find(
    (choice) =>
      choice.accelerator === accelerator &&
      (choice.count === acceleratorCount * partCount || (partCount === 1 && choice.count < acceleratorCount)),
  );
  return served?.throughput ?? 1;
}

function workloadOf({ workloads }: PlanInput, id: string): PlanWorkload {
  const found = workloads.find((workload) => workload.id === id);
  if (found === undefined) throw new RangeError(`the instance has no workload ${id}`);
  return found;
}

export function keptMachines(input: PlanInput): Machine[] {
  return input.leases.map((lease) => {
    const { spec } = workloadOf(input, lease.workloadId);
    const spend = adjusted(input, lease.pool, lease.priceMicroUsdPerHour);
    const throughput = throughputOf(spec, lease);
    return {
      workloadId: lease.workloadId,
      pool: lease.pool,
      offer: null,
      spend,
      accelerators: lease.acceleratorCount,
      'accelerator-hours': lease.acceleratorCount / throughput,
      'effective-cost': spend / throughput + egressOf(input, spec, lease.pool, 1),
    };
  });
}

/** The machines of a plan that were bought together: one replica's, or one shared machine. */
function lotsOf({ machines }: Plan): (readonly PlannedMachine[])[] {
  const lots = Map.groupBy(machines, ({ workloadId, replicas, pool }) =>
    [workloadId, replicas.join(','), poolKey(pool)].join(' '),
  );
  return [...lots.values()];
}

/** The new machines of a plan, reckoned from the offers and not from what the plan says of them. */
export function plannedMachines(input: PlanInput, plan: Plan): Machine[] {
  const offers = new Map(input.offers.map((offer) => [poolKey(offer.pool), offer]));
  return lotsOf(plan).flatMap((lot) => {
    const [first] = lot;
    if (first === undefined) return [];
    const offer = offers.get(poolKey(first.pool));
    if (offer === undefined) throw new RangeError(`the plan buys at ${poolKey(first.pool)}, which nobody offers`);
    const workload = workloadOf(input, first.workloadId);
    return newLot(input, workload, offer, lot.length, throughputOf(workload.spec, first));
  });
}

export function total(machines: readonly Machine[], measure: ShareMeasure): number {
  return machines.reduce((sum, machine) => sum + machine[measure], 0);
}
