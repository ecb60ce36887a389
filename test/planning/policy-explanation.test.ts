import { describe, expect, it } from 'vitest';
import type { PolicyPrice } from '../../src/domain/plan-analysis.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { explainPolicy } from '../../src/planning/policy-explanation.ts';
import { caps, inputWith, offerAt, policyWith, usd, workload } from './market-builders.ts';

const OFFERS = [
  offerAt('aws/r1/a/x/spot', 10),
  offerAt('azure/r1/a/x/on-demand', 12),
  offerAt('gcp/r1/a/x/on-demand', 15),
];

async function priceOf(changes: Partial<Policy>, offers = OFFERS, replicas = 4): Promise<PolicyPrice> {
  const input = inputWith({ policy: policyWith(changes), workloads: [workload('w', { replicas })], offers });
  const { policies } = await explainPolicy(input);
  const [price] = policies;
  if (price === undefined) throw new Error('nothing was explained');
  return price;
}

describe('explainPolicy', () => {
  it('prices the policy and each rule alone', async () => {
    const price = await priceOf({ maxShare: caps({ provider: 0.5 }), maxSpotShare: 0.6, minProviders: 2 });
    expect(price).toMatchObject({
      policy: 'default',
      withRules: { costMicroUsdPerHour: usd(47), placedReplicas: 4, heldReplicas: 0 },
      withoutRules: { costMicroUsdPerHour: usd(40) },
      ...{ premiumMicroUsdPerHour: usd(7), premiumShare: 7 / 40, conflict: null },
    });
    const told = price.rules.map((rule) => [rule.rule, rule.limit, rule.premiumMicroUsdPerHour, rule.enforced]);
    expect(told).toEqual([
      // Without the provider cap, the spot cap asks for two elsewhere: 10 + 10 + 12 + 12.
      ['maxShare.provider', 0.5, usd(3), true],
      ['maxSpotShare', 0.6, 0, true],
      ['minProviders', 2, 0, true],
    ]);
    expect(price.rules[0]?.binding.map(({ subject }) => subject)).toContain('aws');
  });

  it('prices an hour of work where slower machines cost less an hour', async () => {
    const accelerators = [
      { accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput: 1 },
      { accelerator: 'A100-80GB-SXM', count: 8, perMachine: null, throughput: 0.25 },
    ] as const;
    const input = inputWith({
      policy: policyWith({ minProviders: 2 }),
      workloads: [workload('w', { replicas: 2, accelerators })],
      offers: [
        offerAt('aws/r1/a/x/on-demand', 20),
        offerAt('gcp/r1/a/x/on-demand', 6, { accelerator: 'A100-80GB-SXM' }),
      ],
    });
    const { policies } = await explainPolicy(input);
    // 20 + 20 an hour without the rule; 20 + 6 with it, but 6 $/h for a quarter of the work is 24 for an hour of it.
    expect(policies[0]).toMatchObject({
      ...{ premiumMicroUsdPerHour: 0, premiumShare: 0 },
      ...{ effectivePremiumMicroUsdPerHour: usd(4), effectivePremiumShare: 0.1 },
      rules: [{ rule: 'minProviders', premiumMicroUsdPerHour: 0, effectivePremiumMicroUsdPerHour: usd(4) }],
    });
  });

  it('names a minimal set of rules that hold replicas, and what giving up each would do', async () => {
    const changes = { maxShare: caps({ provider: 0.5, market: 0.9 }), maxSpotShare: 0.1, minProviders: 2 };
    const [aws, azure] = OFFERS;
    if (aws === undefined || azure === undefined) throw new Error('no offers');
    const { conflict, withRules, withoutRules, premiumMicroUsdPerHour } = await priceOf(changes, [aws, azure], 2);
    // Half at each provider at most (12 of 22 is too much already): nothing can be placed, whatever the spot cap says.
    expect(withRules.heldReplicas).toBe(2);
    expect(withoutRules.heldReplicas).toBe(0);
    expect(premiumMicroUsdPerHour).toBeNull();
    expect(conflict?.rules.length).toBeGreaterThan(0);
    expect(conflict?.relaxations.map(({ rule }) => rule)).toEqual(conflict?.rules);
  });

  it('names two rules that only together hold a replica, and leaves out one that holds nobody', async () => {
    const offers = [offerAt('aws/r1/a/x/on-demand', 12), offerAt('gcp/r1/a/x/spot', 10)];
    const { conflict } = await priceOf(
      { maxShare: caps({ provider: 1 }), maxSpotShare: 0, minProviders: 2 },
      offers,
      2,
    );
    // No spot: both at aws. Two providers: one at each. Both rules: the second provider has spot only.
    expect(conflict).toMatchObject({
      rules: ['maxSpotShare', 'minProviders'],
      relaxations: [
        { rule: 'maxSpotShare', heldReplicas: 0, costMicroUsdPerHour: usd(22) },
        { rule: 'minProviders', heldReplicas: 0, costMicroUsdPerHour: usd(24) },
      ],
    });
  });

  it('tells a rule that is given up as not enforced, and why it was', async () => {
    const price = await priceOf(
      { maxShare: caps({ provider: 0.3 }), onInfeasible: 'relax', relax: ['maxShare.provider'] },
      OFFERS,
      1,
    );
    expect(price.withRules.heldReplicas).toBe(0);
    expect(price.rules).toMatchObject([{ rule: 'maxShare.provider', enforced: false, premiumMicroUsdPerHour: 0 }]);
    expect(price.conflict).toMatchObject({
      rules: ['maxShare.provider'],
      relaxations: [{ rule: 'maxShare.provider', gainedReplicas: 1, heldReplicas: 0 }],
    });
  });

  it('gives up one rule of a conflict with all others kept, also those that the policy would give up', async () => {
    const { conflict } = await priceOf(
      { maxShare: caps({ provider: 0.3, region: 0.3 }), onInfeasible: 'relax', relax: ['maxShare.provider'] },
      OFFERS,
      1,
    );
    expect(conflict).toMatchObject({
      rules: ['maxShare.region'],
      relaxations: [{ rule: 'maxShare.region', gainedReplicas: 0, heldReplicas: 1 }],
    });
  });

  it('explains each policy by itself, the others’ rules in force', async () => {
    const input = inputWith({
      workloads: [workload('a', { replicas: 2, team: 'one' }), workload('b', { replicas: 2, team: 'two' })],
      offers: OFFERS,
      policies: [
        policyWith({ name: 'first', teams: ['one'], minProviders: 2 }),
        policyWith({ name: 'second', teams: ['two'], minProviders: 2 }),
      ],
    });
    const { policies } = await explainPolicy(input);
    expect(policies.map(({ policy, premiumMicroUsdPerHour }) => [policy, premiumMicroUsdPerHour])).toEqual([
      ['first', usd(2)],
      ['second', usd(2)],
    ]);
    const only = await explainPolicy(input, { policies: ['second'] });
    expect(only.policies.map(({ policy }) => policy)).toEqual(['second']);
    await expect(explainPolicy(input, { policies: ['third'] })).rejects.toThrow('no policy is named "third"');
  });
});
