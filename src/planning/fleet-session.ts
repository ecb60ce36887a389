import type { PlanInput, PlanLease, PlannedMachine, PlanWorkload } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { SoldOut } from '../domain/sold-out.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import { countedProviders } from './breaches.ts';
import { decide } from './decide.ts';
import type { DemandClass } from './demand.ts';
import { demandOf } from './demand.ts';
import type { Supply } from './eligibility.ts';
import { supplyOf } from './eligibility.ts';
import type { TeamSpend } from './fleets.ts';
import { leaseWeight } from './fleets.ts';
import { Governance } from './governance.ts';
import { greedily, roundedDown } from './greedy.ts';
import type { Increment } from './increment.ts';
import { cheapestOf, finished, incrementOf } from './increment.ts';
import { KindDrafts } from './kind-drafts.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { marketViewOf, policiesInOrder } from './market-view.ts';
import type { RelaxedOptimum } from './optimise.ts';
import { relaxedOptimum } from './optimise.ts';
import type { Problem } from './option.ts';
import { draftsIn, problemFrom } from './problem.ts';
import type { Draft } from './prune.ts';
import type { RuleBook } from './rules.ts';
import { rulesOf } from './rules.ts';
import { ungoverned } from './ungoverned.ts';

/** An answer at once may cost this share more than the relaxation says it might; past that it is searched for. */
const MOST_LOSS_SHARE = 0.1;
/** Without a look at the relaxation the loss may be this share of what it may be otherwise. */
const CERTAIN_SHARE = 0.1;

/**
 * A running fleet that answers one change at a time without planning everything anew: what runs stays where it is, and only
 * what the change leaves without a place is placed, under the same rules and with the same proof. Whether the whole would
 * now lie better elsewhere is for a rebalance to find out. Not to be used by two callers at once.
 */
export class FleetSession {
  readonly #input: PlanInput;
  readonly #governance: Governance;
  #market: MarketView;
  readonly #workloads = new Map<string, PlanWorkload>();
  readonly #leases = new Map<string, Map<string, PlanLease>>();
  readonly #fleets: readonly Ledger[];
  readonly #spends = new Map<string, number>();
  /** Taken of quotas and free machines since the input was read. */
  readonly #units = new Map<string, number>();
  readonly #machines = new Map<string, number>();
  readonly #gapShare: number;
  readonly #kinds: KindDrafts;
  #lastId = 0;

  constructor(input: PlanInput, gapShare = 1e-4) {
    this.#input = { ...input, policies: policiesInOrder(input) };
    this.#governance = new Governance(input);
    this.#gapShare = gapShare;
    this.#market = marketViewOf(input);
    this.#fleets = input.policies.map(() => new Ledger());
    for (const workload of input.workloads) this.#workloads.set(workload.id, workload);
    this.#kinds = new KindDrafts(this.#input.policies, new Set(input.teamBudgets.map(({ team }) => team)));
    for (const lease of input.leases) this.#book(lease, 1);
    // The next workload is mostly of a kind that runs already: its places are looked up now, not when it waits.
    const { fleets } = this.#around();
    for (const demandClass of demandOf({ ...this.#input, leases: [] }, false, this.#market)) {
      this.#kinds.of(fleets, this.#market, demandClass);
    }
  }

  /** Places a workload that is new, or has changed and has replicas without a place. */
  async place(workload: PlanWorkload): Promise<Increment> {
    const running = this.leasesOf(workload.id);
    // What runs counts for the team, and by the choices, that the workload has now.
    for (const lease of running) this.#book(lease, -1);
    this.#workloads.set(workload.id, workload);
    for (const lease of running) this.#book(lease, 1);
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
    const refused = this.#market.offers.filter((at) => refuses(refusal, at));
    this.#market = withOffers(this.#market, new Map(refused.map((at) => [at, { ...at, soldOut: refusal }])));
    this.#kinds.close(new Set(refused.map(({ key }) => key)));
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
    this.#market = withOffers(this.#market, new Map([[at, { ...changed, soldOut: at.soldOut }]]));
    this.#kinds.clear();
  }

  /** The machines that serve a workload, those that were placed since included. */
  leasesOf(workloadId: string): readonly PlanLease[] {
    return [...(this.#leases.get(workloadId)?.values() ?? [])];
  }

  #around(): Omit<Problem, 'classes' | 'options'> {
    const fleets = this.#input.policies.map((policy, index) => {
      const kept = this.#fleets[index] ?? new Ledger();
      return { policy, base: kept, kept: { staying: kept, present: kept } };
    });
    return {
      ...{ input: this.#input, market: this.#market, supply: this.#supply(), fleets },
      teamSpends: this.#teamSpends(),
    };
  }

  async #placeUnserved(workloads: readonly PlanWorkload[]): Promise<Increment> {
    const leases = workloads.flatMap(({ id }) => this.leasesOf(id));
    const input = { ...this.#input, workloads, leases };
    const around = { ...this.#around(), input };
    const draftsFor = (demandClass: DemandClass): readonly Draft[] => this.#draftsFor(around, demandClass);
    const problem = problemFrom(around, demandOf(input, false, this.#market), false, draftsFor);
    const increment = await this.#answered(problem);
    for (const machine of increment.machines) this.#book(this.#leaseOf(machine), 1);
    return { ...increment, held: [...increment.held, ...ungoverned(input)] };
  }

  /** The first answer that is good enough, those that take the least work first. */
  async #answered(problem: Problem): Promise<Increment> {
    const rules = this.#rulesInForce(problem);
    if (rules === null) return this.#searched(problem, null);
    const required = rules.map(({ minProviders }) => minProviders);
    const greedy = finished(problem, rules, required, greedily(problem, rules, required));
    const isOne = problem.classes.reduce((sum, { demand }) => sum + demand, 0) <= 1;
    // For one replica the first allowed place is the best there is.
    const unruled = isOne ? (greedy?.cost ?? 0) : cheapestOf(problem, rules);
    if (greedy !== null && this.#isWithin(greedy.cost, unruled, CERTAIN_SHARE)) {
      return incrementOf(problem, greedy, unruled);
    }
    const relaxed = await relaxedOptimum(problem, rules, required);
    if (relaxed === null) return this.#searched(problem, null);
    const rounded = finished(problem, rules, required, roundedDown(problem, rules, required, relaxed.placements));
    const [best] = [greedy, rounded].flatMap((answer) => answer ?? []).toSorted((a, b) => a.cost - b.cost);
    if (best === undefined || !this.#isWithin(best.cost, relaxed.bound, 1)) return this.#searched(problem, relaxed);
    return incrementOf(problem, best, relaxed.bound);
  }

  /** Whether an answer of that cost lies within a share of the loss that is allowed above the bound. */
  #isWithin(cost: number, bound: number, share: number): boolean {
    return cost - bound <= share * this.#mostLossShare(cost) * cost;
  }

  /** How far an answer of that cost may be from proved: the gap asked for is one of the whole fleet's cost. */
  #mostLossShare(cost: number): number {
    const kept = this.#fleets.reduce((sum, fleet) => sum + fleet.total('effective-cost'), 0);
    return cost <= 0 ? this.#gapShare : Math.min(MOST_LOSS_SHARE, this.#gapShare * (1 + kept / cost));
  }

  async #searched(problem: Problem, relaxed: RelaxedOptimum | null): Promise<Increment> {
    // The answer costs no more than this, or it is not good enough whatever the fleet costs.
    const gapShare = relaxed === null ? this.#gapShare : this.#mostLossShare(relaxed.bound / (1 - MOST_LOSS_SHARE));
    const planning = { problem, gapShare, quick: false, onPhase: () => {} };
    const { assignment, held, planned } = await decide(planning);
    return {
      machines: assignment.machines,
      held,
      effectiveCostMicroUsdPerHour: Math.round(planned.effectiveCost),
      effectiveBoundMicroUsdPerHour: Math.floor(planned.effectiveBound + 1e-3),
    };
  }

  /** Null where it takes a plan to tell: near `enforceAbove`, or where kept leases stand at too few providers. */
  #rulesInForce(problem: Problem): RuleBook | null {
    const all = problem.fleets.map(({ policy }) => rulesOf(policy));
    const isPlain = problem.fleets.every(({ policy, base }, index) => {
      const rules = all[index];
      if (rules === undefined || base.total('spend') < policy.enforceAboveMicroUsdPerHour) return false;
      return base.machineCount === 0 || countedProviders(base, rules) >= rules.minProviders;
    });
    return isPlain && problem.classes.every(({ completion }) => completion === null) ? all : null;
  }

  /** The options of a class, found once for its kind: what has no room at the moment is left out anew each time. */
  #draftsFor(around: Omit<Problem, 'classes' | 'options'>, demandClass: DemandClass): readonly Draft[] {
    // The rest of a gang has options of its own place.
    if (demandClass.completion !== null) return draftsIn(around)(demandClass);
    const options = this.#kinds.of(around.fleets, this.#market, demandClass);
    return options.filter(({ at, machinesPerLot }) => {
      const available = around.supply.available(at);
      if (available !== null && available < machinesPerLot) return false;
      return at.claims.every(({ quota, units }) => units * machinesPerLot <= around.supply.headroom(quota));
    });
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
    if (count > 0) {
      const leases = this.#leases.get(lease.workloadId) ?? new Map<string, PlanLease>();
      this.#leases.set(lease.workloadId, leases.set(lease.id, lease));
    }
    const workload = this.#workloads.get(lease.workloadId);
    const { policies } = this.#input;
    const index = workload === undefined ? -1 : this.#governance.fleetOfTeam(workload.spec.team);
    const policy = policies[index];
    if (workload === undefined || policy === undefined) return;
    const weight = leaseWeight(policies, policy, workload.spec, lease);
    this.#fleets[index]?.add(weight, count);
    const { team } = workload.spec;
    this.#spends.set(team, (this.#spends.get(team) ?? 0) + weight.amounts.spend * count);
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

/** Whether the refusal is news of the offer: one that lasts longer stays. */
function refuses(refusal: SoldOut, { offer, soldOut }: MarketOffer): boolean {
  const quotas = offer.quotaClaims.map(({ quota }) => quota);
  if (!scopeCovers(refusal.scope, offer.pool, quotas)) return false;
  return soldOut === null || soldOut.until < refusal.until;
}

/** The view with some offers changed; lists without a changed offer stay as they are. */
function withOffers(market: MarketView, changed: ReadonlyMap<MarketOffer, MarketOffer>): MarketView {
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
