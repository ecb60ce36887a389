import type { PlanInput, PlanLease } from '../domain/plan.ts';
import type { AcceleratorChoice } from '../domain/workload.ts';
import type { DemandClass, RunningLot } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Fleet, TeamSpend } from './fleets.ts';
import type { Weight } from './ledger.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import type { Loss, Rules } from './rules.ts';
import { surviveLimit } from './rules.ts';

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
  /** What is minimised, in micro-dollars per hour of work. */
  readonly effectiveCostPerLot: number;
  readonly weight: Weight;
  /** Lots that run already, all with exactly `replicasPerLot` replicas, and may be kept; null = lots to launch. */
  readonly running: { readonly signature: string; readonly lots: readonly RunningLot[] } | null;
}

/** A question to the optimiser: which lots serve the classes. */
export interface Problem {
  readonly input: PlanInput;
  readonly market: MarketView;
  readonly supply: Supply;
  readonly fleets: readonly Fleet[];
  readonly teamSpends: readonly TeamSpend[];
  readonly classes: readonly DemandClass[];
  /** Options by class, in the order of preference: what runs, then by effective cost per replica, price, pool key, accelerators. */
  readonly options: readonly (readonly Option[])[];
}

export function fleetOf(fleets: readonly Fleet[], { fleet }: Pick<DemandClass, 'fleet'>): Fleet {
  const found = fleets[fleet];
  if (found === undefined) throw new RangeError('a class belongs to a fleet');
  return found;
}

/** The most replicas of the class, all members together, that `survive` lets the provider (region) take; null = any number. */
export function surviveRoom(rules: Rules, demandClass: DemandClass, loss: Loss, subject: string): number | null {
  // The rest of a gang belongs where the gang is: its replica counts as kept there already.
  if (demandClass.completion !== null) return null;
  const limit = surviveLimit(rules, loss, demandClass.spec.replicas, demandClass.spec.keepShare);
  if (limit === null) return null;
  return demandClass.members.length * Math.max(0, limit - (demandClass.keptReplicas[loss].get(subject) ?? 0));
}

/** The leases that a plan with moves may give up: those of running lots. */
export function movableLeases(demand: readonly DemandClass[]): ReadonlySet<PlanLease> {
  return new Set(
    demand.flatMap(({ members }) => members.flatMap(({ running }) => running.flatMap((lot) => lot.leases))),
  );
}
