import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import type { SoldOut } from '../../src/domain/sold-out.ts';
import { FleetSession } from '../../src/planning/fleet-session.ts';
import type { Increment } from '../../src/planning/increment.ts';
import { caps, inputWith, leaseAt, NOW, offerAt, policyWith, poolAt, usd, workload } from './market-builders.ts';

const AWS = 'aws/r1/a/p5/on-demand';
const GCP = 'gcp/r1/a/a3/on-demand';
const OFFERS = [offerAt(AWS, 10), offerAt('azure/r1/a/nd/on-demand', 12), offerAt(GCP, 15)];

function sessionOf(input: PlanInput): FleetSession {
  return new FleetSession(input);
}

function providersOf({ machines }: Increment): string[] {
  return machines.map(({ pool }) => pool.provider).toSorted();
}

function refusalOf(pool: string, changes: Partial<SoldOut> = {}): SoldOut {
  const { provider, region, zone, instanceType, market } = poolAt(pool);
  return {
    scope: { provider, region, zone, instanceType, market, quota: null },
    until: NOW + 60_000,
    reason: 'no capacity',
    strikes: 1,
    ...changes,
  };
}

describe('place', () => {
  it('takes the cheapest place that the rules allow, with the fleet as it is', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS, policy: policyWith({ maxShare: caps({ provider: 0.5 }) }) }));
    expect(providersOf(await session.place(workload('w', { replicas: 4 })))).toEqual(['aws', 'aws', 'azure', 'gcp']);
    // 20, 12 and 15 $/h run: another 10 at aws would make 30 of 57.
    const more = await session.place(workload('x'));
    expect(providersOf(more)).toEqual(['azure']);
    expect(more.effectiveCostMicroUsdPerHour).toBe(usd(12));
    expect(more.effectiveBoundMicroUsdPerHour).toBe(usd(12));
  });

  it('places only what a changed workload lacks', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS }));
    await session.place(workload('w', { replicas: 2 }));
    const grown = await session.place(workload('w', { replicas: 3 }));
    expect(grown.machines.map(({ replicas }) => replicas)).toEqual([[2]]);
    expect(session.leasesOf('w')).toHaveLength(3);
    expect((await session.place(workload('w', { replicas: 3 }))).machines).toEqual([]);
  });

  it('holds with reasons what finds no place', async () => {
    const session = sessionOf(inputWith({ offers: [offerAt(AWS, 10, { availableCount: 1 })] }));
    const increment = await session.place(workload('w', { replicas: 2 }));
    expect(increment.machines).toHaveLength(1);
    expect(increment.held).toMatchObject([{ workloadId: 'w', replicas: [1], reasons: [{ rule: 'available-count' }] }]);
  });

  it('holds what no policy governs', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS, policy: policyWith({ teams: ['research'] }) }));
    const { machines, held } = await session.place(workload('w', { team: 'nobody', replicas: 2 }));
    expect(machines).toEqual([]);
    expect(held).toMatchObject([{ workloadId: 'w', replicas: [0, 1], reasons: [{ rule: 'no-policy' }] }]);
  });

  it('counts what runs as the workload is by now', async () => {
    const policy = policyWith({ measure: 'accelerator-hours', maxShare: caps({ provider: 0.5 }) });
    const session = sessionOf(inputWith({ offers: OFFERS, policy }));
    const fast = (throughput: number) => ({
      accelerators: [{ accelerator: 'H100-80GB-SXM', count: 8, perMachine: null, throughput }],
    });
    await session.place(workload('w', { replicas: 2, ...fast(1) }));
    await session.place(workload('w', { replicas: 2, ...fast(8) }));
    // 8 accelerator-hours at aws and azure by then count 1 each: one more of 8 would hold 9 of 10 anywhere.
    const { held } = await session.place(workload('x', fast(1)));
    expect(held).toMatchObject([{ workloadId: 'x', reasons: [{ rule: 'maxShare.provider' }] }]);
    session.remove('w');
    session.remove('x');
    expect(providersOf(await session.place(workload('y', { replicas: 2, ...fast(1) })))).toEqual(['aws', 'azure']);
  });

  it('completes a gang beside what runs of it', async () => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const leases = [leaseAt('l', 'w', GCP, 15, { part: 1, partCount: 2 })];
    const workloads = [workload('w', { accelerators })];
    const session = sessionOf(inputWith({ offers: OFFERS, leases, workloads }));
    const [load] = workloads;
    const increment = load === undefined ? null : await session.place(load);
    expect(increment?.machines).toMatchObject([{ part: 0, partCount: 2, pool: { provider: 'gcp' } }]);
  });

  it('draws on the money that the team’s leases leave', async () => {
    const leases = [leaseAt('l', 'w', AWS, 10)];
    const teamBudgets = [{ team: 'research', limitMicroUsdPerHour: usd(25) }];
    const session = sessionOf(inputWith({ offers: OFFERS, leases, workloads: [workload('w')], teamBudgets }));
    expect((await session.place(workload('x'))).held).toEqual([]);
    expect((await session.place(workload('y'))).held).toMatchObject([{ reasons: [{ rule: 'budget' }] }]);
    expect((await session.place(workload('z', { team: 'other' }))).held).toEqual([]);
    session.remove('x');
    expect((await session.place(workload('v'))).held).toEqual([]);
  });

  it('draws on quotas and free machines until they are used up', async () => {
    const quotaClaims = [{ quota: 'gpus', scope: 'region', units: 8 } as const];
    const quotas = [
      { provider: 'aws', region: 'r1', name: 'gpus', unit: 'accelerators', limit: 24, usage: 0 } as const,
    ];
    const offers = [offerAt(AWS, 10, { quotaClaims }), offerAt(GCP, 15, { availableCount: 1 })];
    const session = sessionOf(inputWith({ offers, quotas }));
    const places: string[][] = [];
    for (const id of ['a', 'b', 'c', 'd', 'e']) places.push(providersOf(await session.place(workload(id))));
    expect(places).toEqual([['aws'], ['aws'], ['aws'], ['gcp'], []]);
  });

  it('keeps policies apart', async () => {
    const input = {
      ...inputWith({ offers: OFFERS }),
      policies: [
        policyWith({ name: 'beta', teams: ['b'], minProviders: 2 }),
        policyWith({ name: 'alpha', teams: ['a'] }),
      ],
    };
    const session = sessionOf(input);
    expect(providersOf(await session.place(workload('w', { team: 'a', replicas: 2 })))).toEqual(['aws', 'aws']);
    expect(providersOf(await session.place(workload('x', { team: 'b', replicas: 2 })))).toEqual(['aws', 'azure']);
    expect((await session.place(workload('y', { team: 'a' }))).machines).toHaveLength(1);
  });
});

describe('remove', () => {
  it('gives back quota and free machines', async () => {
    const quotaClaims = [{ quota: 'gpus', scope: 'global', units: 8 } as const];
    const quotas = [{ provider: 'aws', region: null, name: 'gpus', unit: 'accelerators', limit: 8, usage: 0 } as const];
    const offers = [offerAt(AWS, 10, { quotaClaims }), offerAt(GCP, 15, { availableCount: 1 })];
    const session = sessionOf(inputWith({ offers, quotas }));
    expect(providersOf(await session.place(workload('a')))).toEqual(['aws']);
    expect(providersOf(await session.place(workload('b')))).toEqual(['gcp']);
    session.remove('a');
    expect(session.leasesOf('a')).toEqual([]);
    expect(providersOf(await session.place(workload('c')))).toEqual(['aws']);
    session.remove('b');
    expect(providersOf(await session.place(workload('d')))).toEqual(['gcp']);
    expect((await session.place(workload('e'))).machines).toEqual([]);
  });

  it('gives back the quota of machines that ran from the start', async () => {
    const quotaClaims = [{ quota: 'gpus', scope: 'global', units: 8 } as const];
    const quotas = [{ provider: 'aws', region: null, name: 'gpus', unit: 'accelerators', limit: 8, usage: 8 } as const];
    const offers = [offerAt(AWS, 10, { quotaClaims })];
    const leases = [leaseAt('l', 'w', AWS, 10)];
    const session = sessionOf(inputWith({ offers, quotas, leases, workloads: [workload('w')] }));
    expect((await session.place(workload('x'))).machines).toEqual([]);
    session.remove('w');
    expect((await session.place(workload('x'))).machines).toHaveLength(1);
  });

  it('takes the machines out of every share', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS, policy: policyWith({ minProviders: 2 }) }));
    expect(providersOf(await session.place(workload('w', { replicas: 2 })))).toEqual(['aws', 'azure']);
    session.remove('w');
    // One machine alone stands at one provider.
    expect((await session.place(workload('x'))).held).toMatchObject([{ reasons: [{ rule: 'minProviders' }] }]);
    expect(providersOf(await session.place(workload('y', { replicas: 2 })))).toEqual(['aws', 'azure']);
  });

  it('knows nothing of workloads it never heard of', () => {
    expect(() => sessionOf(inputWith({ offers: OFFERS })).remove('nobody')).not.toThrow();
  });
});

describe('refuse', () => {
  it('places elsewhere what was lost, and nothing at the refused pool', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS }));
    await session.place(workload('w', { replicas: 2 }));
    const [lost] = session.leasesOf('w');
    const increment = await session.refuse(refusalOf(AWS), [lost?.id ?? '']);
    expect(increment.machines).toMatchObject([{ replicas: [0], pool: { provider: 'azure' } }]);
    expect(
      session
        .leasesOf('w')
        .map(({ pool }) => pool.provider)
        .toSorted(),
    ).toEqual(['aws', 'azure']);
    expect(providersOf(await session.place(workload('x', { replicas: 3 })))).toEqual(['azure', 'azure', 'azure']);
  });

  it('of a kind that was placed before and after the price of another changed', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS }));
    await session.place(workload('w'));
    await session.refuse(refusalOf(AWS), []);
    session.reprice(keyOf(GCP), usd(11));
    expect(providersOf(await session.place(workload('x')))).toEqual(['gcp']);
    session.reprice(keyOf(AWS), usd(1));
    expect(providersOf(await session.place(workload('y')))).toEqual(['gcp']);
  });

  it('that is over already closes nothing', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS, soldOut: [refusalOf(AWS, { until: NOW - 1 })] }));
    expect(providersOf(await session.place(workload('w')))).toEqual(['aws']);
  });

  it('of a whole region closes all its pools', async () => {
    const session = sessionOf(inputWith({ offers: [...OFFERS, offerAt('aws/r1/b/p5/on-demand', 11)] }));
    const scope = { provider: 'aws', region: 'r1', zone: null, instanceType: null, market: null, quota: null };
    await session.refuse(refusalOf(AWS, { scope }), []);
    expect(providersOf(await session.place(workload('w')))).toEqual(['azure']);
  });

  it('holds what was lost where there is no other place', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS.slice(0, 1) }));
    await session.place(workload('w'));
    const increment = await session.refuse(
      refusalOf(AWS),
      session.leasesOf('w').map(({ id }) => id),
    );
    expect(increment).toMatchObject({ machines: [], held: [{ replicas: [0], reasons: [{ rule: 'sold-out' }] }] });
    expect(session.leasesOf('w')).toEqual([]);
  });
});

describe('an answer at once', () => {
  // Each has a cheap place that takes of one quota, and a dear one that does not.
  const kinds = [
    { id: 'a', accelerator: 'L4', units: 6, dear: 7.6 },
    { id: 'b', accelerator: 'A10', units: 5, dear: 6 },
    { id: 'c', accelerator: 'L40S', units: 5, dear: 6 },
  ] as const;
  const workloads = kinds.map(({ id, accelerator }) =>
    workload(id, { accelerators: [{ accelerator, count: 8, perMachine: null, throughput: 1 }] }),
  );
  const input = inputWith({
    workloads,
    leases: kinds.map(({ id, accelerator }) => leaseAt(`l-${id}`, id, AWS, 1, { accelerator })),
    offers: kinds.flatMap(({ id, accelerator, units, dear }) => [
      offerAt(`aws/r2/a/cheap-${id}/on-demand`, 1, {
        accelerator,
        quotaClaims: [{ quota: 'all', scope: 'region', units }],
      }),
      offerAt(`gcp/r2/a/dear-${id}/on-demand`, dear, { accelerator }),
    ]),
    quotas: [{ provider: 'aws', region: 'r2', name: 'all', unit: 'accelerators', limit: 10, usage: 0 }],
  });

  it('is searched for where the first places are far from the best', async () => {
    const increment = await sessionOf(input).refuse(refusalOf(AWS), ['l-a', 'l-b', 'l-c']);
    // The first to choose, and the one that saves most for what it takes, would shut out both others.
    expect(increment.machines.map(({ workloadId, pool }) => [workloadId, pool.provider])).toEqual([
      ['a', 'gcp'],
      ['b', 'aws'],
      ['c', 'aws'],
    ]);
    expect(increment.effectiveCostMicroUsdPerHour).toBe(usd(9.6));
    expect(increment.effectiveBoundMicroUsdPerHour).toBeGreaterThan(usd(9.59));
  });
});

describe('reprice', () => {
  it('makes a pool preferred or avoided from now on', async () => {
    const session = sessionOf(inputWith({ offers: OFFERS }));
    expect(providersOf(await session.place(workload('a')))).toEqual(['aws']);
    session.reprice(keyOf(GCP), usd(5));
    const cheaper = await session.place(workload('b'));
    expect(cheaper.machines).toMatchObject([
      { pool: { provider: 'gcp' }, priceMicroUsdPerHour: usd(5), adjustedPriceMicroUsdPerHour: usd(5) },
    ]);
    session.reprice(keyOf(GCP), usd(20));
    expect(providersOf(await session.place(workload('c')))).toEqual(['aws']);
    expect(session.leasesOf('b')).toMatchObject([{ priceMicroUsdPerHour: usd(5) }]);
  });

  it('counts adjustments', async () => {
    const policy = policyWith({ priceAdjustments: [{ match: 'gcp:*', factor: 0.5, reason: 'agreement' }] });
    const session = sessionOf(inputWith({ offers: OFFERS, policy }));
    session.reprice(keyOf(GCP), usd(18));
    expect((await session.place(workload('a'))).machines).toMatchObject([
      { pool: { provider: 'gcp' }, adjustedPriceMicroUsdPerHour: usd(9) },
    ]);
  });

  it('knows the pools that are offered', () => {
    const session = sessionOf(inputWith({ offers: OFFERS }));
    expect(() => session.reprice('nowhere', 1)).toThrow(RangeError);
  });
});

function keyOf(pool: string): string {
  return poolKey(poolAt(pool));
}
