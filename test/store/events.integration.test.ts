import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { appendEvent, type EventRow, latestSequence, listEvents } from '../../src/store/events.ts';
import { fleetRevision, raiseFleetRevision, raiseFleetRevisionFrom } from '../../src/store/fleet.ts';
import { listen } from '../../src/store/notifications.ts';
import type { Store } from '../../src/store/open-store.ts';
import { pruneHistory } from '../../src/store/retention.ts';
import { describePostgres, describeStore } from './engines.ts';
import { eventsOf, FIRST, NOW, seedLeases } from './samples.ts';

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
