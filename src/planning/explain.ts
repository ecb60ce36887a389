import type { Alternative, Explanation, OfferVerdict, Plan, PlanInput } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { poolKey } from '../domain/pool.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import type { Breach } from './breaches.ts';
import { breachText, fleetBreaches } from './breaches.ts';
import { Eligibility, obstacleText, replicaPrice, VERDICT_OF_OBSTACLE } from './eligibility.ts';
import type { Weight } from './ledger.ts';
import type { MarketOffer } from './market-view.ts';
import { compareText } from './market-view.ts';
import { egressCost, machineCost } from './pricing.ts';
import { LOSSES, MIN_PROVIDERS, SURVIVE_RULE, surviveLimit } from './rules.ts';
import type { Scene, Stage, Taken } from './scene.ts';
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
  const alternatives = offers.map((at) => alternativeAt(scene, judge, at));
  return {
    workloadId,
    alternatives: alternatives.toSorted(cheapestFirst),
    otherAcceleratorCount: scene.market.offers.length - offers.length,
    held: stage.plan.held.filter((entry) => entry.workloadId === workloadId).flatMap(({ reasons }) => reasons),
  };
}

function cheapestFirst(a: Alternative, b: Alternative): number {
  const costA = a.replicaCostMicroUsdPerHour ?? Number.POSITIVE_INFINITY;
  const costB = b.replicaCostMicroUsdPerHour ?? Number.POSITIVE_INFINITY;
  if (costA !== costB) return costA - costB;
  return compareText(poolKey(a.pool), poolKey(b.pool));
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

function alternativeAt(scene: Scene, judge: Eligibility | null, at: MarketOffer): Alternative {
  const { candidate, judgement } = judgedAt(scene, judge, at);
  return {
    pool: at.offer.pool,
    accelerator: at.offer.accelerator,
    acceleratorCount: at.offer.acceleratorCount,
    replicaCostMicroUsdPerHour: candidate === null ? null : Math.round(candidate.paid),
    ...judgement,
  };
}

/** The workload's best choice at the offer: the cheapest of those that nothing stands in the way of, else of those that fit. */
function judgedAt(
  scene: Scene,
  judge: Eligibility | null,
  at: MarketOffer,
): { candidate: Candidate | null; judgement: Judgement } {
  const { policy, spec, supply } = scene;
  if (policy === null || judge === null) return { candidate: null, judgement: UNGOVERNED };
  const choices = spec.accelerators.filter(({ accelerator }) => accelerator === at.offer.accelerator);
  const ranked = choices
    .map((choice) => ({
      choice,
      obstacles: judge.obstaclesOf(choice, at),
      candidate: candidateAt(policy, spec, choice, at),
    }))
    .toSorted(
      (a, b) =>
        a.obstacles.length - b.obstacles.length ||
        (a.candidate?.effective ?? Number.POSITIVE_INFINITY) - (b.candidate?.effective ?? Number.POSITIVE_INFINITY) ||
        a.choice.count - b.choice.count,
    );
  const best = ranked.find(({ candidate }) => candidate !== null) ?? ranked[0];
  if (best === undefined) throw new RangeError(`${at.key} has no accelerator that the workload accepts`);
  const chosen = scene.taken.filter(({ key }) => key === at.key);
  if (chosen.length > 0) return { candidate: best.candidate, judgement: chosenHere(chosen) };
  const [obstacle] = best.obstacles;
  if (obstacle !== undefined || best.candidate === null) {
    const first = obstacle ?? 'does-not-fit';
    const detail = obstacleText(first, policy, spec, best.choice, at, supply);
    return { candidate: best.candidate, judgement: { verdict: VERDICT_OF_OBSTACLE[first], detail } };
  }
  return { candidate: best.candidate, judgement: notChosen(scene, at, best.candidate) };
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
  const fresh = scene.taken.filter(({ isNew }) => isNew);
  if (scene.isHeld) return inTheWay(scene, at, candidate, null) ?? heldAnyway();
  const [dearest] = (fresh.length > 0 ? fresh : scene.taken).toSorted((a, b) => b.effective - a.effective);
  if (dearest === undefined) return inTheWay(scene, at, candidate, null) ?? heldAnyway();
  if (candidate.effective >= dearest.effective) return dearer(candidate, dearest);
  if (!dearest.isNew) return keptElsewhere(candidate, dearest);
  for (const taken of fresh.toSorted((a, b) => b.effective - a.effective)) {
    if (candidate.effective >= taken.effective) break;
    const obstacle = inTheWay(scene, at, candidate, taken);
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
function inTheWay(scene: Scene, at: MarketOffer, candidate: Candidate, instead: Taken | null): Judgement | null {
  const machines = candidate.shape.machinesPerReplica;
  const freed = instead === null ? new Map<string, number>() : freedBy(scene, instead);
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
  const at = scene.market.offers.find(({ key }) => key === instead.key);
  return new Map(at?.claims.map(({ quota, units }) => [quota, units * instead.machines]));
}

function brokenRule(scene: Scene, at: MarketOffer, candidate: Candidate, instead: Taken | null): Judgement | null {
  const { spec, rules } = scene;
  const fleet = scene.fleet.copy();
  if (instead !== null) fleet.add(instead.weight, -instead.machines);
  fleet.add(candidate.weight, 1);
  const breaches = fleetBreaches(fleet, scene.kept, rules, scene.requiredProviders);
  const [worst] = [...breaches].toSorted(preferring(at));
  if (worst !== undefined) {
    return { verdict: 'over-cap', detail: `${worst.rule}: ${breachText(worst, rules)}` };
  }
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

/** Rules about the offer's own place tell more than those it breaks elsewhere by making the total smaller. */
function preferring(at: MarketOffer): (a: Breach, b: Breach) => number {
  const own = (breach: Breach): number =>
    (breach.scope !== null && at.subjects[breach.scope] === breach.subject) || breach.rule === MIN_PROVIDERS ? 0 : 1;
  return (a, b) => own(a) - own(b);
}
