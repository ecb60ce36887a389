/** The best of all placements under a policy language with thresholds, rules to give up and several fleets (docs/policy.md). */
import type { PlanInput } from '../../src/domain/plan.ts';
import { DIVERSIFICATION_RULES, type Policy } from '../../src/domain/policy.ts';
import { allPlacements, compareCounts, type Placement } from './exhaustive.ts';
import { keptMachines, type Machine, policyOf, total } from './fleet-arithmetic.ts';
import {
  brokenRules,
  countingProviders,
  type Force,
  type Place,
  placesOf,
  survivalLimit,
  survives,
} from './fleet-rules.ts';

/** Costs nearer than this, in micro-dollars, are the same. */
const SAME_COST = 0.5;

const ALL_LIFTED: ReadonlySet<string> = new Set(DIVERSIFICATION_RULES);

export interface Space {
  readonly input: PlanInput;
  readonly placements: readonly Placement[];
  readonly kept: readonly Machine[];
  readonly keptPlaces: readonly Place[];
}

export function spaceOf(input: PlanInput): Space {
  return {
    input,
    placements: allPlacements(input),
    kept: keptMachines(input),
    keptPlaces: placesOf(input, null),
  };
}

/** Machines of the workloads that the policy governs. */
export function fleetOf(input: PlanInput, policy: Policy, machines: readonly Machine[]): Machine[] {
  const own = new Set(input.workloads.filter(({ spec }) => policyOf(input, spec.team) === policy).map(({ id }) => id));
  return machines.filter(({ workloadId }) => own.has(workloadId));
}

/** Every rule that the fleets break, as `policy rule`; empty when all is well. `forces` go with the input's policies. */
export function violations(
  space: Pick<Space, 'input' | 'kept' | 'keptPlaces'>,
  forces: readonly Force[],
  fresh: readonly Machine[],
  freshPlaces: readonly Place[],
): string[] {
  const { input, kept, keptPlaces } = space;
  const broken = input.policies.flatMap((policy, index) => {
    const before = fleetOf(input, policy, kept);
    const after = [...before, ...fleetOf(input, policy, fresh)];
    return brokenRules(policy, forces[index] ?? NO_FORCE, before, after).map((rule) => `${policy.name} ${rule}`);
  });
  const places = [...keptPlaces, ...freshPlaces];
  for (const { id, spec } of input.workloads) {
    const policy = policyOf(input, spec.team);
    const lifted = policy === null ? ALL_LIFTED : (forces[input.policies.indexOf(policy)] ?? NO_FORCE).lifted;
    const own = places.filter(({ workloadId }) => workloadId === id);
    for (const loss of ['provider', 'region'] as const) {
      if (!survives(survivalLimit(policy, lifted, spec, loss), loss, own)) broken.push(`${id} survive.${loss}`);
    }
  }
  return broken;
}

const NO_FORCE: Force = { lifted: ALL_LIFTED, providers: 0 };

function bestOrNone(space: Space, forces: readonly Force[]): Placement | undefined {
  return space.placements.find(({ machines, places }) => violations(space, forces, machines, places).length === 0);
}

function best(space: Space, forces: readonly Force[]): Placement {
  const found = bestOrNone(space, forces);
  if (found === undefined) throw new RangeError('placing nothing breaks a rule');
  return found;
}

interface Answer {
  readonly placement: Placement;
  readonly forces: readonly Force[];
}

/** `minProviders` in full for a fleet without kept leases, else as near as holds no replica up, one fleet after the other. */
function answer(space: Space, lifted: readonly ReadonlySet<string>[]): Answer {
  const { input, kept } = space;
  // One provider is no rule.
  const wanted = input.policies.map(({ minProviders }) => (minProviders > 1 ? minProviders : 0));
  const weak = input.policies.map((policy, index) => {
    const own = fleetOf(input, policy, kept);
    return (
      own.length > 0 && countingProviders(policy, own) < (wanted[index] ?? 0) && !lifted[index]?.has('minProviders')
    );
  });
  const providers = wanted.map((count, index) => (weak[index] ? 0 : count));
  const forcesNow = (): Force[] =>
    providers.map((count, index) => ({ lifted: lifted[index] ?? ALL_LIFTED, providers: count }));
  let placement = best(space, forcesNow());
  for (const index of weak.keys()) {
    const most = placement.placed;
    for (let required = weak[index] ? (wanted[index] ?? 0) : 0; required > 0; required -= 1) {
      providers[index] = required;
      const spreadOut = bestOrNone(space, forcesNow());
      if (spreadOut !== undefined && compareCounts(spreadOut.placed, most) === 0) {
        placement = spreadOut;
        break;
      }
      providers[index] = 0;
    }
  }
  return { placement, forces: forcesNow() };
}

/** Whether each policy's rules are enforced; null where fleets that cost the same lie on both sides of a threshold. */
function enforced(space: Space): readonly boolean[] | null {
  const { input, kept } = space;
  const free = input.policies.map(() => NO_FORCE);
  const first = best(space, free);
  const ties = space.placements.filter(
    ({ placed, cost, machines, places }) =>
      compareCounts(placed, first.placed) === 0 &&
      cost <= first.cost + SAME_COST &&
      violations(space, free, machines, places).length === 0,
  );
  const verdicts = input.policies.map((policy) => {
    const above = ties.map(
      ({ machines }) =>
        total(fleetOf(input, policy, [...kept, ...machines]), 'spend') >= policy.enforceAboveMicroUsdPerHour,
    );
    return new Set(above).size === 1 ? (above[0] ?? false) : null;
  });
  return verdicts.includes(null) ? null : verdicts.map((verdict) => verdict === true);
}

function withoutKeepShare(space: Space): Space {
  const workloads = space.input.workloads.map(({ id, spec }) => ({ id, spec: { ...spec, keepShare: null } }));
  return { ...space, input: { ...space.input, workloads } };
}

/** Gives up rules in the stated order until all is placed that could be, then takes back those that placed nothing more. */
function relaxed(space: Space, policy: Policy, takeBack: 'in order' | 'last first'): Answer {
  const possible = best(space, [NO_FORCE]).placed;
  const given = new Set<string>();
  let so = answer(space, [given]);
  for (const rule of policy.relax) {
    if (compareCounts(so.placement.placed, possible) >= 0) break;
    given.add(rule);
    so = answer(space, [given]);
  }
  const tries = takeBack === 'in order' ? [...given] : [...given].toReversed();
  for (const rule of tries) {
    given.delete(rule);
    const without = answer(space, [new Set(given)]);
    if (compareCounts(without.placement.placed, so.placement.placed) >= 0) so = without;
    else given.add(rule);
  }
  return answer(space, [new Set(given)]);
}

/**
 * The best placement and what is in force; null where the page leaves two answers open (a threshold that fleets of the same
 * effective cost lie on both sides of, rules that can be taken back in either order).
 */
export function exhaustiveBest(input: PlanInput): (Answer & { readonly space: Space }) | null {
  const space = spaceOf(input);
  const verdicts = enforced(space);
  // Whether the fleet that a threshold looks at is planned with the workloads' own `keepShare` is not said clearly enough.
  if (verdicts === null || String(verdicts) !== String(enforced(withoutKeepShare(space)))) return null;
  const [policy] = input.policies;
  if (policy?.onInfeasible === 'relax' && input.policies.length === 1 && verdicts[0] === true) {
    const orders = (['in order', 'last first'] as const).map((order) => relaxed(space, policy, order));
    const [one, other] = orders;
    if (one === undefined || other === undefined) return null;
    return Math.abs(one.placement.cost - other.placement.cost) < SAME_COST ? { ...one, space } : null;
  }
  return {
    ...answer(
      space,
      verdicts.map((verdict) => (verdict ? new Set<string>() : ALL_LIFTED)),
    ),
    space,
  };
}
