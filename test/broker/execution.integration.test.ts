import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sweepLeftovers } from '../../src/broker/reconcile.ts';
import type { LeaseView } from '../../src/broker/service.ts';
import {
  type LaunchRequest,
  type Leftover,
  type Provider,
  ProviderError,
  type RegionOutcome,
} from '../../src/providers/provider.ts';
import { getLease, insertLeases } from '../../src/store/leases.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

const REGION = 'us-east-1';
const FIRST = { cursor: null, limit: 100 };
const BODY = { kind: 'notice', message: 'Preempt', deadlineAt: null } as const;

/** What the adapter lacks, or what is to go wrong in it; the rest is the real one. */
class Cloud {
  readonly launches: LaunchRequest[] = [];
  leftovers: Leftover[] = [];
  readonly removed: string[] = [];
  outcome: RegionOutcome = { region: REGION, complete: true, error: null };
  /** Thrown by the next launch, after the cloud has carried it out. */
  afterLaunch: Error | null = null;

  adapt(provider: Provider): Provider {
    return {
      ...provider,
      noticeRelay: { script: '#!/bin/sh\nexit 0\n' },
      launch: async (request, call) => {
        this.launches.push(request);
        const result = await provider.launch(request, call);
        const error = this.afterLaunch;
        this.afterLaunch = null;
        if (error !== null) throw error;
        return result;
      },
      listLeftovers: async () => ({ leftovers: this.leftovers, regions: [this.outcome] }),
      removeLeftover: async (leftover) => {
        if (leftover.id.includes('used')) throw problem('conflict', 'a machine uses it');
        if (!this.removed.includes(leftover.id)) {
          this.removed.push(leftover.id);
          return 'removing';
        }
        this.leftovers = this.leftovers.filter(({ id }) => id !== leftover.id);
        return 'gone';
      },
    };
  }
}

function problem(kind: ProviderError['kind'], message: string): ProviderError {
  return new ProviderError({ kind, provider: 'aws', operation: 'test', code: '', message });
}

let rig: BrokerRig;
let cloud: Cloud;

beforeAll(async () => {
  cloud = new Cloud();
  rig = await startBrokerRig({
    clouds: ['aws'],
    regions: { aws: [REGION] },
    policy: permissivePolicy(),
    adapt: (provider) => cloud.adapt(provider),
    callbackUrl: 'http://127.0.0.1:1/base/',
  });
}, 300_000);

afterAll(async () => {
  await rig?.close();
});

afterEach(async () => {
  for (const { id } of (await rig.service.listWorkloads(FIRST)).items) await rig.service.deleteWorkload(id);
  await rig.until('nothing is left', async () => rig.machines().length === 0, 120);
  for (const table of ['sold_outs', 'events', 'leftovers'] as const)
    await rig.store.database.deleteFrom(table).execute();
  Object.assign(cloud, { leftovers: [], outcome: { region: REGION, complete: true, error: null } });
});

async function ready(name: string, change: Parameters<typeof aWorkload>[0] = {}): Promise<LeaseView> {
  await rig.service.applyWorkload(aWorkload({ name, ...change }));
  const [lease] = (await rig.untilReady(name)).leases;
  if (lease === undefined) throw new Error('no lease');
  return lease;
}

async function attemptOf({ id }: LeaseView) {
  const row = await rig.store.database
    .selectFrom('attempts')
    .selectAll()
    .where('lease_id', '=', id)
    .executeTakeFirstOrThrow();
  const request = cloud.launches.findLast(({ idempotencyKey }) => idempotencyKey === row.id);
  if (request === undefined) throw new Error('not launched');
  return { row, request, token: tokenIn(request.userData) };
}

function tokenIn(userData: string | null): string {
  const files: readonly { path: string; content: string }[] = parse(userData ?? '').write_files;
  const file = files.find(({ path }) => path === '/etc/gpu-broker/callback.env')?.content ?? '';
  return /^GPU_BROKER_CALLBACK_TOKEN=(\S+)$/m.exec(file)?.[1] ?? '';
}

describe('the call back of a machine', () => {
  it('has a token of its own, which only its user data holds and of which the store keeps a hash', async () => {
    const lease = await ready('web', { container: { image: 'example/app:1', command: [], env: {} } });
    const { row, request, token } = await attemptOf(lease);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(request.userData).toContain(`GPU_BROKER_CALLBACK_URL=http://127.0.0.1:1/base/v1/callbacks/${row.id}`);
    expect(row.callback_token_hash).toBe(createHash('sha256').update(token).digest('hex'));
    expect(JSON.stringify(request.tags)).not.toContain(token);
    for (const table of ['attempts', 'events', 'leases', 'plans', 'workloads'] as const) {
      const rows = await rig.store.database.selectFrom(table).selectAll().execute();
      expect(JSON.stringify(rows), table).not.toContain(token);
    }
  });

  it('is not for machines that boot the operator’s own user data, which is sent as it is', async () => {
    const lease = await ready('raw', { userData: '#!/bin/sh\n' });
    const [request] = cloud.launches.slice(-1);
    expect(request?.userData).toBe('#!/bin/sh\n');
    const row = await rig.store.database
      .selectFrom('attempts')
      .selectAll()
      .where('lease_id', '=', lease.id)
      .executeTakeFirst();
    expect(row?.callback_token_hash).toBeNull();
    await expect(rig.service.hearCallback(row?.id ?? '', 'x', BODY)).rejects.toMatchObject({
      code: 'callback-not-found',
    });
  });

  it('is the same as a notice of the cloud: drained and replaced, once', async () => {
    const lease = await ready('web', { markets: ['spot'] });
    const { row, token } = await attemptOf(lease);
    const notice = { ...BODY, deadlineAt: rig.clock.now() + 20_000 };
    expect(await rig.service.hearCallback(row.id, token, notice)).toEqual({ isNew: true });
    expect(await rig.service.hearCallback(row.id, token, { ...notice, deadlineAt: null })).toEqual({ isNew: false });
    await rig.until('it drains', async () => (await rig.service.getLease(lease.id)).state === 'draining', 5);
    expect((await rig.service.getLease(lease.id)).drainUntil).toBe(notice.deadlineAt);
    await rig.untilReady('web', 90);
    expect(await rig.events('interruption.notice')).toHaveLength(1);
    expect(await rig.service.hearCallback(row.id, token, notice)).toEqual({ isNew: false });
  });

  it('proves itself: another machine’s token, none, and an unknown machine are refused', async () => {
    const [one, other] = [await ready('one'), await ready('other')];
    const [mine, theirs] = [await attemptOf(one), await attemptOf(other)];
    const refused = { code: 'callback-refused' };
    await expect(rig.service.hearCallback(mine.row.id, theirs.token, BODY)).rejects.toMatchObject(refused);
    await expect(rig.service.hearCallback(mine.row.id, null, BODY)).rejects.toMatchObject(refused);
    const unknown = { code: 'callback-not-found' };
    await expect(rig.service.hearCallback('01unknown', mine.token, BODY)).rejects.toMatchObject(unknown);
    expect(await rig.events('interruption.notice')).toEqual([]);
  });
});

describe('a launch', () => {
  it('trap: is sent as a resend, word for word, when the broker died between sending and the answer', async () => {
    // Not a ProviderError: the step ends as if the process had died right after the cloud had accepted.
    cloud.afterLaunch = new Error('killed');
    const before = cloud.launches.length;
    const lease = await ready('web');
    const sent = cloud.launches.slice(before);
    expect(sent.map(({ resend }) => resend)).toEqual([false, true]);
    expect({ ...sent[1], resend: false }).toEqual(sent[0]);
    expect(tokenIn(sent[1]?.userData ?? null)).not.toBe('');
    expect(rig.machines()).toHaveLength(1);
    expect((await attemptOf(lease)).row.callback_token, 'only kept until the answer').toBeNull();
  });

  it('carries accelerator and tags', async () => {
    const lease = await ready('web');
    const { request } = await attemptOf(lease);
    expect(request.accelerator).toBe('L4');
    expect(request.tags).toEqual({ workload: 'web', team: 'team', lease: lease.id });
    expect(request.resend).toBe(false);
  });

  it('that may have arrived is cleared away before its lease is gone, even when the cloud rejects it in the end', async () => {
    cloud.afterLaunch = problem('conflict', 'the name is taken');
    await rig.service.applyWorkload(aWorkload({ name: 'web' }));
    await rig.untilReady('web');
    const { items } = await rig.service.listLeases({ workload: 'web', state: null }, FIRST);
    expect(items.map(({ state }) => state)).toEqual(['gone', 'ready']);
    expect(rig.machines()).toHaveLength(1);
  });
});

describe('a launch without headroom', () => {
  it('is not sent: the lease fails, and what claims the quota is left alone for a while', async () => {
    const { database } = rig.store;
    const { id: serving, workloadId, planId } = await ready('full');
    const model = await getLease(database, serving);
    if (model === null) throw new Error('no lease');
    const sent = cloud.launches.length;
    await database.updateTable('quotas').set({ quota_usage: sql`quota_limit` }).execute();
    const { pool, accelerator, acceleratorCount, priceMicroUsdPerHour, adjustedPriceMicroUsdPerHour } = model;
    const id = rig.context.newId();
    const prices = { priceMicroUsdPerHour, adjustedPriceMicroUsdPerHour, at: rig.clock.now() };
    const place = { id, workloadId, planId, replicas: [7], part: 0, partCount: 1, pool, accelerator, acceleratorCount };
    await rig.store.transaction((transaction) => insertLeases(transaction, [{ ...place, ...prices }]));
    await rig.until('it has failed', async () => (await getLease(database, id))?.state === 'failed', 30);
    await database.updateTable('quotas').set({ quota_usage: 0 }).execute();

    expect((await getLease(database, id))?.stateReason).toMatch(
      /^Not launched: nothing was sent: quota \S+ of us-east-1/,
    );
    expect(cloud.launches).toHaveLength(sent);
    const { soldOut } = await rig.service.getProvider('aws');
    expect(soldOut.filter(({ scope }) => scope.quota !== null)).toHaveLength(1);
  });
});

describe('the sweep of leftovers', () => {
  function disk(id: string, change: Partial<Leftover> = {}): Leftover {
    const place = { region: REGION, zone: null, owner: 'test-broker' };
    return { kind: 'disk', id, ...place, idempotencyKey: null, createdAt: rig.clock.now(), ...change };
  }

  async function sweep(): Promise<void> {
    const provider = rig.context.providers.get('aws');
    if (provider === undefined) throw new Error('no provider');
    const done = sweepLeftovers(rig.context, provider, [REGION]);
    let isDone = false;
    void done.finally(() => {
      isDone = true;
    });
    await rig.until('the sweep has ended', async () => isDone, 60);
    await done;
  }

  async function states(): Promise<Record<string, string>> {
    const { items } = await rig.service.listLeftovers('aws', FIRST);
    return Object.fromEntries(items.map(({ cloudId, state }) => [cloudId, state]));
  }

  it('leaves alone what a live lease uses, and removes what an ended one left, until it is gone', async () => {
    const lease = await ready('web');
    const { row } = await attemptOf(lease);
    cloud.leftovers = [disk('d-live', { idempotencyKey: row.id })];
    await sweep();
    expect(await states()).toEqual({});
    const { id } = await rig.service.deleteWorkload('web');
    await rig.until('it is deleted', async () => (await rig.service.getWorkload(id)).state === 'deleted', 60);
    expect(cloud.removed).not.toContain('d-live');
    await rig.pass(11);
    await sweep();
    expect(cloud.removed).toContain('d-live');
    expect(cloud.leftovers).toEqual([]);
    expect(await states()).toEqual({});
    expect(await rig.events('leftover.removed')).toHaveLength(1);
  });

  it('reports what nobody knows once it is old enough, and does not touch it', async () => {
    cloud.leftovers = [disk('d-young'), disk('d-old', { createdAt: rig.clock.now() - 61_000 })];
    await sweep();
    expect(await states()).toEqual({ 'd-old': 'reported', 'd-young': 'waiting' });
    await sweep();
    const told = await rig.events('leftover.found');
    expect(told).toHaveLength(1);
    expect(told[0]?.message).toContain('remove it by hand, or set sweep.removeOrphans');
    expect(cloud.removed).not.toContain('d-old');
  });

  it('trap: a region that did not answer completely proves nothing', async () => {
    cloud.leftovers = [disk('d-old', { createdAt: 0 })];
    await sweep();
    const error = problem('rate-limited', 'slow down');
    cloud.leftovers = [];
    cloud.outcome = { region: REGION, complete: false, error };
    await rig.pass(1);
    await sweep();
    expect(await states()).toEqual({ 'd-old': 'reported' });
    const sweeps = (await rig.service.listSweeps('aws')).filter(({ subject }) => subject === 'leftovers');
    expect(sweeps).toMatchObject([{ outcome: 'failed', error: error.message }]);
    expect(sweeps[0]?.completeAt).not.toBeNull();
    cloud.outcome = { region: REGION, complete: true, error: null };
    await sweep();
    expect(await states()).toEqual({});
  });

  it('goes on with the others when one cannot be removed, and tells why', async () => {
    const lease = await ready('web');
    const { row } = await attemptOf(lease);
    const { id } = await rig.service.deleteWorkload('web');
    await rig.until('it is deleted', async () => (await rig.service.getWorkload(id)).state === 'deleted', 60);
    await rig.pass(11);
    cloud.leftovers = [disk('d-used', { idempotencyKey: row.id }), disk('d-free', { idempotencyKey: row.id })];
    await sweep();
    expect(cloud.leftovers.map((leftover) => leftover.id)).toEqual(['d-used']);
    const { items } = await rig.service.listLeftovers('aws', FIRST);
    expect(items).toMatchObject([{ cloudId: 'd-used', state: 'removing', leaseId: lease.id }]);
    expect(items[0]?.error).toContain('a machine uses it');
  });
});
