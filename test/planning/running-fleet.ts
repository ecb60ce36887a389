/** The input that stands for a running fleet after changes, kept by the tests alone, to hold answers against. */
import type { Quota } from '../../src/domain/offer.ts';
import type { HeldReplicas, Plan, PlanInput, PlanLease, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { poolKey } from '../../src/domain/pool.ts';
import type { SoldOut } from '../../src/domain/sold-out.ts';

export class RunningFleet {
  #input: PlanInput;

  constructor(input: PlanInput) {
    this.#input = input;
  }

  get input(): PlanInput {
    return this.#input;
  }

  add(workload: PlanWorkload): void {
    const others = this.#input.workloads.filter(({ id }) => id !== workload.id);
    this.#input = { ...this.#input, workloads: [...others, workload] };
  }

  remove(workloadId: string): void {
    this.lose(this.#input.leases.filter((lease) => lease.workloadId === workloadId).map(({ id }) => id));
    this.#input = { ...this.#input, workloads: this.#input.workloads.filter(({ id }) => id !== workloadId) };
  }

  lose(leaseIds: readonly string[]): void {
    const lost = new Set(leaseIds);
    for (const lease of this.#input.leases.filter(({ id }) => lost.has(id))) this.#use(lease.pool, -1);
    this.#input = { ...this.#input, leases: this.#input.leases.filter(({ id }) => !lost.has(id)) };
  }

  refuse(refusal: SoldOut): void {
    this.#input = { ...this.#input, soldOut: [...this.#input.soldOut, refusal] };
  }

  reprice(pool: string, priceMicroUsdPerHour: number): void {
    this.#input = {
      ...this.#input,
      offers: this.#input.offers.map((offer) =>
        poolKey(offer.pool) === pool ? { ...offer, priceMicroUsdPerHour } : offer,
      ),
    };
  }

  /** Machines that run from now on. */
  carryOut(leases: readonly PlanLease[]): void {
    for (const { pool } of leases) this.#use(pool, 1);
    this.#input = { ...this.#input, leases: [...this.#input.leases, ...leases] };
  }

  /** Free machines and quota that a machine of the pool takes. */
  #use(pool: Pool, count: 1 | -1): void {
    const offer = this.#input.offers.find((other) => poolKey(other.pool) === poolKey(pool));
    if (offer === undefined) return;
    const offers = this.#input.offers.map((other) =>
      other === offer && other.availableCount !== null
        ? { ...other, availableCount: other.availableCount - count }
        : other,
    );
    const quotas = this.#input.quotas.map((quota) =>
      quota.usage === null ? quota : { ...quota, usage: quota.usage + count * unitsOf(offer, quota) },
    );
    this.#input = { ...this.#input, offers, quotas };
  }
}

/** Units of the quota that one machine of the offer takes. */
export function unitsOf({ quotaClaims, pool }: PlanOffer, { name, provider, region }: Quota): number {
  return quotaClaims
    .filter(({ quota, scope }) => quota === name && (scope === 'global' ? null : pool.region) === region)
    .reduce((sum, { units }) => sum + (pool.provider === provider ? units : 0), 0);
}

export function heldCount(held: readonly HeldReplicas[]): number {
  return held.reduce((sum, { replicas }) => sum + replicas.length, 0);
}

/** The plan's machines, as leases that run. */
export function leasesOf({ machines }: Plan): PlanLease[] {
  return machines.map(({ adjustedPriceMicroUsdPerHour: _, ...machine }, index) => ({ ...machine, id: `new-${index}` }));
}

/** The input as it stands once the plan's machines run. */
export function carriedOut(input: PlanInput, plan: Plan): PlanInput {
  const fleet = new RunningFleet(input);
  fleet.carryOut(leasesOf(plan));
  return fleet.input;
}
