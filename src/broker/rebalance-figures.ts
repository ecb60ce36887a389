import { sumMoney } from '../domain/money.ts';
import type { Plan, PlanInput, PlanLease, PlannedMachine, RuleUse } from '../domain/plan.ts';
import { isLeastRule } from '../domain/policy.ts';
import type { FleetFigure, MovedLease, Rebalance, RebalanceMove } from '../domain/rebalance.ts';
import { adjustedPrice } from '../planning/pricing.ts';
import type { Move, RebalanceOffer } from '../planning/rebalance.ts';
import { unwantedLeaseIds } from '../planning/running.ts';
import { countText, rateText, shareText } from '../planning/wording.ts';

/** A planner's offer in the words that people and programs get: each move with its places and its reason, the fleet before and after. Pure. */
export function rebalanceOf(input: PlanInput, offer: RebalanceOffer): Rebalance {
  const { staying, moving, because, savedMicroUsdPerHour, moveCostMicroUsd, paybackHours } = offer;
  const groups = togetherOf(offer.moves, moving.machines);
  const moved = new Set(groups.flatMap(({ machines }) => machines));
  const reasons = reasonsOf(input, offer);
  const cost = staying.effectiveCostMicroUsdPerHour;
  return {
    cause: because,
    moves: groups.map((group) => moveOf(input, group, reasons)),
    added: moving.machines.filter((machine) => !moved.has(machine)),
    ...{ now: figureOf(staying), after: figureOf(moving) },
    ...{ savedMicroUsdPerHour, moveCostMicroUsd, paybackHours },
    savedShare: cost === 0 ? 0 : savedMicroUsdPerHour / cost,
  };
}

function figureOf({ costMicroUsdPerHour, shares, concentration }: Plan): FleetFigure {
  return { costMicroUsdPerHour, shares, concentration };
}

interface Group {
  readonly workloadId: string;
  readonly replicas: readonly number[];
  readonly leaseIds: readonly string[];
  readonly machines: readonly PlannedMachine[];
}

/** Moves with the machines that their replicas get; moves whose replicas will share a machine are one. */
function togetherOf(moves: readonly Move[], machines: readonly PlannedMachine[]): readonly Group[] {
  const byWorkload = Map.groupBy(machines, ({ workloadId }) => workloadId);
  let groups: readonly Group[] = [];
  for (const { workloadId, replicas, leaseIds } of moves) {
    const own = (byWorkload.get(workloadId) ?? []).filter((machine) =>
      machine.replicas.some((replica) => replicas.includes(replica)),
    );
    const joins = (group: Group): boolean => group.machines.some((machine) => own.includes(machine));
    const joined = groups.filter(joins);
    const whole: Group = {
      workloadId,
      replicas: [...joined.flatMap((group) => group.replicas), ...replicas].toSorted((a, b) => a - b),
      leaseIds: [...joined.flatMap((group) => group.leaseIds), ...leaseIds],
      machines: [...new Set([...joined.flatMap((group) => group.machines), ...own])],
    };
    groups = [...groups.filter((group) => !joins(group)), whole];
  }
  return groups;
}

type ReasonOf = (
  leases: readonly PlanLease[],
  costs: Pick<RebalanceMove, 'costNowMicroUsdPerHour' | 'costAfterMicroUsdPerHour'>,
) => RebalanceMove['why'];

function moveOf(input: PlanInput, { workloadId, replicas, leaseIds, machines }: Group, reasonOf: ReasonOf) {
  const ids = new Set(leaseIds);
  const leases = input.leases.filter(({ id }) => ids.has(id));
  const from = leases.map((lease): MovedLease => {
    const { id: leaseId, pool, accelerator, acceleratorCount, priceMicroUsdPerHour } = lease;
    const adjustedPriceMicroUsdPerHour = adjustedPrice(input.policies, pool, priceMicroUsdPerHour);
    return { leaseId, pool, accelerator, acceleratorCount, priceMicroUsdPerHour, adjustedPriceMicroUsdPerHour };
  });
  const costs = {
    costNowMicroUsdPerHour: sumMoney(from.map((lease) => lease.adjustedPriceMicroUsdPerHour)),
    costAfterMicroUsdPerHour: sumMoney(machines.map((machine) => machine.adjustedPriceMicroUsdPerHour)),
  };
  return { workloadId, replicas, from, to: machines, ...costs, why: reasonOf(leases, costs) };
}

function reasonsOf(input: PlanInput, offer: RebalanceOffer): ReasonOf {
  const { because, staying, moving } = offer;
  const unwanted = unwantedLeaseIds(input);
  const mended = mendedRules(offer, input.workloads);
  const placed = heldCount(staying) - heldCount(moving);
  return (leases, { costNowMicroUsdPerHour: now, costAfterMicroUsdPerHour: after }) => {
    if (leases.some(({ id }) => unwanted.has(id)))
      return { cause: 'not-allowed', detail: 'its policy or the workload’s own rules allow no machine there any more' };
    if (after < now && after > 0) return { cause: 'cheaper', detail: `${rateText(now - after)} less` };
    if (because === 'places')
      return { cause: 'makes-room', detail: `makes room: ${countText(placed, 'more replica')} placed` };
    if (because === 'mends' && mended.length > 0) return { cause: 'mends', detail: `keeps ${mended.join(', ')}` };
    return { cause: 'together', detail: 'an hour of work costs less together with the other moves' };
  };
}

/** In words, the enforced rules that staying breaks, and moving breaks less or not at all. */
export function mendedRules({ staying, moving }: RebalanceOffer, workloads: PlanInput['workloads']): readonly string[] {
  const names = new Map(workloads.map(({ id, spec }) => [id, spec.name]));
  return staying.rules.flatMap((use) => {
    const { policy, rule, subject } = use;
    const same = moving.rules.find((one) => one.policy === policy && one.rule === rule && one.subject === subject);
    // A subject that is no longer there holds nothing.
    const after = same?.value ?? 0;
    const excess = excessOf(use, use.value);
    if (!use.enforced || excess <= 0 || excessOf(use, after) >= excess) return [];
    return [mendedText({ ...use, subject: names.get(subject) ?? subject }, after)];
  });
}

/** How far a value is on the wrong side of the rule's limit; not above 0 where it is kept. */
function excessOf({ rule, limit }: RuleUse, value: number): number {
  return (isLeastRule(rule) ? limit - value : value - limit) - 1e-9;
}

function mendedText({ rule, subject, value, limit }: RuleUse, after: number): string {
  const text = (figure: number): string => (rule === 'minProviders' ? String(figure) : shareText(figure));
  const name = subject === '' ? rule : `${rule} of ${subject}`;
  return `${name} (${text(value)} → ${text(after)}; limit ${text(limit)})`;
}

export function heldCount({ held }: Plan): number {
  return held.reduce((count, { replicas }) => count + replicas.length, 0);
}
