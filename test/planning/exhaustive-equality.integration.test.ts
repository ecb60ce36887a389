import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { combinationCount } from './exhaustive.ts';
import { exhaustiveBest, violations } from './exhaustive-search.ts';
import { keptMachines, plannedMachines, policyOf, total } from './fleet-arithmetic.ts';
import { placesOf } from './fleet-rules.ts';
import { anyInput, featuresOf } from './random-features.ts';

const MOST_COMBINATIONS = 4_000;
const SIZE = { offers: 8, workloads: 2, replicas: 3 };
const SAME_COST = 1;
const INSTANCES = 500;
/** Kinds of features and outcomes that the instances are counted by. */
const KINDS = 24;

/** Replicas made whole by the plan, by priority, highest first. */
function placedByPriority(input: PlanInput, plan: Plan): number[] {
  const levels = Map.groupBy(input.workloads, ({ spec }) => spec.priority);
  const served = ({ id }: PlanInput['workloads'][number]): number =>
    new Set(plan.machines.filter(({ workloadId }) => workloadId === id).flatMap(({ replicas }) => replicas)).size;
  return [...levels]
    .toSorted(([a], [b]) => b - a)
    .map(([, workloads]) => workloads.reduce((sum, workload) => sum + served(workload), 0));
}

/** What an answer differs in from the best of all placements; empty when in nothing; null where the page leaves it open. */
function differences(input: PlanInput, plan: Plan): string[] | null {
  const best = exhaustiveBest(input);
  if (best === null) return null;
  const { placement, forces, space } = best;
  const placed = placedByPriority(input, plan);
  const different: string[] = [];
  const note = (what: string, theirs: unknown, ours: unknown): void => {
    different.push(`${what}: plan ${JSON.stringify(theirs)}, by brute force ${JSON.stringify(ours)}`);
  };
  if (String(placed) !== String(placement.placed)) note('replicas placed', placed, placement.placed);
  const fresh = plannedMachines(input, plan);
  const governed = keptMachines(input).filter(({ workloadId }) =>
    input.workloads.some(({ id, spec }) => id === workloadId && policyOf(input, spec.team) !== null),
  );
  const cost = total(fresh, 'effective-cost');
  if (different.length === 0 && Math.abs(cost - placement.cost) > SAME_COST) note('cost', cost, placement.cost);
  const whole = placement.cost + total(governed, 'effective-cost');
  if (different.length === 0) {
    const { effectiveCostMicroUsdPerHour: stated, effectiveBoundMicroUsdPerHour: bound } = plan;
    if (Math.abs(stated - whole) > SAME_COST) note('effective cost stated', stated, whole);
    if (bound > whole + SAME_COST) note('bound above the optimum', bound, whole);
  }
  const broken = violations(
    space,
    forces,
    fresh,
    placesOf(input, plan).filter(({ isNew }) => isNew),
  );
  if (broken.length > 0) note('rules broken', broken, []);
  return different;
}

/** The same with all machines of one market a million times cheaper: sums of their prices are lost in a solver's tolerance beside others. */
function nearlyFree(input: PlanInput, seed: number): PlanInput {
  const markets = [...new Set(input.offers.map(({ pool }) => pool.market))];
  const market = markets[seed % markets.length] ?? null;
  const priceAdjustments = [{ match: '*', market, factor: 0.000_001, reason: 'paid for already' }];
  return {
    ...input,
    policies: input.policies.map((policy) => ({ ...policy, egressMicroUsdPerGb: 0, priceAdjustments })),
  };
}

/** What else an instance put to the test, beside the features of its policies. */
function outcomesOf(plan: Plan): string[] {
  return [
    ...(plan.held.length > 0 ? ['held'] : []),
    ...(plan.machines.length > 0 ? ['placed'] : []),
    ...(plan.machines.some(({ replicas }) => replicas.length > 1) ? ['shared'] : []),
    ...(plan.machines.some(({ partCount }) => partCount > 1) ? ['gang'] : []),
    ...(plan.premiumShare > 0 ? ['premium'] : []),
  ];
}

describe('a plan against every placement there is', () => {
  it('places as much, by priority, at the least effective cost, under any rules', async () => {
    const features = new Map<string, number>();
    const failures: string[] = [];
    let compared = 0;
    for (let seed = 1; compared < INSTANCES; seed += 1) {
      const input = anyInput(seed, { ...SIZE, leases: seed % 3 === 0 });
      if (combinationCount(input) > MOST_COMBINATIONS) continue;
      const plan = await planFleet(input, { gapShare: 0 });
      const different = differences(input, plan);
      if (different === null) continue;
      compared += 1;
      failures.push(...different.map((difference) => `seed ${seed}: ${difference}`));
      for (const kind of [...featuresOf(input), ...outcomesOf(plan)]) features.set(kind, (features.get(kind) ?? 0) + 1);
    }
    expect(failures).toEqual([]);
    const seldom = [...features].filter(([, count]) => count < INSTANCES / 25);
    expect(seldom).toEqual([]);
    expect(features.size).toBe(KINDS);
  });

  it.each([1162, 1476, 3027, ...Array.from({ length: 150 }, (_, index) => index + 1)])(
    'is no worse where one market costs next to nothing (instance %d)',
    async (seed) => {
      const input = nearlyFree(anyInput(seed, { ...SIZE, leases: seed % 3 === 0 }), seed);
      if (combinationCount(input) > MOST_COMBINATIONS) return;
      expect(differences(input, await planFleet(input, { gapShare: 0 })) ?? []).toEqual([]);
    },
  );
});
