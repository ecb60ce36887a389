import { describe, expect, it } from 'vitest';
import type { HoldReason, PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { MARKETS } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import {
  caps,
  inputWith,
  leaseAt,
  NOW,
  offerAt,
  policyIn,
  policyWith,
  poolAt,
  usd,
  workload,
} from './market-builders.ts';
import { randomInput } from './random-instances.ts';

async function reasonsFor(input: PlanInput): Promise<readonly HoldReason[]> {
  const plan = await planFleet(input);
  return plan.held.flatMap(({ reasons }) => reasons);
}

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

  it('name an accelerator that nobody offers', async () => {
    const reasons = await reasonsFor(inputWith({ workloads: [workload('w')] }));
    expect(reasons).toEqual([{ rule: 'no-offer', detail: 'no provider offers H100-80GB-SXM:8' }]);
  });

  it('name a count that is no whole number of machines', async () => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 12, perMachine: null, throughput: 1 }];
    const input = inputWith({ workloads: [workload('w', { accelerators })], offers: [offerAt('aws/r/a/p5/spot', 1)] });
    const [reason, ...others] = await reasonsFor(input);
    expect(reason?.rule).toBe('does-not-fit');
    expect(reason?.detail).toContain('machines on offer have 8 accelerators');
    expect(others).toEqual([]);
  });

  it('tell until when the pool is sold out', async () => {
    const soldOut = [
      {
        scope: { ...poolAt('aws/r/a/p5/spot'), market: null, quota: null },
        until: NOW + 180_000,
        reason: 'InsufficientInstanceCapacity',
        strikes: 1,
      },
    ];
    const reasons = await reasonsFor(
      inputWith({ workloads: [workload('w')], offers: [offerAt('aws/r/a/p5/spot', 1)], soldOut }),
    );
    expect(reasons).toEqual([
      {
        rule: 'sold-out',
        detail: 'aws/r/a/p5/spot: sold out until 2026-11-03T12:03:00Z: InsufficientInstanceCapacity',
      },
    ]);
  });

  it('tell what a quota leaves and what is needed', async () => {
    const quotaClaims = [{ quota: 'P', scope: 'region', units: 192 } as const];
    const quotas = [{ provider: 'aws', region: 'r', name: 'P', unit: 'vcpus', limit: 400, usage: 100 } as const];
    const input = inputWith({ offers: [offerAt('aws/r/a/p5/on-demand', 10, { quotaClaims })], quotas });
    expect(await reasonsFor({ ...input, workloads: [workload('w', { replicas: 2 })] })).toEqual([
      { rule: 'headroom', detail: 'aws/r/a/p5/on-demand: quota aws/r/P has 300 left, 384 are needed' },
    ]);
    expect((await planFleet({ ...input, workloads: [workload('w')] })).held).toEqual([]);
  });

  it('tell what a cap would come to', async () => {
    const input = inputWith({
      workloads: [workload('w', { replicas: 1 }), workload('x', { replicas: 2 })],
      offers: [offerAt('aws/r/a/p5/on-demand', 10)],
      leases: [
        leaseAt('l1', 'x', 'aws/r/a/p5/on-demand', 10),
        leaseAt('l2', 'x', 'gcp/r/a/a3/on-demand', 10, { replicas: [1] }),
      ],
      policy: policyWith({ maxShare: caps({ provider: 0.5 }) }),
    });
    expect(await reasonsFor(input)).toEqual([
      { rule: 'maxShare.provider', detail: 'aws would hold 66.7 % of spend, at most 50 % is allowed' },
    ]);
  });

  it('name every rule that is enough alone', async () => {
    const input = inputWith({
      workloads: [workload('w', { regions: ['gcp:*'] })],
      offers: [offerAt('aws/r/a/p5/on-demand', 10), offerAt('gcp/r/a/a3/on-demand', 30)],
      policy: policyWith({ maxPriceMicroUsdPerHour: usd(20) }),
    });
    const reasons = await reasonsFor(input);
    expect(reasons.map(({ rule }) => rule)).toEqual(['workload.regions', 'maxPrice']);
    expect(reasons[1]?.detail).toBe("gcp/r/a/a3/on-demand: a machine costs 30.00 $/h, the policy's limit is 20.00 $/h");
  });

  it('say which rules must go together when none is enough alone', async () => {
    const input = inputWith({
      workloads: [workload('w', { markets: ['on-demand'] })],
      offers: [offerAt('aws/r/a/p5/spot', 30)],
      policy: policyWith({ maxPriceMicroUsdPerHour: usd(20) }),
    });
    const reasons = await reasonsFor(input);
    expect(reasons.map(({ rule }) => rule)).toEqual(['workload.markets', 'maxPrice']);
    expect(reasons.every(({ detail }) => detail.endsWith('(one of several reasons that must all go)'))).toBe(true);
  });
});
