import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { MARKETS } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { policyIn } from './market-builders.ts';
import { randomInput } from './random-instances.ts';

function withPolicy(input: PlanInput, changes: Partial<Policy>): PlanInput {
  return { ...input, policies: [{ ...policyIn(input), ...changes }] };
}

function withSpecs(input: PlanInput, changes: Partial<WorkloadSpec>): PlanInput {
  return { ...input, workloads: input.workloads.map(({ id, spec }) => ({ id, spec: { ...spec, ...changes } })) };
}

function withOffers(input: PlanInput, changes: Partial<PlanInput['offers'][number]>): PlanInput {
  return { ...input, offers: input.offers.map((offer) => ({ ...offer, ...changes })) };
}

function uncapped(input: PlanInput, scope: keyof Policy['maxShare']): PlanInput {
  return withPolicy(input, { maxShare: { ...policyIn(input).maxShare, [scope]: null } });
}

/** The input without the rule or fact that a reason names. */
const WITHOUT: Readonly<Record<string, (input: PlanInput) => PlanInput>> = {
  'maxShare.provider': (input) => uncapped(input, 'provider'),
  'maxShare.region': (input) => uncapped(input, 'region'),
  'maxShare.zone': (input) => uncapped(input, 'zone'),
  'maxShare.pool': (input) => uncapped(input, 'pool'),
  maxSpotShare: (input) => withPolicy(input, { maxSpotShare: null }),
  minProviders: (input) => withPolicy(input, { minProviders: 1 }),
  maxConcentration: (input) => withPolicy(input, { maxConcentration: null }),
  'survive.provider': (input) => withPolicy(input, { survive: [] }),
  maxPrice: (input) => withPolicy(input, { maxPriceMicroUsdPerHour: null }),
  'providers.allow': (input) => withPolicy(input, { allowedProviders: null }),
  'residency.regions': (input) => withPolicy(input, { allowedRegions: null }),
  'markets.allow': (input) => withPolicy(input, { allowedMarkets: MARKETS }),
  'workload.providers': (input) => withSpecs(input, { providers: null }),
  'workload.regions': (input) => withSpecs(input, { regions: null }),
  'workload.markets': (input) => withSpecs(input, { markets: MARKETS }),
  'workload.maxPrice': (input) => withSpecs(input, { maxPriceMicroUsdPerHour: null }),
  'workload.keepShare': (input) => withSpecs(input, { keepShare: null }),
  architecture: (input) => withOffers(input, { architecture: 'x86_64' }),
  restricted: (input) => withOffers(input, { availability: 'available' }),
  'available-count': (input) => withOffers(input, { availableCount: null }),
  headroom: (input) => ({ ...input, quotas: [] }),
  'sold-out': (input) => ({ ...input, soldOut: [] }),
};

describe('the reasons of a hold', () => {
  it('are true: without any one of them the workload is placed', async () => {
    const proven = new Map<string, number>();
    for (let seed = 40_000; seed < 40_070; seed += 1) {
      const random = randomInput(seed, { offers: 7, workloads: 2, replicas: 3, leases: false });
      const input = withPolicy(random, { enforceAboveMicroUsdPerHour: 0 });
      const plan = await planFleet(input);
      const [held] = plan.held;
      // Two held workloads may need the same thing, and one reason more would then place only one of them.
      if (held === undefined || plan.held.length > 1) continue;
      for (const { rule, detail } of held.reasons) {
        const lift = WITHOUT[rule];
        if (lift === undefined || detail.includes('must all go')) continue;
        const again = await planFleet(lift(input));
        expect(again.held, `${rule} (${detail}), seed ${seed}`).toEqual([]);
        proven.set(rule, (proven.get(rule) ?? 0) + 1);
      }
    }
    expect(proven.size).toBeGreaterThan(5);
  });

  it('that only help together are all needed, and enough', async () => {
    let proven = 0;
    for (let seed = 40_000; seed < 40_070; seed += 1) {
      const random = randomInput(seed, { offers: 7, workloads: 1, replicas: 3, leases: false });
      const input = withPolicy(random, { enforceAboveMicroUsdPerHour: 0 });
      const [held] = (await planFleet(input)).held;
      const reasons = held?.reasons.filter(({ detail }) => detail.includes('must all go')) ?? [];
      if (reasons.length === 0) continue;
      const lifts = reasons.map(({ rule }) => WITHOUT[rule] ?? ((same: PlanInput) => same));
      const without = (left: typeof lifts): PlanInput => left.reduce((lifted, lift) => lift(lifted), input);
      expect((await planFleet(without(lifts))).held, `seed ${seed}`).toEqual([]);
      for (const lift of lifts) {
        const fewer = await planFleet(without(lifts.filter((other) => other !== lift)));
        expect(fewer.held, `seed ${seed}`).not.toEqual([]);
      }
      proven += 1;
    }
    expect(proven).toBeGreaterThan(2);
  });
});
