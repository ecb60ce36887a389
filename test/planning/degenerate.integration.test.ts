import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput, PlanOffer } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { caps, inputWith, NOW, offerAt, policyWith, workload } from './market-builders.ts';

const OFFERS = ['aws/r1/a/p5/on-demand', 'azure/r1/a/nd/on-demand', 'gcp/r1/a/a3/on-demand'].map((name, index) =>
  offerAt(name, 10 + index),
);

function rulesHeldBy(plan: Plan): string[] {
  return plan.held.flatMap(({ reasons }) => reasons.map(({ rule }) => rule));
}

function four(changes: Partial<PlanInput> & { readonly policy?: Policy } = {}): PlanInput {
  return inputWith({ offers: OFFERS, workloads: [workload('w', { replicas: 4 })], ...changes });
}

/** The plan, or the field that a RangeError names. */
async function outcomeOf(input: PlanInput): Promise<Plan | string> {
  try {
    return await planFleet(input);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error.message;
  }
}

/** No figure of a plan may be anything but a number. */
function expectSane(plan: Plan): void {
  const figures = [
    plan.costMicroUsdPerHour,
    plan.lowerBoundMicroUsdPerHour,
    plan.effectiveCostMicroUsdPerHour,
    plan.effectiveBoundMicroUsdPerHour,
    plan.gapShare,
    plan.unconstrainedCostMicroUsdPerHour,
    plan.premiumShare,
    plan.concentration,
  ];
  expect(figures.filter((figure) => !Number.isFinite(figure) || figure < 0)).toEqual([]);
  for (const { reasons } of plan.held) expect(reasons.length).toBeGreaterThan(0);
}

describe('a market with nothing to buy', () => {
  it('without offers holds everything with no-offer', async () => {
    const plan = await planFleet(four({ offers: [] }));
    expectSane(plan);
    expect(rulesHeldBy(plan)).toEqual(['no-offer']);
  });

  it('that is sold out everywhere says so', async () => {
    const soldOut = ['aws', 'azure', 'gcp'].map((provider) => ({
      scope: { provider, region: null, zone: null, instanceType: null, market: null, quota: null },
      until: NOW + 60_000,
      reason: 'no capacity',
      strikes: 1,
    }));
    const plan = await planFleet(four({ soldOut }));
    expectSane(plan);
    expect(new Set(rulesHeldBy(plan))).toEqual(new Set(['sold-out']));
  });

  it('of one provider holds what may not all be there, by the rule', async () => {
    const policy = policyWith({ minProviders: 2 });
    const plan = await planFleet(four({ offers: OFFERS.slice(0, 1), policy }));
    expectSane(plan);
    expect([plan.machines, rulesHeldBy(plan)]).toEqual([[], ['minProviders']]);
  });
});

describe('rules that nothing can keep', () => {
  it.each(['provider', 'region', 'zone', 'pool', 'market'] as const)(
    'the smallest cap of a %s holds everything',
    async (scope) => {
      for (const limit of [Number.MIN_VALUE, 1e-9]) {
        const plan = await planFleet(four({ policy: policyWith({ maxShare: caps({ [scope]: limit }) }) }));
        expectSane(plan);
        expect([plan.machines, rulesHeldBy(plan)]).toEqual([[], [`maxShare.${scope}`]]);
      }
    },
  );

  it('that contradict each other hold everything, and are all named', async () => {
    const policy = policyWith({ minProviders: 3, allowedProviders: ['aws', 'gcp'], maxConcentration: 0.34 });
    const plan = await planFleet(four({ policy }));
    expectSane(plan);
    expect(plan.machines).toEqual([]);
    expect(rulesHeldBy(plan)).toEqual(['minProviders', 'maxConcentration']);
  });

  it('survive of everything with one provider each holds what is too much', async () => {
    const policy = policyWith({ survive: [{ loss: 'provider', keepShare: 1 }] });
    const plan = await planFleet(four({ policy }));
    expectSane(plan);
    expect([plan.machines, rulesHeldBy(plan)]).toEqual([[], ['survive.provider']]);
  });
});

describe('figures that make no sense', () => {
  it.each([Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 0.5, 1e300])(
    'a price of %s is never bought at',
    async (price) => {
      const [first, ...rest] = OFFERS;
      const odd: PlanOffer = { ...(first ?? offerAt('aws/r1/a/p5/on-demand', 10)), priceMicroUsdPerHour: price };
      const outcome = await outcomeOf(four({ offers: [odd, ...rest] }));
      if (typeof outcome === 'string') return expect(outcome).toMatch(/price/i);
      expectSane(outcome);
      expect(outcome.machines.map(({ pool }) => pool.provider)).toEqual(['azure', 'azure', 'azure', 'azure']);
      const alone = await outcomeOf(four({ offers: [odd] }));
      if (typeof alone === 'string') return expect(alone).toMatch(/price/i);
      expectSane(alone);
      expect(alone.machines).toEqual([]);
      expect(alone.held.length).toBe(1);
    },
  );

  it('a price as large as money goes ends in a plan or names the price', async () => {
    const dear = OFFERS.map((offer) => ({ ...offer, priceMicroUsdPerHour: Number.MAX_SAFE_INTEGER }));
    const outcome = await outcomeOf(four({ offers: dear }));
    if (typeof outcome === 'string') expect(outcome).toMatch(/price|money|cost|spend/i);
    else expectSane(outcome);
  });

  it.each([0, -8, Number.NaN, 0.5])('a machine of %s accelerators is never bought', async (acceleratorCount) => {
    const outcome = await outcomeOf(
      four({ offers: [...OFFERS.slice(1), offerAt('aws/r1/a/odd/on-demand', 1, { acceleratorCount })] }),
    );
    if (typeof outcome === 'string') return expect(outcome).toMatch(/accelerator/i);
    expectSane(outcome);
    expect(outcome.machines.filter(({ pool }) => pool.instanceType === 'odd')).toEqual([]);
    expect(outcome.machines.length).toBe(4);
  });

  it.each([
    ['successProbability', { successProbability: 0 }],
    ['successProbability', { successProbability: Number.NaN }],
    ['successProbability', { successProbability: -1 }],
    ['interruptionsPerHour', { interruptionsPerHour: Number.NaN }],
    ['interruptionsPerHour', { interruptionsPerHour: -10 }],
    ['interruptionsPerHour', { interruptionsPerHour: Number.POSITIVE_INFINITY }],
    ['availableCount', { availableCount: -3 }],
  ])('an odd %s %j ends in a plan without that offer, or names the field', async (field, changes) => {
    const [first, ...rest] = OFFERS;
    const outcome = await outcomeOf(four({ offers: [{ ...(first ?? offerAt('', 1)), ...changes }, ...rest] }));
    if (typeof outcome === 'string') return expect(outcome).toMatch(new RegExp(field, 'i'));
    expectSane(outcome);
    expect(outcome.machines.map(({ pool }) => pool.provider)).toEqual(['azure', 'azure', 'azure', 'azure']);
  });

  it.each([
    [-5, 0],
    [0, 0],
    [3, 10],
  ])('a quota of %s with %s in use lets nothing be bought, or is named', async (limit, usage) => {
    const claims = [{ quota: 'P', scope: 'region', units: 8 } as const];
    const offers = OFFERS.slice(0, 1).map((offer) => ({ ...offer, quotaClaims: claims }));
    const quotas = [{ provider: 'aws', region: 'r1', name: 'P', unit: 'accelerators', limit, usage } as const];
    const outcome = await outcomeOf(four({ offers, quotas }));
    if (typeof outcome === 'string') return expect(outcome).toMatch(/quota|limit|usage/i);
    expectSane(outcome);
    expect(outcome.machines).toEqual([]);
    expect(rulesHeldBy(outcome)).toEqual(['headroom']);
  });

  it.each([0, -1, Number.NaN])('%s replicas of a choice are nothing to do, or are named', async (replicas) => {
    const outcome = await outcomeOf(inputWith({ offers: OFFERS, workloads: [workload('w', { replicas })] }));
    if (typeof outcome === 'string') return expect(outcome).toMatch(/replicas/i);
    expectSane(outcome);
    expect([outcome.machines, outcome.held]).toEqual([[], []]);
  });

  it.each([0, -1, Number.NaN])('a choice of %s accelerators ends in a hold, or is named', async (count) => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count, perMachine: null, throughput: 1 }];
    const outcome = await outcomeOf(inputWith({ offers: OFFERS, workloads: [workload('w', { accelerators })] }));
    if (typeof outcome === 'string') return expect(outcome).toMatch(/count|accelerator/i);
    expectSane(outcome);
    expect([outcome.machines.length, outcome.held.length]).toEqual([0, 1]);
  });
});
