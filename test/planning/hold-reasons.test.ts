import { describe, expect, it } from 'vitest';
import type { HoldReason, PlanInput } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { caps, inputWith, leaseAt, NOW, offerAt, policyWith, poolAt, usd, workload } from './market-builders.ts';

async function reasonsFor(input: PlanInput): Promise<readonly HoldReason[]> {
  const plan = await planFleet(input);
  return plan.held.flatMap(({ reasons }) => reasons);
}

describe('the reasons of a hold', () => {
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

  it('are the fleet’s own, however few providers another fleet stands at', async () => {
    const pool = 'aws/r/a/p5/spot';
    const gang = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const input = inputWith({
      policies: [
        policyWith({ name: 'lone', teams: ['lone'], minProviders: 2 }),
        policyWith({ name: 'other', teams: ['other'], maxShare: caps({ region: 0.75 }), measure: 'effective-cost' }),
      ],
      offers: [offerAt(pool, 1)],
      workloads: [
        workload('kept', { team: 'lone', replicas: 2, maxPriceMicroUsdPerHour: usd(0.5) }),
        workload('broken', { team: 'other', accelerators: gang }),
      ],
      leases: [leaseAt('l1', 'kept', pool, 1), leaseAt('l2', 'broken', pool, 1, { partCount: 2 })],
    });
    const { held } = await planFleet(input);
    const broken = held.find(({ workloadId }) => workloadId === 'broken');
    expect(broken?.reasons.map(({ rule }) => rule)).toEqual(['maxShare.region']);
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
