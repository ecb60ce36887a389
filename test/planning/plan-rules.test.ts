import { describe, expect, it } from 'vitest';
import type { Incumbent } from '../../src/planning/optimise.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { poolsOf, providersOf } from './machine-counts.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';
import { four, THREE } from './three-providers.ts';

describe('shares', () => {
  it('maxShare.provider holds spend, not machines', async () => {
    // Two at aws and two at azure: aws holds 20 of 44.
    const plan = await planFleet(four({ maxShare: caps({ provider: 0.5 }) }));
    expect(providersOf(plan)).toEqual({ aws: 2, azure: 1, gcp: 1 });
    expect(plan.costMicroUsdPerHour).toBe(usd(47));
  });

  it('measure: accelerators holds machines, not spend', async () => {
    const plan = await planFleet(four({ maxShare: caps({ provider: 0.5 }), measure: 'accelerators' }));
    expect(providersOf(plan)).toEqual({ aws: 2, azure: 2 });
    expect(plan.shares.provider).toEqual({ aws: 0.5, azure: 0.5 });
  });

  it.each(['region', 'zone', 'pool'] as const)('maxShare.%s speaks of its own scope only', async (scope) => {
    const offers = [
      offerAt('aws/r1/a/p5/on-demand', 10),
      offerAt('aws/r1/a/p5e/on-demand', 11),
      offerAt('aws/r1/b/p5/on-demand', 12),
      offerAt('aws/r2/a/p5/on-demand', 13),
    ];
    const plan = await planFleet(four({ maxShare: caps({ [scope]: 0.5 }), measure: 'accelerators' }, { offers }));
    const second = { region: 'aws/r2/a/p5/on-demand', zone: 'aws/r1/b/p5/on-demand', pool: 'aws/r1/a/p5e/on-demand' };
    expect(poolsOf(plan)).toEqual({ 'aws/r1/a/p5/on-demand': 2, [second[scope]]: 2 });
  });

  it('maxSpotShare counts all spot machines together', async () => {
    const offers = [
      offerAt('aws/r1/a/p5/spot', 3),
      offerAt('gcp/r1/a/a3/spot', 3),
      offerAt('aws/r1/a/p5/on-demand', 10),
    ];
    const plan = await planFleet(four({ maxSpotShare: 0.5, measure: 'accelerators' }, { offers }));
    expect(plan.machines.filter(({ pool }) => pool.market === 'spot')).toHaveLength(2);
  });

  it('one machine over a cap is held, and one at it is not', async () => {
    const at = await planFleet(
      four({ maxShare: caps({ provider: 0.5 }), measure: 'accelerators' }, { offers: THREE.slice(0, 2) }),
    );
    expect(at.held).toEqual([]);
    const over = await planFleet(
      four({ maxShare: caps({ provider: 0.49 }), measure: 'accelerators' }, { offers: THREE.slice(0, 2) }),
    );
    expect(over.held.flatMap(({ replicas }) => replicas)).toEqual([0, 1, 2, 3]);
  });

  it('below enforceAbove they are told, not enforced', async () => {
    const policy = { maxShare: caps({ provider: 0.5 }), enforceAboveMicroUsdPerHour: usd(41) };
    const plan = await planFleet(four(policy));
    expect(providersOf(plan)).toEqual({ aws: 4 });
    expect(plan.rules).toEqual([
      {
        policy: 'default',
        rule: 'maxShare.provider',
        subject: 'aws',
        value: 1,
        limit: 0.5,
        enforced: false,
        binding: false,
      },
    ]);
    const enforced = await planFleet(four({ ...policy, enforceAboveMicroUsdPerHour: usd(40) }));
    expect(providersOf(enforced)).toEqual({ aws: 2, azure: 1, gcp: 1 });
    expect(enforced.rules[0]).toMatchObject({ subject: 'aws', enforced: true, binding: true });
  });

  it('a cap on spend may take a dearer machine where no cheaper one keeps it', async () => {
    const input = inputWith({
      offers: [
        offerAt('aws/r1/a/p5/on-demand', 10),
        offerAt('gcp/r1/a/g2/on-demand', 5),
        offerAt('gcp/r1/a/g3/on-demand', 7),
      ],
      workloads: [workload('w', { providers: ['aws'] }), workload('x', { providers: ['gcp'] })],
    });
    const plan = await planFleet({ ...input, policies: [policyWith({ maxShare: caps({ provider: 0.6 }) })] });
    expect(poolsOf(plan)).toEqual({ 'aws/r1/a/p5/on-demand': 1, 'gcp/r1/a/g3/on-demand': 1 });
    const counted = policyWith({ maxShare: caps({ provider: 0.6 }), measure: 'accelerators' });
    expect(poolsOf(await planFleet({ ...input, policies: [counted] }))).toEqual({
      'aws/r1/a/p5/on-demand': 1,
      'gcp/r1/a/g2/on-demand': 1,
    });
  });

  it('the premium compares fleets that serve the same replicas', async () => {
    const offers = THREE.slice(0, 2);
    const maxShare = caps({ provider: 0.5 });
    const plan = await planFleet(four({ maxShare, measure: 'accelerators' }, { offers }, { replicas: 5 }));
    expect(providersOf(plan)).toEqual({ aws: 2, azure: 2 });
    expect(plan.unconstrainedCostMicroUsdPerHour).toBe(usd(40));
    expect(plan.premiumShare).toBeCloseTo(0.1, 12);
  });

  it('the premium is what the rules cost', async () => {
    const plan = await planFleet(four({ maxShare: caps({ provider: 0.5 }), maxPremiumShare: 0.1 }));
    expect(plan.unconstrainedCostMicroUsdPerHour).toBe(usd(40));
    expect(plan.premiumShare).toBeCloseTo(7 / 40, 12);
    expect(plan.rules.at(-1)).toMatchObject({ rule: 'maxPremiumShare', value: 7 / 40, limit: 0.1, binding: true });
  });
});

describe('spread', () => {
  it('minProviders asks for so many providers, and for none of an empty fleet', async () => {
    expect(providersOf(await planFleet(four({ minProviders: 3 })))).toEqual({ aws: 2, azure: 1, gcp: 1 });
    const single = await planFleet(four({ minProviders: 2 }, { workloads: [workload('w')] }));
    expect(single.machines).toEqual([]);
    expect(single.held[0]?.reasons).toEqual([
      { rule: 'minProviders', detail: 'the fleet would stand at 1 provider, 2 are required' },
    ]);
  });

  it('maxConcentration bounds the Herfindahl–Hirschman index of spend', async () => {
    const plan = await planFleet(four({ maxConcentration: 0.4 }));
    expect(plan.concentration).toBeLessThanOrEqual(0.4);
    // (20² + 12² + 15²) / 47² = 0.348; any two providers come to 0.5 at least.
    expect(providersOf(await planFleet(four({ maxConcentration: 0.3482 })))).toEqual({ aws: 2, azure: 1, gcp: 1 });
    expect(providersOf(await planFleet(four({ maxConcentration: 0.348 })))).not.toEqual({ aws: 2, azure: 1, gcp: 1 });
    expect(providersOf(plan)).toEqual({ aws: 2, azure: 1, gcp: 1 });
    const looser = await planFleet(four({ maxConcentration: 0.51 }));
    expect(providersOf(looser)).toEqual({ aws: 2, azure: 2 });
  });

  it('survive keeps a share of every workload clear of any one provider', async () => {
    const plan = await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }));
    expect(providersOf(plan)).toEqual({ aws: 2, azure: 2 });
    expect(plan.rules).toEqual([
      {
        policy: 'default',
        rule: 'survive.provider',
        subject: 'w',
        value: 0.5,
        limit: 0.5,
        enforced: true,
        binding: true,
      },
    ]);
    expect(
      providersOf(await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.6 }] }, {}, { replicas: 3 }))),
    ).toEqual({
      aws: 1,
      azure: 1,
      gcp: 1,
    });
  });

  it('survive says nothing of a single replica', async () => {
    expect(
      (await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }, {}, { replicas: 1 }))).held,
    ).toEqual([]);
  });

  it('a workload tightens survive for itself, whatever the size of the fleet, and never loosens it', async () => {
    const big = { enforceAboveMicroUsdPerHour: usd(1000) };
    expect(providersOf(await planFleet(four(big, {}, { keepShare: 0.5 })))).toEqual({ aws: 2, azure: 2 });
    expect(
      providersOf(await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }, {}, { keepShare: 0.25 }))),
    ).toEqual({
      aws: 2,
      azure: 2,
    });
  });

  it('holds for each of several alike workloads, not for them together', async () => {
    const workloads = ['a', 'b', 'c'].map((id) => workload(id, { replicas: 2 }));
    const plan = await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }, { workloads }));
    for (const { id } of workloads) {
      const mine = plan.machines.filter(({ workloadId }) => workloadId === id).map(({ pool }) => pool.provider);
      expect(mine.toSorted()).toEqual(['aws', 'azure']);
    }
    const reversed = await planFleet(
      four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }, { workloads: workloads.toReversed() }),
    );
    expect(JSON.stringify(reversed)).toBe(JSON.stringify(plan));
  });
});

describe('relax', () => {
  // Two providers cannot keep a provider cap of 40 %; two regions each can keep the region cap.
  const offers = [
    offerAt('aws/r1/a/p5/on-demand', 10),
    offerAt('aws/r2/a/p5/on-demand', 10),
    offerAt('gcp/r1/a/a3/on-demand', 10),
    offerAt('gcp/r2/a/a3/on-demand', 10),
  ];
  const maxShare = caps({ provider: 0.4, region: 0.25 });

  it('holds by default', async () => {
    const plan = await planFleet(four({ maxShare }, { offers }));
    expect(plan.held.flatMap(({ replicas }) => replicas)).toHaveLength(4);
  });

  it('gives rules up in order until everything is placed, and takes back those that did not help', async () => {
    const policy = { maxShare, onInfeasible: 'relax', relax: ['maxShare.region', 'maxShare.provider'] } as const;
    const plan = await planFleet(four(policy, { offers }));
    expect(plan.held).toEqual([]);
    const enforced = new Map(plan.rules.map((use) => [use.rule, use.enforced]));
    expect(enforced).toEqual(
      new Map([
        ['maxShare.provider', false],
        ['maxShare.region', true],
      ]),
    );
    expect(Object.values(poolsOf(plan))).toEqual([1, 1, 1, 1]);
  });

  it('never gives up a rule that is not listed', async () => {
    const plan = await planFleet(four({ maxShare, onInfeasible: 'relax', relax: ['maxShare.region'] }, { offers }));
    expect(plan.held.flatMap(({ replicas }) => replicas)).toHaveLength(4);
    expect(plan.rules.every(({ enforced }) => enforced)).toBe(true);
  });
});

describe('kept leases', () => {
  const aws = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      return leaseAt(`l${index}`, 'w', 'aws/r1/a/p5/on-demand', 10, { replicas: [index] });
    });

  it('stay, are counted, and are not asked to move', async () => {
    const plan = await planFleet(four({}, { leases: aws(4), offers: [offerAt('aws/r1/a/p5/spot', 1)] }));
    expect(plan).toMatchObject({ machines: [], status: 'nothing-to-do', costMicroUsdPerHour: usd(40) });
    expect(plan.keptLeaseIds).toEqual(['l0', 'l1', 'l2', 'l3']);
  });

  it('that break a cap neither block new machines nor let it get worse', async () => {
    const plan = await planFleet(four({ maxShare: caps({ provider: 0.5 }) }, { leases: aws(2) }));
    expect(plan.held).toEqual([]);
    // 30 of 42 $/h at aws: 9 over half, and 10 over were there before.
    expect(providersOf(plan)).toEqual({ aws: 1, azure: 1 });
    const only = await planFleet(
      four({ maxShare: caps({ provider: 0.5 }) }, { leases: aws(2), offers: THREE.slice(0, 1) }),
    );
    expect(only.held[0]?.reasons[0]?.rule).toBe('maxShare.provider');
  });

  it('count for survive', async () => {
    const plan = await planFleet(four({ survive: [{ loss: 'provider', keepShare: 0.5 }] }, { leases: aws(1) }));
    expect(providersOf(plan)).toEqual({ aws: 1, azure: 2 });
  });

  it('at too few providers are joined by others as far as that holds nothing up', async () => {
    const more = await planFleet(four({ minProviders: 3 }, { leases: aws(2) }));
    expect(providersOf(more)).toEqual({ azure: 1, gcp: 1 });
    const asFar = await planFleet(four({ minProviders: 3 }, { leases: aws(3) }));
    expect(providersOf(asFar)).toEqual({ azure: 1 });
    expect(asFar.held).toEqual([]);
  });
});

describe('answers on the way to a plan', () => {
  const LIMITED = four({ maxShare: caps({ provider: 0.5 }) });

  it.each(['quick', 'full'] as const)('are told with their bounds, none better than the plan (%s)', async (effort) => {
    const answers: Incumbent[] = [];
    const plan = await planFleet(LIMITED, { effort, onAnswer: (answer) => answers.push(answer) });
    expect(plan.effectiveCostMicroUsdPerHour).toBe(usd(47));
    expect(answers.length).toBeGreaterThan(0);
    for (const { effectiveCost, effectiveBound } of answers) {
      expect(effectiveCost).toBeGreaterThan(usd(46.999));
      expect(effectiveBound).toBeLessThan(usd(47.001));
    }
  });

  it('are none that break the rules', async () => {
    const costs: number[] = [];
    await planFleet(LIMITED, { effort: 'quick', onAnswer: ({ effectiveCost }) => costs.push(effectiveCost) });
    // All four at the cheapest cost 40.
    expect(Math.min(...costs)).toBeGreaterThan(usd(46.999));
  });

  it('are told where the cheapest breaks none', async () => {
    const costs: number[] = [];
    await planFleet(four({ maxShare: caps({ provider: 1 }) }), {
      effort: 'quick',
      onAnswer: ({ effectiveCost }) => costs.push(effectiveCost),
    });
    expect(costs).toContain(usd(40));
  });
});
