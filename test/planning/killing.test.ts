/** Small fleets in which one word of the rule language decides: each stands against a mutant of `mutants/mutants.ts`. */
import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { providersOf } from './machine-counts.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';

function heldOf({ held }: Plan): (readonly [string, readonly number[]])[] {
  return held.map(({ workloadId, replicas }) => [workloadId, replicas] as const);
}

describe('what shares are shares of', () => {
  it('accelerator-hours: a slower machine counts for the longer time it takes', async () => {
    const input = inputWith({
      offers: [offerAt('aws/r1/a/p4/on-demand', 3, { accelerator: 'A100-80GB' }), offerAt('gcp/r1/a/a3/on-demand', 10)],
      workloads: [
        workload('w', {
          replicas: 3,
          accelerators: [
            { accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput: 1 },
            { accelerator: 'A100-80GB', count: 8, perMachine: null, throughput: 0.5 },
          ],
        }),
      ],
      policy: policyWith({ measure: 'accelerator-hours', maxShare: caps({ provider: 0.5 }) }),
    });
    // 16 accelerator-hours at aws and 2 × 8 at gcp; three machines of the same count have no half.
    expect(providersOf(await planFleet(input))).toEqual({ aws: 1, gcp: 2 });
  });

  const odds = [
    offerAt('aws/r1/a/p5/on-demand', 10, { successProbability: 0.5 }),
    offerAt('gcp/r1/a/a3/on-demand', 20),
  ];
  const two = [workload('w', { replicas: 2 })];

  it('effective-cost: chances count in caps', async () => {
    const policy = policyWith({ measure: 'effective-cost', maxShare: caps({ provider: 0.5 }) });
    expect(providersOf(await planFleet(inputWith({ offers: odds, workloads: two, policy })))).toEqual({
      aws: 1,
      gcp: 1,
    });
  });

  it('effective-cost: chances count in the concentration', async () => {
    const policy = policyWith({ measure: 'effective-cost', maxConcentration: 0.5 });
    expect(providersOf(await planFleet(inputWith({ offers: odds, workloads: two, policy })))).toEqual({
      aws: 1,
      gcp: 1,
    });
    const spend = policyWith({ measure: 'spend', maxConcentration: 0.5 });
    expect((await planFleet(inputWith({ offers: odds, workloads: two, policy: spend }))).machines).toEqual([]);
  });

  it('minProviderShare: a provider counts from that share on', async () => {
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 12)];
    const workloads = [workload('w', { replicas: 4 })];
    const any = policyWith({ minProviders: 2 });
    expect(providersOf(await planFleet(inputWith({ offers, workloads, policy: any })))).toEqual({ aws: 3, gcp: 1 });
    // One at gcp is 12 of 42.
    const part = policyWith({ minProviders: 2, minProviderShare: 0.3 });
    expect(providersOf(await planFleet(inputWith({ offers, workloads, policy: part })))).toEqual({ aws: 2, gcp: 2 });
  });
});

describe('what is cheapest', () => {
  it('counts what reading from home costs', async () => {
    const input = inputWith({
      offers: [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 11)],
      workloads: [workload('w', { data: { home: 'gcp', gbPerHour: 100 } })],
      policy: policyWith({ egressMicroUsdPerGb: 20_000 }),
    });
    expect(providersOf(await planFleet(input))).toEqual({ gcp: 1 });
    expect((await planFleet(input)).costMicroUsdPerHour).toBe(usd(11));
  });

  it('is judged by the first adjustment in the order of the policies’ names, whatever order they come in', async () => {
    const adjusted = (name: string, team: string, factor: number) =>
      policyWith({ name, teams: [team], priceAdjustments: [{ match: 'aws:*', factor, reason: 'agreement' }] });
    const policies = [adjusted('alpha', 'research', 2), adjusted('beta', 'other', 0.5)];
    const input: PlanInput = {
      ...inputWith({
        offers: [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 12)],
        workloads: [workload('w'), workload('x', { team: 'other' })],
      }),
      policies,
    };
    const plan = await planFleet(input);
    expect(providersOf(plan)).toEqual({ gcp: 2 });
    expect(JSON.stringify(await planFleet({ ...input, policies: policies.toReversed() }))).toBe(JSON.stringify(plan));
  });

  it('has a bound that kept leases do not lift above it', async () => {
    const leases = [leaseAt('l', 'w', 'aws/r1/a/p5/on-demand', 10)];
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10)];
    const plan = await planFleet(inputWith({ offers, leases, workloads: [workload('w', { replicas: 2 })] }));
    expect(plan.effectiveCostMicroUsdPerHour).toBe(usd(20));
    expect(plan.effectiveBoundMicroUsdPerHour).toBe(usd(20));
    expect(plan.lowerBoundMicroUsdPerHour).toBe(usd(20));
  });
});

describe('what there is', () => {
  const quotaClaims = [{ quota: 'gpus', scope: 'region', units: 8 } as const];
  const quotaOf = (limit: number) => [
    { provider: 'aws', region: 'r1', name: 'gpus', unit: 'accelerators', limit, usage: 8 } as const,
  ];

  it('uses both of two types of machines whose quotas are apart', async () => {
    const claim = (quota: string) => ({ quotaClaims: [{ quota, scope: 'region', units: 8 } as const] });
    const quotas = ['large', 'small'].map((name) => {
      return { provider: 'aws', region: 'r1', name, unit: 'accelerators', limit: 8, usage: 0 } as const;
    });
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10, claim('large')),
      offerAt('aws/r1/a/p4/on-demand', 11, claim('small')),
    ];
    const plan = await planFleet(inputWith({ offers, quotas, workloads: [workload('w', { replicas: 2 })] }));
    expect(plan.machines.map(({ pool }) => pool.instanceType).toSorted()).toEqual(['p4', 'p5']);
  });

  it('is used up to the last unit of a quota, and not past it', async () => {
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10, { quotaClaims })];
    const at = await planFleet(inputWith({ offers, workloads: [workload('w')], quotas: quotaOf(16) }));
    expect(at.held).toEqual([]);
    const over = await planFleet(inputWith({ offers, workloads: [workload('w')], quotas: quotaOf(15) }));
    expect(over.held).toMatchObject([{ reasons: [{ rule: 'headroom' }] }]);
  });

  it('is shared by gangs with all their machines', async () => {
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10, { quotaClaims, availableCount: 2 }),
      offerAt('aws/r1/b/p5/on-demand', 11, { quotaClaims }),
    ];
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const workloads = [workload('w', { replicas: 2, accelerators })];
    // 24 units are left: one gang of two machines takes 16.
    const plan = await planFleet(inputWith({ offers, workloads, quotas: quotaOf(32) }));
    expect(plan.machines).toHaveLength(2);
    expect(heldOf(plan)).toEqual([['w', [1]]]);
  });

  it('serves one replica with each gang', async () => {
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10)];
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const plan = await planFleet(inputWith({ offers, workloads: [workload('w', { replicas: 4, accelerators })] }));
    expect(plan.machines.flatMap(({ replicas }) => replicas)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(plan.held).toEqual([]);
  });
});

describe('machines that replicas share', () => {
  it('belong to one of several alike workloads', async () => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 4, perMachine: null, throughput: 1 }];
    const workloads = ['a', 'b'].map((id) => workload(id, { replicas: 3, accelerators }));
    const plan = await planFleet(inputWith({ offers: [offerAt('aws/r1/a/p5/on-demand', 10)], workloads }));
    // Two replicas fit a machine: three machines would do if both workloads could meet on one.
    expect(plan.machines.map(({ workloadId, replicas }) => [workloadId, replicas])).toEqual([
      ['a', [0, 1]],
      ['a', [2]],
      ['b', [0, 1]],
      ['b', [2]],
    ]);
    expect(plan.held).toEqual([]);
  });
});

describe('teams and policies', () => {
  const offers = [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('azure/r1/a/nd/on-demand', 12)];

  it('each team has a budget of its own, however alike their workloads are', async () => {
    const input = inputWith({
      offers,
      workloads: [workload('a', { team: 'poor' }), workload('b', { team: 'rich' })],
      teamBudgets: [
        { team: 'poor', limitMicroUsdPerHour: usd(5) },
        { team: 'rich', limitMicroUsdPerHour: usd(100) },
      ],
    });
    const plan = await planFleet(input);
    expect(heldOf(plan)).toEqual([['a', [0]]]);
    expect(plan.held[0]?.reasons.map(({ rule }) => rule)).toEqual(['budget']);
  });

  it('a budget counts what the team’s leases spend', async () => {
    const input = inputWith({
      offers,
      workloads: [workload('a', { replicas: 2 })],
      leases: [leaseAt('l', 'a', 'aws/r1/a/p5/on-demand', 10)],
      teamBudgets: [{ team: 'research', limitMicroUsdPerHour: usd(19) }],
    });
    expect(heldOf(await planFleet(input))).toEqual([['a', [1]]]);
    const enough = [{ team: 'research', limitMicroUsdPerHour: usd(20) }];
    expect(heldOf(await planFleet({ ...input, teamBudgets: enough }))).toEqual([]);
  });

  it('a policy counts the machines of its own teams only', async () => {
    const input: PlanInput = {
      ...inputWith({
        offers,
        workloads: [workload('a', { team: 'a', replicas: 2 }), workload('b', { team: 'b', replicas: 2 })],
      }),
      policies: [
        policyWith({ name: 'alpha', teams: ['a'] }),
        policyWith({ name: 'beta', teams: ['b'], measure: 'accelerators', maxShare: caps({ provider: 0.5 }) }),
      ],
    };
    const plan = await planFleet(input);
    const at = (id: string): string[] =>
      plan.machines.filter(({ workloadId }) => workloadId === id).map(({ pool }) => pool.provider);
    expect(at('a')).toEqual(['aws', 'aws']);
    expect(at('b').toSorted()).toEqual(['aws', 'azure']);
  });
});
