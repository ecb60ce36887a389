import { expect, it } from 'vitest';
import { claimDueLeases, transitionLease } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/open-store.ts';
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
import { eventsOf, NOW, seedLeases, specOf } from './samples.ts';

function upsert(store: Store, id: string, changes: Parameters<typeof specOf>[0] = {}, at = NOW) {
  return store.transaction((transaction) => upsertWorkload(transaction, { id, spec: specOf(changes), at }));
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

describePostgres('workloads whose last two leases end at the same moment', (engine) => {
  it('are deleted by the one that ends second', async () => {
    const stores = [await engine.open(), await engine.open()] as const;
    await seedLeases(stores[0], ['l1', 'l2']);
    await stores[0].transaction((transaction) => markDeleting(transaction, 'w1', NOW));
    await claimDueLeases(stores[0].database, { now: NOW, limit: 2, holder: 'h', lockSeconds: 60 });
    const ended = stores.map(() => Promise.withResolvers<void>());
    const settled = stores.map((store, index) =>
      store.transaction(async (transaction) => {
        const end = { id: `l${index + 1}`, token: 'h', from: 'planned', to: 'failed', reason: 'x', at: NOW } as const;
        await transitionLease(transaction, end);
        ended[index]?.resolve();
        await Promise.all(ended.map(({ promise }) => promise));
        return settleDeletedWorkload(transaction, 'w1', NOW + 1);
      }),
    );
    expect((await Promise.all(settled)).toSorted()).toEqual([false, true]);
    expect(await getWorkload(stores[0].database, 'w1')).toMatchObject({ state: 'deleted' });
  });
});
