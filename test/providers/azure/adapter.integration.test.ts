import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Provider } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import {
  anyCall,
  errorOf,
  LATENCY_MS,
  launchRequest,
  STARTED_AT,
  STOPPING_MS,
  setFree,
  startEmulatedAzure,
  T4_POOL,
} from './emulated-azure.ts';

let azure: EmulatedAzure;
let provider: Provider;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
  setFree(azure, 20);
});

afterEach(async () => {
  await azure.close();
});

const CREATE = 'virtualMachines.createOrUpdate';

describe('launch', () => {
  it('returns once accepted, and the machine then runs', async () => {
    const { instances, refusals } = await provider.launch(launchRequest({ count: 3 }), anyCall());
    expect(refusals).toEqual([]);
    expect(instances.map(({ state, ref }) => [state, ref.index])).toEqual([
      ['pending', 0],
      ['pending', 1],
      ['pending', 2],
    ]);
    expect(azure.requests(CREATE)).toHaveLength(3);
    expect(azure.requests('operations.get')).toHaveLength(0);
    const [first] = instances;
    if (first === undefined) throw new Error('no machine');
    expect((await provider.getInstance(first.ref, anyCall()))?.state).toBe('pending');
    await azure.clock.advance(LATENCY_MS);
    expect(await provider.getInstance({ ...first.ref, instanceId: null }, anyCall())).toEqual({
      ...first,
      state: 'running',
      launchedAt: STARTED_AT,
    });
  });

  it('sends the official SDK, a create-only request, no retries of its own', async () => {
    azure.fail('unavailable', CREATE, 5);
    const error = await errorOf(provider.launch(launchRequest(), anyCall()));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'ServerBusy', operation: CREATE });
    expect(azure.requests(CREATE)).toHaveLength(1);
    expect(azure.requests(CREATE)[0]?.userAgent).toContain('azsdk-js-arm-compute/25.1.1');
  });

  it('starts machines once for one key, and adopts those that exist', async () => {
    const once = await provider.launch(launchRequest({ count: 2 }), anyCall());
    const twice = await provider.launch(launchRequest({ count: 2 }), anyCall());
    expect(twice.refusals).toEqual([]);
    expect(twice.instances.map(({ ref }) => ref)).toEqual(once.instances.map(({ ref }) => ref));
    expect(azure.clouds.world.machines('azure')).toHaveLength(2);
  });

  it.each([
    ['count', { count: 2 }],
    ['zone', { pool: { ...T4_POOL, zone: '2' } }],
    ['owner', { owner: 'broker-b' }],
    ['user data', { userData: null }],
    ['tags', { tags: { team: 'other' } }],
  ])('answers the same key with another %s with a conflict and starts nothing', async (_what, changes) => {
    await provider.launch(launchRequest(), anyCall());
    const error = await errorOf(provider.launch(launchRequest(changes), anyCall()));
    expect(error).toMatchObject({ kind: 'conflict', code: 'PreconditionFailed' });
    expect(azure.clouds.world.machines('azure')).toHaveLength(1);
  });

  it('says outcome-unknown when the reply is lost, and finds the machine by key', async () => {
    azure.fail('lost-reply', CREATE);
    const error = await errorOf(provider.launch(launchRequest(), anyCall()));
    expect(error.kind).toBe('outcome-unknown');
    const ref = { region: T4_POOL.region, zone: '1', idempotencyKey: '01attempt', index: 0, instanceId: null };
    expect(await provider.getInstance(ref, anyCall())).toMatchObject({ state: 'pending', owner: 'broker-a' });
    const again = await provider.launch(launchRequest(), anyCall());
    expect(again.instances).toHaveLength(1);
    expect(azure.clouds.world.machines('azure')).toHaveLength(1);
  });

  it('says outcome-unknown for a lost request and for a proxy’s 502, with nothing started', async () => {
    azure.fail('lost-request', CREATE);
    expect((await errorOf(provider.launch(launchRequest(), anyCall()))).kind).toBe('outcome-unknown');
    azure.fail('html', CREATE);
    expect((await errorOf(provider.launch(launchRequest(), anyCall()))).kind).toBe('outcome-unknown');
    expect(azure.clouds.world.machines('azure')).toHaveLength(0);
  });

  it('launching until it works starts each machine once, whatever gets lost on the way', async () => {
    azure.fail('lost-reply', CREATE, 3);
    azure.fail('lost-request', CREATE, 2);
    azure.fail('html', 'virtualMachines.get', 1);
    const kinds: string[] = [];
    for (;;) {
      const result = await provider.launch(launchRequest({ count: 4 }), anyCall()).catch((error: unknown) => error);
      if (!(result instanceof ProviderError)) break;
      kinds.push(result.kind);
      expect(kinds.length).toBeLessThan(10);
    }
    expect(kinds).toContain('outcome-unknown');
    const machines = azure.clouds.world.machines('azure');
    expect(machines.map(({ tags }) => tags['gpu-broker-index']).toSorted()).toEqual(['0', '1', '2', '3']);
  });

  it('passes throttling and missing permission on', async () => {
    azure.fail('throttle', CREATE);
    expect(await errorOf(provider.launch(launchRequest(), anyCall()))).toMatchObject({
      kind: 'rate-limited',
      code: 'TooManyRequests',
      retryAfterSeconds: 5,
    });
    azure.fail('unauthorized', CREATE);
    expect(await errorOf(provider.launch(launchRequest(), anyCall()))).toMatchObject({
      kind: 'unauthorized',
      code: 'AuthorizationFailed',
    });
  });

  it('says unavailable when nothing listens', async () => {
    const nowhere = await azure.adapter({ endpoints: { 'resource-manager': 'https://127.0.0.1:1' } });
    const error = await errorOf(nowhere.launch(launchRequest(), anyCall()));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'ECONNREFUSED' });
  });

  it('says unavailable, not unknown, when the authority is not trusted', async () => {
    const stranger = await azure.adapter({ certificateAuthority: null });
    expect((await errorOf(stranger.launch(launchRequest(), anyCall()))).kind).toBe('unavailable');
  });

  it('ends with the signal’s reason', async () => {
    azure.fail('slow', CREATE);
    const abort = new AbortController();
    const launching = provider.launch(launchRequest(), { signal: abort.signal });
    const reason = new Error('deadline');
    setImmediate(() => abort.abort(reason));
    await expect(launching).rejects.toBe(reason);
  });

  it('refuses what it cannot do before sending anything', async () => {
    const reserved = launchRequest({ pool: { ...T4_POOL, market: 'reserved', reservation: null } });
    expect((await errorOf(provider.launch(reserved, anyCall()))).kind).toBe('invalid-request');
    const elsewhere = launchRequest({ pool: { ...T4_POOL, region: 'japaneast' } });
    expect((await errorOf(provider.launch(elsewhere, anyCall()))).kind).toBe('invalid-request');
    const arm = launchRequest({ pool: { ...T4_POOL, instanceType: 'Standard_ND128isr_NDR_GB200_v6' } });
    expect((await errorOf(provider.launch(arm, anyCall()))).message).toContain('images.arm64');
    expect(azure.requests(CREATE)).toHaveLength(0);
  });
});

describe('refusals', () => {
  it('an on-demand machine without hardware fails later, and an adapter started anew knows why', async () => {
    setFree(azure, 0);
    const { instances } = await provider.launch(launchRequest(), anyCall());
    expect(instances[0]?.state).toBe('pending');
    await azure.clock.advance(LATENCY_MS);
    const anew = await azure.adapter();
    const ref = { region: T4_POOL.region, zone: '1', idempotencyKey: '01attempt', index: 0, instanceId: null };
    const failed = await anew.getInstance(ref, anyCall());
    expect(failed).toMatchObject({
      state: 'failed',
      failure: null,
      refusal: {
        kind: 'capacity',
        code: 'ZonalAllocationFailed',
        retryAfterSeconds: 3600,
        scope: {
          provider: 'azure',
          region: T4_POOL.region,
          zone: '1',
          instanceType: null,
          market: null,
          quota: 'Standard NCASv3_T4 Family',
        },
      },
    });
    expect(failed?.refusal?.message).toContain('sufficient capacity');
    const owned = await anew.listOwned({ owner: 'broker-a', regions: [T4_POOL.region] }, anyCall());
    expect(owned.instances).toEqual([failed]);
    expect(await anew.terminate(ref, anyCall())).toBe('terminating');
    expect(await anew.terminate(ref, anyCall())).toBe('gone');
    expect(await anew.getInstance(ref, anyCall())).toBeNull();
  });

  it('a spot machine without hardware is refused at once, for all machines asked for', async () => {
    setFree(azure, 0);
    const pool = { ...T4_POOL, market: 'spot' as const };
    const { instances, refusals } = await provider.launch(launchRequest({ pool, count: 3 }), anyCall());
    expect(instances).toEqual([]);
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatchObject({
      count: 3,
      refusal: { kind: 'capacity', code: 'SkuNotAvailable', scope: { ...poolWithoutReservation(pool), quota: null } },
    });
    expect(azure.requests(CREATE)).toHaveLength(1);
  });

  it('accounts for every machine when quota runs out halfway', async () => {
    azure.clouds.control.setQuotaLimit('azure', T4_POOL.region, 'Standard NCASv3_T4 Family', 40);
    const { instances, refusals } = await provider.launch(launchRequest({ count: 4 }), anyCall());
    expect(instances).toHaveLength(2);
    expect(refusals.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(refusals[0]?.refusal).toMatchObject({
      kind: 'quota',
      code: 'OperationNotAllowed',
      retryAfterSeconds: 600,
      scope: {
        provider: 'azure',
        region: T4_POOL.region,
        zone: null,
        instanceType: null,
        market: 'on-demand',
        quota: 'Standard NCASv3_T4 Family',
      },
    });
  });

  it.each([
    ['on-demand', 'Standard NCASv3_T4 Family', 3600, 'on-demand'],
    ['on-demand', 'cores', 600, null],
    ['spot', 'lowPriorityCores', 3600, 'spot'],
  ] as const)('tells the %s quota %s from the others', async (market, quota, retryAfterSeconds, scopeMarket) => {
    azure.clouds.control.setQuotaLimit('azure', T4_POOL.region, quota, 0);
    const { refusals } = await provider.launch(launchRequest({ pool: { ...T4_POOL, market } }), anyCall());
    expect(refusals[0]?.refusal).toMatchObject({
      kind: 'quota',
      retryAfterSeconds,
      scope: { region: T4_POOL.region, instanceType: null, market: scopeMarket, quota },
    });
  });

  it('a size that the zone does not offer is restricted there', async () => {
    const pool = { ...T4_POOL, instanceType: 'Standard_NC24ads_A100_v4', zone: '2' };
    const { refusals } = await provider.launch(launchRequest({ pool }), anyCall());
    expect(refusals[0]?.refusal).toMatchObject({ kind: 'restricted', code: 'SkuNotAvailable', scope: { zone: '2' } });
  });

  it('a launch without a zone gets any, and fails regionally when all are full', async () => {
    const pool = { ...T4_POOL, zone: null };
    const { instances } = await provider.launch(launchRequest({ pool }), anyCall());
    expect(instances).toHaveLength(1);
    setFree(azure, 0);
    const second = await provider.launch(launchRequest({ pool, idempotencyKey: '02' }), anyCall());
    await azure.clock.advance(LATENCY_MS);
    const [machine] = second.instances;
    if (machine === undefined) throw new Error('no machine');
    expect((await provider.getInstance(machine.ref, anyCall()))?.refusal).toMatchObject({
      code: 'AllocationFailed',
      scope: { region: T4_POOL.region, zone: null, quota: 'Standard NCASv3_T4 Family' },
    });
  });
});

function poolWithoutReservation<T extends { reservation: unknown }>({ reservation: _reservation, ...rest }: T) {
  return rest;
}

describe('machines', () => {
  it('lists what the owner has in the regions asked, page by page', async () => {
    azure.clouds.control.setQuotaLimit('azure', T4_POOL.region, 'Standard NCASv3_T4 Family', 10_000);
    setFree(azure, 200);
    await provider.launch(launchRequest({ count: 60 }), anyCall());
    await provider.launch(launchRequest({ owner: 'broker-b', idempotencyKey: '02' }), anyCall());
    const inEast = { ...T4_POOL, region: 'eastus' };
    await provider.launch(launchRequest({ idempotencyKey: '03', pool: inEast }), anyCall());
    const owned = await provider.listOwned({ owner: 'broker-a', regions: [T4_POOL.region] }, anyCall());
    expect(owned.instances).toHaveLength(60);
    expect(owned.regions).toEqual([{ region: T4_POOL.region, complete: true, error: null }]);
    expect(azure.requests('virtualMachines.listByLocation').length).toBeGreaterThan(1);
    const launched = await provider.getInstance({ ...refOf('01attempt'), index: 7 }, anyCall());
    expect(owned.instances).toContainEqual(launched);
  });

  it('a failing page leaves its region incomplete, and no other', async () => {
    azure.fail('throttle', 'virtualMachines.listByLocation');
    const owned = await provider.listOwned({ owner: 'broker-a', regions: ['eastus', 'westeurope'] }, anyCall());
    expect(owned.regions.map(({ complete, error }) => [complete, error?.kind]).toSorted()).toEqual([
      [false, 'rate-limited'],
      [true, undefined],
    ]);
  });

  it('terminates until gone, and does not know what never was', async () => {
    const { instances } = await provider.launch(launchRequest(), anyCall());
    const ref = instances[0]?.ref ?? refOf('none');
    await azure.clock.advance(LATENCY_MS);
    expect(await provider.terminate(ref, anyCall())).toBe('terminating');
    expect((await provider.getInstance(ref, anyCall()))?.state).toBe('stopping');
    expect(await provider.terminate(ref, anyCall())).toBe('terminating');
    await azure.clock.advance(STOPPING_MS);
    expect(await provider.terminate(ref, anyCall())).toBe('gone');
    expect(await provider.getInstance(ref, anyCall())).toBeNull();
    expect(await provider.terminate(refOf('never'), anyCall())).toBe('gone');
    expect(await provider.getInstance(refOf('never'), anyCall())).toBeNull();
  });

  it('does not start an ended attempt’s machine while it is being deleted', async () => {
    const { instances } = await provider.launch(launchRequest(), anyCall());
    await azure.clock.advance(LATENCY_MS);
    await provider.terminate(instances[0]?.ref ?? refOf('none'), anyCall());
    expect((await errorOf(provider.launch(launchRequest(), anyCall()))).kind).toBe('conflict');
  });

  it('an evicted machine is gone', async () => {
    const pool = { ...T4_POOL, market: 'spot' as const };
    const { instances } = await provider.launch(launchRequest({ pool }), anyCall());
    const ref = instances[0]?.ref ?? refOf('none');
    await azure.clock.advance(LATENCY_MS);
    expect((await provider.getInstance(ref, anyCall()))?.pool).toEqual(pool);
    const [machine] = azure.clouds.world.machines('azure');
    azure.clouds.control.interrupt(machine?.serial ?? 0);
    await azure.clock.advance(60_000);
    expect(await provider.getInstance(ref, anyCall())).toBeNull();
  });

  it('keeps our own tags to itself, and leaves no secret in what it sends back', async () => {
    await provider.launch(launchRequest({ userData: 'SECRET' }), anyCall());
    const [machine] = azure.clouds.world.machines('azure');
    expect(machine?.tags).toMatchObject({ team: 'research', 'gpu-broker-owner': 'broker-a' });
    const instance = await provider.getInstance(refOf('01attempt'), anyCall());
    expect(instance?.tags).toEqual({ team: 'research' });
    expect(JSON.stringify(instance)).not.toContain(Buffer.from('SECRET').toString('base64'));
  });

  it('refuses a reference that is no machine of Azure’s', async () => {
    const ref = { ...refOf('01'), instanceId: 'i-0123' };
    expect((await errorOf(provider.getInstance(ref, anyCall()))).kind).toBe('invalid-request');
  });
});

function refOf(idempotencyKey: string) {
  return { region: T4_POOL.region, zone: '1', idempotencyKey, index: 0, instanceId: null };
}
