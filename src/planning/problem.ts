import type { PlanInput } from '../domain/plan.ts';
import type { AcceleratorChoice } from '../domain/workload.ts';
import type { DemandClass } from './demand.ts';
import { classOfMember, demandOf } from './demand.ts';
import type { Obstacle, Supply } from './eligibility.ts';
import { obstaclesOf, supplyOf } from './eligibility.ts';
import { Ledger } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText, marketViewOf } from './market-view.ts';
import { adjustedPrice, rankedCost } from './pricing.ts';
import type { Rules } from './rules.ts';
import { governing, subjectsOf, surviveLimit } from './rules.ts';
import { shapeOf } from './shape.ts';

/**
 * One way to serve replicas of a class: *lots* at one offer. A lot is what is bought as one: the machines of one replica,
 * or one machine that several replicas share.
 */
export interface Option {
  readonly classIndex: number;
  readonly at: MarketOffer;
  readonly choice: AcceleratorChoice;
  readonly machinesPerLot: number;
  /** 1 unless replicas share the machine; never more than a member has to place. */
  readonly replicasPerLot: number;
  /** For ranking only, in micro-dollars per hour of work. */
  readonly rankedCostPerLot: number;
}

/** A question to the optimiser: which lots serve the classes. */
export interface Problem {
  readonly input: PlanInput;
  readonly market: MarketView;
  readonly supply: Supply;
  readonly classes: readonly DemandClass[];
  /** Options by class, in the order of preference: ranked cost per replica, price, pool key, accelerators. */
  readonly options: readonly (readonly Option[])[];
  /** What runs besides the options: kept leases, and whatever else is taken as given. */
  readonly base: Ledger;
  /** The kept leases alone: their present excess over a cap is allowed. */
  readonly kept: Ledger;
}

/** The whole question of an input. */
export function problemOf(input: PlanInput): Problem {
  const market = marketViewOf(input);
  const supply = supplyOf(market);
  const kept = keptLedger(input);
  const demand = demandOf(input).flatMap((demandClass) => {
    const options = optionsOf(input, market, supply, demandClass);
    // Replicas of different workloads never share a machine, so classes with shared machines fall apart into their members.
    const shares = options.some(({ replicasPerLot }) => replicasPerLot > 1);
    const parts = shares ? demandClass.members.map((member) => classOfMember(demandClass, member)) : [demandClass];
    return parts.map((part) => ({ part, options }));
  });
  demand.sort((a, b) => compareText(a.part.key, b.part.key));
  return {
    input,
    market,
    supply,
    classes: demand.map(({ part }) => part),
    options: demand.map(({ options }, classIndex) => options.map((option) => ({ ...option, classIndex }))),
    base: kept,
    kept,
  };
}

/** Every way to serve the class that nothing stands in the way of but `lifted` obstacles. */
export function optionsOf(
  input: PlanInput,
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
  lifted: ReadonlySet<string> = new Set(),
): readonly Option[] {
  const options: Option[] = [];
  for (const { choice, at } of candidatesOf(market, demandClass)) {
    const obstacles = obstaclesOf(input, demandClass.spec, choice, at, supply);
    if (!obstacles.every((obstacle) => lifted.has(obstacle))) continue;
    const option = optionAt(demandClass, choice, at);
    if (option !== null) options.push(option);
  }
  return options.toSorted(byPreference);
}

/** The obstacles of every offer with an accelerator that the class accepts. */
export function obstaclesByOffer(
  input: PlanInput,
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
): readonly {
  readonly choice: AcceleratorChoice;
  readonly at: MarketOffer;
  readonly obstacles: readonly Obstacle[];
}[] {
  return candidatesOf(market, demandClass).map(({ choice, at }) => ({
    choice,
    at,
    obstacles: obstaclesOf(input, demandClass.spec, choice, at, supply),
  }));
}

function candidatesOf(
  market: MarketView,
  { spec, completion }: DemandClass,
): readonly { readonly choice: AcceleratorChoice; readonly at: MarketOffer }[] {
  if (completion === null) {
    return spec.accelerators.flatMap((choice) =>
      (market.byAccelerator.get(choice.accelerator) ?? []).map((at) => ({ choice, at })),
    );
  }
  const { beside, missingParts, partCount } = completion;
  const whole = beside.acceleratorCount * partCount;
  const asked = spec.accelerators.find(
    ({ accelerator, count }) => accelerator === beside.accelerator && count === whole,
  );
  const choice: AcceleratorChoice = {
    accelerator: beside.accelerator,
    count: beside.acceleratorCount * missingParts.length,
    perMachine: null,
    throughput: asked?.throughput ?? 1,
  };
  const { provider, region, zone, instanceType } = beside.pool;
  return (market.byAccelerator.get(beside.accelerator) ?? [])
    .filter(({ offer: { pool } }) => pool.provider === provider && pool.region === region)
    .filter(({ offer: { pool } }) => pool.instanceType === instanceType && (pool.zone === null || pool.zone === zone))
    .map((at) => ({ choice, at }));
}

function optionAt(demandClass: DemandClass, choice: AcceleratorChoice, at: MarketOffer): Option | null {
  const shape = shapeOf(choice, at.offer.acceleratorCount);
  if (shape === null) return null;
  const perMember = demandClass.members[0]?.replicas.length ?? 0;
  return {
    classIndex: 0,
    at,
    choice,
    machinesPerLot: shape.machinesPerReplica,
    replicasPerLot: Math.max(1, Math.min(shape.replicasPerMachine, perMember)),
    rankedCostPerLot: rankedCost(at.adjusted, shape.machinesPerReplica, choice.throughput, at.offer),
  };
}

function byPreference(a: Option, b: Option): number {
  return (
    a.rankedCostPerLot / a.replicasPerLot - b.rankedCostPerLot / b.replicasPerLot ||
    spendPerLot(a) / a.replicasPerLot - spendPerLot(b) / b.replicasPerLot ||
    compareText(a.at.key, b.at.key) ||
    a.choice.count - b.choice.count ||
    b.choice.throughput - a.choice.throughput
  );
}

export function spendPerLot(option: Option): number {
  return option.at.adjusted * option.machinesPerLot;
}

export function acceleratorsPerLot(option: Option): number {
  return option.at.offer.acceleratorCount * option.machinesPerLot;
}

/** The most new replicas of the class, all members together, that `survive` lets the provider take; null = any number. */
export function surviveRoom(rules: Rules, demandClass: DemandClass, provider: string): number | null {
  // The rest of a gang belongs where the gang is: its replica counts as kept there already.
  if (demandClass.completion !== null) return null;
  const limit = surviveLimit(rules, demandClass.spec.replicas, demandClass.spec.keepShare);
  if (limit === null) return null;
  return demandClass.members.length * Math.max(0, limit - (demandClass.keptReplicas.get(provider) ?? 0));
}

/** The kept leases as the rules count them. */
export function keptLedger(input: PlanInput): Ledger {
  const ledger = new Ledger();
  for (const lease of input.leases) {
    ledger.add(
      {
        subjects: subjectsOf(lease.pool),
        provider: lease.pool.provider,
        market: lease.pool.market,
        spend: adjustedPrice(governing(input), lease.pool, lease.priceMicroUsdPerHour),
        accelerators: lease.acceleratorCount,
      },
      1,
    );
  }
  return ledger;
}
