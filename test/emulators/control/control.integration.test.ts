import { request as ask } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/domain/time.ts';
import type { ControlClient } from '../../../src/emulators/control/client.ts';
import { ControlError, createControlClient } from '../../../src/emulators/control/client.ts';
import type { ControlServer } from '../../../src/emulators/control/server.ts';
import { serveControl } from '../../../src/emulators/control/server.ts';
import type { RequestLog } from '../../../src/emulators/http/request-log.ts';
import { createRequestLog } from '../../../src/emulators/http/request-log.ts';
import { createManualClock, createScaledClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldPool } from '../../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../../src/emulators/world/create-world.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { smallMarket } from '../world/small-market.ts';

const START = Date.UTC(2026, 0, 5);
const SPOT: WorldPool = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small', market: 'spot' };
const ENDPOINTS = { aws: { ec2: 'http://127.0.0.1:1' }, azure: {}, gcp: {}, lambda: {} };

interface Stage extends CreatedWorld {
  readonly client: ControlClient;
  readonly url: string;
  readonly log: RequestLog;
  readonly errors: unknown[];
}

const servers: ControlServer[] = [];

async function serve(clock: Clock = createManualClock(START)): Promise<Stage> {
  const created = createWorld({ seed: 1, clock, facts: [smallMarket('aws'), smallMarket('gcp')] });
  const log = createRequestLog();
  const errors: unknown[] = [];
  const server = await serveControl({
    ...{ ...created, log, clouds: ['aws', 'gcp'], endpoints: ENDPOINTS, certificateAuthority: 'PEM', port: 0 },
    onError: (error) => errors.push(error),
  });
  servers.push(server);
  return { ...created, url: server.url, client: createControlClient(server.url), log, errors };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function launch({ world, control }: CreatedWorld, pool: WorldPool = SPOT): number {
  control.setFree({ ...pool, accelerator: null }, 5);
  const plain = { maxPriceMicroUsdPerHour: null, names: null, details: {}, capacityAnswer: 'sync' } as const;
  const result = world.launch({ pool, count: 1, minCount: 1, tags: { owner: 'me' }, ...plain });
  const [machine] = result.accepted ? result.machines : [];
  if (machine === undefined) throw new Error('the launch was refused');
  return machine.serial;
}

async function refusal(promise: Promise<unknown>): Promise<ControlError> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ControlError) return error;
  throw new Error(`not refused: ${String(error)}`);
}

describe('the control API, through its client', () => {
  it('tells of the world', async () => {
    const { client } = await serve();
    expect(await client.isHealthy()).toBe(true);
    expect(await client.world()).toEqual({
      ...{ seed: 1, now: START, manualClock: true, clouds: ['aws', 'gcp'] },
      ...{ endpoints: ENDPOINTS, certificateAuthority: 'PEM' },
    });
    expect(await createControlClient('http://127.0.0.1:1').isHealthy()).toBe(false);
  });

  it('lists machines by cloud and state as the judge', async () => {
    const stage = await serve();
    const serial = launch(stage);
    launch(stage, { ...SPOT, cloud: 'gcp' });
    expect(await stage.client.machines()).toHaveLength(2);
    expect(await stage.client.machines({ state: 'running' })).toEqual([]);
    expect(await stage.client.advance(1_500)).toBe(START + 1_500);
    const running = await stage.client.machines({ state: 'running' });
    expect(running).toEqual([{ ...stage.world.machine(serial), state: 'running' }]);
    expect(running[0]?.tags).toEqual({ owner: 'me' });
    expect((await stage.client.machines({ cloud: 'gcp' })).map(({ pool }) => pool.cloud)).toEqual(['gcp']);
  });

  it('sets free machines, prices, quotas and latencies', async () => {
    const { client, world, control } = await serve();
    expect(await client.setFree({ cloud: 'aws', zone: 'north-a' }, 3)).toBe(2);
    await client.setSpotPrice({ cloud: 'aws', accelerator: 'T4' }, 222_222);
    expect(await client.pools({ ...SPOT })).toEqual([{ ...SPOT, free: 3, priceMicroUsdPerHour: 222_222 }]);
    await client.setQuotaLimit('aws', 'north', 'cpus', 12);
    expect(world.quotas('aws', 'north')[0]?.limit).toBe(12);
    expect(world.quotas('aws', 'south')[0]?.limit).toBe(400);
    await client.setLatencies('aws', { launchLatencyMs: 7, visibilityDelayMs: 9 });
    const machine = world.machine(launch({ world, control } as Stage));
    expect(machine?.runningAt).toBe(START + 7);
    expect(machine === null ? null : world.visibleAt(machine)).toBe(START + 9);
    await client.setSpotPrice({ cloud: 'aws' }, null);
    expect(world.price(SPOT)).not.toBe(222_222);
    await client.setFree({ cloud: 'aws' }, null);
    expect(control.freeOf(SPOT)).not.toBe(2);
  });

  it('interrupts and loses machines', async () => {
    const stage = await serve();
    const first = launch(stage);
    const second = launch(stage);
    expect(await stage.client.interrupt(first)).toMatchObject({ noticeAt: START, state: 'pending' });
    expect(await stage.client.lose(second)).toMatchObject({ state: 'terminated', endedBy: 'loss' });
    await stage.client.advance(121_000);
    expect(stage.world.machine(first)?.endedBy).toBe('interruption');
  });

  it('adds faults with defaults and an id, lists and removes them', async () => {
    const { client, control } = await serve();
    const any = {
      ...{ cloud: null, service: null, operation: null, region: null, delayMs: 0, remaining: null, probability: 1 },
      vendorError: null,
    };
    expect(await client.addFault({ kind: 'throttle' })).toEqual({ id: 'fault-1', kind: 'throttle', ...any });
    expect(await client.addFault({ id: 'mine', kind: 'slow', delayMs: 5, cloud: 'aws' })).toMatchObject({ id: 'mine' });
    expect((await client.faults()).map(({ id }) => id)).toEqual(['fault-1', 'mine']);
    await client.removeFault('fault-1');
    expect(control.faults()).toEqual([{ ...any, id: 'mine', kind: 'slow', delayMs: 5, cloud: 'aws' }]);
  });

  it('adds errors of the vendor', async () => {
    const { client, control } = await serve();
    const vendorError = { status: 409, code: 'AllocationFailed', message: 'no room', asynchronous: true };
    await client.addFault({ kind: 'vendor-error', cloud: 'aws', service: 'ec2', vendorError });
    expect(control.faults()).toMatchObject([{ kind: 'vendor-error', service: 'ec2', vendorError }]);
  });

  it('takes regions and clouds down, limits requests and denies permissions', async () => {
    const { client, world, rateLimits } = await serve();
    await client.setOutage('aws', 'north', true);
    await client.setOutage('gcp', null, true);
    expect([world.isDown('aws', 'north'), world.isDown('aws', 'south'), world.isDown('gcp', 'south')]).toEqual([
      ...[true, false, true],
    ]);
    await client.setOutage('gcp', null, false);
    expect(world.isDown('gcp', null)).toBe(false);
    await client.setRateLimit('aws', 'Describe*', { capacity: 3, refillPerSecond: 0.5 });
    expect(rateLimits.list()).toEqual([{ cloud: 'aws', bucket: 'Describe*', capacity: 3, refillPerSecond: 0.5 }]);
    await client.setRateLimit('aws', 'Describe*', null);
    expect(rateLimits.list()).toEqual([]);
    await client.setDenied('aws', ['ec2:Run*']);
    expect(world.isDenied('aws', 'ec2:RunInstances')).toBe(true);
  });

  it('adds reservations, lists them with what is free, and ends them', async () => {
    const { client, world } = await serve();
    const place = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small' } as const;
    const added = { ...place, id: 'group/one', count: 3, kind: 'open', startAt: START, endAt: null } as const;
    const view = { ...added, tags: {}, details: {}, free: 3 };
    expect(await client.addReservation({ ...place, id: 'group/one', count: 3 })).toEqual(view);
    await client.addReservation({ ...place, id: 'b', count: 1, kind: 'block', startAt: START + 5, endAt: START + 9 });
    expect((await client.reservations()).map(({ id, free }) => [id, free])).toEqual([
      ['b', 0],
      ['group/one', 3],
    ]);
    expect(await client.reservations({ cloud: 'gcp' })).toEqual([]);
    expect((await refusal(client.addReservation({ ...place, id: 'b', count: 1 }))).status).toBe(409);
    await client.removeReservation('aws', 'group/one');
    expect(world.reservations('aws').map(({ id }) => id)).toEqual(['b']);
  });

  it('lists parts, and makes machines leave them behind', async () => {
    const stage = await serve();
    const machine = launch(stage);
    const { client, world } = stage;
    const disk = { cloud: 'aws', region: 'north', zone: null, kind: 'disk', name: 'root', machine } as const;
    const part = world.addPart({ ...disk, life: 'with-machine', tags: {}, details: {} });
    expect(await client.parts()).toEqual([{ ...part, inUse: true }]);
    expect(await client.parts({ cloud: 'gcp' })).toEqual([]);
    await client.setStrandsParts('aws', true);
    await client.lose(machine);
    expect(await client.parts()).toEqual([{ ...part, life: 'until-removed', inUse: false }]);
  });

  it('replays a trace', async () => {
    const { client, control, world } = await serve();
    const pattern = { cloud: 'aws', zone: 'north-a', instanceType: 'small', market: 'spot' } as const;
    await client.replay([
      { offsetMs: 0, pattern, free: 4 },
      { offsetMs: 1_000, pattern, priceMicroUsdPerHour: 123_400 },
    ]);
    await client.advance(1_000);
    expect([control.freeOf(SPOT), world.price(SPOT)]).toEqual([4, 123_400]);
  });

  it('reads the request log on from where it stopped', async () => {
    const { client, log } = await serve();
    const line = { at: 1, cloud: 'aws', service: 'ec2', operation: 'A', region: null } as const;
    log.add({ ...line, mutating: false, status: 200, userAgent: 'x', fault: null });
    const first = await client.requests();
    expect(first.requests).toHaveLength(1);
    expect(await client.requests(first.next)).toEqual({ requests: [], next: 1 });
  });
});

describe('the control API refuses', () => {
  it('wrong fields, saying which and what is allowed', async () => {
    const { client, url } = await serve();
    const wrongKind = await refusal(client.addFault({ kind: 'earthquake' as 'slow' }));
    expect(wrongKind.status).toBe(400);
    expect(wrongKind.message).toContain('"field":"kind"');
    expect(wrongKind.message).toContain('lost-request');
    const wrongField = await refusal(client.setFree({ cloud: 'aws', colour: 'red' } as { cloud: 'aws' }, 1));
    expect(wrongField.message).toContain('no field is called colour; there are cloud, region, zone');
    expect((await refusal(client.setFree({ cloud: 'aws' }, -1))).message).toContain('"field":"free"');
    expect((await refusal(client.setQuotaLimit('aws', null, 'none', 1))).message).toContain('no quota called none');
    expect((await refusal(client.machines({ state: 'asleep' as 'running' }))).message).toContain('"field":"state"');
    const response = await fetch(`${url}/world/pools`, { method: 'POST', body: '{' });
    expect([response.status, await response.json()]).toEqual([400, { error: 'the body must be JSON', problems: [] }]);
  });

  it('outages, limits, reservations, errors and traces that cannot be', async () => {
    const { client } = await serve();
    const place = { cloud: 'aws', region: 'north', zone: 'north-a', instanceType: 'small', id: 'r' } as const;
    const limit = { capacity: 0, refillPerSecond: 1 };
    const pattern = { cloud: 'aws', zone: 'nowhere' } as const;
    const wrong: readonly [Promise<unknown>, ...string[]][] = [
      [client.setOutage('aws', 'atlantis', true), 'there are north, south'],
      [client.setOutage('moon' as 'aws', null, true), '"field":"cloud"', 'azure'],
      [client.setRateLimit('aws', '*', limit), '"field":"limit.capacity"', '>=1'],
      [client.setDenied('aws', ['']), '"field":"permissions.0"'],
      [client.addReservation({ ...place, count: 0 }), '"field":"count"'],
      [client.addReservation({ ...place, count: 1, kind: 'odd' as 'open' }), '"field":"kind"', 'block'],
      [client.addReservation({ ...place, count: 1, zone: 'south-a' }), 'does not sell small in zone south-a'],
      [client.setStrandsParts('aws', 'yes' as unknown as boolean), '"field":"strands"', 'boolean'],
      [client.addFault({ kind: 'vendor-error' }), '"field":"vendorError"', 'needed for the kind vendor-error'],
      [client.replay([{ offsetMs: -1, pattern }]), '"field":"points.0.offsetMs"'],
      [client.replay([{ offsetMs: 1, pattern }]), 'not for sale', 'nowhere'],
    ];
    for (const [promise, ...texts] of wrong) {
      const { status, message } = await refusal(promise);
      expect(status).toBe(400);
      for (const text of texts) expect(message).toContain(text);
    }
  });

  it('machines that are not there or get no notice, paths and methods that do not exist', async () => {
    const stage = await serve();
    const { client, url } = stage;
    expect((await refusal(client.lose(77))).status).toBe(404);
    const serial = launch(stage, { ...SPOT, market: 'on-demand' });
    expect((await refusal(client.interrupt(serial))).message).toContain('only spot machines get a notice');
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${url}/world/clock`)).status).toBe(405);
    expect((await fetch(`${url}/world/machines/1/interrupt/now`, { method: 'POST' })).status).toBe(404);
  });

  it('to move a clock that runs by itself', async () => {
    const { client } = await serve(createScaledClock({ speed: 1 }));
    expect((await client.world()).manualClock).toBe(false);
    expect((await refusal(client.advance(1))).status).toBe(409);
  });

  it('web pages: requests with an origin or for another host', async () => {
    const { url } = await serve();
    expect((await fetch(`${url}/world`, { headers: { origin: 'https://example.com' } })).status).toBe(403);
    const rebound = await new Promise((resolve, reject) => {
      ask(`${url}/world`, { headers: { host: 'example.com' } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(403);
  });
});
