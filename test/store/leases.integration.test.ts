import { expect, it } from 'vitest';
import { poolScope } from '../../src/domain/sold-out.ts';
import {
  attemptOf,
  attemptsOfLease,
  findCallbackTarget,
  markSent,
  settleAttempt,
  writeAttempt,
} from '../../src/store/attempts.ts';
import { listEvents } from '../../src/store/events.ts';
import {
  claimDueLeases,
  clearLocks,
  countLeasesByState,
  extendLock,
  findLeaseByAttempt,
  getLease,
  insertLeases,
  type LeaseRow,
  leasesOfWorkload,
  listLeases,
  listLiveLeases,
  listNonFinalLeases,
  listServingLeases,
  nextDueAt,
  releaseLock,
  transitionLease,
  unwantLeases,
  wakeLease,
} from '../../src/store/leases.ts';
import type { Store } from '../../src/store/open-store.ts';
import { describeStore } from './engines.ts';
import { leaseOf, MINUTE, NOW, POOL, seedLeases } from './samples.ts';

const CLAIM = { now: NOW, limit: 10, holder: 'h1', lockSeconds: 15 };

async function claimOne(store: Store, holder = 'h1', now = NOW): Promise<LeaseRow> {
  const [lease] = await claimDueLeases(store.database, { ...CLAIM, holder, now, limit: 1 });
  if (lease === undefined) throw new Error('no lease was due');
  return lease;
}

function move(store: Store, lease: LeaseRow, to: LeaseRow['state'], at = NOW): Promise<boolean> {
  const { id, lockToken: token, state: from } = lease;
  return store.transaction((transaction) =>
    transitionLease(transaction, { id, token, from, to, reason: `to ${to}`, at }),
  );
}

async function typesOf(store: Store): Promise<string[]> {
  const { items } = await listEvents(store.database, { workloadId: 'w1' }, { cursor: null, limit: 100 });
  return items.map(({ type }) => type);
}

const ATTEMPT = {
  id: 'a1',
  leaseId: 'l1',
  pool: POOL,
  priceMicroUsdPerHour: 31_000_000,
  parameters: { userData: '#cloud-config\n', tags: { lease: 'l1' } },
  callbackToken: 'secret',
  at: NOW,
};

describeStore('claims', (engine) => {
  it('read a lease back as it was inserted', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const { at, ...inserted } = leaseOf('l1');
    expect(await getLease(store.database, 'l1')).toEqual({
      ...inserted,
      state: 'planned',
      stateReason: null,
      instanceId: null,
      attemptId: null,
      wanted: true,
      unwantedReason: null,
      drainUntil: null,
      taken: false,
      notBefore: at,
      createdAt: at,
      updatedAt: at,
      readyAt: null,
      goneAt: null,
      lockToken: null,
      lockExpiresAt: null,
    });
  });

  it('take what is due and nobody works, longest due first, and no final lease', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    await store.transaction((transaction) =>
      insertLeases(transaction, [leaseOf('l3', { at: NOW - MINUTE }), leaseOf('l4', { at: NOW + 1 })]),
    );
    const ended = await claimOne(store, 'h0');
    expect(ended.id).toBe('l3');
    await move(store, ended, 'failed');
    await store.transaction((transaction) => insertLeases(transaction, [leaseOf('l0', { at: NOW - 5 })]));
    const claimed = await claimDueLeases(store.database, CLAIM);
    expect(claimed.map(({ id, lockToken, lockExpiresAt }) => [id, lockToken, lockExpiresAt])).toEqual([
      ['l0', 'h1', NOW + 15_000],
      ['l1', 'h1', NOW + 15_000],
    ]);
    expect(await claimDueLeases(store.database, { ...CLAIM, holder: 'h2' })).toEqual([]);
  });

  it('of two claimers at the same time never get the same lease, and leave none', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    const ids = Array.from({ length: 60 }, (_, index) => `l${String(index).padStart(2, '0')}`);
    await seedLeases(store, ids);
    const taken: string[] = [];
    for (let round = 0; round < 20 && taken.length < ids.length; round += 1) {
      const claims = [store, other, store, other].map(({ database }, claimer) =>
        claimDueLeases(database, { ...CLAIM, limit: 4, holder: `${round}:${claimer}` }),
      );
      taken.push(...(await Promise.all(claims)).flat().map(({ id }) => id));
    }
    expect(taken.toSorted()).toEqual(ids);
  });

  it('take over a lease whose lock has expired, and the first holder then writes nothing', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const slow = await claimOne(store, 'slow');
    const later = NOW + 15_000;
    expect(await claimDueLeases(store.database, { ...CLAIM, now: later - 1, holder: 'early' })).toEqual([]);
    const taken = await claimOne(store, 'fast', later);
    expect(await extendLock(store.database, { id: 'l1', token: slow.lockToken, now: later, lockSeconds: 15 })).toBe(
      false,
    );
    expect(await move(store, slow, 'failed')).toBe(false);
    expect(await store.transaction((transaction) => writeAttempt(transaction, slow, ATTEMPT))).toBeNull();
    expect(await releaseLock(store.database, { id: 'l1', token: slow.lockToken, notBefore: later + MINUTE })).toBe(
      false,
    );
    expect(await getLease(store.database, 'l1')).toEqual(taken);
    expect(await attemptsOfLease(store.database, 'l1')).toEqual([]);
    expect(await typesOf(store)).toEqual([]);
  });

  it('are kept by extending them, and given back with the time of the next look', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const { lockToken: token } = await claimOne(store);
    expect(await nextDueAt(store.database)).toBe(NOW + 15_000);
    expect(await extendLock(store.database, { id: 'l1', token, now: NOW + 10_000, lockSeconds: 15 })).toBe(true);
    expect(await nextDueAt(store.database)).toBe(NOW + 25_000);
    expect(await releaseLock(store.database, { id: 'l1', token, notBefore: NOW + MINUTE })).toBe(true);
    expect(await nextDueAt(store.database)).toBe(NOW + MINUTE);
    expect(await claimDueLeases(store.database, { ...CLAIM, now: NOW + MINUTE - 1 })).toEqual([]);
    await claimOne(store, 'h2', NOW + MINUTE);
    await clearLocks(store.database);
    expect((await getLease(store.database, 'l1'))?.lockToken).toBeNull();
  });

  it.each(['wakeLease', 'unwantLeases'] as const)('of a lease woken meanwhile (%s) do not put it off', async (how) => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const { lockToken: token } = await claimOne(store);
    await store.transaction((transaction) =>
      how === 'wakeLease' ? wakeLease(transaction, 'l1', NOW + 7) : unwantLeases(transaction, ['l1'], NOW + 7),
    );
    await releaseLock(store.database, { id: 'l1', token, notBefore: NOW + MINUTE });
    const again = await claimOne(store, 'h2', NOW + 7);
    expect(again.wanted).toBe(how === 'wakeLease');
    await releaseLock(store.database, { id: 'l1', token: 'h2', notBefore: NOW + MINUTE });
    expect(await nextDueAt(store.database)).toBe(NOW + MINUTE);
  });

  it('have no next time without leases', async () => {
    const store = await engine.open();
    expect(await nextDueAt(store.database)).toBeNull();
    await store.transaction((transaction) => insertLeases(transaction, []));
    await store.transaction((transaction) => unwantLeases(transaction, [], NOW));
  });
});

describeStore('transitions', (engine) => {
  it('follow the domain’s table and nothing else', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const lease = await claimOne(store);
    await expect(move(store, lease, 'ready')).rejects.toMatchObject({ code: 'illegal-transition' });
    await expect(move(store, { ...lease, state: 'gone' }, 'planned')).rejects.toMatchObject({
      code: 'illegal-transition',
    });
    expect(await move(store, { ...lease, state: 'launching' }, 'starting')).toBe(false);
    expect(await move(store, { ...lease, lockToken: null }, 'failed')).toBe(false);
    expect((await getLease(store.database, 'l1'))?.state).toBe('planned');
    expect(await typesOf(store)).toEqual([]);
  });

  it('write the lease, its times and its event together, and free a lease that ends', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const lease = await claimOne(store);
    await store.transaction((transaction) => writeAttempt(transaction, lease, ATTEMPT));
    await store.transaction((transaction) =>
      transitionLease(transaction, {
        id: 'l1',
        token: 'h1',
        from: 'launching',
        to: 'starting',
        reason: 'Accepted',
        at: NOW + 1,
        patch: { instanceId: 'i-1', zone: 'r1-b' },
      }),
    );
    await move(store, { ...lease, state: 'starting' }, 'ready', NOW + 2);
    expect(await getLease(store.database, 'l1')).toMatchObject({
      state: 'ready',
      stateReason: 'to ready',
      instanceId: 'i-1',
      attemptId: 'a1',
      pool: { ...POOL, zone: 'r1-b' },
      readyAt: NOW + 2,
      goneAt: null,
      lockToken: 'h1',
    });
    for (const [from, to] of [
      ['ready', 'draining'],
      ['draining', 'terminating'],
      ['terminating', 'gone'],
    ] as const) {
      expect(await move(store, { ...lease, state: from }, to, NOW + 3)).toBe(true);
    }
    expect(await getLease(store.database, 'l1')).toMatchObject({
      state: 'gone',
      goneAt: NOW + 3,
      lockToken: null,
      lockExpiresAt: null,
    });
    const { items } = await listEvents(store.database, { workloadId: 'w1' }, { cursor: null, limit: 100 });
    expect(items.map(({ type }) => type)).toEqual(
      ['launching', 'starting', 'ready', 'draining', 'terminating', 'gone'].map((state) => `lease.${state}`),
    );
    expect(items[1]).toMatchObject({
      at: NOW + 1,
      leaseId: 'l1',
      message: 'Accepted',
      data: { from: 'launching', instanceId: 'i-1' },
    });
  });

  it('are undone with their event when the rest of the transaction fails', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const lease = await claimOne(store);
    await expect(
      store.transaction(async (transaction) => {
        await writeAttempt(transaction, lease, ATTEMPT);
        throw new Error('crash');
      }),
    ).rejects.toThrow('crash');
    expect((await getLease(store.database, 'l1'))?.state).toBe('planned');
    expect(await attemptsOfLease(store.database, 'l1')).toEqual([]);
    expect(await typesOf(store)).toEqual([]);
  });
});

describeStore('attempts', (engine) => {
  it('are written with the lease that names them, then sent, then settled once', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const lease = await claimOne(store);
    const written = await store.transaction((transaction) => writeAttempt(transaction, lease, ATTEMPT));
    expect(written).toEqual({
      id: 'a1',
      leaseId: 'l1',
      number: 1,
      pool: POOL,
      priceMicroUsdPerHour: 31_000_000,
      parameters: ATTEMPT.parameters,
      callbackToken: 'secret',
      callbackTokenHash: '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
      state: 'written',
      createdAt: NOW,
      sentAt: null,
      settledAt: null,
      refusal: null,
      error: null,
    });
    const sending = { id: 'a1', token: lease.lockToken, at: NOW + 1 };
    expect(await markSent(store.database, { ...sending, token: 'another' })).toBe('stale');
    expect(await markSent(store.database, { ...sending, token: null })).toBe('stale');
    expect(await markSent(store.database, sending)).toBe('first');
    expect(await markSent(store.database, { ...sending, at: NOW + 2 })).toBe('again');
    expect(await markSent(store.database, { ...sending, token: 'another' })).toBe('stale');
    expect(await findCallbackTarget(store.database, 'a1')).toEqual({
      leaseId: 'l1',
      tokenHash: written?.callbackTokenHash,
    });
    expect(await findCallbackTarget(store.database, 'a2')).toBeNull();
    const launching = await getLease(store.database, 'l1');
    if (launching === null) throw new Error('lost');
    expect(await attemptOf(store.database, launching)).toMatchObject({ state: 'sent', sentAt: NOW + 1 });
    expect((await findLeaseByAttempt(store.database, 'a1'))?.id).toBe('l1');
    expect(await findLeaseByAttempt(store.database, 'a2')).toBeNull();

    await store.transaction((transaction) => settleAttempt(transaction, 'a1', { state: 'accepted', at: NOW + 3 }));
    const refusal = {
      kind: 'capacity',
      scope: poolScope(POOL),
      retryAfterSeconds: 180,
      code: 'NoRoom',
      message: 'none left',
    };
    await store.transaction((transaction) =>
      settleAttempt(transaction, 'a1', { state: 'refused', at: NOW + 4, refusal }),
    );
    await store.transaction((transaction) =>
      settleAttempt(transaction, 'a1', { state: 'failed', at: NOW + 5, error: 'late' }),
    );
    expect(await attemptsOfLease(store.database, 'l1')).toMatchObject([
      { state: 'refused', settledAt: NOW + 4, refusal, error: null, callbackToken: null },
    ]);
    expect(await typesOf(store)).toEqual(['lease.launching', 'attempt.accepted', 'attempt.refused']);
  });

  it('cannot be written twice for one lease, nor read where there is none', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1']);
    const lease = await claimOne(store);
    await expect(attemptOf(store.database, lease)).rejects.toMatchObject({ code: 'corrupt' });
    await store.transaction((transaction) => writeAttempt(transaction, lease, ATTEMPT));
    const second = await store.transaction((transaction) => writeAttempt(transaction, lease, { ...ATTEMPT, id: 'a2' }));
    expect(second).toBeNull();
    expect(await attemptsOfLease(store.database, 'l1')).toHaveLength(1);
  });
});

describeStore('lists of leases', (engine) => {
  it('tell apart serving, live and final ones', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1', 'l2', 'l3', 'l4']);
    await store.transaction((transaction) =>
      insertLeases(transaction, [leaseOf('l5', { pool: { ...POOL, provider: 'south' }, at: NOW + MINUTE })]),
    );
    const [first] = await claimDueLeases(store.database, CLAIM);
    if (first === undefined) throw new Error('none');
    await move(store, first, 'failed');
    await store.transaction((transaction) => unwantLeases(transaction, ['l1', 'l2'], NOW));
    const { database } = store;
    const ids = (rows: readonly LeaseRow[]): string[] => rows.map(({ id }) => id);
    expect(ids(await listServingLeases(database))).toEqual(['l3', 'l4', 'l5']);
    expect(ids(await listNonFinalLeases(database))).toEqual(['l2', 'l3', 'l4', 'l5']);
    expect(ids(await listLiveLeases(database, 'north'))).toEqual(['l2', 'l3', 'l4']);
    expect(ids(await leasesOfWorkload(database, 'w1'))).toEqual(['l1', 'l2', 'l3', 'l4', 'l5']);
    expect((await getLease(database, 'l1'))?.wanted).toBe(true);
    expect(await countLeasesByState(database)).toEqual(
      new Map([
        ['failed', 1],
        ['planned', 4],
      ]),
    );
  });

  it('come in pages that miss and repeat nothing, also when rows arrive between them', async () => {
    const store = await engine.open();
    await seedLeases(store, ['l1', 'l3', 'l5', 'l7']);
    const filter = { workloadId: 'w1', state: 'planned' as const };
    const first = await listLeases(store.database, filter, { cursor: null, limit: 2 });
    await store.transaction((transaction) => insertLeases(transaction, [leaseOf('l2'), leaseOf('l9')]));
    const second = await listLeases(store.database, filter, { cursor: first.next, limit: 3 });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['l1', 'l3', 'l5', 'l7', 'l9']);
    expect(second.next).toBeNull();
    const none = await listLeases(store.database, { workloadId: 'w2', state: null }, { cursor: null, limit: 2 });
    expect(none).toEqual({ items: [], next: null });
  });
});
