import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { combinationCount, exhaustiveBest, lotCost } from './exhaustive.ts';
import { randomInput } from './random-instances.ts';

const MOST_COMBINATIONS = 12_000;

/** What the plan's new machines cost as they are ranked, reckoned from the plan alone. */
function rankedCost(input: PlanInput, plan: Plan): number {
  const lots = Map.groupBy(plan.machines, ({ workloadId, replicas, pool }) =>
    [workloadId, replicas.join(','), poolKey(pool)].join(' '),
  );
  let cost = 0;
  for (const machines of lots.values()) {
    const [first] = machines;
    const offer = input.offers.find(({ pool }) => first !== undefined && poolKey(pool) === poolKey(first.pool));
    const spec = input.workloads.find(({ id }) => id === first?.workloadId)?.spec;
    if (first === undefined || offer === undefined || spec === undefined) throw new Error('a machine from nowhere');
    const choice = spec.accelerators.find(
      ({ accelerator, count }) =>
        accelerator === first.accelerator &&
        (count === first.acceleratorCount * first.partCount ||
          (first.partCount === 1 && count < first.acceleratorCount)),
    );
    cost += lotCost(first.adjustedPriceMicroUsdPerHour, machines.length, choice?.throughput ?? 1, offer);
  }
  return cost;
}

function placedByPriority(input: PlanInput, plan: Plan): readonly number[] {
  const served = (workloadId: string): ReadonlySet<number> =>
    new Set(plan.machines.filter((machine) => machine.workloadId === workloadId).flatMap(({ replicas }) => replicas));
  const levels = Map.groupBy(input.workloads, ({ spec }) => spec.priority);
  return [...levels]
    .toSorted(([a], [b]) => b - a)
    .map(([, workloads]) => workloads.reduce((sum, { id }) => sum + served(id).size, 0));
}

function nonZero(counts: readonly number[]): readonly number[] {
  return counts.filter((count) => count > 0);
}

const SIZE = { offers: 8, workloads: 2, replicas: 3 };

/** What an instance put to the test, so that it can be told whether the instances were of every kind. */
function kindsOf(input: PlanInput, plan: Plan): readonly string[] {
  const kinds: Readonly<Record<string, boolean>> = {
    placed: plan.machines.length > 0,
    held: plan.held.length > 0,
    premium: plan.premiumShare > 0,
    kept: input.leases.length > 0,
    shared: plan.machines.some(({ replicas }) => replicas.length > 1),
    gang: plan.machines.some(({ partCount }) => partCount > 1),
  };
  return Object.keys(kinds).filter((kind) => kinds[kind]);
}

describe('a plan against every placement there is', () => {
  it('places as much, by priority, and costs no more', async () => {
    const kinds: string[] = [];
    for (let seed = 1; seed <= 280; seed += 1) {
      const input = randomInput(seed, { ...SIZE, leases: seed % 4 === 0 });
      if (combinationCount(input) > MOST_COMBINATIONS) continue;
      const plan = await planFleet(input, { gapShare: 0 });
      const best = exhaustiveBest(input);
      expect(nonZero(placedByPriority(input, plan)), `replicas placed, seed ${seed}`).toEqual(nonZero(best.placed));
      const cost = rankedCost(input, plan);
      expect(Math.abs(cost - best.cost), `cost ${cost} against ${best.cost}, seed ${seed}`).toBeLessThan(0.5);
      kinds.push('compared', ...kindsOf(input, plan));
    }
    const count = (kind: string): number => kinds.filter((other) => other === kind).length;
    expect(count('compared')).toBeGreaterThanOrEqual(200);
    expect(count('placed')).toBeGreaterThan(120);
    for (const kind of ['held', 'premium', 'kept', 'shared', 'gang']) expect(count(kind), kind).toBeGreaterThan(25);
  }, 60_000);
});
