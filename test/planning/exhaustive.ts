/**
 * Every way there is to place every replica, judged from the input alone: the planner's meaning by brute force, for tiny
 * instances. Shares no code with `src/planning`.
 */
import type { PlanInput, PlanLease, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import { poolKey, regionKey } from '../../src/domain/pool.ts';
import { scopeCovers } from '../../src/domain/sold-out.ts';
import type { AcceleratorChoice } from '../../src/domain/workload.ts';
import { globMatches } from '../../src/domain/workload.ts';
import type { Machine } from './fleet-arithmetic.ts';
import { adjusted, keptMachines, newLot, policyOf, throughputOf, total } from './fleet-arithmetic.ts';
import type { Place } from './fleet-rules.ts';

/** One way to place everything that is placed. */
export interface Placement {
  readonly machines: readonly Machine[];
  /** New replicas; the missing machines of a broken gang are none. */
  readonly places: readonly Place[];
  /** Replicas made whole, by priority, highest first: the first thing to maximise. */
  readonly placed: readonly number[];
  /** Effective cost of the new machines. */
  readonly cost: number;
}

interface Candidate {
  readonly machines: readonly Machine[];
  readonly places: readonly Place[];
  readonly replicas: number;
}

interface Way {
  readonly offer: PlanOffer;
  readonly perMachine: number;
  readonly lot: readonly Machine[];
}

export function mayBuy(input: PlanInput, { spec }: PlanWorkload, offer: PlanOffer, replicaPrice: number): boolean {
  const policy = policyOf(input, spec.team);
  const { pool } = offer;
  const quotas = offer.quotaClaims.map(({ quota }) => quota);
  const refused = input.soldOut.some(({ scope, until }) => until > input.at && scopeCovers(scope, pool, quotas));
  const inRegion = (patterns: readonly string[] | null): boolean =>
    patterns?.some((pattern) => globMatches(pattern, regionKey(pool))) ?? true;
  return (
    policy !== null &&
    !refused &&
    offer.availability === 'available' &&
    offer.architecture === spec.architecture &&
    (policy.allowedProviders?.includes(pool.provider) ?? true) &&
    (spec.providers?.includes(pool.provider) ?? true) &&
    inRegion(policy.allowedRegions) &&
    inRegion(spec.regions) &&
    policy.allowedMarkets.includes(pool.market) &&
    spec.markets.includes(pool.market) &&
    adjusted(input, pool, offer.priceMicroUsdPerHour) <= (policy.maxPriceMicroUsdPerHour ?? Number.POSITIVE_INFINITY) &&
    replicaPrice <= (spec.maxPriceMicroUsdPerHour ?? Number.POSITIVE_INFINITY)
  );
}

function waysOf(input: PlanInput, load: PlanWorkload): readonly Way[] {
  return input.offers.flatMap((offer) =>
    load.spec.accelerators.flatMap((choice) => wayAt(input, load, offer, choice) ?? []),
  );
}

function wayAt(input: PlanInput, load: PlanWorkload, offer: PlanOffer, choice: AcceleratorChoice): Way | null {
  if (choice.accelerator !== offer.accelerator) return null;
  if (choice.perMachine !== null && choice.perMachine !== offer.acceleratorCount) return null;
  const shared = choice.count < offer.acceleratorCount;
  if (!shared && choice.count % offer.acceleratorCount !== 0) return null;
  const machines = shared ? 1 : choice.count / offer.acceleratorCount;
  const perMachine = shared ? Math.floor(offer.acceleratorCount / choice.count) : 1;
  const price = adjusted(input, offer.pool, offer.priceMicroUsdPerHour);
  const replicaPrice = (price * machines) / Math.min(perMachine, load.spec.replicas);
  if (!mayBuy(input, load, offer, replicaPrice)) return null;
  return { offer, perMachine, lot: newLot(input, load, offer, machines, choice.throughput) };
}

/** Every way to place some of `replicas` replicas on the ways from the first on. */
function spread(load: PlanWorkload, ways: readonly Way[], replicas: number): Candidate[] {
  const [way, ...rest] = ways;
  if (way === undefined) return [{ machines: [], places: [], replicas: 0 }];
  const candidates: Candidate[] = [];
  for (let here = 0; here <= replicas; here += 1) {
    const lots = way.perMachine === 1 ? [here] : range(Math.ceil(here / way.perMachine), here);
    const place = { workloadId: load.id, pool: way.offer.pool, isNew: true };
    const places = Array.from({ length: here }, () => place);
    const others = spread(load, rest, replicas - here);
    for (const count of lots) {
      const machines = Array.from({ length: count }, () => way.lot).flat();
      for (const other of others) {
        candidates.push({
          machines: [...machines, ...other.machines],
          places: [...places, ...other.places],
          replicas: here + other.replicas,
        });
      }
    }
  }
  return candidates;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

function isBeside({ pool }: PlanOffer, lease: PlanLease): boolean {
  return (
    regionKey(pool) === regionKey(lease.pool) &&
    pool.instanceType === lease.pool.instanceType &&
    (pool.zone === null || pool.zone === lease.pool.zone)
  );
}

/** The rest of a gang must stand beside what is there. */
function completions(input: PlanInput, load: PlanWorkload, gang: readonly PlanLease[]): Candidate[] {
  const [lease] = gang;
  const candidates: Candidate[] = [{ machines: [], places: [], replicas: 0 }];
  if (lease === undefined) return candidates;
  const missing = lease.partCount - gang.length;
  for (const offer of input.offers) {
    if (!isBeside(offer, lease)) continue;
    const price = adjusted(input, offer.pool, offer.priceMicroUsdPerHour);
    if (!mayBuy(input, load, offer, price * missing)) continue;
    const machines = newLot(input, load, offer, missing, throughputOf(load.spec, lease));
    candidates.push({ machines, places: [], replicas: 1 });
  }
  return candidates;
}

/** Whether the quotas and the machines that are free are enough. */
export function isSuppliable(input: PlanInput, machines: readonly Machine[]): boolean {
  const units = new Map<string, number>();
  const pools = new Map<string, number>();
  for (const { offer } of machines) {
    if (offer === null) continue;
    const count = (pools.get(poolKey(offer.pool)) ?? 0) + 1;
    pools.set(poolKey(offer.pool), count);
    if (offer.availableCount !== null && count > offer.availableCount) return false;
    for (const claim of offer.quotaClaims) {
      const key = `${offer.pool.provider} ${claim.scope === 'global' ? null : offer.pool.region} ${claim.quota}`;
      units.set(key, (units.get(key) ?? 0) + claim.units);
    }
  }
  return input.quotas.every(({ provider, region, name, limit, usage }) => {
    if (limit === null || usage === null) return true;
    return (units.get(`${provider} ${region} ${name}`) ?? 0) <= Math.max(0, limit - usage);
  });
}

/** Whether every team with new machines keeps to what its budget leaves, or to what its kept machines spend already. */
export function keepsBudgets(input: PlanInput, machines: readonly Machine[]): boolean {
  const teamOf = new Map(input.workloads.map(({ id, spec }) => [id, spec.team]));
  return input.teamBudgets.every(({ team, limitMicroUsdPerHour }) => {
    const own = ({ workloadId }: Machine): boolean => teamOf.get(workloadId) === team;
    const kept = total(keptMachines(input).filter(own), 'spend');
    const fresh = total(machines.filter(own), 'spend');
    return fresh === 0 || kept + fresh <= Math.max(limitMicroUsdPerHour, kept);
  });
}

interface Work {
  readonly candidates: readonly Candidate[];
  readonly priority: number;
}

function worksOf(input: PlanInput): Work[] {
  const works: Work[] = [];
  for (const load of input.workloads) {
    const { priority, replicas } = load.spec;
    let fresh = 0;
    for (const replica of range(0, replicas - 1)) {
      const gang = input.leases.filter((lease) => lease.workloadId === load.id && lease.replicas.includes(replica));
      const [first] = gang;
      if (first === undefined) fresh += 1;
      else if (gang.length < first.partCount) works.push({ candidates: completions(input, load, gang), priority });
    }
    if (fresh > 0) works.push({ candidates: spread(load, waysOf(input, load), fresh), priority });
  }
  return works;
}

/** How many combinations there are to look at; instances with too many are skipped. */
export function combinationCount(input: PlanInput): number {
  return worksOf(input).reduce((product, { candidates }) => product * candidates.length, 1);
}

function* combinations(
  input: PlanInput,
  works: readonly Work[],
  priorities: readonly number[],
  so: Placement,
): Generator<Placement> {
  if (!isSuppliable(input, so.machines)) return;
  const [work, ...rest] = works;
  if (work === undefined) {
    if (keepsBudgets(input, so.machines)) yield so;
    return;
  }
  for (const { machines, places, replicas } of work.candidates) {
    yield* combinations(input, rest, priorities, {
      machines: [...so.machines, ...machines],
      places: [...so.places, ...places],
      placed: so.placed.map((count, level) => (priorities[level] === work.priority ? count + replicas : count)),
      cost: so.cost + total(machines, 'effective-cost'),
    });
  }
}

/** Which places more: by the replicas of the highest priority, then of the next. */
export function compareCounts(a: readonly number[], b: readonly number[]): number {
  for (const [index, count] of a.entries()) {
    const difference = count - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** All placements that supply and budgets allow, best first. Rules on the fleets are not looked at. */
export function allPlacements(input: PlanInput): Placement[] {
  const priorities = [...new Set(input.workloads.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a);
  const none: Placement = { machines: [], places: [], placed: priorities.map(() => 0), cost: 0 };
  const all = [...combinations(input, worksOf(input), priorities, none)];
  return all.toSorted((a, b) => compareCounts(b.placed, a.placed) || a.cost - b.cost);
}
