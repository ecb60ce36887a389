import type { PlanInput, PlanLease } from '../domain/plan.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import { moveCostPerHour } from './allocation.ts';
import type { DemandClass, RunningLot } from './demand.ts';
import { lotSignature } from './demand.ts';
import { Eligibility, supplyOf } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { choiceMet, leaseWeight, ledgersOf } from './fleets.ts';
import { governanceOf } from './governance.ts';
import type { Weight } from './ledger.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText, marketViewOf, policiesInOrder } from './market-view.ts';
import type { Option } from './option.ts';
import { fleetOf, movableLeases } from './option.ts';
import { adjustedPrice } from './pricing.ts';
import { subjectsOf } from './rules.ts';

/** What runs where no rule allows it any more costs this many times the dearest option and a move: it goes as soon as it can. */
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
  const staying = input.leases.filter((lease) => !movable.has(lease));
  const bases = ledgersOf(governanceOf(input), staying);
  return fleets.map(({ policy, kept: { present } }, index) => {
    const base = bases[index] ?? new Ledger();
    return { policy, base, kept: { staying: base, present } };
  });
}

/** Leases that stand where their policy or workload allows no machine any more. */
export function unwantedLeaseIds(input: PlanInput): ReadonlySet<string> {
  const market = marketViewOf({ ...input, offers: [], quotas: [], soldOut: [] });
  const governance = governanceOf(input);
  const judges = new Map(
    input.workloads.flatMap(({ id, spec }) => {
      const governed = governance.ofSpec(spec);
      return governed === null ? [] : [[id, new Eligibility(governed.policy, spec, supplyOf(market))] as const];
    }),
  );
  const unwanted = input.leases.filter((lease) => {
    const judge = judges.get(lease.workloadId);
    if (judge === undefined) return false;
    const adjusted = adjustedPrice(governance.policies, lease.pool, lease.priceMicroUsdPerHour);
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
  const leases = lots[0]?.leases ?? [];
  const [first] = leases;
  if (first === undefined) throw new RangeError('a running lot has at least one lease');
  const { spec } = demandClass;
  const fleet = fleetOf(fleets, demandClass);
  const { policy } = fleet;
  const policies = policiesInOrder(input);
  const weight = sumOf(leases.map((lease) => leaseWeight(policies, policy, spec, lease)));
  const choice = choiceOf(spec, first);
  const dearestMachine = Math.max(
    ...leases.map((lease) => adjustedPrice(policies, lease.pool, lease.priceMicroUsdPerHour)),
  );
  const at = offerOfLease(market, first, dearestMachine);
  const cost = weight.amounts['effective-cost'];
  const replicas = lots[0]?.replicas.length ?? 1;
  const judge = new Eligibility(policy, spec, supplyOf(market));
  const worst = Math.max(cost, dearest) + moveCostPerHour(fleet) * replicas;
  const effectiveCostPerLot = isUnwanted(judge, at, choice) ? worst * UNWANTED_FACTOR : cost;
  return {
    classIndex: 0,
    at,
    choice,
    machinesPerLot: leases.length,
    replicasPerLot: replicas,
    effectiveCostPerLot,
    weight,
    running: { signature, lots },
  };
}

/** Machines of one pool together. */
function sumOf(weights: readonly Weight[]): Weight {
  const [first] = weights;
  if (first === undefined) throw new RangeError('a running lot has at least one lease');
  const total = (measure: ShareMeasure): number => weights.reduce((sum, { amounts }) => sum + amounts[measure], 0);
  return {
    ...first,
    machines: weights.length,
    amounts: {
      spend: total('spend'),
      accelerators: total('accelerators'),
      'accelerator-hours': total('accelerator-hours'),
      'effective-cost': total('effective-cost'),
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
