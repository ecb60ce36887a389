import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readInterruptions } from '../../src/broker/interruptions.ts';
import type { LeaseView } from '../../src/broker/service.ts';
import {
  type InterruptionNotice,
  type InterruptionPage,
  type Provider,
  ProviderError,
} from '../../src/providers/provider.ts';
import { claimPoll } from '../../src/store/interruptions.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

/** Notices as a cloud keeps them: delivered from the cursor on until a later cursor acknowledges them. */
class Channel {
  readonly notices: InterruptionNotice[] = [];
  readonly cursors: (string | null)[] = [];
  error: ProviderError | null = null;

  readonly poll = async (cursor: string | null): Promise<InterruptionPage> => {
    this.cursors.push(cursor);
    if (this.error !== null) return { notices: [], cursor, error: this.error };
    const from = Number(cursor ?? 0);
    const notices = this.notices.slice(from, from + 2);
    return { notices, cursor: String(from + notices.length), error: null };
  };
}

let rig: BrokerRig;
let channel: Channel;

/** One broker for all tests: each has workloads of its own. */
beforeAll(async () => {
  channel = new Channel();
  rig = await startBrokerRig({
    clouds: ['aws'],
    regions: { aws: ['us-east-1'] },
    policy: permissivePolicy(),
    adapt: (provider: Provider) => ({ ...provider, pollInterruptions: channel.poll }),
  });
});

afterAll(async () => {
  await rig?.close();
});

afterEach(async () => {
  for (const { id } of (await rig.service.listWorkloads({ cursor: null, limit: 100 })).items) {
    await rig.service.deleteWorkload(id);
  }
  await rig.until('nothing is left', async () => rig.machines().length === 0, 120);
  await rig.store.database.deleteFrom('sold_outs').execute();
  await rig.store.database.deleteFrom('interruption_notices').execute();
  await rig.store.database.deleteFrom('events').execute();
});

async function ready(name: string, replicas = 1): Promise<readonly LeaseView[]> {
  await rig.service.applyWorkload(aWorkload({ name, replicas, markets: ['spot'] }));
  return (await rig.untilReady(name)).leases;
}

function noticeOf(lease: LeaseView | undefined, change: Partial<InterruptionNotice> = {}): InterruptionNotice {
  if (lease?.instanceId == null) throw new Error('no machine');
  const at = rig.clock.now();
  const { region } = lease.pool;
  const machine = { region, instanceId: lease.instanceId };
  return { kind: 'notice', ...machine, at, deadlineAt: at + 25_000, message: 'soon taken', ...change };
}

async function stateOf(lease: LeaseView | undefined): Promise<string> {
  return (await rig.service.getLease(lease?.id ?? '')).state;
}

describe('interruptions', () => {
  it('start the replacement elsewhere while the machine drains until its deadline', async () => {
    const [lease] = await ready('web');
    const notice = noticeOf(lease);
    channel.notices.push(notice);
    await rig.until('the notice is heard', async () => (await rig.events('interruption.notice')).length === 1, 10);
    await rig.until('it drains', async () => (await stateOf(lease)) === 'draining', 5);
    const reason = (await rig.service.getLease(lease?.id ?? '')).stateReason;
    expect(reason).toContain(new Date(notice.deadlineAt ?? 0).toISOString());
    expect(reason).toContain('soon taken');
    await rig.until(
      'the replacement is ready',
      async () => (await rig.service.getWorkload('web')).readyReplicaCount === 1,
      90,
    );
    expect(await stateOf(lease), 'the old machine works on meanwhile').toBe('draining');
    expect(rig.machines()).toHaveLength(2);
    const { leases } = await rig.service.getWorkload('web');
    const replacement = leases.find(({ state }) => state === 'ready');
    expect(replacement?.pool, 'not where it was taken').not.toEqual(lease?.pool);
    expect((await rig.service.getProvider('aws')).soldOut.map(({ reason: why }) => why).join()).toContain(
      'interruption',
    );
    await rig.until('the old one is gone', async () => (await stateOf(lease)) === 'gone', 150);
    expect(rig.clock.now()).toBeGreaterThanOrEqual(notice.deadlineAt ?? 0);
    expect(rig.machines()).toHaveLength(1);
  });

  it('are acted on once, however often they come and however many', async () => {
    const leases = await ready('web', 3);
    const notices = leases.map((lease) => noticeOf(lease));
    channel.notices.push(...notices, ...notices, ...notices);
    await rig.until('all are heard', async () => (await rig.events('interruption.notice')).length === 3, 10);
    await rig.until('all are read', async () => channel.cursors.at(-1) === String(channel.notices.length), 10);
    expect(await rig.events('interruption.notice')).toHaveLength(3);
    expect(leases).toHaveLength(3);
    const rows = await rig.store.database.selectFrom('interruption_notices').selectAll().execute();
    expect(rows.map((row) => row.lease_id).toSorted()).toEqual(leases.map(({ id }) => id).toSorted());
  });

  it('of strangers, of machines in other regions and of our own endings are ignored', async () => {
    const [lease] = await ready('web');
    const stranger = noticeOf(lease, { instanceId: 'i-0123456789abcdef0' });
    const elsewhere = noticeOf(lease, { region: 'eu-west-1' });
    channel.notices.push(stranger, elsewhere);
    await rig.service.deleteWorkload('web');
    await rig.until('it is released', async () => (await stateOf(lease)) !== 'ready', 10);
    channel.notices.push(noticeOf(lease, { kind: 'taken', deadlineAt: null }));
    await rig.pass(6);
    expect(channel.cursors.at(-1)).toBe(String(channel.notices.length));
    expect(await rig.store.database.selectFrom('interruption_notices').selectAll().execute()).toEqual([]);
    expect((await rig.service.getProvider('aws')).soldOut).toEqual([]);
  });

  it('lose the machine at once when it is taken already', async () => {
    const [lease] = await ready('web');
    channel.notices.push(noticeOf(lease, { kind: 'taken', deadlineAt: null, message: 'reclaimed' }));
    await rig.until('it is lost', async () => (await rig.events('lease.lost')).length === 1, 10);
    expect((await rig.events('lease.lost'))[0]?.message).toContain('reclaimed');
    await rig.untilReady('web');
    expect(await stateOf(lease)).toBe('gone');
    expect(rig.machines()).toHaveLength(1);
  });

  it('end the draining of a machine that is taken before its deadline', async () => {
    const [lease] = await ready('web');
    channel.notices.push(noticeOf(lease, { deadlineAt: rig.clock.now() + 600_000 }));
    await rig.until('it drains', async () => (await stateOf(lease)) === 'draining', 15);
    channel.notices.push(noticeOf(lease, { kind: 'taken', deadlineAt: null }));
    await rig.until('it is gone', async () => (await stateOf(lease)) === 'gone', 30);
  });

  it('keep the lease at a mere risk, and place nothing new there for a while', async () => {
    const [lease] = await ready('web');
    channel.notices.push(noticeOf(lease, { kind: 'risk', deadlineAt: null }));
    channel.notices.push(noticeOf(lease, { kind: 'maintenance' }));
    await rig.until('both are told', async () => (await rig.events('interruption.maintenance')).length === 1, 10);
    expect(await rig.events('interruption.risk')).toHaveLength(1);
    expect(await stateOf(lease)).toBe('ready');
    const [other] = await ready('other');
    expect(other?.pool).not.toEqual(lease?.pool);
    expect(await stateOf(lease)).toBe('ready');
  });

  it('that came with a crash come again: the cursor is stored with them, or not at all', async () => {
    const [lease] = await ready('web');
    channel.notices.push(noticeOf(lease));
    const broken = { ...rig.context.store, transaction: () => Promise.reject(new Error('crash')) };
    const provider = rig.context.providers.get('aws');
    if (provider === undefined) throw new Error('no provider');
    const read = readInterruptions({ ...rig.context, store: broken }, provider);
    await expect(read).rejects.toThrow('crash');
    expect(await rig.events('interruption.notice')).toEqual([]);
    await rig.restart();
    await rig.until('it is heard', async () => (await rig.events('interruption.notice')).length === 1, 10);
  });

  it('are read by one process at a time, and its successor goes on when it died', async () => {
    const { database } = rig.store;
    const now = rig.clock.now();
    const mine = { provider: 'other', claim: 'a', now, claimSeconds: 60 };
    expect(await claimPoll(database, mine)).toEqual({ cursor: null, error: null });
    expect(await claimPoll(database, { ...mine, claim: 'b', now: now + 59_000 })).toBeNull();
    expect(await claimPoll(database, { ...mine, claim: 'b', now: now + 60_000 })).not.toBeNull();
  });

  it('that cannot be heard are an event, once, and so is hearing again', async () => {
    channel.error = new ProviderError({
      ...{ kind: 'unauthorized', provider: 'aws', operation: 'ReceiveMessage', code: 'AccessDenied' },
      message: 'not allowed to read the queue',
    });
    await rig.until('it is told', async () => (await rig.events('interruptions.unheard')).length === 1, 10);
    await rig.pass(6);
    expect(await rig.events('interruptions.unheard')).toHaveLength(1);
    channel.error = null;
    await rig.until('it is told again', async () => (await rig.events('interruptions.heard')).length === 1, 10);
  });
});
