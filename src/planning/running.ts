import type { PlanInput, PlanLease } from '../domain/plan.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import type { DemandClass, RunningLot } from './demand.ts';
import { fleetOfTeam, lotSignature } from './demand.ts';
import { Eligibility, supplyOf } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { choiceMet, leaseWeight } from './fleets.ts';
import type { Weight } from './ledger.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText, marketViewOf, policiesInOrder } from './market-view.ts';
import type { Option } from './option.ts';
import { fleetOf, movableLeases } from './option.ts';
import { adjustedPrice } from './pricing.ts';
import { subjectsOf } from './rules.ts';

/** What runs where no rule allows it any more costs this many times the dearest option: it goes as soon as it can. */
const UNWANTED_FACTOR = 10;

/** Rules whose change makes a running machine unwanted; facts of the market (sold out, headroom) do not concern what runs. */
const UNWANTED: ReadonlySet<string> = new Set([
  'providers.allow',
  'workload.providers',
  'residency.regions',
  'workload.regions',
  'markets.allow',
  'workload.markets',
  'maxPrice',
  'workload.maxPrice',
]);

/** The fleets without what may be moved: an excess is excused only of what must stay. */
export function withoutMovable(
  input: PlanInput,
  fleets: readonly Fleet[],
  demand: readonly DemandClass[],
): readonly Fleet[] {
  const movable = movableLeases(demand);
  const policies = policiesInOrder(input);
  const specs = new Map(input.workloads.map(({ id, spec }) => [id, spec]));
  const bases = fleets.map(() => new Ledger());
  for (const lease of input.leases) {
    const spec = specs.get(lease.workloadId);
    const fleet = spec === undefined ? -1 : fleetOfTeam(policies, spec.team);
    const policy = policies[fleet];
    if (spec === undefined || policy === undefined || movable.has(lease)) continue;
    bases[fleet]?.add(leaseWeight(policies, policy, spec, lease), 1);
  }
  return fleets.map(({ policy }, index) => {
    const given = bases[index] ?? new Ledger();
    return { policy, base: given, kept: given };
  });
}

/** Leases that stand where their policy or workload allows no machine any more. */
export function unwantedLeaseIds(input: PlanInput): ReadonlySet<string> {
  const market = marketViewOf({ ...input, offers: [], quotas: [], soldOut: [] });
  const policies = policiesInOrder(input);
  const judges = new Map(
    input.workloads.flatMap(({ id, spec }) => {
      const policy = policies[fleetOfTeam(policies, spec.team)];
      return policy === undefined ? [] : [[id, new Eligibility(policy, spec, supplyOf(market))] as const];
    }),
  );
  const unwanted = input.leases.filter((lease) => {
    const judge = judges.get(lease.workloadId);
    if (judge === undefined) return false;
    const adjusted = adjustedPrice(policies, lease.pool, lease.priceMicroUsdPerHour);
    return isUnwanted(judge, offerOfLease(market, lease, adjusted), choiceOf(judge.spec, lease));
  });
  return new Set(unwanted.map(({ id }) => id));
}

function isUnwanted(judge: Eligibility, at: MarketOffer, choice: AcceleratorChoice): boolean {
  return judge.obstaclesOf(choice, at).some((obstacle) => UNWANTED.has(obstacle));
}

/** The choice that the lease's machines meet; where the workload asks for something else by now, one that they would. */
function choiceOf(spec: WorkloadSpec, lease: PlanLease): AcceleratorChoice {
  const { accelerator, acceleratorCount, partCount } = lease;
  const met = choiceMet(spec, accelerator, acceleratorCount, partCount);
  return met ?? { accelerator, count: acceleratorCount * partCount, perMachine: null, throughput: 1 };
}

/** What runs of the class, as options: always there, whatever the market says, or moves would look free. */
export function runningOptions(
  input: PlanInput,
  fleets: readonly Fleet[],
  market: MarketView,
  demandClass: DemandClass,
  options: readonly Option[],
): readonly Option[] {
  const lots = demandClass.members.flatMap(({ running }) => running);
  const dearest = options.reduce((most, { effectiveCostPerLot }) => Math.max(most, effectiveCostPerLot), 0);
  return [...Map.groupBy(lots, lotSignature)]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([signature, alike]) => runningOption(input, fleets, market, demandClass, signature, alike, dearest));
}

function runningOption(
  input: PlanInput,
  fleets: readonly Fleet[],
  market: MarketView,
  demandClass: DemandClass,
  signature: string,
  lots: readonly RunningLot[],
  dearest: number,
): Option {
  const [first] = lots[0]?.leases ?? [];
  if (first === undefined) throw new RangeError('a running lot has at least one lease');
  const { spec } = demandClass;
  const { policy } = fleetOf(fleets, demandClass);
  const machines = lots[0]?.leases.length ?? 1;
  const weight = timesMachines(leaseWeight(policiesInOrder(input), policy, spec, first), machines);
  const choice = choiceOf(spec, first);
  const at = offerOfLease(market, first, weight.amounts.spend / machines);
  const cost = weight.amounts['effective-cost'];
  const judge = new Eligibility(policy, spec, supplyOf(market));
  const unwanted = isUnwanted(judge, at, choice);
  const effectiveCostPerLot = unwanted ? Math.max(cost, dearest) * UNWANTED_FACTOR : cost;
  return {
    classIndex: 0,
    at,
    choice,
    machinesPerLot: machines,
    replicasPerLot: lots[0]?.replicas.length ?? 1,
    effectiveCostPerLot,
    weight,
    running: { signature, lots },
  };
}

function timesMachines(weight: Weight, machines: number): Weight {
  const { spend, accelerators } = weight.amounts;
  return {
    ...weight,
    machines,
    amounts: {
      spend: spend * machines,
      accelerators: accelerators * machines,
      'accelerator-hours': weight.amounts['accelerator-hours'] * machines,
      'effective-cost': weight.amounts['effective-cost'] * machines,
    },
  };
}

/** The market's offer of the lease's pool at the price that the lease pays; made up where the market lists it no more. */
function offerOfLease(market: MarketView, lease: RunningLot['leases'][number], adjusted: number): MarketOffer {
  const key = subjectsOf(lease.pool).pool ?? '';
  const listed = market.byKey.get(key);
  const offer = {
    pool: lease.pool,
    zonePhysicalId: null,
    accelerator: lease.accelerator,
    acceleratorCount: lease.acceleratorCount,
    vcpuCount: 0,
    memoryGiB: 0,
    architecture: 'x86_64' as const,
    priceMicroUsdPerHour: lease.priceMicroUsdPerHour,
    availability: 'available' as const,
    availableCount: null,
    quotaClaims: [],
    interruptionsPerHour: 0,
    observedAt: 0,
    successProbability: 1,
  };
  return {
    offer: listed === undefined ? offer : { ...listed.offer, priceMicroUsdPerHour: lease.priceMicroUsdPerHour },
    key,
    adjusted,
    isValid: true,
    subjects: subjectsOf(lease.pool),
    claims: [],
    claimsKey: '',
    soldOut: null,
  };
}
