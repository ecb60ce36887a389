import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import { appendEvent, type EventRow, latestSequence, listEvents } from '../../src/store/events.ts';
import { fleetRevision, raiseFleetRevision, raiseFleetRevisionFrom } from '../../src/store/fleet.ts';
import { insertNotice } from '../../src/store/interruptions.ts';
import { claimDueLeases, insertLeases, transitionLease } from '../../src/store/leases.ts';
import { listen } from '../../src/store/notifications.ts';
import type { Store } from '../../src/store/open-store.ts';
import { getPlan, getPlanInput, insertPlan, latestPlan, listPlans, markCarriedOut } from '../../src/store/plans.ts';
import { currentPolicy, getPolicyVersion, insertPolicyVersion } from '../../src/store/policies.ts';
import { pruneHistory } from '../../src/store/retention.ts';
import {
  findWorkload,
  getWorkload,
  listAllWorkloads,
  listServedWorkloads,
  listWorkloads,
  markDeleting,
  settleDeletedWorkload,
  setWorkloadState,
  upsertWorkload,
} from '../../src/store/workloads.ts';
import { describePostgres, describeStore } from './engines.ts';
import { leaseOf, MINUTE, NOW, policyOf, seedLeases, specOf } from './samples.ts';

const FIRST = { cursor: null, limit: 100 };

function upsert(store: Store, id: string, changes: Parameters<typeof specOf>[0] = {}, at = NOW) {
  return store.transaction((transaction) => upsertWorkload(transaction, { id, spec: specOf(changes), at }));
}

async function eventsOf(store: Store): Promise<readonly EventRow[]> {
  return (await listEvents(store.database, { workloadId: null }, FIRST)).items;
}

describeStore('workloads', (engine) => {
  it('are created, changed only by another spec, and one per team and name', async () => {
    const store = await engine.open();
    const created = await upsert(store, 'w1');
    expect(created).toMatchObject({
      changed: true,
      row: { id: 'w1', generation: 1, state: 'pending', holdReasons: [] },
    });
    expect(created.row.spec).toEqual(specOf());
    expect(await upsert(store, 'w2')).toEqual({ changed: false, row: created.row });
    await store.transaction((transaction) =>
      setWorkloadState(transaction, { id: 'w1', state: 'placed', holdReasons: [], at: NOW }),
    );
    const changed = await upsert(store, 'w3', { replicas: 3 }, NOW + 1);
    expect(changed).toMatchObject({
      changed: true,
      row: { id: 'w1', generation: 2, state: 'pending', createdAt: NOW, updatedAt: NOW + 1 },
    });
    expect(await upsert(store, 'w4', { team: 'other' })).toMatchObject({ changed: true, row: { id: 'w4' } });
  });

  it('change state with one event, which new figures in the same reasons do not repeat', async () => {
    const store = await engine.open();
    await upsert(store, 'w1');
    function set(state: 'held' | 'placed', ...reasons: string[]): Promise<boolean> {
      const holdReasons = reasons.map((detail) => ({ rule: detail.split(' ')[0] ?? '', detail }));
      return store.transaction((transaction) =>
        setWorkloadState(transaction, { id: 'w1', state, holdReasons, at: NOW + 1 }),
      );
    }
    expect(await set('held', 'headroom 3 left')).toBe(true);
    expect(await set('held', 'headroom 2 left')).toBe(false);
    expect((await getWorkload(store.database, 'w1'))?.holdReasons).toEqual([
      { rule: 'headroom', detail: 'headroom 2 left' },
    ]);
    expect(await set('held', 'headroom 2 left', 'sold-out everywhere')).toBe(true);
    expect(await set('placed')).toBe(true);
    expect(await set('placed')).toBe(false);
    const events = await eventsOf(store);
    expect(events.map(({ type }) => type)).toEqual(['workload.held', 'workload.held', 'workload.placed']);
    expect(events[0]?.message).toBe('Workload training of team research is held: headroom 3 left');
  });

  it('are deleted only when the last lease has ended, and free their name at once', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const mark = () => store.transaction((transaction) => markDeleting(transaction, 'w1', NOW + 1));
    const settle = () => store.transaction((transaction) => settleDeletedWorkload(transaction, 'w1', NOW + 2));
    expect(await settle()).toBe(false);
    expect(await mark()).toBe(true);
    expect(await mark()).toBe(false);
    expect(await settle()).toBe(false);
    expect(
      await store.transaction((transaction) =>
        setWorkloadState(transaction, { id: 'w1', state: 'placed', holdReasons: [], at: NOW }),
      ),
    ).toBe(false);
    expect(await upsert(store, 'w2')).toMatchObject({ changed: true, row: { id: 'w2' } });
    expect((await listServedWorkloads(store.database)).map(({ id }) => id)).toEqual(['w2']);
    await claimDueLeases(store.database, { now: NOW, limit: 1, holder: 'h', lockSeconds: 1 });
    const end = { id: 'l1', token: 'h', from: 'planned', to: 'failed', reason: 'x', at: NOW } as const;
    await store.transaction((transaction) => transitionLease(transaction, end));
    expect(await settle()).toBe(true);
    expect(await settle()).toBe(false);
    expect(await getWorkload(store.database, 'w1')).toMatchObject({ state: 'deleted', deletedAt: NOW + 2 });
    expect((await listAllWorkloads(store.database)).map(({ id }) => id)).toEqual(['w2']);
    expect((await eventsOf(store)).map(({ type }) => type)).toEqual(['lease.failed', 'workload.deleted']);
  });

  it('are found by id, name, and team/name; a shared name is asked back', async () => {
    const store = await engine.open();
    const find = async (text: string) => (await findWorkload(store.database, text))?.id ?? null;
    await upsert(store, 'w1');
    await upsert(store, 'w2', { name: 'serving' });
    expect([await find('w1'), await find('serving'), await find('research/training'), await find('nothing')]).toEqual([
      'w1',
      'w2',
      'w1',
      null,
    ]);
    await upsert(store, 'w3', { team: 'other' });
    await expect(find('training')).rejects.toMatchObject({
      code: 'ambiguous-name',
      message: expect.stringContaining('other/training, research/training'),
    });
    expect(await find('other/training')).toBe('w3');
    await store.transaction((transaction) => markDeleting(transaction, 'w1', NOW));
    expect(await find('training')).toBe('w3');
    await store.transaction((transaction) => settleDeletedWorkload(transaction, 'w1', NOW));
    expect(await find('research/training')).toBe('w1');
  });

  it('come in pages by age, and to be placed by priority', async () => {
    const store = await engine.open();
    for (const [index, id] of ['w1', 'w2', 'w3'].entries()) await upsert(store, id, { name: id, priority: index });
    const first = await listWorkloads(store.database, { cursor: null, limit: 2 });
    const rest = await listWorkloads(store.database, { cursor: first.next, limit: 2 });
    expect([first.items, rest.items].map((items) => items.map(({ id }) => id))).toEqual([['w1', 'w2'], ['w3']]);
    expect(rest.next).toBeNull();
    expect((await listServedWorkloads(store.database)).map(({ id }) => id)).toEqual(['w3', 'w2', 'w1']);
  });
});

describeStore('the fleet’s revision', (engine) => {
  it('lets only one of the plans that were read at the same revision commit', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    await store.transaction(raiseFleetRevision);
    const read = await fleetRevision(store.database);
    const plans = [store, other, store].map(({ transaction }) =>
      transaction((handle) => raiseFleetRevisionFrom(handle, read)),
    );
    expect((await Promise.all(plans)).filter(Boolean)).toHaveLength(1);
    expect(await fleetRevision(store.database)).toBe(read + 1);
  });
});

function event(at: number, workloadId: string | null = null) {
  return { at, type: 'test.event', workloadId, leaseId: null, message: 'Something', data: { at, list: ['a'] } };
}

describeStore('events', (engine) => {
  it('come in order, after a cursor, and by workload', async () => {
    const store = await engine.open();
    await Promise.all([1, 2, 3, 4, 5].map((at) => appendEvent(store.database, event(at, at % 2 === 0 ? 'w1' : null))));
    const all = await eventsOf(store);
    expect(all.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(all[0]).toMatchObject({ leaseId: null, data: { list: ['a'] } });
    const page = await listEvents(store.database, { workloadId: null }, { cursor: '2', limit: 2 });
    expect([page.items.map(({ sequence }) => sequence), page.next]).toEqual([[3, 4], '4']);
    const ofWorkload = await listEvents(store.database, { workloadId: 'w1' }, FIRST);
    expect(ofWorkload.items.every(({ workloadId }) => workloadId === 'w1')).toBe(true);
    expect(ofWorkload.items).toHaveLength(2);
    expect(await latestSequence(store.database)).toBe(5);
    await expect(listEvents(store.database, { workloadId: null }, { cursor: 'x', limit: 1 })).rejects.toThrow(
      RangeError,
    );
  });

  it('older than the retention go, and the cursor still only grows', async () => {
    const store = await engine.open();
    await appendEvent(store.database, event(NOW));
    expect(await latestSequence(store.database)).toBe(1);
    await pruneHistory(store.database, NOW + 1);
    expect(await eventsOf(store)).toEqual([]);
    await appendEvent(store.database, event(NOW));
    expect((await eventsOf(store)).map(({ sequence }) => sequence)).toEqual([2]);
  });
});

describePostgres('events of several processes', (engine) => {
  it('are not passed over when the transaction that wrote first commits last', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    let first: readonly EventRow[] = [];
    await store.transaction(async (transaction) => {
      await appendEvent(transaction, event(1));
      await appendEvent(other.database, event(2));
      first = (await listEvents(other.database, { workloadId: null }, FIRST)).items;
    });
    expect(first.map(({ at }) => at)).toEqual([2]);
    const cursor = String(first.at(-1)?.sequence);
    const rest = await listEvents(other.database, { workloadId: null }, { cursor, limit: 10 });
    expect(rest.items.map(({ at }) => at)).toEqual([1]);
  });

  it('are each read once by readers that follow them while many write', async () => {
    const [first, second] = [await engine.open(), await engine.open()];
    const seen: number[][] = [[], []];
    let writing = true;
    async function follow(store: Store, into: number[]): Promise<void> {
      let cursor: string | null = null;
      for (;;) {
        const last = !writing;
        const { items } = await listEvents(store.database, { workloadId: null }, { cursor, limit: 7 });
        into.push(...items.map(({ at }) => at));
        cursor = items.length === 0 ? cursor : String(items.at(-1)?.sequence);
        if (last && items.length === 0) return;
      }
    }
    const followers = [first, second].map((store, index) => follow(store, seen[index] ?? []));
    await Promise.all(
      Array.from({ length: 80 }, (_, at) =>
        (at % 2 === 0 ? first : second).transaction((handle) => appendEvent(handle, event(at))),
      ),
    );
    writing = false;
    await Promise.all(followers);
    const everything = Array.from({ length: 80 }, (_, at) => at);
    expect(seen.map((list) => list.toSorted((a, b) => a - b))).toEqual([everything, everything]);
    expect(seen[0]).toEqual(seen[1]);
  });
});

describeStore('wake-ups', (engine) => {
  it('reach listeners of the channel at commit, and none after they stopped', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    let woken = 0;
    let reached = (): void => {};
    const stop = await listen(other, 'fleet', () => {
      woken += 1;
      reached();
    });
    const next = () =>
      new Promise<void>((resolve) => {
        reached = resolve;
      });
    let heard = next();
    await store.transaction(raiseFleetRevision);
    await heard;
    heard = next();
    await store.transaction(raiseFleetRevision);
    await heard;
    expect(woken).toBe(2);
    await stop();
    const stillHeard = next();
    const stopToo = await listen(other, 'fleet', () => reached());
    await store.transaction(raiseFleetRevision);
    await stillHeard;
    expect(woken).toBe(2);
    await stopToo();
  });
});

describePostgres('wake-ups of a server', (engine) => {
  it('come back after the connection was lost, with one for what may have been missed', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    let reached = (): void => {};
    const woken = new Promise<void>((resolve) => {
      reached = resolve;
    });
    await listen(other, 'leases', () => reached());
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gpu-broker listener'`.execute(
      store.database,
    );
    await Promise.race([woken, delay(20_000).then(() => Promise.reject(new Error('not woken')))]);
    const again = new Promise<void>((resolve) => {
      reached = resolve;
    });
    await seedLeases(store, ['l1']);
    await again;
  });
});

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
        policyName: 'default',
        policyVersion: 1,
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
      policyName: 'default',
      policyVersion: 1,
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

  it('number the versions of a policy; the one loaded last is in force', async () => {
    const store = await engine.open();
    const load = (name: string, source: string) =>
      store.transaction((transaction) => insertPolicyVersion(transaction, { policy: policyOf(name), source, at: NOW }));
    expect(await currentPolicy(store.database)).toBeNull();
    expect([
      await load('a', 'one'),
      await load('a', 'one'),
      await load('a', 'two'),
      await load('b', 'two'),
      await load('a', 'two'),
    ]).toEqual([1, 1, 2, 1, 3]);
    expect(await currentPolicy(store.database)).toMatchObject({
      name: 'a',
      version: 3,
      source: 'two',
      policy: policyOf('a'),
      loadedAt: NOW,
    });
    expect(await getPolicyVersion(store.database, 'a', 1)).toMatchObject({ source: 'one' });
    expect(await getPolicyVersion(store.database, 'a', 4)).toBeNull();
  });
});
