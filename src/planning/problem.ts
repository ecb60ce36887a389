import type { PlanInput } from '../domain/plan.ts';
import type { AcceleratorChoice } from '../domain/workload.ts';
import type { DemandClass } from './demand.ts';
import { classOfMember, demandOf } from './demand.ts';
import type { Obstacle, Supply } from './eligibility.ts';
import { obstaclesOf, supplyOf } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { fleetsOf, teamSpendsOf } from './fleets.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText, marketViewOf } from './market-view.ts';
import type { Option, Problem } from './option.ts';
import { fleetOf, movableLeases, spendPerLot } from './option.ts';
import { egressCost, machineCost } from './pricing.ts';
import { runningOptions, withoutMovable } from './running.ts';
import { shapeOf } from './shape.ts';

/** The whole question of an input; with `moves`, what runs is an option like any other instead of given. */
export function problemOf(input: PlanInput, moves = false): Problem {
  const market = marketViewOf(input);
  const supply = supplyOf(market);
  const demand = demandOf(input, moves);
  const present = fleetsOf(input);
  const fleets = moves ? withoutMovable(input, present, demand) : present;
  const parts = demand.flatMap((demandClass) => {
    const options = optionsOf(fleets, market, supply, demandClass);
    // Replicas of different workloads never share a machine, so classes with shared machines fall apart into their members.
    const shares =
      options.some(({ replicasPerLot }) => replicasPerLot > 1) ||
      demandClass.members.some(({ running }) => running.some(({ replicas }) => replicas.length > 1));
    const alone = shares ? demandClass.members.map((member) => classOfMember(demandClass, member)) : [demandClass];
    return alone.map((part) => ({ part, options }));
  });
  parts.sort((a, b) => compareText(a.part.key, b.part.key));
  return {
    input,
    market,
    supply,
    fleets,
    teamSpends: teamSpendsOf(input, moves ? movableLeases(demand) : new Set()),
    classes: parts.map(({ part }) => part),
    options: parts.map(({ part, options }, classIndex) => {
      const running = moves ? runningOptions(input, fleets, market, part, options) : [];
      return [...running, ...options].map((option) => ({ ...option, classIndex }));
    }),
  };
}

/** Every way to serve the class that nothing stands in the way of but `lifted` obstacles. */
export function optionsOf(
  fleets: readonly Fleet[],
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
  lifted: ReadonlySet<string> = new Set(),
): readonly Option[] {
  const options: Option[] = [];
  for (const { choice, at } of candidatesOf(market, demandClass)) {
    const { policy } = fleetOf(fleets, demandClass);
    const obstacles = obstaclesOf(policy, demandClass.spec, choice, at, supply);
    if (!obstacles.every((obstacle) => lifted.has(obstacle))) continue;
    const option = optionAt(fleets, demandClass, choice, at);
    if (option !== null) options.push(option);
  }
  return options.toSorted(byPreference);
}

/** The obstacles of every offer with an accelerator that the class accepts. */
export function obstaclesByOffer(
  fleets: readonly Fleet[],
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
): readonly {
  readonly choice: AcceleratorChoice;
  readonly at: MarketOffer;
  readonly obstacles: readonly Obstacle[];
}[] {
  const { policy } = fleetOf(fleets, demandClass);
  return candidatesOf(market, demandClass).map(({ choice, at }) => ({
    choice,
    at,
    obstacles: obstaclesOf(policy, demandClass.spec, choice, at, supply),
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

function optionAt(
  fleets: readonly Fleet[],
  demandClass: DemandClass,
  choice: AcceleratorChoice,
  at: MarketOffer,
): Option | null {
  const shape = shapeOf(choice, at.offer.acceleratorCount);
  if (shape === null) return null;
  const machines = shape.machinesPerReplica;
  const { policy } = fleetOf(fleets, demandClass);
  const egress = egressCost(demandClass.spec, at.offer.pool, machines, policy);
  const effective = machineCost(at.adjusted, machines, choice.throughput, at.offer) + egress;
  const perMember = demandClass.members[0]?.replicas.length ?? 0;
  return {
    classIndex: 0,
    at,
    choice,
    machinesPerLot: machines,
    replicasPerLot: Math.max(1, Math.min(shape.replicasPerMachine, perMember)),
    effectiveCostPerLot: effective,
    weight: lotWeight(at, machines, choice.throughput, effective),
    running: null,
  };
}

function lotWeight(
  { offer, adjusted, subjects }: MarketOffer,
  machines: number,
  throughput: number,
  effective: number,
) {
  const accelerators = offer.acceleratorCount * machines;
  return {
    subjects,
    provider: offer.pool.provider,
    machines,
    amounts: {
      spend: adjusted * machines,
      accelerators,
      'accelerator-hours': accelerators / throughput,
      'effective-cost': effective,
    },
  };
}

function byPreference(a: Option, b: Option): number {
  return (
    a.effectiveCostPerLot / a.replicasPerLot - b.effectiveCostPerLot / b.replicasPerLot ||
    spendPerLot(a) / a.replicasPerLot - spendPerLot(b) / b.replicasPerLot ||
    compareText(a.at.key, b.at.key) ||
    a.choice.count - b.choice.count ||
    b.choice.throughput - a.choice.throughput
  );
}
