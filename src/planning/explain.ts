import type { Alternative, Explanation, OfferVerdict, Plan, PlanInput } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import type { Breach } from './breaches.ts';
import { breachText, fleetBreaches, isBroken } from './breaches.ts';
import type { Obstacle } from './eligibility.ts';
import { Eligibility, obstacleText, replicaPrice, VERDICT_OF_OBSTACLE } from './eligibility.ts';
import type { Ledger, Weight } from './ledger.ts';
import type { MarketOffer } from './market-view.ts';
import { compareText } from './market-view.ts';
import { egressCost, machineCost } from './pricing.ts';
import { LOSSES, MIN_PROVIDERS, SURVIVE_RULE, surviveLimit } from './rules.ts';
import type { Scene, Stage, Swap, Taken } from './scene.ts';
import { sceneOf, stageOf } from './scene.ts';
import type { Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import { countText, rateText } from './wording.ts';

/**
 * Why a workload runs where the plan puts it: every offer with an accelerator that the workload accepts, cheapest first,
 * with what was decided about it. Needs no solver. Throws RangeError for a workload that is not in the input.
 */
export function explainWorkload(input: PlanInput, plan: Plan, workloadId: string): Explanation {
  return createExplainer(input, plan)(workloadId);
}

/** The same for many workloads of one plan. */
export function createExplainer(input: PlanInput, plan: Plan): (workloadId: string) => Explanation {
  const stage = stageOf(input, plan);
  const specs = new Map(input.workloads.map(({ id, spec }) => [id, spec]));
  return (workloadId) => {
    const spec = specs.get(workloadId);
    if (spec === undefined) throw new RangeError(`the plan's input has no workload "${workloadId}"`);
    return explained(stage, workloadId, spec);
  };
}

function explained(stage: Stage, workloadId: string, spec: WorkloadSpec): Explanation {
  const scene = sceneOf(stage, workloadId, spec);
  const offers = [...new Set(spec.accelerators.map(({ accelerator }) => accelerator))].flatMap(
    (accelerator) => scene.market.byAccelerator.get(accelerator) ?? [],
  );
  const judge = scene.policy === null ? null : new Eligibility(scene.policy, scene.spec, scene.supply);
  const choices = Map.groupBy(spec.accelerators, ({ accelerator }) => accelerator);
  const judged = offers.map((at) => judgedAt(scene, judge, at, choices.get(at.offer.accelerator) ?? []));
  return {
    workloadId,
    alternatives: judged.sort(cheapestFirst).map(alternativeOf),
    otherAcceleratorCount: scene.market.offers.length - offers.length,
    held: stage.plan.held.filter((entry) => entry.workloadId === workloadId).flatMap(({ reasons }) => reasons),
  };
}

interface Candidate {
  readonly choice: AcceleratorChoice;
  readonly shape: Shape;
  readonly effective: number;
  readonly weight: Weight;
  readonly paid: number;
}

interface Judgement {
  readonly verdict: OfferVerdict;
  readonly detail: string;
}

/** An offer with what was decided about it. */
interface Judged {
  readonly at: MarketOffer;
  readonly candidate: Candidate | null;
  /** What a replica pays, rounded; infinite where none fits. */
  readonly cost: number;
  readonly judgement: Judgement;
}

function judgedOf(at: MarketOffer, candidate: Candidate | null, judgement: Judgement): Judged {
  const cost = candidate === null ? Number.POSITIVE_INFINITY : Math.round(candidate.paid);
  return { at, candidate, cost, judgement };
}

function cheapestFirst(a: Judged, b: Judged): number {
  return a.cost === b.cost ? compareText(a.at.key, b.at.key) : a.cost - b.cost;
}

function alternativeOf({ at: { offer }, candidate, cost, judgement }: Judged): Alternative {
  return {
    pool: offer.pool,
    accelerator: offer.accelerator,
    acceleratorCount: offer.acceleratorCount,
    replicaCostMicroUsdPerHour: candidate === null ? null : cost,
    verdict: judgement.verdict,
    detail: judgement.detail,
  };
}

interface Ranked {
  readonly choice: AcceleratorChoice;
  readonly obstacles: readonly Obstacle[];
  readonly candidate: Candidate | null;
}

/** The workload's best choice at the offer: the cheapest of those that nothing stands in the way of, else of those that fit. */
function judgedAt(
  scene: Scene,
  judge: Eligibility | null,
  at: MarketOffer,
  choices: readonly AcceleratorChoice[],
): Judged {
  const { policy, spec, supply } = scene;
  if (policy === null || judge === null) return judgedOf(at, null, UNGOVERNED);
  const ranked = choices.map((choice): Ranked => {
    return { choice, obstacles: judge.obstaclesOf(choice, at), candidate: candidateAt(policy, spec, choice, at) };
  });
  if (ranked.length > 1) ranked.sort(easiestFirst);
  const best = ranked.find(({ candidate }) => candidate !== null) ?? ranked[0];
  if (best === undefined) throw new RangeError(`${at.key} has no accelerator that the workload accepts`);
  const chosen = scene.takenAt.get(at.key);
  if (chosen !== undefined) return judgedOf(at, best.candidate, chosenHere(chosen));
  const [obstacle] = best.obstacles;
  if (obstacle !== undefined || best.candidate === null) {
    const first = obstacle ?? 'does-not-fit';
    const detail = obstacleText(first, policy, spec, best.choice, at, supply);
    return judgedOf(at, best.candidate, { verdict: VERDICT_OF_OBSTACLE[first], detail });
  }
  return judgedOf(at, best.candidate, notChosen(scene, at, best.candidate));
}

function easiestFirst(a: Ranked, b: Ranked): number {
  return (
    a.obstacles.length - b.obstacles.length ||
    (a.candidate?.effective ?? Number.POSITIVE_INFINITY) - (b.candidate?.effective ?? Number.POSITIVE_INFINITY) ||
    a.choice.count - b.choice.count
  );
}

const UNGOVERNED: Judgement = { verdict: 'no-policy', detail: 'no policy governs the team of the workload' };

function candidateAt(policy: Policy, spec: WorkloadSpec, choice: AcceleratorChoice, at: MarketOffer): Candidate | null {
  const shape = shapeOf(choice, at.offer.acceleratorCount);
  if (shape === null) return null;
  const sharing = Math.min(shape.replicasPerMachine, Math.max(1, spec.replicas));
  const machines = shape.machinesPerReplica;
  const effective =
    machineCost(at.adjusted, machines, choice.throughput, at.offer) + egressCost(spec, at.offer.pool, machines, policy);
  return {
    choice,
    shape,
    effective: effective / sharing,
    weight: {
      subjects: at.subjects,
      provider: at.offer.pool.provider,
      machines,
      amounts: {
        spend: at.adjusted * machines,
        accelerators: at.offer.acceleratorCount * machines,
        'accelerator-hours': (at.offer.acceleratorCount * machines) / choice.throughput,
        'effective-cost': effective,
      },
    },
    paid: replicaPrice(spec, shape, at.adjusted) / choice.throughput,
  };
}

function chosenHere(chosen: readonly Taken[]): Judgement {
  const replicas = (isNew: boolean): number =>
    chosen.filter((taken) => taken.isNew === isNew).reduce((sum, taken) => sum + taken.replicas, 0);
  const parts: string[] = [];
  if (chosen.some(({ isNew }) => isNew)) parts.push(`takes ${countText(replicas(true), 'replica')}`);
  if (chosen.some(({ isNew }) => !isNew)) parts.push('runs here already');
  return { verdict: 'chosen', detail: parts.join('; ') };
}

/** Why an offer that nothing stands in the way of was not taken. */
function notChosen(scene: Scene, at: MarketOffer, candidate: Candidate): Judgement {
  const { dearest, swaps } = scene;
  if (scene.isHeld || dearest === null) return inTheWay(scene, at, candidate, null) ?? heldAnyway();
  if (candidate.effective >= dearest.effective) return dearer(candidate, dearest);
  if (!dearest.isNew) return keptElsewhere(candidate, dearest);
  for (const swap of swaps) {
    if (candidate.effective >= swap.taken.effective) break;
    const obstacle = inTheWay(scene, at, candidate, swap);
    if (obstacle !== null) return obstacle;
  }
  return {
    verdict: 'dearer',
    detail: 'cheaper for a machine full of replicas, but not for the replicas that it would take over',
  };
}

function heldAnyway(): Judgement {
  return { verdict: 'over-cap', detail: 'could take one replica, but the rules hold the workload: see its reasons' };
}

function dearer(candidate: Candidate, dearest: Taken): Judgement {
  const paidMore = Math.round(candidate.paid - dearest.paid);
  if (paidMore > 0) return { verdict: 'dearer', detail: `dearer by ${rateText(paidMore)} a replica` };
  const effectiveMore = Math.round(candidate.effective - dearest.effective);
  if (effectiveMore <= 0)
    return { verdict: 'dearer', detail: 'costs the same; the first in the stated order is taken' };
  const detail = `dearer by ${rateText(effectiveMore)} a replica once chance of success, interruptions and egress are counted`;
  return { verdict: 'dearer', detail };
}

function keptElsewhere(candidate: Candidate, dearest: Taken): Judgement {
  const saved = Math.max(0, Math.round(dearest.paid - candidate.paid));
  const detail = `cheaper by ${rateText(saved)} a replica than what runs; running leases are moved by a rebalance only`;
  return { verdict: 'dearer', detail };
}

/** What would stop one replica (or all that share a machine with it) from running here instead of `instead`; null = nothing. */
function inTheWay(scene: Scene, at: MarketOffer, candidate: Candidate, instead: Swap | null): Judgement | null {
  const machines = candidate.shape.machinesPerReplica;
  const freed = instead === null ? new Map<string, number>() : freedBy(scene, instead.taken);
  const short = at.claims.find(({ quota, units }) => {
    return units * machines > scene.left.headroom(quota) + (freed.get(quota) ?? 0);
  });
  if (short !== undefined) {
    const detail = `quota ${short.quota}: this plan leaves ${scene.left.headroom(short.quota)}, a replica takes ${short.units * machines}`;
    return { verdict: 'no-headroom', detail };
  }
  const available = scene.left.available(at);
  if (available !== null && available < machines) {
    return {
      verdict: 'no-headroom',
      detail: `this plan leaves ${countText(available, 'free machine')}, a replica takes ${machines}`,
    };
  }
  return brokenRule(scene, at, candidate, instead);
}

function freedBy(scene: Scene, instead: Taken): ReadonlyMap<string, number> {
  const at = scene.market.byKey.get(instead.key);
  return new Map(at?.claims.map(({ quota, units }) => [quota, units * instead.machines]));
}

function brokenRule(scene: Scene, at: MarketOffer, candidate: Candidate, swap: Swap | null): Judgement | null {
  const { spec, rules } = scene;
  const worst = worstBreach(scene, at, candidate, swap?.without ?? scene.fleet);
  if (worst !== undefined) {
    return { verdict: 'over-cap', detail: `${worst.rule}: ${breachText(worst, rules)}` };
  }
  const instead = swap?.taken ?? null;
  const moved = instead?.replicas ?? 1;
  for (const loss of LOSSES) {
    const most = surviveLimit(rules, loss, spec.replicas, spec.keepShare);
    const subject = at.subjects[loss];
    const leaves = instead !== null && instead.weight.subjects[loss] === subject ? moved : 0;
    const there = (scene.replicasAt.get(`${loss} ${subject}`) ?? 0) + moved - leaves;
    if (most === null || there <= most) continue;
    const detail = `${SURVIVE_RULE[loss]}: ${subject} would hold ${there} of ${countText(spec.replicas, 'replica')}, at most ${most} may be lost with one ${loss}`;
    return { verdict: 'over-cap', detail };
  }
  return null;
}

/** The breach that tells most once the candidate is in the fleet, which is left as it was; undefined where there is none. */
function worstBreach(
  { kept, rules, requiredProviders }: Scene,
  at: MarketOffer,
  { weight }: Candidate,
  fleet: Ledger,
): Breach | undefined {
  fleet.add(weight, 1);
  try {
    if (!isBroken(fleet, kept, rules, requiredProviders)) return undefined;
    return fleetBreaches(fleet, kept, rules, requiredProviders).toSorted(preferring(at))[0];
  } finally {
    fleet.add(weight, -1);
  }
}

/** Rules about the offer's own place tell more than those it breaks elsewhere by making the total smaller. */
function preferring(at: MarketOffer): (a: Breach, b: Breach) => number {
  const own = (breach: Breach): number =>
    (breach.scope !== null && at.subjects[breach.scope] === breach.subject) || breach.rule === MIN_PROVIDERS ? 0 : 1;
  return (a, b) => own(a) - own(b);
}
