/**
 * The planner's meaning by brute force: every way to place every replica, judged from the input alone. Shares no code with
 * `src/planning`, so that the two can only agree by both being right. For tiny instances.
 */
import type { PlanInput, PlanLease, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { scopeCovers } from '../../src/domain/sold-out.ts';
import type { AcceleratorChoice } from '../../src/domain/workload.ts';
import { globMatches } from '../../src/domain/workload.ts';
import { policyIn } from './market-builders.ts';

/** A machine of a fleet, kept or new. */
export interface Machine {
  readonly pool: PlanOffer['pool'];
  readonly price: number;
  readonly accelerators: number;
  readonly isNew: boolean;
  readonly offer: PlanOffer | null;
}

/** A replica with a place. */
interface Place {
  readonly workloadId: string;
  readonly provider: string;
}

interface Candidate {
  readonly machines: readonly Machine[];
  readonly places: readonly Place[];
  readonly cost: number;
}

export interface Best {
  /** Replicas placed by priority, highest first: the first thing to maximise. */
  readonly placed: readonly number[];
  readonly cost: number;
}

export function adjusted(input: PlanInput, pool: PlanOffer['pool'], price: number): number {
  const name = `${pool.provider}:${pool.region}:${pool.instanceType}`;
  const factor = policyIn(input).priceAdjustments.find(({ match }) => globMatches(match, name))?.factor ?? 1;
  return Math.round(price * factor);
}

interface Way {
  readonly offer: PlanOffer;
  readonly machines: number;
  readonly perMachine: number;
  readonly costOfLot: number;
}

function allowed(input: PlanInput, { spec }: PlanWorkload, offer: PlanOffer, replicaPrice: number): boolean {
  const policy = policyIn(input);
  const { pool } = offer;
  const region = `${pool.provider}:${pool.region}`;
  const quotas = offer.quotaClaims.map(({ quota }) => quota);
  const refused = input.soldOut.some(({ scope, until }) => until > input.at && scopeCovers(scope, pool, quotas));
  return (
    !refused &&
    offer.availability === 'available' &&
    offer.architecture === spec.architecture &&
    (policy.allowedProviders?.includes(pool.provider) ?? true) &&
    (spec.providers?.includes(pool.provider) ?? true) &&
    (policy.allowedRegions?.some((pattern) => globMatches(pattern, region)) ?? true) &&
    (spec.regions?.some((pattern) => globMatches(pattern, region)) ?? true) &&
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
  if (!allowed(input, load, offer, replicaPrice)) return null;
  return { offer, machines, perMachine, costOfLot: lotCost(price, machines, choice.throughput, offer) };
}

export function lotCost(price: number, machines: number, throughput: number, offer: PlanOffer): number {
  const loss = 1 + offer.interruptionsPerHour * machines * 0.25;
  return ((price * machines) / throughput / offer.successProbability) * loss;
}

function newMachines(input: PlanInput, offer: PlanOffer, count: number): Machine[] {
  const price = adjusted(input, offer.pool, offer.priceMicroUsdPerHour);
  const machine = { pool: offer.pool, price, accelerators: offer.acceleratorCount, isNew: true, offer };
  return Array.from({ length: count }, () => machine);
}

/** Every way to place some of `replicas` replicas on the ways from `index` on. */
function spread(input: PlanInput, load: PlanWorkload, ways: readonly Way[], replicas: number): Candidate[] {
  const [way, ...rest] = ways;
  if (way === undefined) return [{ machines: [], places: [], cost: 0 }];
  const candidates: Candidate[] = [];
  for (let here = 0; here <= replicas; here += 1) {
    const lots = way.perMachine === 1 ? [here] : range(Math.ceil(here / way.perMachine), here);
    const others = spread(input, load, rest, replicas - here);
    for (const count of lots) {
      const machines = newMachines(input, way.offer, count * way.machines);
      const place = { workloadId: load.id, provider: way.offer.pool.provider };
      const places = Array.from({ length: here }, () => place);
      for (const other of others) {
        candidates.push({
          machines: [...machines, ...other.machines],
          places: [...places, ...other.places],
          cost: count * way.costOfLot + other.cost,
        });
      }
    }
  }
  return candidates;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

/** The rest of a gang must stand beside what is there. */
function completions(input: PlanInput, load: PlanWorkload, gang: readonly PlanLease[]): Candidate[] {
  const [beside] = gang;
  const candidates: Candidate[] = [{ machines: [], places: [], cost: 0 }];
  if (beside === undefined) return candidates;
  const missing = beside.partCount - gang.length;
  const throughput =
    load.spec.accelerators.find(
      ({ accelerator, count }) =>
        accelerator === beside.accelerator && count === beside.partCount * beside.acceleratorCount,
    )?.throughput ?? 1;
  for (const offer of input.offers) {
    const { pool } = offer;
    if (pool.provider !== beside.pool.provider || pool.region !== beside.pool.region) continue;
    if (pool.instanceType !== beside.pool.instanceType) continue;
    if (pool.zone !== null && pool.zone !== beside.pool.zone) continue;
    const price = adjusted(input, pool, offer.priceMicroUsdPerHour);
    if (!allowed(input, load, offer, price * missing)) continue;
    candidates.push({
      machines: newMachines(input, offer, missing),
      places: [{ workloadId: load.id, provider: '' }],
      cost: lotCost(price, missing, throughput, offer),
    });
  }
  return candidates;
}

function suppliable(input: PlanInput, machines: readonly Machine[]): boolean {
  const units = new Map<string, number>();
  const pools = new Map<string, number>();
  for (const { offer } of machines) {
    if (offer === null) continue;
    pools.set(poolKey(offer.pool), (pools.get(poolKey(offer.pool)) ?? 0) + 1);
    if (offer.availableCount !== null && (pools.get(poolKey(offer.pool)) ?? 0) > offer.availableCount) return false;
    for (const claim of offer.quotaClaims) {
      const key = `${offer.pool.provider} ${claim.scope === 'global' ? null : offer.pool.region} ${claim.quota}`;
      units.set(key, (units.get(key) ?? 0) + claim.units);
    }
  }
  return input.quotas.every(({ provider, region, name, limit, usage }) => {
    if (limit === null || usage === null) return true;
    return (units.get(`${provider} ${region} ${name}`) ?? 0) <= limit - usage;
  });
}

const SUBJECT = {
  provider: ({ provider }: Machine['pool']) => provider,
  region: ({ provider, region }: Machine['pool']) => `${provider}:${region}`,
  zone: ({ provider, region, zone }: Machine['pool']) => `${provider}:${region}:${zone}`,
  pool: (pool: Machine['pool']) => poolKey(pool),
} as const;

function sums(machines: readonly Machine[], key: (pool: Machine['pool']) => string, measure: 'price' | 'accelerators') {
  const amounts = new Map<string, number>();
  for (const machine of machines) {
    amounts.set(key(machine.pool), (amounts.get(key(machine.pool)) ?? 0) + machine[measure]);
  }
  return amounts;
}

function total(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
}

/** Whether `after` keeps a cap, or at least exceeds it by no more than `before` did. */
function keepsCap(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, limit: number): boolean {
  return [...after].every(([subject, amount]) => {
    const excess = Math.max(0, (before.get(subject) ?? 0) - limit * total(before));
    return amount <= limit * total(after) + excess + 1e-6;
  });
}

function norm(amounts: ReadonlyMap<string, number>): number {
  return Math.sqrt([...amounts.values()].reduce((sum, amount) => sum + amount * amount, 0));
}

/** Whether the fleet keeps every rule on the fleet; also used to check the plans of instances too large to enumerate. */
export function keepsRules(input: PlanInput, before: readonly Machine[], after: readonly Machine[]): boolean {
  const policy = policyIn(input);
  const measure = policy.measure === 'spend' ? 'price' : 'accelerators';
  for (const scope of ['provider', 'region', 'zone', 'pool'] as const) {
    const limit = policy.maxShare[scope];
    if (limit === null) continue;
    if (!keepsCap(sums(before, SUBJECT[scope], measure), sums(after, SUBJECT[scope], measure), limit)) return false;
  }
  if (policy.maxSpotShare !== null) {
    const market = (machines: readonly Machine[]) =>
      sums(machines, (pool) => (pool.market === 'spot' ? 'spot' : 'other'), measure);
    const spotOnly = new Map([...market(after)].filter(([key]) => key === 'spot'));
    const whole = total(market(after));
    const was = Math.max(0, (market(before).get('spot') ?? 0) - policy.maxSpotShare * total(market(before)));
    if ((spotOnly.get('spot') ?? 0) > policy.maxSpotShare * whole + was + 1e-6) return false;
  }
  if (policy.maxConcentration !== null) {
    const root = Math.sqrt(policy.maxConcentration);
    const was = sums(before, SUBJECT.provider, 'price');
    const is = sums(after, SUBJECT.provider, 'price');
    if (norm(is) > root * total(is) + Math.max(0, norm(was) - root * total(was)) + 1e-6) return false;
  }
  return true;
}

function survives(input: PlanInput, kept: readonly Place[], places: readonly Place[], byPolicy: boolean): boolean {
  return input.workloads.every(({ id, spec }) => {
    const keepShare = Math.max(byPolicy ? (policyIn(input).survive[0]?.keepShare ?? 0) : 0, spec.keepShare ?? 0);
    if (keepShare === 0 || spec.replicas < 2) return true;
    const most = Math.floor((1 - keepShare) * spec.replicas + 1e-9);
    const providers = new Set(places.map(({ provider }) => provider).filter((provider) => provider !== ''));
    return [...providers].every((provider) => {
      const mine = (place: Place): boolean => place.workloadId === id && place.provider === provider;
      const added = places.filter(mine).length;
      return added === 0 || kept.filter(mine).length + added <= most;
    });
  });
}

export function keptMachines(input: PlanInput): Machine[] {
  return input.leases.map(({ pool, acceleratorCount, priceMicroUsdPerHour }) => ({
    pool,
    price: adjusted(input, pool, priceMicroUsdPerHour),
    accelerators: acceleratorCount,
    isNew: false,
    offer: null,
  }));
}

interface Work {
  readonly candidates: readonly Candidate[];
  readonly priority: number;
}

function worksOf(input: PlanInput): { works: Work[]; keptPlaces: Place[] } {
  const works: Work[] = [];
  const keptPlaces: Place[] = [];
  for (const load of input.workloads) {
    let fresh = 0;
    for (const replica of range(0, load.spec.replicas - 1)) {
      const gang = input.leases.filter(
        ({ workloadId, replicas }) => workloadId === load.id && replicas.includes(replica),
      );
      const [first] = gang;
      if (first === undefined) fresh += 1;
      else keptPlaces.push({ workloadId: load.id, provider: first.pool.provider });
      if (first !== undefined && gang.length < first.partCount) {
        works.push({ candidates: completions(input, load, gang), priority: load.spec.priority });
      }
    }
    if (fresh === 0) continue;
    works.push({ candidates: spread(input, load, waysOf(input, load), fresh), priority: load.spec.priority });
  }
  return { works, keptPlaces };
}

/** How many combinations there are to look at; instances with too many are skipped. */
export function combinationCount(input: PlanInput): number {
  return worksOf(input).works.reduce((product, { candidates }) => product * candidates.length, 1);
}

interface Judged {
  readonly placed: readonly number[];
  readonly cost: number;
  readonly spend: number;
}

/** The best of all combinations; `minProviders` comes as near as the kept fleet lets it. */
export function exhaustiveBest(input: PlanInput): Best {
  const free = search(input, false, false, 1);
  const kept = keptMachines(input);
  const enforced = free.spend >= policyIn(input).enforceAboveMicroUsdPerHour;
  const present = new Set(kept.map(({ pool }) => pool.provider)).size;
  const wanted = enforced ? policyIn(input).minProviders : 1;
  if (present === 0 || present >= wanted) return search(input, enforced, true, wanted);
  const most = search(input, enforced, true, 1);
  for (let required = wanted; required > present; required -= 1) {
    const spreadOut = search(input, enforced, true, required);
    if (compare(spreadOut.placed, most.placed) === 0) return spreadOut;
  }
  return most;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, count] of a.entries()) {
    const difference = count - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A combination being put together. */
interface Partial {
  readonly machines: readonly Machine[];
  readonly places: readonly Place[];
  readonly placed: readonly number[];
  readonly cost: number;
}

function* combinations(
  input: PlanInput,
  works: readonly Work[],
  priorities: readonly number[],
  so: Partial,
): Generator<Partial> {
  if (!suppliable(input, so.machines)) return;
  const [work, ...rest] = works;
  if (work === undefined) {
    yield so;
    return;
  }
  for (const { machines, places, cost } of work.candidates) {
    yield* combinations(input, rest, priorities, {
      machines: [...so.machines, ...machines],
      places: [...so.places, ...places],
      placed: so.placed.map((count, level) => (priorities[level] === work.priority ? count + places.length : count)),
      cost: so.cost + cost,
    });
  }
}

function search(input: PlanInput, byPolicy: boolean, byOwn: boolean, required: number): Judged {
  const { works, keptPlaces } = worksOf(input);
  const kept = keptMachines(input);
  const priorities = [...new Set(works.map(({ priority }) => priority))].toSorted((a, b) => b - a);
  const none: Partial = { machines: [], places: [], placed: priorities.map(() => 0), cost: 0 };
  let best: Judged = { placed: none.placed.map(() => -1), cost: 0, spend: 0 };
  for (const { machines, places, placed, cost } of combinations(input, works, priorities, none)) {
    const order = compare(placed, best.placed);
    if (order < 0 || (order === 0 && cost >= best.cost - 1e-9)) continue;
    const after = [...kept, ...machines];
    const providers = new Set(after.map(({ pool }) => pool.provider)).size;
    if (after.length > 0 && providers < required) continue;
    if (byPolicy && !keepsRules(input, kept, after)) continue;
    if (byOwn && !survives(input, keptPlaces, places, byPolicy)) continue;
    best = { placed, cost, spend: after.reduce((sum, { price }) => sum + price, 0) };
  }
  return { ...best, placed: best.placed.map((count) => Math.max(0, count)) };
}
