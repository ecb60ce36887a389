import { expect, it } from 'vitest';
import type { Rebalance } from '../../src/domain/rebalance.ts';
import { fleetRevision, holdFleetRevision, raiseFleetRevision } from '../../src/store/fleet.ts';
import type { Store } from '../../src/store/open-store.ts';
import {
  claimLook,
  clearLookClaim,
  confirmRebalance,
  dropLook,
  endLook,
  expireRebalance,
  getRebalance,
  listRebalances,
  proposeRebalance,
  supersedeRebalance,
} from '../../src/store/rebalances.ts';
import { pruneHistory } from '../../src/store/retention.ts';
import { describePostgres, describeStore } from './engines.ts';
import { MINUTE, NOW, POOL } from './samples.ts';

const FIGURE = { costMicroUsdPerHour: 9, shares: { provider: { north: 1 }, region: {}, market: {} }, concentration: 1 };

function rebalanceTo(price: number, saved = 3): Rebalance {
  const machine = {
    ...{ workloadId: 'w1', replicas: [0], part: 0, partCount: 1, pool: { ...POOL, zone: null } },
    ...{ accelerator: 'L4', acceleratorCount: 1, priceMicroUsdPerHour: price, adjustedPriceMicroUsdPerHour: price },
  };
  const lease = { leaseId: 'l1', pool: POOL, accelerator: 'L4', acceleratorCount: 1 };
  const from = [{ ...lease, priceMicroUsdPerHour: 9, adjustedPriceMicroUsdPerHour: 9 }];
  const costs = { costNowMicroUsdPerHour: 9, costAfterMicroUsdPerHour: price };
  const why = { cause: 'cheaper', detail: 'less' } as const;
  return {
    ...{ cause: 'saves', added: [], now: FIGURE, after: { ...FIGURE, costMicroUsdPerHour: price } },
    moves: [{ workloadId: 'w1', replicas: [0], from, to: [machine], ...costs, why }],
    ...{ savedMicroUsdPerHour: saved, savedShare: 0.3, moveCostMicroUsd: 2, paybackHours: 2 / saved },
  };
}

function propose(store: Store, id: string, rebalance: Rebalance, at = NOW, version = 1) {
  return store.transaction((transaction) =>
    proposeRebalance(transaction, {
      ...{ id, at, expiresAt: at + MINUTE, policies: [{ name: 'default', version }], fleetRevision: 4, rebalance },
      ...{ workloadNames: { w1: 'training' }, plannerVersion: 'test 1' },
    }),
  );
}

async function states(store: Store): Promise<readonly string[]> {
  const { items } = await listRebalances(store.database, { state: null }, { cursor: null, limit: 100 });
  return items.map(({ id, state }) => `${id} ${state}`);
}

describeStore('rebalances', (engine) => {
  it('are kept whole, and replaced by the next', async () => {
    const store = await engine.open();
    expect(await propose(store, 'r1', rebalanceTo(6))).toEqual({ kind: 'proposed', superseded: null });
    expect(await getRebalance(store.database, 'r1')).toEqual({
      ...{ id: 'r1', createdAt: NOW, confirmedAt: NOW, expiresAt: NOW + MINUTE, state: 'proposed', stateReason: null },
      ...{ policies: [{ name: 'default', version: 1 }], fleetRevision: 4, rebalance: rebalanceTo(6) },
      ...{ workloadNames: { w1: 'training' }, plannerVersion: 'test 1' },
    });
    const next = await propose(store, 'r2', rebalanceTo(5), NOW + 1);
    expect(next).toMatchObject({ kind: 'proposed', superseded: { id: 'r1', state: 'superseded' } });
    expect((await getRebalance(store.database, 'r1'))?.stateReason).toBe('Rebalance r2 took its place');
    // Under other rules it is another one, whatever it moves.
    expect(await propose(store, 'r3', rebalanceTo(5), NOW + 2, 2)).toMatchObject({ kind: 'proposed' });
    expect(await states(store)).toEqual(['r3 proposed', 'r2 superseded', 'r1 superseded']);
    expect(await getRebalance(store.database, 'r9')).toBeNull();
  });

  it('are not stored twice: the same is confirmed, with the figures of now', async () => {
    const store = await engine.open();
    await propose(store, 'r1', rebalanceTo(6));
    const again = await propose(store, 'r2', rebalanceTo(6, 2.5), NOW + 5);
    expect(again).toMatchObject({ kind: 'confirmed', row: { id: 'r1', createdAt: NOW, confirmedAt: NOW + 5 } });
    expect(await getRebalance(store.database, 'r1')).toMatchObject({
      ...{ expiresAt: NOW + 5 + MINUTE, rebalance: { savedMicroUsdPerHour: 2.5 } },
    });
    expect(await states(store)).toEqual(['r1 proposed']);
    // One whose time is over is none that could live on.
    expect(await propose(store, 'r3', rebalanceTo(6), NOW + 5 + MINUTE)).toMatchObject({ kind: 'proposed' });
    expect(await states(store)).toEqual(['r3 proposed', 'r1 superseded']);
  });

  it('end when nothing pays, or when nothing confirms them in time', async () => {
    const store = await engine.open();
    const within = store.transaction;
    expect(await within((handle) => supersedeRebalance(handle, 'nothing'))).toBeNull();
    expect(await within((handle) => expireRebalance(handle, NOW))).toBeNull();
    await propose(store, 'r1', rebalanceTo(6));
    expect(await within((handle) => supersedeRebalance(handle, 'nothing pays'))).toMatchObject({ id: 'r1' });
    expect(await getRebalance(store.database, 'r1')).toMatchObject({
      state: 'superseded',
      stateReason: 'nothing pays',
    });
    await propose(store, 'r2', rebalanceTo(6));
    expect(await within((handle) => confirmRebalance(handle, NOW + 1, NOW + 2 * MINUTE))).toMatchObject({ id: 'r2' });
    expect(await within((handle) => expireRebalance(handle, NOW + 2 * MINUTE - 1))).toBeNull();
    expect(await within((handle) => confirmRebalance(handle, NOW + 2 * MINUTE, NOW + 9 * MINUTE))).toBeNull();
    expect(await within((handle) => expireRebalance(handle, NOW + 2 * MINUTE))).toMatchObject({ state: 'expired' });
    expect(await states(store)).toEqual(['r2 expired', 'r1 superseded']);
  });

  it('come in pages, newest first, and by state; old ones go unless they are proposed', async () => {
    const store = await engine.open();
    for (const [index, id] of ['r1', 'r2', 'r3'].entries()) await propose(store, id, rebalanceTo(8 - index));
    const page = (cursor: string | null) => listRebalances(store.database, { state: null }, { cursor, limit: 2 });
    const first = await page(null);
    expect([first.items.map(({ id }) => id), first.next]).toEqual([['r3', 'r2'], 'r2']);
    expect((await page(first.next)).items.map(({ id }) => id)).toEqual(['r1']);
    const proposed = await listRebalances(store.database, { state: 'proposed' }, { cursor: null, limit: 9 });
    expect(proposed.items.map(({ id }) => id)).toEqual(['r3']);
    await pruneHistory(store.database, NOW);
    expect(await states(store)).toHaveLength(3);
    await pruneHistory(store.database, NOW + 1);
    expect(await states(store)).toEqual(['r3 proposed']);
  });
});

describeStore('looks for rebalances', (engine) => {
  function claim(store: Store, name: string, now: number) {
    return claimLook(store.database, { claim: name, now, everySeconds: 60, claimSeconds: 300 });
  }

  it('are made by one at a time, and not before they are due', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    expect(await claim(store, 'a', NOW)).toEqual({ lookedAt: null, fingerprint: null });
    expect(await claim(other, 'b', NOW)).toBeNull();
    const end = (name: string, at: number) =>
      store.transaction((handle) => endLook(handle, { claim: name, at, fingerprint: 'f' }));
    expect(await end('b', NOW)).toBe(false);
    expect(await end('a', NOW + 1)).toBe(true);
    expect(await end('a', NOW + 2)).toBe(false);
    expect(await claim(other, 'b', NOW + MINUTE)).toBeNull();
    expect(await claim(other, 'b', NOW + 1 + MINUTE)).toEqual({ lookedAt: NOW + 1, fingerprint: 'f' });
    await dropLook(other.database, 'b');
    expect(await claim(store, 'c', NOW + 2 + MINUTE)).toMatchObject({ lookedAt: NOW + 1 });
    // A process that died is waited for no longer than its claim, or not at all by the one owner of an embedded store.
    expect(await claim(other, 'd', NOW + 6 * MINUTE)).toBeNull();
    expect(await claim(other, 'd', NOW + 2 + 6 * MINUTE)).not.toBeNull();
    await clearLookClaim(store.database);
    expect(await claim(store, 'e', NOW + 3 + 6 * MINUTE)).not.toBeNull();
  });

  it('hold the fleet: of one that has changed nothing is told', async () => {
    const store = await engine.open();
    const read = await fleetRevision(store.database);
    expect(await store.transaction((handle) => holdFleetRevision(handle, read))).toBe(true);
    await store.transaction(raiseFleetRevision);
    expect(await store.transaction((handle) => holdFleetRevision(handle, read))).toBe(false);
  });
});

describePostgres('rebalances of several processes', (engine) => {
  it('are one, whoever proposes first', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    const order: string[] = [];
    const read = await fleetRevision(store.database);
    const work = (of: Store, id: string) =>
      of.transaction(async (handle) => {
        await holdFleetRevision(handle, read);
        order.push(id);
        const fields = { at: NOW, expiresAt: NOW + MINUTE, policies: [], fleetRevision: read, plannerVersion: 'test' };
        return proposeRebalance(handle, { id, rebalance: rebalanceTo(6), workloadNames: {}, ...fields });
      });
    const outcomes = await Promise.all([work(store, 'r1'), work(other, 'r2'), work(store, 'r3')]);
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['confirmed', 'confirmed', 'proposed']);
    expect(await states(store)).toEqual([`${order[0]} proposed`]);
  });
});
