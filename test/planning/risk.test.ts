import { describe, expect, it } from 'vitest';
import type { Plan, PlannedMachine } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { riskOf } from '../../src/planning/risk.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, poolAt, usd, workload } from './market-builders.ts';

const EMPTY: Plan = await planFleet(inputWith());

function machine(workloadId: string, replicas: readonly number[], at: string, part = 0, partCount = 1): PlannedMachine {
  return {
    ...{ workloadId, replicas, part, partCount, pool: poolAt(at) },
    ...{ accelerator: 'H100-80GB-SXM', acceleratorCount: 8 },
    ...{ priceMicroUsdPerHour: usd(10), adjustedPriceMicroUsdPerHour: usd(10) },
  };
}

describe('riskOf', () => {
  it('counts a gang as one replica, lost with any of its machines', () => {
    const input = inputWith({
      workloads: [workload('gang', { replicas: 2 })],
      leases: [leaseAt('l1', 'gang', 'aws/r1/a/p5', 10, { part: 0, partCount: 2 })],
    });
    const plan: Plan = {
      ...EMPTY,
      keptLeaseIds: ['l1'],
      machines: [
        machine('gang', [0], 'aws/r2/a/p5', 1, 2),
        machine('gang', [1], 'gcp/r1/a/a3', 0, 2),
        machine('gang', [1], 'gcp/r1/a/a3', 1, 2),
      ],
    };
    const { workloads, regions } = riskOf(input, plan);
    expect(workloads).toEqual([
      {
        ...{ workloadId: 'gang', replicasAsked: 2, replicasStanding: 2 },
        providers: [
          { lost: 'aws', lostReplicas: 1, keptReplicas: 1, keptShare: 0.5 },
          { lost: 'gcp', lostReplicas: 1, keptReplicas: 1, keptShare: 0.5 },
        ],
        regions: [
          { lost: 'aws:r1', lostReplicas: 1, keptReplicas: 1, keptShare: 0.5 },
          { lost: 'aws:r2', lostReplicas: 1, keptReplicas: 1, keptShare: 0.5 },
          { lost: 'gcp:r1', lostReplicas: 1, keptReplicas: 1, keptShare: 0.5 },
        ],
      },
    ]);
    expect(regions.map(({ lost, lostReplicas }) => [lost, lostReplicas])).toEqual([
      ['gcp:r1', 1],
      ['aws:r1', 1],
      ['aws:r2', 1],
    ]);
  });

  it('counts what is left of a broken gang as money, not as a replica, and kept shares of what was asked for', () => {
    const input = inputWith({
      workloads: [workload('w', { replicas: 4 }), workload('alone', { replicas: 1 })],
      leases: [leaseAt('l1', 'w', 'aws/r1/a/p5', 30, { part: 0, partCount: 2 })],
    });
    const machines = [
      machine('w', [1, 2], 'gcp/r1/a/a3'),
      machine('w', [3], 'azure/r1/a/nd'),
      machine('alone', [0], 'aws/r1/a/p5'),
    ];
    const { workloads, providers } = riskOf(input, { ...EMPTY, keptLeaseIds: ['l1'], machines });
    expect(workloads.map(({ workloadId, replicasStanding }) => [workloadId, replicasStanding])).toEqual([
      ['alone', 1],
      ['w', 3],
    ]);
    expect(workloads[1]?.providers).toEqual([
      { lost: 'gcp', lostReplicas: 2, keptReplicas: 1, keptShare: 0.25 },
      { lost: 'azure', lostReplicas: 1, keptReplicas: 2, keptShare: 0.5 },
    ]);
    expect(providers).toEqual([
      {
        ...{ lost: 'aws', spendMicroUsdPerHour: usd(40), spendShare: 2 / 3, acceleratorCount: 16 },
        ...{ acceleratorShare: 0.5, lostReplicas: 1, workloadsDown: ['alone'] },
      },
      {
        ...{ lost: 'azure', spendMicroUsdPerHour: usd(10), spendShare: 1 / 6, acceleratorCount: 8 },
        ...{ acceleratorShare: 0.25, lostReplicas: 1, workloadsDown: [] },
      },
      {
        ...{ lost: 'gcp', spendMicroUsdPerHour: usd(10), spendShare: 1 / 6, acceleratorCount: 8 },
        ...{ acceleratorShare: 0.25, lostReplicas: 2, workloadsDown: [] },
      },
    ]);
  });

  it('leaves out leases that the plan gives up, and counts adjusted prices', () => {
    const priceAdjustments = [{ match: 'aws:*', factor: 0.5, reason: 'agreement' }];
    const input = inputWith({
      policy: policyWith({ priceAdjustments }),
      workloads: [workload('w', { replicas: 2 })],
      leases: [
        leaseAt('kept', 'w', 'aws/r1/a/p5', 10),
        leaseAt('released', 'w', 'azure/r1/a/nd', 10, { replicas: [1] }),
      ],
    });
    const { providers, workloads } = riskOf(input, {
      ...EMPTY,
      keptLeaseIds: ['kept'],
      releasedLeaseIds: ['released'],
    });
    expect(providers.map(({ lost, spendMicroUsdPerHour }) => [lost, spendMicroUsdPerHour])).toEqual([['aws', usd(5)]]);
    expect(workloads[0]?.replicasStanding).toBe(1);
  });

  it('agrees with what survive promises', async () => {
    const offers = ['aws', 'azure', 'gcp'].map((provider, index) => offerAt(`${provider}/r1/a/x`, 10 + index));
    const input = inputWith({
      policy: policyWith({ survive: [{ loss: 'provider', keepShare: 0.6 }], maxShare: caps({ provider: 0.7 }) }),
      workloads: [workload('a', { replicas: 5 }), workload('b', { replicas: 3 })],
      offers,
    });
    const { workloads } = riskOf(input, await planFleet(input));
    expect(workloads.map(({ providers }) => (providers[0]?.keptShare ?? 0) >= 0.6)).toEqual([true, true]);
  });
});
