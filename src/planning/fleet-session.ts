import type { HeldReplicas, PlanInput, PlanLease, PlannedMachine, PlanWorkload } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { SoldOut } from '../domain/sold-out.ts';
import { scopeCovers } from '../domain/sold-out.ts';
import { effectiveCostOf } from './allocation.ts';
import { assign } from './assignment.ts';
import { countedProviders } from './breaches.ts';
import { decide } from './decide.ts';
import type { DemandClass } from './demand.ts';
import { demandOf, kindOf } from './demand.ts';
import type { Supply } from './eligibility.ts';
import { supplyOf } from './eligibility.ts';
import type { Fleet, TeamSpend } from './fleets.ts';
import { leaseWeight } from './fleets.ts';
import { Governance } from './governance.ts';
import { greedily, roundedDown } from './greedy.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { marketViewOf, policiesInOrder } from './market-view.ts';
import { relaxedOptimum } from './optimise.ts';
import type { Option, Problem } from './option.ts';
import { fleetOf } from './option.ts';
import { polished } from './polish.ts';
import { draftsOf, optionsFrom, optionsIn, problemFrom } from './problem.ts';
import type { Draft } from './prune.ts';
import { PlaceKeys } from './prune.ts';
import type { RuleBook } from './rules.ts';
import { rulesOf } from './rules.ts';
import { ungoverned } from './ungoverned.ts';

/** An answer at once may cost this share more than the relaxation says it might; past that it is searched for. */
const MOST_LOSS_SHARE = 0.1;

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
  /** By kind of class: every place that rules allow, and those of them that a plan may need. */
  readonly #drafts = new Map<string, readonly Draft[]>();
  readonly #options = new Map<string, readonly Option[]>();
  readonly #placeKeys: readonly PlaceKeys[];
  #lastId = 0;

  constructor(input: PlanInput, gapShare = 1e-4) {
    this.#input = { ...input, policies: policiesInOrder(input) };
    this.#governance = new Governance(input);
    this.#gapShare = gapShare;
    this.#market = marketViewOf(input);
    this.#fleets = input.policies.map(() => new Ledger());
    for (const workload of input.workloads) this.#workloads.set(workload.id, workload);
    this.#placeKeys = this.#input.policies.map((policy) => new PlaceKeys(rulesOf(policy)));
    for (const lease of input.leases) this.#book(lease, 1);
    // The next workload is mostly of a kind that runs already: its places are looked up now, not when it waits.
    const { fleets } = this.#around();
    for (const demandClass of demandOf({ ...this.#input, leases: [] }, false)) this.#optionsOfKind(fleets, demandClass);
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
    this.#change(withRefusal(this.#market, refusal), false);
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
    this.#change(
      withOffers(this.#market, (old) => (old.key === key ? { ...changed, soldOut: old.soldOut } : old)),
      true,
    );
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

  /** Puts a changed market in force; what was found of the places that changed is found anew. */
  #change(market: MarketView, isRepriced: boolean): void {
    for (const [kind, options] of this.#options) {
      if (options.some(({ at }) => market.byKey.get(at.key) !== at)) this.#options.delete(kind);
    }
    this.#market = market;
    if (!isRepriced) return;
    this.#drafts.clear();
    this.#options.clear();
  }

  async #placeUnserved(workloads: readonly PlanWorkload[]): Promise<Increment> {
    const leases = workloads.flatMap(({ id }) => this.leasesOf(id));
    const input = { ...this.#input, workloads, leases };
    const around = { ...this.#around(), input };
    const optionsFor = (demandClass: DemandClass): readonly Option[] => this.#optionsFor(around, demandClass);
    const problem = problemFrom(around, demandOf(input, false), false, optionsFor);
    const increment = (await this.#atOnce(problem)) ?? (await this.#searched(problem));
    for (const machine of increment.machines) this.#book(this.#leaseOf(machine), 1);
    return { ...increment, held: [...increment.held, ...ungoverned(input)] };
  }

  /**
   * The answer where the first allowed places are good enough: for one replica they are the best there are, for more they are
   * held against the relaxation. Null where that does not tell, or not everything finds a place.
   */
  async #atOnce(problem: Problem): Promise<Increment | null> {
    const rules = this.#rulesInForce(problem);
    if (rules === null) return null;
    const required = rules.map(({ minProviders }) => minProviders);
    const isOne = problem.classes.reduce((sum, { demand }) => sum + demand, 0) <= 1;
    const relaxed = isOne ? null : await relaxedOptimum(problem, rules, required);
    const found = [
      greedily(problem, rules, required),
      relaxed === null ? null : roundedDown(problem, rules, required, relaxed.placements),
    ].flatMap((placements) => {
      // What a cap kept from the best places at first may go there once the rest of the fleet has grown.
      const best = placements === null ? null : polished(problem, rules, placements, required);
      return best === null ? [] : [{ placements: best, cost: effectiveCostOf(problem, best) }];
    });
    const [best] = found.toSorted((one, other) => one.cost - other.cost);
    if (best === undefined) return null;
    const { placements, cost } = best;
    const bound = isOne ? cost : (relaxed?.bound ?? 0);
    const whole = this.#fleets.reduce((sum, fleet) => sum + fleet.total('effective-cost'), cost);
    if (cost - bound > this.#gapShare * whole || cost - bound > MOST_LOSS_SHARE * cost) return null;
    const { machines } = assign(problem, placements);
    return {
      machines,
      held: [],
      effectiveCostMicroUsdPerHour: Math.round(cost),
      effectiveBoundMicroUsdPerHour: Math.floor(Math.min(cost, bound) + 1e-3),
    };
  }

  async #searched(problem: Problem): Promise<Increment> {
    const planning = { problem, gapShare: this.#gapShare, quick: false, onPhase: () => {} };
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
  #optionsFor(around: Omit<Problem, 'classes' | 'options'>, demandClass: DemandClass): readonly Option[] {
    // The rest of a gang has options of its own place.
    if (demandClass.completion !== null) return optionsIn(around)(demandClass);
    const options = this.#optionsOfKind(around.fleets, demandClass);
    return options.filter(({ at, machinesPerLot }) => {
      const available = around.supply.available(at);
      if (available !== null && available < machinesPerLot) return false;
      return at.claims.every(({ quota, units }) => units * machinesPerLot <= around.supply.headroom(quota));
    });
  }

  #optionsOfKind(fleets: readonly Fleet[], demandClass: DemandClass): readonly Option[] {
    const kind = kindOf(demandClass);
    const known = this.#options.get(kind);
    if (known !== undefined) return known;
    let drafts = this.#drafts.get(kind);
    if (drafts === undefined) {
      drafts = draftsOf(fleets, this.#market, UNLIMITED, demandClass);
      this.#drafts.set(kind, drafts);
    }
    const open = drafts.filter(({ at }) => this.#market.byKey.get(at.key)?.soldOut === null);
    const rules = rulesOf(fleetOf(fleets, demandClass).policy);
    const keys = this.#placeKeys[demandClass.fleet] ?? new PlaceKeys(rules);
    const budgeted = this.#input.teamBudgets.some(({ team }) => team === demandClass.spec.team);
    const options = optionsFrom(demandClass, open, rules, UNLIMITED, budgeted, keys);
    this.#options.set(kind, options);
    return options;
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

/** Free machines stay known: an offer that can run out must not stand in for others. */
const UNLIMITED: Supply = {
  headroom: () => Number.POSITIVE_INFINITY,
  available: ({ offer }) => (offer.availableCount === null ? null : Number.POSITIVE_INFINITY),
};

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
