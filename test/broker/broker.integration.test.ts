import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyWorkload } from '../../src/broker/admission.ts';
import type { Planner } from '../../src/broker/context.ts';
import { place } from '../../src/broker/placing.ts';
import { createPlanner } from '../../src/broker/planning/planner.ts';
import type { Pool } from '../../src/domain/pool.ts';
import type { PoolPattern } from '../../src/emulators/world/control-contract.ts';
import { type LaunchRequest, ProviderError } from '../../src/providers/provider.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

const H100 = { accelerator: 'H100-80GB-SXM', count: 8, perMachine: 8, throughput: 1 };

function pattern(change: Partial<PoolPattern> & Pick<PoolPattern, 'cloud'>): PoolPattern {
  return { region: null, zone: null, instanceType: null, accelerator: null, market: null, ...change };
}

function fault(
  kind: 'lost-reply' | 'lost-request' | 'unauthorized' | 'throttle',
  operation: string,
  remaining: number | null,
) {
  return { id: kind, cloud: null, operation, region: null, kind, delayMs: 0, remaining, probability: 1 };
}

describe('a broker on emulated clouds', () => {
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await startBrokerRig();
  });

  afterEach(async () => {
    await rig.close();
  });

  /** Every lease that is not final has exactly one machine, and no machine is left over. */
  async function expectAccounts(): Promise<void> {
    const { items } = await rig.service.listLeases({ workload: null, state: null }, { cursor: null, limit: 500 });
    const live = items.filter(({ state }) => state !== 'gone' && state !== 'failed');
    const ids = rig.machines().map(({ tags }) => tags['lease']);
    expect(ids.toSorted()).toEqual(live.map(({ id }) => id).toSorted());
  }

  it('launches what the plan says, with tags and boot script, and tells each step', async () => {
    const container = { image: 'example/app:1', command: [], env: {} };
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 3, container }));
    const workload = await rig.untilReady('web');
    expect(workload.state).toBe('placed');
    expect(workload.costMicroUsdPerHour).toBe(
      workload.leases.reduce((sum, lease) => sum + lease.priceMicroUsdPerHour, 0),
    );
    await expectAccounts();
    const machine = rig.machines()[0];
    expect(machine?.tags).toMatchObject({ workload: 'web', 'gpu-broker-owner': 'test-broker' });
    const types = (await rig.events('lease.ready')).map(({ workloadId }) => workloadId);
    expect(types).toEqual([workload.id, workload.id, workload.id]);
    expect(await rig.events('plan.committed')).toHaveLength(1);
  });

  it('sends one attempt with one key, however often the request is lost', async () => {
    rig.clouds.control.addFault(fault('lost-request', '*', null));
    await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 120);
    await rig.service.applyWorkload(aWorkload({ name: 'web' }));
    rig.clouds.control.removeFault('lost-request');
    rig.clouds.control.addFault({ ...fault('lost-request', '*RunInstances', 3), id: 'launches' });
    rig.clouds.control.addFault({ ...fault('lost-request', '*createOrUpdate', 3), id: 'creations' });
    await rig.untilReady('web');
    const rows = await rig.store.database.selectFrom('attempts').select(['id', 'state']).execute();
    expect(rig.machines().map(({ tags }) => tags['gpu-broker-attempt'])).toEqual(rows.map(({ id }) => id));
  });

  it.each(['lost-reply', 'lost-request', 'throttle'] as const)(
    'survives a %s on launches with one machine each',
    async (kind) => {
      rig.clouds.control.addFault(fault(kind, '*RunInstances', 2));
      rig.clouds.control.addFault({ ...fault(kind, '*createOrUpdate', 2), id: 'other' });
      await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 4 }));
      await rig.untilReady('web');
      await expectAccounts();
    },
  );

  it('moves on when the cheapest pool is sold out, and remembers it', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'first', accelerators: [H100], markets: ['on-demand'] }));
    const [lease] = (await rig.untilReady('first')).leases;
    const provider = lease?.pool.provider;
    expect(provider).toBe('aws');
    rig.clouds.control.setFree(pattern({ cloud: 'aws', accelerator: 'H100-80GB-SXM' }), 0);
    await rig.service.applyWorkload(aWorkload({ name: 'second', accelerators: [H100], markets: ['on-demand'] }));
    const second = await rig.untilReady('second');
    expect(second.leases[0]?.pool.provider).toBe('azure');
    const aws = await rig.service.getProvider('aws');
    expect(aws.soldOut.some(({ scope }) => scope.instanceType === 'p5.48xlarge')).toBe(true);
    const refusals = await rig.events('attempt.refused');
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.length, 'a shortage is not tried zone by zone').toBeLessThanOrEqual(3);
    expect(refusals[0]?.message).toContain('InsufficientInstanceCapacity');
    await expectAccounts();
  });

  it('replaces a machine that was refused after it had been accepted, and clears what is left of it', async () => {
    rig.clouds.control.setFree(pattern({ cloud: 'aws', accelerator: 'A100-80GB' }), 0);
    const A100 = { accelerator: 'A100-80GB', count: 1, perMachine: 1, throughput: 1 };
    rig.clouds.control.setFree(
      pattern({ cloud: 'azure', instanceType: 'Standard_NC24ads_A100_v4', region: 'eastus' }),
      0,
    );
    await rig.service.applyWorkload(aWorkload({ name: 'web', accelerators: [A100], markets: ['on-demand'] }));
    const workload = await rig.untilReady('web');
    expect(workload.leases[0]?.pool).toMatchObject({ provider: 'azure', region: 'eastus2' });
    const refusals = await rig.events('attempt.refused');
    expect(refusals.map(({ message }) => message).join()).toContain('AllocationFailed');
    await rig.until(
      'the failed machine is cleared',
      async () => (await rig.events('lease.gone')).length === refusals.length,
    );
    await expectAccounts();
  });

  it('releases the part of a gang that came up when the rest cannot', async () => {
    const gang = { ...H100, count: 16 };
    const zones = rig.clouds.world.zonesOffering('aws', 'us-east-1', 'p5.48xlarge');
    for (const zone of zones)
      rig.clouds.control.setFree(pattern({ cloud: 'aws', zone, instanceType: 'p5.48xlarge' }), 1);
    await rig.service.applyWorkload(aWorkload({ name: 'train', accelerators: [gang], markets: ['on-demand'] }));
    const workload = await rig.untilReady('train');
    const places = new Set(workload.leases.map(({ pool }) => `${pool.region}/${pool.zone}`));
    expect(workload.leases).toHaveLength(2);
    expect(places.size, 'all of a gang in one zone').toBe(1);
    expect((await rig.events('lease.gone')).length, 'parts that came up alone').toBeGreaterThan(0);
    await expectAccounts();
  });

  it('notices a lost machine by itself and fills its place', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 2 }));
    await rig.untilReady('web');
    const [victim] = rig.machines();
    if (victim === undefined) throw new Error('no machine');
    rig.clouds.control.lose(victim.serial);
    await rig.until('the loss is noticed', async () => (await rig.events('lease.lost')).length === 1, 60);
    await rig.untilReady('web');
    expect(rig.machines().map(({ serial }) => serial)).not.toContain(victim.serial);
    await expectAccounts();
  });

  it('does not take a region that does not answer for a loss', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 2 }));
    await rig.untilReady('web');
    rig.clouds.control.addFault({ ...fault('throttle', '*', null), id: 'down' });
    await rig.pass(60);
    rig.clouds.control.removeFault('down');
    await rig.pass(60);
    expect(await rig.events('lease.lost')).toEqual([]);
    expect(rig.machines()).toHaveLength(2);
  });

  it('releases everything of a deleted workload and proves it gone', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 3 }));
    await rig.untilReady('web');
    const { id } = await rig.service.deleteWorkload('web');
    await rig.until('it is deleted', async () => (await rig.service.getWorkload(id)).state === 'deleted', 120);
    await rig.until('machines are gone', async () => rig.machines().length === 0, 60);
    expect((await rig.service.getFleet()).costMicroUsdPerHour).toBe(0);
  });

  it('leaves nothing behind when a workload is deleted while its machines are too young to be visible', async () => {
    rig.clouds.control.setVisibilityDelayMs('aws', 8_000);
    rig.clouds.control.setFree(pattern({ cloud: 'azure' }), 0);
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 2, markets: ['on-demand'] }));
    await rig.until('machines exist', async () => rig.machines().length === 2, 60);
    const { id } = await rig.service.deleteWorkload('web');
    await rig.until('it is deleted', async () => (await rig.service.getWorkload(id)).state === 'deleted', 120);
    await rig.until('machines are gone', async () => rig.machines().length === 0, 10);
  });

  it('releases the machines of replicas that are no longer wanted', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 4 }));
    await rig.untilReady('web');
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 1 }));
    await rig.until('three are gone', async () => rig.machines().length === 1, 60);
    const workload = await rig.untilReady('web');
    expect(workload.generation).toBe(2);
    await expectAccounts();
  });

  it('holds what cannot be placed, with the reasons, and places it when they are gone', async () => {
    const limit = 1_000_000;
    await rig.service.applyWorkload(aWorkload({ name: 'big', accelerators: [H100], maxPriceMicroUsdPerHour: limit }));
    await rig.until('it is held', async () => (await rig.service.getWorkload('big')).state === 'held', 60);
    const { holdReasons } = await rig.service.getWorkload('big');
    expect(holdReasons.map(({ rule }) => rule)).toContain('workload.maxPrice');
    expect(holdReasons.map(({ detail }) => detail).join(' ')).toMatch(/1\.00/);
    expect(rig.machines()).toHaveLength(0);
    await rig.service.applyWorkload(aWorkload({ name: 'big', accelerators: [H100] }));
    await rig.untilReady('big');
  });

  it('suspends a provider that refuses our credentials, and places elsewhere', async () => {
    await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 60);
    rig.clouds.control.addFault({ ...fault('unauthorized', '*', null), cloud: 'aws' });
    await rig.service.applyWorkload(aWorkload({ name: 'web', accelerators: [H100], markets: ['on-demand'] }));
    const workload = await rig.untilReady('web');
    expect(workload.leases[0]?.pool.provider).toBe('azure');
    expect((await rig.service.getProvider('aws')).health).toBe('suspended');
    expect(await rig.events('provider.suspended')).not.toEqual([]);
  });

  it('suspends a provider whose regions all refuse our credentials, and takes it back when they work again', async () => {
    rig.clouds.control.addFault({ ...fault('unauthorized', '*', null), cloud: 'azure' });
    await rig.until('it is suspended', async () => (await rig.service.getProvider('azure')).health === 'suspended', 60);
    rig.clouds.control.removeFault('unauthorized');
    await rig.until('it is back', async () => (await rig.service.getProvider('azure')).health === 'ok', 120);
  });

  it('throws a plan away when the fleet changed while it was made', async () => {
    await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 60);
    await applyWorkload({ ...rig.context, wakePlacing: () => {} }, aWorkload({ name: 'web' }));
    const slow: Planner = {
      plan: async (input, signal) => {
        const plan = await planner.plan(input, signal);
        await rig.service.deleteWorkload('web');
        return plan;
      },
      close: () => planner.close(),
    };
    const planner = createPlanner();
    try {
      expect(await place(rig.context, slow)).toEqual({ planId: null, again: true });
      const { items } = await rig.service.listLeases({ workload: null, state: null }, { cursor: null, limit: 10 });
      expect(items).toEqual([]);
    } finally {
      await planner.close();
    }
  });

  it('goes on where it stopped after a restart', async () => {
    await rig.service.applyWorkload(aWorkload({ name: 'web', replicas: 3 }));
    await rig.until('something was launched', async () => rig.machines().length > 0, 60);
    await rig.restart();
    await rig.untilReady('web');
    await expectAccounts();
    expect(new Set(rig.machines().map(({ tags }) => tags['gpu-broker-attempt'])).size).toBe(3);
  });

  it('reports a machine of unknown origin and leaves it alone', async () => {
    await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 60);
    await launchStranger();
    await rig.until('it is reported', async () => (await rig.events('orphan.found')).length === 1, 300);
    expect(rig.machines()).toHaveLength(1);
  });

  async function launchStranger(): Promise<void> {
    const { items } = await rig.service.listOffers(
      { provider: 'aws', region: null, accelerator: 'L4', market: 'on-demand' },
      { cursor: null, limit: 1 },
    );
    const pool = items[0]?.pool;
    const provider = rig.context.providers.get('aws');
    if (pool === undefined || provider === undefined) throw new Error('no offer');
    await provider.launch(strangersRequest(pool), { signal: new AbortController().signal });
  }

  it('dry-runs and explains without touching anything', async () => {
    await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 60);
    const dry = await rig.service.dryRun([aWorkload({ name: 'maybe', replicas: 2 })]);
    expect(dry.plan.machines).toHaveLength(2);
    expect((await rig.service.listWorkloads({ cursor: null, limit: 10 })).items).toEqual([]);
    await rig.service.applyWorkload(aWorkload({ name: 'web' }));
    await rig.untilReady('web');
    const explanation = await rig.service.explainWorkload('web');
    expect(explanation.alternatives.filter(({ verdict }) => verdict === 'chosen')).toHaveLength(1);
    expect(explanation.alternatives.some(({ verdict }) => verdict === 'dearer')).toBe(true);
  });
});

/** A launch with our owner tag that the broker knows nothing of. */
function strangersRequest(pool: Pool): LaunchRequest {
  const request = { owner: 'test-broker', idempotencyKey: 'stranger', resend: false, pool, accelerator: 'L4' };
  return { ...request, count: 1, tags: {}, userData: null };
}

describe('a broker that may remove orphans', () => {
  it('removes a machine nobody accounts for once it is older than the grace period, though another cannot be ended', async () => {
    const refused = {
      kind: 'invalid-request',
      provider: 'aws',
      operation: 'end',
      code: '',
      message: 'it is protected',
    } as const;
    const rig = await startBrokerRig({
      clouds: ['aws'],
      policy: permissivePolicy(),
      settings: { removeOrphans: true },
      adapt: (provider) => ({
        ...provider,
        terminate: (ref, call) =>
          ref.idempotencyKey === 'protected'
            ? Promise.reject(new ProviderError(refused))
            : provider.terminate(ref, call),
      }),
    });
    try {
      await rig.until('it is ready', async () => (await rig.service.readiness()).length === 0, 60);
      const { items } = await rig.service.listOffers(
        { provider: 'aws', region: null, accelerator: 'L4', market: 'on-demand' },
        { cursor: null, limit: 1 },
      );
      const pool = items[0]?.pool;
      if (pool === undefined) throw new Error('no offer');
      const request = strangersRequest(pool);
      const call = { signal: new AbortController().signal };
      for (const idempotencyKey of ['protected', 'stranger'])
        await rig.context.providers.get('aws')?.launch({ ...request, idempotencyKey }, call);
      const launchedAt = rig.clock.now();
      await rig.until('one of the two is gone', async () => rig.machines().length === 1, 300);
      expect(rig.clock.now() - launchedAt, 'not before the grace period').toBeGreaterThanOrEqual(60_000);
      const leftovers = async () => (await rig.service.listLeftovers('aws', { cursor: null, limit: 10 })).items;
      await rig.until('only the other is told', async () => (await leftovers()).length === 1, 60);
      expect(await leftovers()).toMatchObject([{ attemptId: 'protected', state: 'removing' }]);
      expect((await leftovers())[0]?.error).toContain('it is protected');
    } finally {
      await rig.close();
    }
  });
});
