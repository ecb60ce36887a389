import type { PlanInput } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { AcceleratorChoice } from '../domain/workload.ts';
import type { DemandClass } from './demand.ts';
import { classOfMember, demandOf } from './demand.ts';
import type { Obstacle, Supply } from './eligibility.ts';
import { Eligibility, supplyOf } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import { fleetsOf, teamSpendsOf } from './fleets.ts';
import type { Weight } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import { compareText, marketViewOf } from './market-view.ts';
import type { Option, Problem } from './option.ts';
import { fleetOf, movableLeases } from './option.ts';
import { egressCost, machineCost } from './pricing.ts';
import type { Draft } from './prune.ts';
import { amountOf, PlaceKeys, pruned } from './prune.ts';
import { rulesOf } from './rules.ts';
import { runningOptions, withoutMovable } from './running.ts';
import type { Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import { withoutTwins } from './twins.ts';

/** The whole question of an input; with `moves`, what runs is an option like any other instead of given. */
export function problemOf(input: PlanInput, moves = false): Problem {
  const market = marketViewOf(input);
  const demand = demandOf(input, moves);
  const present = fleetsOf(input);
  const fleets = moves ? withoutMovable(input, present, demand) : present;
  const teamSpends = teamSpendsOf(input, moves ? movableLeases(demand) : new Set());
  return problemFrom({ input, market, supply: supplyOf(market), fleets, teamSpends }, demand, moves);
}

/** The question of some demand in surroundings that are known already. */
export function problemFrom(
  around: Pick<Problem, 'input' | 'market' | 'supply' | 'fleets' | 'teamSpends'>,
  demand: readonly DemandClass[],
  moves: boolean,
  draftsFor: (demandClass: DemandClass) => readonly Draft[] = draftsIn(around),
): Problem {
  const { input, market, fleets } = around;
  const parts = demand.flatMap((demandClass) => {
    const drafts = draftsFor(demandClass);
    // Replicas of different workloads never share a machine, so classes with shared machines fall apart into their members.
    const shares =
      drafts.some(({ replicasPerLot }) => replicasPerLot > 1) ||
      demandClass.members.some(({ running }) => running.some(({ replicas }) => replicas.length > 1));
    const alone = shares ? demandClass.members.map((member) => classOfMember(demandClass, member)) : [demandClass];
    return alone.map((part) => ({ part, drafts }));
  });
  parts.sort((a, b) => compareText(a.part.key, b.part.key));
  return {
    ...around,
    classes: parts.map(({ part }) => part),
    options: parts.map(({ part, drafts }, classIndex) => {
      const options = drafts.map((draft) => optionFrom(draft, classIndex));
      if (!moves) return options;
      const running = runningOptions(input, fleets, market, part, options);
      return [...running.map((option) => ({ ...option, classIndex })), ...options];
    }),
  };
}

/** Finds what classes may need in given surroundings, in the order of preference. */
export function draftsIn({
  market,
  supply,
  fleets,
  teamSpends,
}: Pick<Problem, 'market' | 'supply' | 'fleets' | 'teamSpends'>): (demandClass: DemandClass) => readonly Draft[] {
  const budgeted = new Set(teamSpends.map(({ team }) => team));
  const keysOf = new Map<Fleet, PlaceKeys>();
  const narrowed = new Map<Fleet, MarketView>();
  return (demandClass) => {
    const fleet = fleetOf(fleets, demandClass);
    const rules = rulesOf(fleet.policy);
    const keys = keysOf.get(fleet) ?? new PlaceKeys(rules);
    keysOf.set(fleet, keys);
    let choices = market;
    // The rest of a gang must be where the gang is: of twins, the one in its zone.
    if (demandClass.completion === null) {
      choices = narrowed.get(fleet) ?? withoutTwins(market, fleet.policy, rules, supply, keys, budgeted.size > 0);
      narrowed.set(fleet, choices);
    }
    return neededDrafts(fleets, choices, supply, demandClass, budgeted.has(demandClass.spec.team), keys);
  };
}

/**
 * Every way to serve the class that nothing stands in the way of but `lifted` obstacles, and that no other makes needless
 * under any of the policy's rules.
 */
export function optionsOf(
  fleets: readonly Fleet[],
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
  budgeted: boolean,
  placeKeys: PlaceKeys,
  lifted: ReadonlySet<string> = new Set(),
): readonly Option[] {
  const drafts = neededDrafts(fleets, market, supply, demandClass, budgeted, placeKeys, lifted);
  return drafts.map((draft) => optionFrom(draft, 0));
}

function neededDrafts(
  fleets: readonly Fleet[],
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
  budgeted: boolean,
  placeKeys: PlaceKeys,
  lifted: ReadonlySet<string> = new Set(),
): readonly Draft[] {
  const drafts = draftsOf(fleets, market, supply, demandClass, lifted);
  const { policy } = fleetOf(fleets, demandClass);
  return pruned(demandClass, drafts, rulesOf(policy), supply, budgeted, placeKeys);
}

/** Every way to serve the class that only `lifted` obstacles stand in the way of, in the order of preference. */
export function draftsOf(
  fleets: readonly Fleet[],
  market: MarketView,
  supply: Supply,
  demandClass: DemandClass,
  lifted: ReadonlySet<string> = new Set(),
): readonly Draft[] {
  const { policy } = fleetOf(fleets, demandClass);
  const judge = new Eligibility(policy, demandClass.spec, supply);
  const drafts: Draft[] = [];
  for (const { choice, at } of candidatesOf(market, demandClass)) {
    const shape =
      lifted.size === 0 ? judge.shapeAt(choice, at) : shapeWithout(judge.obstaclesOf(choice, at), lifted, choice, at);
    if (shape !== null) drafts.push(draftAt(policy, demandClass, choice, at, shape));
  }
  return drafts.sort(byPreference);
}

function shapeWithout(
  obstacles: readonly Obstacle[],
  lifted: ReadonlySet<string>,
  choice: AcceleratorChoice,
  at: MarketOffer,
): Shape | null {
  return obstacles.every((obstacle) => lifted.has(obstacle)) ? shapeOf(choice, at.offer.acceleratorCount) : null;
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
  const judge = new Eligibility(fleetOf(fleets, demandClass).policy, demandClass.spec, supply);
  return candidatesOf(market, demandClass).map(({ choice, at }) => ({
    choice,
    at,
    obstacles: judge.obstaclesOf(choice, at),
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

function draftAt(
  policy: Policy,
  demandClass: DemandClass,
  choice: AcceleratorChoice,
  at: MarketOffer,
  { machinesPerReplica, replicasPerMachine }: Shape,
): Draft {
  const egress = egressCost(demandClass.spec, at.offer.pool, machinesPerReplica, policy);
  const perMember = demandClass.members[0]?.replicas.length ?? 0;
  return {
    at,
    choice,
    machinesPerLot: machinesPerReplica,
    replicasPerLot: Math.max(1, Math.min(replicasPerMachine, perMember)),
    effectiveCostPerLot: machineCost(at.adjusted, machinesPerReplica, choice.throughput, at.offer) + egress,
  };
}

/** The option of a class to launch lots as in the draft. */
export function optionFrom(draft: Draft, classIndex: number): Option {
  return new FreshOption(draft, classIndex);
}

/** Vast fleets have millions of options and use few: what those count is found out when somebody asks. */
class FreshOption implements Option {
  readonly classIndex: number;
  readonly at: MarketOffer;
  readonly choice: AcceleratorChoice;
  readonly machinesPerLot: number;
  readonly replicasPerLot: number;
  readonly effectiveCostPerLot: number;
  readonly running = null;
  #weight: Weight | null = null;

  constructor({ at, choice, machinesPerLot, replicasPerLot, effectiveCostPerLot }: Draft, classIndex: number) {
    this.classIndex = classIndex;
    this.at = at;
    this.choice = choice;
    this.machinesPerLot = machinesPerLot;
    this.replicasPerLot = replicasPerLot;
    this.effectiveCostPerLot = effectiveCostPerLot;
  }

  get weight(): Weight {
    this.#weight ??= {
      subjects: this.at.subjects,
      provider: this.at.offer.pool.provider,
      machines: this.machinesPerLot,
      amounts: {
        spend: amountOf(this, 'spend'),
        accelerators: amountOf(this, 'accelerators'),
        'accelerator-hours': amountOf(this, 'accelerator-hours'),
        'effective-cost': amountOf(this, 'effective-cost'),
      },
    };
    return this.#weight;
  }
}

function byPreference(a: Draft, b: Draft): number {
  return (
    a.effectiveCostPerLot / a.replicasPerLot - b.effectiveCostPerLot / b.replicasPerLot ||
    amountOf(a, 'spend') / a.replicasPerLot - amountOf(b, 'spend') / b.replicasPerLot ||
    compareText(a.at.key, b.at.key) ||
    a.choice.count - b.choice.count ||
    b.choice.throughput - a.choice.throughput
  );
}
