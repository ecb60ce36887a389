import { expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { insertNotice } from '../../src/store/interruptions.ts';
import { insertLeases } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/open-store.ts';
import { getPlan, getPlanInput, insertPlan, latestPlan, listPlans, markCarriedOut } from '../../src/store/plans.ts';
import { getPolicyVersion, policiesInForce, replacePolicies } from '../../src/store/policies.ts';
import { pruneHistory } from '../../src/store/retention.ts';
import { describeStore } from './engines.ts';
import { FIRST, leaseOf, MINUTE, NOW, policyOf, seedLeases } from './samples.ts';

const PLAN: Plan = {
  machines: [],
  keptLeaseIds: [],
  releasedLeaseIds: [],
  effort: 'full',
  effectiveCostMicroUsdPerHour: 0,
  effectiveBoundMicroUsdPerHour: 0,
  held: [],
  costMicroUsdPerHour: 1,
  lowerBoundMicroUsdPerHour: 1,
  gapShare: 0,
  unconstrainedCostMicroUsdPerHour: 1,
  premiumShare: 0,
  rules: [],
  shares: { provider: { north: 1 }, region: {}, market: {} },
  concentration: 1,
  solver: 'test',
  status: 'optimal',
};

describeStore('plans and policies', (engine) => {
  function insert(store: Store, id: string, at: number, carriedOut = true) {
    const input: PlanInput = {
      at,
      policies: [policyOf('default')],
      offers: [],
      workloads: [],
      leases: [],
      quotas: [],
      soldOut: [],
      teamBudgets: [],
    };
    return store.transaction((transaction) =>
      insertPlan(transaction, {
        id,
        at,
        trigger: 'placing',
        policies: [{ name: 'default', version: 1 }],
        elapsedMs: 12.5,
        input,
        plan: PLAN,
        plannerVersion: 'test 1',
        seed: 0,
        workloadNames: { w1: 'training' },
        carriedOut,
      }),
    );
  }

  it('keep a plan with its whole input', async () => {
    const store = await engine.open();
    await insert(store, 'p1', NOW);
    await insert(store, 'p2', NOW + 1, false);
    const row = {
      id: 'p1',
      createdAt: NOW,
      trigger: 'placing',
      policies: [{ name: 'default', version: 1 }],
      elapsedMs: 12.5,
    };
    expect(await getPlan(store.database, 'p1')).toEqual({
      ...row,
      plan: PLAN,
      plannerVersion: 'test 1',
      seed: 0,
      workloadNames: { w1: 'training' },
      carriedOut: true,
    });
    expect(await getPlanInput(store.database, 'p2')).toMatchObject({ at: NOW + 1, policies: [policyOf('default')] });
    expect([await getPlan(store.database, 'p9'), await getPlanInput(store.database, 'p9')]).toEqual([null, null]);
    expect((await latestPlan(store.database))?.id).toBe('p1');
    expect(await store.transaction((transaction) => markCarriedOut(transaction, 'p2'))).toBe(true);
    expect(await store.transaction((transaction) => markCarriedOut(transaction, 'p2'))).toBe(false);
    expect((await latestPlan(store.database))?.id).toBe('p2');
  });

  it('list plans newest first, and prune those that nothing comes of', async () => {
    const store = await engine.open();
    for (const id of ['p1', 'p2', 'p3', 'p4']) await insert(store, id, NOW);
    const first = await listPlans(store.database, { cursor: null, limit: 3 });
    const rest = await listPlans(store.database, { cursor: first.next, limit: 3 });
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(['p4', 'p3', 'p2', 'p1']);
    await seedLeases(store, []);
    await store.transaction((transaction) => insertLeases(transaction, [leaseOf('l1', { planId: 'p2' })]));
    await pruneHistory(store.database, NOW + MINUTE);
    expect((await listPlans(store.database, FIRST)).items.map(({ id }) => id)).toEqual(['p4', 'p2']);
  });

  it('keep notices as long as their lease lives, and for a while after', async () => {
    const store = await engine.open();
    await seedLeases(store, []);
    await store.transaction((transaction) => insertLeases(transaction, [leaseOf('l1'), leaseOf('l2')]));
    const notice = { provider: 'one', region: 'r1', instanceId: 'i', kind: 'notice', source: 'cloud' } as const;
    const times = { noticedAt: NOW, deadlineAt: null, receivedAt: NOW, message: 'Preempt' };
    for (const leaseId of ['l1', 'l2'])
      expect(await insertNotice(store.database, { ...notice, ...times, key: leaseId, leaseId })).toBe(true);
    await store.database.updateTable('leases').set({ state: 'failed' }).where('id', '=', 'l2').execute();
    async function pruned(before: number): Promise<readonly string[]> {
      await pruneHistory(store.database, before);
      const rows = await store.database.selectFrom('interruption_notices').select('notice_key').execute();
      return rows.map((row) => row.notice_key).toSorted();
    }
    expect(await pruned(NOW)).toEqual(['l1', 'l2']);
    expect(await pruned(NOW + MINUTE)).toEqual(['l1']);
  });

  it('number the versions of each policy; those loaded last are in force together, by name', async () => {
    const store = await engine.open();
    const load = (sources: Readonly<Record<string, string>>) =>
      store.transaction((transaction) =>
        replacePolicies(
          transaction,
          Object.entries(sources).map(([name, source]) => ({ policy: policyOf(name), source })),
          NOW,
        ),
      );
    const inForce = async () => (await policiesInForce(store.database)).map((row) => `${row.name} ${row.version}`);
    expect(await inForce()).toEqual([]);
    expect(await load({ b: 'two', a: 'one' })).toEqual({
      accepted: [
        { name: 'b', version: 1 },
        { name: 'a', version: 1 },
      ],
      withdrawn: [],
    });
    expect(await inForce()).toEqual(['a 1', 'b 1']);
    expect(await load({ a: 'one', b: 'two' })).toEqual({ accepted: [], withdrawn: [] });
    expect(await load({ a: 'other', b: 'two' })).toEqual({ accepted: [{ name: 'a', version: 2 }], withdrawn: [] });
    expect(await load({ a: 'other' })).toEqual({ accepted: [], withdrawn: [{ name: 'b', version: 1 }] });
    expect(await inForce()).toEqual(['a 2']);
    expect(await load({ a: 'one', b: 'two' })).toMatchObject({
      accepted: [
        { name: 'a', version: 3 },
        { name: 'b', version: 2 },
      ],
    });
    expect((await policiesInForce(store.database))[0]).toMatchObject({ source: 'one', loadedAt: NOW });
    expect((await policiesInForce(store.database))[0]?.policy).toEqual(policyOf('a'));
    expect(await getPolicyVersion(store.database, 'a', 2)).toMatchObject({ source: 'other' });
    expect(await getPolicyVersion(store.database, 'a', 4)).toBeNull();
  });

  it('put the same set in force once, whoever is faster', async () => {
    const store = await engine.open();
    const other = await engine.open();
    const set = ['a', 'b'].map((name) => ({ policy: policyOf(name), source: name }));
    const changes = await Promise.all(
      [store, other].map((one) => one.transaction((transaction) => replacePolicies(transaction, set, NOW))),
    );
    expect(changes.map(({ accepted }) => accepted.length).toSorted()).toEqual([0, 2]);
  });
});
