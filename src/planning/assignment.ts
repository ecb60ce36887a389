import type { PlannedMachine } from '../domain/plan.ts';
import type { Placement } from './allocation.ts';
import type { DemandClass, Member, RunningLot } from './demand.ts';
import { lotSignature } from './demand.ts';
import { compareText } from './market-view.ts';
import type { Option, Problem } from './option.ts';

/** Replicas of one workload that got no place. */
export interface LeftOver {
  readonly classIndex: number;
  readonly workloadId: string;
  readonly replicas: readonly number[];
}

export interface Assignment {
  readonly machines: readonly PlannedMachine[];
  readonly leftOver: readonly LeftOver[];
  /** Running lots that are given up. */
  readonly released: readonly RunningLot[];
}

interface Lot {
  readonly option: Option;
  readonly replicas: number;
}

/** Deals the lots of each class out to its workloads and their replicas, in a stated order. */
export function assign(problem: Problem, placements: readonly Placement[]): Assignment {
  const byClass = Map.groupBy(placements, ({ option }) => option.classIndex);
  const machines: PlannedMachine[] = [];
  const leftOver: LeftOver[] = [];
  const released: RunningLot[] = [];
  for (const [classIndex, demandClass] of problem.classes.entries()) {
    const hands = deal(demandClass, byClass.get(classIndex) ?? []);
    for (const [index, member] of demandClass.members.entries()) {
      const hand = hands[index] ?? [];
      const kept = keptLots(member, hand);
      released.push(...member.running.filter((lot) => !kept.has(lot)));
      const rest = serve(machines, demandClass, member.workloadId, waitingOf(member, kept), hand);
      if (rest.length > 0) leftOver.push({ classIndex, workloadId: member.workloadId, replicas: rest });
    }
  }
  return { machines: machines.toSorted(byReplica), leftOver: leftOver.toSorted(byWorkload), released };
}

/**
 * Lots in order of provider and region, dealt round: each member gets as many of a place's as any other, give or take one. That
 * is why a class as a whole may stand for the limits that `survive` sets each of its workloads.
 */
function deal(demandClass: DemandClass, placements: readonly Placement[]): readonly (readonly Lot[])[] {
  const lots = placements
    .toSorted(
      (a, b) =>
        compareText(a.option.weight.provider, b.option.weight.provider) ||
        compareText(a.option.weight.subjects.region ?? '', b.option.weight.subjects.region ?? '') ||
        compareText(a.option.at.key, b.option.at.key) ||
        compareText(a.option.running?.signature ?? '~', b.option.running?.signature ?? '~') ||
        a.option.choice.count - b.option.choice.count,
    )
    .flatMap(lotsOf);
  const hands: Lot[][] = demandClass.members.map(() => []);
  for (const [index, lot] of lots.entries()) hands[index % hands.length]?.push(lot);
  return hands;
}

/** Fills machines one after another, leaving at least one replica to each. */
function lotsOf({ option, lots, replicas }: Placement): readonly Lot[] {
  let left = replicas;
  return Array.from({ length: lots }, (_, index) => {
    const filled = Math.min(option.replicasPerLot, left - (lots - index - 1));
    left -= filled;
    return { option, replicas: filled };
  });
}

/** The member's running lots that its hand keeps: as many of each kind as were dealt, the first replicas first. */
function keptLots(member: Member, hand: readonly Lot[]): ReadonlySet<RunningLot> {
  const wanted = new Map<string, number>();
  for (const { option } of hand) {
    if (option.running === null) continue;
    wanted.set(option.running.signature, (wanted.get(option.running.signature) ?? 0) + 1);
  }
  const kept = new Set<RunningLot>();
  for (const lot of member.running) {
    const signature = lotSignature(lot);
    const left = wanted.get(signature) ?? 0;
    if (left === 0) continue;
    wanted.set(signature, left - 1);
    kept.add(lot);
  }
  return kept;
}

/** The member's replicas that no kept lot serves. */
function waitingOf({ replicas }: Member, kept: ReadonlySet<RunningLot>): readonly number[] {
  if (kept.size === 0) return replicas;
  const stays = new Set([...kept].flatMap((lot) => lot.replicas));
  return replicas.filter((replica) => !stays.has(replica));
}

/** Gives replicas their lots; returns those that got none. */
function serve(
  machines: PlannedMachine[],
  demandClass: DemandClass,
  workloadId: string,
  waiting: readonly number[],
  hand: readonly Lot[],
): readonly number[] {
  let next = 0;
  for (const { option, replicas } of hand) {
    if (option.running !== null) continue;
    const served = waiting.slice(next, next + replicas);
    next += replicas;
    for (let index = 0; index < option.machinesPerLot; index += 1) {
      machines.push({
        workloadId,
        replicas: served,
        part: demandClass.completion?.missingParts[index] ?? index,
        partCount: demandClass.completion?.partCount ?? option.machinesPerLot,
        pool: option.at.offer.pool,
        accelerator: option.at.offer.accelerator,
        acceleratorCount: option.at.offer.acceleratorCount,
        priceMicroUsdPerHour: option.at.offer.priceMicroUsdPerHour,
        adjustedPriceMicroUsdPerHour: option.at.adjusted,
      });
    }
  }
  return waiting.slice(next);
}

function byReplica(a: PlannedMachine, b: PlannedMachine): number {
  return compareText(a.workloadId, b.workloadId) || (a.replicas[0] ?? 0) - (b.replicas[0] ?? 0) || a.part - b.part;
}

function byWorkload(a: LeftOver, b: LeftOver): number {
  return compareText(a.workloadId, b.workloadId) || (a.replicas[0] ?? 0) - (b.replicas[0] ?? 0);
}
