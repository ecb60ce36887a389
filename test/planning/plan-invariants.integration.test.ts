import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { caps, policyWith } from './market-builders.ts';
import { randomInput, reordered } from './random-instances.ts';

const LARGE = { offers: 40, workloads: 12, replicas: 5, leases: true };
const SEEDS = Array.from({ length: 20 }, (_, index) => 10_000 + index);

describe('every plan', () => {
  it('is the same, byte for byte, again and whatever order the lists come in', async () => {
    let machines = 0;
    for (const seed of SEEDS) {
      const input = randomInput(seed, LARGE);
      const plan = await planFleet(input);
      const bytes = JSON.stringify(plan);
      expect(JSON.stringify(await planFleet(input)), `again, seed ${seed}`).toBe(bytes);
      expect(JSON.stringify(await planFleet(reordered(input, seed))), `reordered, seed ${seed}`).toBe(bytes);
      machines += plan.machines.length;
    }
    expect(machines).toBeGreaterThan(100);
  });
});

describe('tightening', () => {
  it('a cap never makes the fleet cheaper', async () => {
    let tightened = 0;
    for (let seed = 20_000; seed < 20_020; seed += 1) {
      const random = randomInput(seed, { offers: 20, workloads: 4, replicas: 4, leases: false });
      // Where ranked cost is the price, so that costs may be compared.
      const input: PlanInput = {
        ...random,
        offers: random.offers.map((offer) => ({ ...offer, successProbability: 1, interruptionsPerHour: 0 })),
        workloads: random.workloads.map(({ id, spec }) => ({
          id,
          spec: { ...spec, accelerators: spec.accelerators.slice(0, 1) },
        })),
      };
      let former = await planFleet({ ...input, policies: [policyWith()] }, { gapShare: 0 });
      for (const provider of [0.6, 0.5, 0.4]) {
        const maxShare = caps({ provider });
        const plan = await planFleet({ ...input, policies: [policyWith({ maxShare })] }, { gapShare: 0 });
        const same = JSON.stringify(former.held.map(({ replicas }) => replicas));
        if (same === JSON.stringify(plan.held.map(({ replicas }) => replicas))) {
          expect(plan.costMicroUsdPerHour, `seed ${seed}`).toBeGreaterThanOrEqual(former.costMicroUsdPerHour);
          tightened += plan.costMicroUsdPerHour > former.costMicroUsdPerHour ? 1 : 0;
        }
        former = plan;
      }
    }
    expect(tightened).toBeGreaterThan(3);
  });
});
