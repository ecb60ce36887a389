import { describe, expect, it } from 'vitest';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { poolsOf, providersOf } from './machine-counts.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';
import { four, THREE } from './three-providers.ts';

describe('without rules', () => {
  it('everything runs where it is cheapest, with a proof', async () => {
    const plan = await planFleet(four({}));
    expect(poolsOf(plan)).toEqual({ 'aws/r1/a/p5/on-demand': 4 });
    expect(plan).toMatchObject({
      status: 'optimal',
      costMicroUsdPerHour: usd(40),
      lowerBoundMicroUsdPerHour: usd(40),
      gapShare: 0,
      unconstrainedCostMicroUsdPerHour: usd(40),
      premiumShare: 0,
      concentration: 1,
      rules: [],
      held: [],
    });
  });

  it('equals go to the pool whose key comes first', async () => {
    const offers = ['b', 'c', 'a'].map((zone) => offerAt(`aws/r1/${zone}/p5/on-demand`, 10));
    expect(poolsOf(await planFleet(four({}, { offers })))).toEqual({ 'aws/r1/a/p5/on-demand': 4 });
  });

  it('alike workloads are served by id, whatever order they come in', async () => {
    const offers = [offerAt('aws/r1/a/p5/reserved/cr', 1, { availableCount: 1 }), offerAt('aws/r1/a/p5/on-demand', 10)];
    const workloads = ['a', 'b', 'c'].map((id) => workload(id));
    const plan = await planFleet(inputWith({ offers, workloads }));
    expect(plan.machines.map(({ workloadId, pool }) => [workloadId, pool.market])).toEqual([
      ['a', 'on-demand'],
      ['b', 'on-demand'],
      ['c', 'reserved'],
    ]);
    const reversed = await planFleet(inputWith({ offers, workloads: workloads.toReversed() }));
    expect(JSON.stringify(reversed)).toBe(JSON.stringify(plan));
  });

  it('nothing to do is said so', async () => {
    expect(await planFleet(inputWith())).toMatchObject({ status: 'nothing-to-do', machines: [], gapShare: 0 });
  });

  it('a poor chance of success and interruptions count like a higher price, but are not paid', async () => {
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10, { successProbability: 0.5 }),
      offerAt('azure/r1/*/nd/on-demand', 12),
      offerAt('gcp/r1/a/a3/spot', 11, { interruptionsPerHour: 0.5 }),
    ];
    const plan = await planFleet(four({}, { offers }));
    expect(providersOf(plan)).toEqual({ azure: 4 });
    expect(plan.costMicroUsdPerHour).toBe(usd(48));
  });

  it('the first matching adjustment sets the price', async () => {
    const priceAdjustments = [
      { match: 'gcp:*:a3', factor: 0.5, reason: 'agreement' },
      { match: 'gcp:*', factor: 2, reason: 'never reached' },
    ];
    const plan = await planFleet(four({ priceAdjustments }));
    expect(providersOf(plan)).toEqual({ gcp: 4 });
    expect(plan.machines[0]).toMatchObject({ priceMicroUsdPerHour: usd(15), adjustedPriceMicroUsdPerHour: usd(7.5) });
    expect(plan.costMicroUsdPerHour).toBe(usd(30));
  });

  it('work done per hour decides between accelerators', async () => {
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10),
      offerAt('aws/r1/a/p4/on-demand', 6, { accelerator: 'A100-80GB' }),
    ];
    const accelerators = [
      { accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput: 1 },
      { accelerator: 'A100-80GB', count: 8, perMachine: null, throughput: 0.5 },
    ];
    const plan = await planFleet(four({}, { offers }, { accelerators }));
    expect(poolsOf(plan)).toEqual({ 'aws/r1/a/p5/on-demand': 4 });
  });
});

describe('what does not fit all', () => {
  it('goes to the higher priority first', async () => {
    const offers = [offerAt('aws/r1/a/p5/reserved/cr-1', 10, { availableCount: 1 })];
    const workloads = [workload('a', { priority: 0 }), workload('b', { priority: 5 })];
    const plan = await planFleet(inputWith({ offers, workloads }));
    expect(plan.machines.map(({ workloadId }) => workloadId)).toEqual(['b']);
    expect(plan.held).toMatchObject([{ workloadId: 'a', replicas: [0], reasons: [{ rule: 'available-count' }] }]);
  });

  it('serves as many replicas as it can', async () => {
    const quotaClaims = [{ quota: 'gpus', scope: 'global', units: 8 } as const];
    const quotas = [
      { provider: 'aws', region: null, name: 'gpus', unit: 'accelerators', limit: 16, usage: 0 } as const,
    ];
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10, { quotaClaims }),
      offerAt('aws/r2/a/p5/spot', 5, { quotaClaims }),
    ];
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const workloads = [workload('big', { accelerators }), workload('small', { replicas: 2 })];
    const plan = await planFleet(inputWith({ offers, quotas, workloads }));
    expect(poolsOf(plan)).toEqual({ 'aws/r2/a/p5/spot': 2 });
    expect(plan.held).toMatchObject([{ workloadId: 'big', reasons: [{ rule: 'headroom' }] }]);
  });
});

describe('machines', () => {
  const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];

  it('of a gang stand in one pool', async () => {
    const offers = [
      offerAt('aws/r1/a/p5/reserved/cr', 5, { availableCount: 1 }),
      offerAt('aws/r1/a/p5/on-demand', 10, { availableCount: 3 }),
    ];
    const plan = await planFleet(four({}, { offers }, { accelerators, replicas: 2 }));
    expect(plan.machines.map(({ replicas, part, partCount }) => ({ replicas, part, partCount }))).toEqual([
      { replicas: [0], part: 0, partCount: 2 },
      { replicas: [0], part: 1, partCount: 2 },
    ]);
    expect(plan.held).toMatchObject([{ workloadId: 'w', replicas: [1] }]);
  });

  it('missing from a gang join the others, or the replica is held', async () => {
    const leases = [leaseAt('l', 'w', 'aws/r1/b/p5/spot', 4, { part: 1, partCount: 2 })];
    const offers = [
      offerAt('aws/r1/a/p5/spot', 1),
      offerAt('aws/r1/b/p5e/spot', 1),
      offerAt('aws/r1/b/p5/on-demand', 10),
    ];
    const input = four({}, { offers, leases }, { accelerators, replicas: 1 });
    const plan = await planFleet(input);
    expect(plan.machines).toMatchObject([{ replicas: [0], part: 0, partCount: 2 }]);
    expect(poolsOf(plan)).toEqual({ 'aws/r1/b/p5/on-demand': 1 });
    const stranded = await planFleet({ ...input, offers: offers.slice(0, 2) });
    expect(stranded.machines).toEqual([]);
    expect(stranded.held).toMatchObject([{ replicas: [0], reasons: [{ rule: 'gang.placement' }] }]);
    expect(stranded.held[0]?.reasons[0]?.detail).toContain('1 of 2 machines run as p5 in aws:r1:b');
  });

  it('are shared by replicas of one workload, never of two', async () => {
    const quarter = [{ accelerator: 'H100-80GB-SXM', count: 2, perMachine: null, throughput: 1 }];
    const workloads = [
      workload('a', { accelerators: quarter, replicas: 5 }),
      workload('b', { accelerators: quarter, replicas: 1 }),
    ];
    const plan = await planFleet(inputWith({ offers: THREE, workloads }));
    expect(plan.machines.map(({ workloadId, replicas }) => [workloadId, replicas])).toEqual([
      ['a', [0, 1, 2, 3]],
      ['a', [4]],
      ['b', [0]],
    ]);
  });

  it('that are shared are never empty, even where an empty one would make shares smaller', async () => {
    const half = [{ accelerator: 'H100-80GB-SXM', count: 4, perMachine: null, throughput: 1 }];
    const workloads = [
      workload('a', { providers: ['aws'] }),
      workload('b', { accelerators: half, providers: ['gcp'], replicas: 2 }),
    ];
    const offers = [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 4)];
    const plan = await planFleet(
      inputWith({ offers, workloads, policy: policyWith({ maxShare: caps({ provider: 0.6 }) }) }),
    );
    // One replica a machine makes 10 of 18; 10 of 14 with both on one is too much, and a third machine would be empty.
    expect(plan.machines.map(({ replicas }) => replicas)).toEqual([[0], [0], [1]]);
    const tighter = policyWith({ maxShare: caps({ provider: 0.5 }) });
    const held = await planFleet(inputWith({ offers, workloads, policy: tighter }));
    expect(held.machines).toEqual([]);
  });

  it('of another size than asked for do not fit', async () => {
    const sized = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: 4, throughput: 1 }];
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10),
      offerAt('aws/r1/a/p5half/on-demand', 8, { acceleratorCount: 4 }),
    ];
    const plan = await planFleet(four({}, { offers }, { accelerators: sized, replicas: 1 }));
    expect(poolsOf(plan)).toEqual({ 'aws/r1/a/p5half/on-demand': 4 });
  });
});
