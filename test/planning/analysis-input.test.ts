import { describe, expect, it } from 'vitest';
import type { HeldReplicas, Plan } from '../../src/domain/plan.ts';
import { premiumOver } from '../../src/planning/analysis-input.ts';
import { placesFewer } from '../../src/planning/held-counts.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { inputWith, usd, workload } from './market-builders.ts';

const INPUT = inputWith({
  workloads: [workload('low', { replicas: 3 }), workload('high', { replicas: 3, priority: 5 })],
});
const EMPTY = await planFleet(inputWith());

/** A plan that holds so many replicas of each. */
function holding(high: number, low: number, dollars = 0): Plan {
  const held = (workloadId: string, count: number): HeldReplicas => {
    return { workloadId, replicas: Array.from({ length: count }, (_, index) => index), reasons: [] };
  };
  const cost = usd(dollars);
  return {
    ...EMPTY,
    ...{ held: [held('high', high), held('low', low)], costMicroUsdPerHour: cost, effectiveCostMicroUsdPerHour: cost },
  };
}

describe('placesFewer', () => {
  it('decides by the highest priority in which two plans differ', () => {
    expect(placesFewer(INPUT, holding(1, 0), holding(0, 3))).toBe(true);
    expect(placesFewer(INPUT, holding(0, 3), holding(1, 0))).toBe(false);
    expect(placesFewer(INPUT, holding(1, 2), holding(1, 1))).toBe(true);
    expect(placesFewer(INPUT, holding(1, 2), holding(1, 2))).toBe(false);
  });
});

describe('premiumOver', () => {
  it('is never negative, and nothing where fewer replicas are placed', () => {
    expect(premiumOver(INPUT, holding(0, 0, 12), holding(0, 0, 10))).toEqual({
      ...{ premiumMicroUsdPerHour: usd(2), premiumShare: 0.2 },
      ...{ effectivePremiumMicroUsdPerHour: usd(2), effectivePremiumShare: 0.2 },
    });
    const cheaper = premiumOver(INPUT, holding(0, 0, 9), holding(0, 0, 10));
    expect(cheaper).toMatchObject({ premiumMicroUsdPerHour: 0, premiumShare: 0 });
    expect(premiumOver(INPUT, EMPTY, EMPTY)).toMatchObject({ premiumMicroUsdPerHour: 0, premiumShare: 0 });
    const fewer = premiumOver(INPUT, holding(0, 1, 9), holding(0, 0, 10));
    expect(Object.values(fewer)).toEqual([null, null, null, null]);
  });
});
