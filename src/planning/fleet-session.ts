import type { HeldReplicas, PlanInput, PlanLease, PlannedMachine, PlanWorkload } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { SoldOut } from '../domain/sold-out.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import type { Decision } from './decide.ts';
import { decide } from './decide.ts';
import { demandOf, fleetOfTeam } from './demand.ts';
import type { Supply } from './eligibility.ts';
import { supplyOf } from './eligibility.ts';
import type { TeamSpend } from './fleets.ts';
import { leaseWeight } from './fleets.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { marketViewOf, policiesInOrder } from './market-view.ts';
import { problemFrom } from './problem.ts';

/** What one change adds to the fleet. */
export interface Increment {
  readonly machines: readonly PlannedMachine[];
  readonly held: readonly HeldReplicas[];
  /** Of the new machines and their replicas: effective cost an hour of work and its proven bound, with all else as it is. */
  readonly effectiveCostMicroUsdPerHour: number;
  readonly effectiveBoundMicroUsdPerHour: number;
}

/**
 * A running fleet that answers one change at a time without planning everything anew: what runs stays where it is, and only
 * what the change leaves without a place is placed, under the same rules and with the same proof. Whether the whole would
 * now lie better elsewhere is for a rebalance to find out. Not to be used by two callers at once.
 */
export class FleetSession {
  readonly #input: PlanInput;
  #market: MarketView;
  readonly #workloads = new Map<string, PlanWorkload>();
  readonly #leases = new Map<string, Map<string, PlanLease>>();
  readonly #fleets: readonly Ledger[];
  readonly #spends = new Map<string, number>();
  /** Taken of quotas and free machines since the input was read. */
  readonly #units = new Map<string, number>();
  readonly #machines = new Map<string, number>();
  readonly #gapShare: number;
  #lastId = 0;

  constructor(input: PlanInput, gapShare = 1e-4) {
    this.#input = { ...input, policies: policiesInOrder(input) };
    this.#gapShare = gapShare;
    this.#market = marketViewOf(input);
    this.#fleets = input.policies.map(() => new Ledger());
    for (const workload of input.workloads) this.#workloads.set(workload.id, workload);
    for (const lease of input.leases) this.#book(lease, 1);
  }

  /** Places a workload that is new, or has changed and has replicas without a place. */
  async place(workload: PlanWorkload): Promise<Increment> {
    this.#workloads.set(workload.id, workload);
    return this.#placeUnserved([workload]);
  }

  /** Forgets a workload and its machines. */
  remove(workloadId: string): void {
    for (const lease of this.#leases.get(workloadId)?.values() ?? []) this.#release(lease);
    this.#leases.delete(workloadId);
    this.#workloads.delete(workloadId);
  }

  /** A place refused: it is left alone, and the machines that were to come up there, or were lost there, are placed elsewhere. */
  async refuse(refusal: SoldOut, lostLeaseIds: readonly string[]): Promise<Increment> {
    this.#market = withRefusal(this.#market, refusal);
    const lost = new Set(lostLeaseIds);
    const touched = new Set<string>();
    for (const [workloadId, leases] of this.#leases) {
      for (const lease of [...leases.values()]) {
        if (!lost.has(lease.id)) continue;
        this.#release(lease);
        leases.delete(lease.id);
        touched.add(workloadId);
      }
    }
    return this.#placeUnserved([...touched].flatMap((id) => this.#workloads.get(id) ?? []));
  }

  /** A price changed: what is placed from now on counts it; what runs stays. Throws RangeError for a pool that is not offered. */
  reprice(key: string, priceMicroUsdPerHour: number): void {
    const at = this.#market.byKey.get(key);
    if (at === undefined) throw new RangeError(`no offer has the pool "${key}"`);
    const offer = { ...at.offer, priceMicroUsdPerHour };
    const [changed] = marketViewOf({ ...this.#input, offers: [offer], soldOut: [] }).offers;
    if (changed === undefined) return;
    this.#market = withOffers(this.#market, (old) => (old.key === key ? { ...changed, soldOut: old.soldOut } : old));
  }

  /** The machines that serve a workload, those that were placed since included. */
  leasesOf(workloadId: string): readonly PlanLease[] {
    return [...(this.#leases.get(workloadId)?.values() ?? [])];
  }

  async #placeUnserved(workloads: readonly PlanWorkload[]): Promise<Increment> {
    const leases = workloads.flatMap(({ id }) => this.leasesOf(id));
    const input = { ...this.#input, workloads, leases };
    const { policies } = this.#input;
    const fleets = policies.map((policy, index) => {
      const kept = this.#fleets[index] ?? new Ledger();
      return { policy, base: kept, kept };
    });
    const around = { input, market: this.#market, supply: this.#supply(), fleets, teamSpends: this.#teamSpends() };
    const problem = problemFrom(around, demandOf(input, false), false);
    const planning = { problem, gapShare: this.#gapShare, quick: false, onPhase: () => {} };
    const decision = await decide(planning);
    for (const machine of decision.assignment.machines) this.#book(this.#leaseOf(machine), 1);
    return incrementOf(decision);
  }

  #supply(): Supply {
    const listed = supplyOf(this.#market);
    return {
      headroom: (quota) => listed.headroom(quota) - (this.#units.get(quota) ?? 0),
      available: (at) => {
        const available = listed.available(at);
        return available === null ? null : available - (this.#machines.get(at.key) ?? 0);
      },
    };
  }

  #teamSpends(): readonly TeamSpend[] {
    return this.#input.teamBudgets.map((budget) => {
      const spend = this.#spends.get(budget.team) ?? 0;
      return { ...budget, keptMicroUsdPerHour: spend, baseMicroUsdPerHour: spend };
    });
  }

  #leaseOf(machine: PlannedMachine): PlanLease {
    this.#lastId += 1;
    const { workloadId, replicas, part, partCount, pool, accelerator, acceleratorCount, priceMicroUsdPerHour } =
      machine;
    const lease: PlanLease = {
      ...{ id: `session-${this.#lastId}`, workloadId, replicas, part, partCount, pool, accelerator, acceleratorCount },
      priceMicroUsdPerHour,
    };
    this.#take(lease, 1);
    return lease;
  }

  /** Enters a lease, whose use of quotas is known already, into the fleet. */
  #book(lease: PlanLease, count: 1 | -1): void {
    const workload = this.#workloads.get(lease.workloadId);
    const { policies } = this.#input;
    const index = workload === undefined ? -1 : fleetOfTeam(policies, workload.spec.team);
    const policy = policies[index];
    if (workload === undefined || policy === undefined) return;
    const weight = leaseWeight(policies, policy, workload.spec, lease);
    this.#fleets[index]?.add(weight, count);
    const { team } = workload.spec;
    this.#spends.set(team, (this.#spends.get(team) ?? 0) + weight.amounts.spend * count);
    if (count < 0) return;
    const leases = this.#leases.get(lease.workloadId) ?? new Map<string, PlanLease>();
    this.#leases.set(lease.workloadId, leases.set(lease.id, lease));
  }

  #release(lease: PlanLease): void {
    this.#book(lease, -1);
    this.#take(lease, -1);
  }

  #take({ pool }: PlanLease, count: 1 | -1): void {
    const key = poolKey(pool);
    for (const { quota, units } of this.#market.byKey.get(key)?.claims ?? []) {
      this.#units.set(quota, (this.#units.get(quota) ?? 0) + units * count);
    }
    this.#machines.set(key, (this.#machines.get(key) ?? 0) + count);
  }
}

function incrementOf({ assignment, held, planned }: Decision): Increment {
  return {
    machines: assignment.machines,
    held,
    effectiveCostMicroUsdPerHour: Math.round(planned.effectiveCost),
    effectiveBoundMicroUsdPerHour: Math.floor(planned.effectiveBound + 1e-3),
  };
}

function withRefusal(market: MarketView, refusal: SoldOut): MarketView {
  return withOffers(market, (at) => {
    const quotas = at.offer.quotaClaims.map(({ quota }) => quota);
    if (!scopeCovers(refusal.scope, at.offer.pool, quotas)) return at;
    return at.soldOut !== null && at.soldOut.until >= refusal.until ? at : { ...at, soldOut: refusal };
  });
}

/** The view with some offers changed; lists without a changed offer stay as they are. */
function withOffers(market: MarketView, change: (at: MarketOffer) => MarketOffer): MarketView {
  const changed = new Map<MarketOffer, MarketOffer>();
  for (const at of market.offers) {
    const now = change(at);
    if (now !== at) changed.set(at, now);
  }
  if (changed.size === 0) return market;
  const replace = (list: readonly MarketOffer[]): readonly MarketOffer[] => list.map((at) => changed.get(at) ?? at);
  const byKey = new Map(market.byKey);
  const byAccelerator = new Map(market.byAccelerator);
  for (const [old, now] of changed) {
    byKey.set(old.key, now);
    const { accelerator } = old.offer;
    byAccelerator.set(accelerator, replace(byAccelerator.get(accelerator) ?? []));
  }
  return { ...market, offers: replace(market.offers), byKey, byAccelerator };
}
