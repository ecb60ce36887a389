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

describe('a plan against every placement there is', () => {
  it('places as much, by priority, and costs no more', async () => {
    const seen = { compared: 0, placed: 0, held: 0, premium: 0, kept: 0, shared: 0, gang: 0 };
    for (let seed = 1; seed <= 420; seed += 1) {
      const input = randomInput(seed, { offers: 8, workloads: 2, replicas: 3, leases: seed % 4 === 0 });
      if (combinationCount(input) > MOST_COMBINATIONS) continue;
      const plan = await planFleet(input, { gapShare: 0 });
      const best = exhaustiveBest(input);
      expect(nonZero(placedByPriority(input, plan)), `replicas placed, seed ${seed}`).toEqual(nonZero(best.placed));
      const cost = rankedCost(input, plan);
      expect(Math.abs(cost - best.cost), `cost ${cost} against ${best.cost}, seed ${seed}`).toBeLessThan(0.5);
      seen.compared += 1;
      seen.placed += plan.machines.length > 0 ? 1 : 0;
      seen.held += plan.held.length > 0 ? 1 : 0;
      seen.premium += plan.premiumShare > 0 ? 1 : 0;
      seen.kept += input.leases.length > 0 ? 1 : 0;
      seen.shared += plan.machines.some(({ replicas }) => replicas.length > 1) ? 1 : 0;
      seen.gang += plan.machines.some(({ partCount }) => partCount > 1) ? 1 : 0;
    }
    // The comparison is worth something only if the instances are of every kind.
    expect(seen.compared).toBeGreaterThan(300);
    expect(seen).toMatchObject({
      placed: expect.toSatisfy((count: number) => count > 150),
      held: expect.toSatisfy((count: number) => count > 50),
      premium: expect.toSatisfy((count: number) => count > 30),
      kept: expect.toSatisfy((count: number) => count > 30),
      shared: expect.toSatisfy((count: number) => count > 20),
      gang: expect.toSatisfy((count: number) => count > 20),
    });
  }, 60_000);
});
