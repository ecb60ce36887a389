import { beforeEach, describe, expect, it } from 'vitest';
import type { ProjectFront } from './project-front.ts';
import { createProjectFront, instance, PROJECT, reasonOf, scoped, spot, ZONE } from './project-front.ts';

const REQUEST_ID = '6d6b52a4-4d7c-4a3a-9d5a-2f6f4ad0c111';
const HOUR_MS = 3_600_000;

let front: ProjectFront;

beforeEach(async () => {
  front = await createProjectFront();
});

describe('a region that is down', () => {
  it.each(['machineTypes', 'acceleratorTypes', 'instances', 'disks', 'reservations', 'operations', 'addresses'])(
    'is unreachable in the aggregated list of %s, scope by scope; the others answer',
    async (collection) => {
      await front.send('POST', `${ZONE}/instances`, instance('m-1'));
      front.control.setOutage('gcp', 'us-central1', true);
      const list = await front.send('GET', `${PROJECT}/aggregated/${collection}`);
      const [down, up] =
        collection === 'addresses'
          ? ['regions/us-central1', 'regions/europe-west4']
          : ['zones/us-central1-a', 'zones/europe-west4-a'];
      expect(scoped(list, down)).toEqual({
        warning: {
          ...{ code: 'UNREACHABLE', message: expect.stringContaining(down) },
          data: [{ key: 'scope', value: down }],
        },
      });
      expect(JSON.stringify(scoped(list, up))).not.toContain('UNREACHABLE');
      expect(JSON.stringify(list.json)).not.toContain('m-1');
    },
  );
});

describe('request ids and operations', () => {
  it('are remembered for an hour, and for two weeks', async () => {
    const first = await front.send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-1'));
    await front.clock.advance(HOUR_MS - 1);
    const second = await front.send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-1'));
    expect(second.json['name']).toBe(first.json['name']);
    await front.clock.advance(1);
    expect(reasonOf(await front.send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-1')))).toBe(
      'alreadyExists',
    );
    const path = `${ZONE}/operations/${String(first.json['name'])}`;
    await front.clock.advance(14 * 24 * HOUR_MS - HOUR_MS - 1);
    expect((await front.send('GET', path)).status).toBe(200);
    await front.clock.advance(1);
    expect((await front.send('GET', path)).status).toBe(404);
  });
});

const FORCED = { status: 400, code: 'CONDITION_NOT_MET', message: 'the organisation forbids it', asynchronous: true };

describe('a failure that comes later', () => {
  it('is the operation’s; the machine and its parts are gone', async () => {
    const begun = await front.send('POST', `${ZONE}/instances`, instance('m-1'), FORCED);
    expect(begun.json).toMatchObject({ status: 'RUNNING' });
    expect(front.world.parts('gcp')).toHaveLength(2);
    await front.clock.advance(60_000);
    const done = await front.send('GET', `${ZONE}/operations/${String(begun.json['name'])}`);
    expect(done.json).toMatchObject({
      ...{ status: 'DONE', httpErrorStatusCode: 400 },
      error: { errors: [{ code: FORCED.code, message: FORCED.message }] },
    });
    expect((await front.send('GET', `${ZONE}/instances/m-1`)).status).toBe(404);
    expect(front.world.parts('gcp')).toEqual([]);
  });

  it('of a bulk insert is that operation’s', async () => {
    const wanted = {
      ...{ count: '2', namePattern: 'bulk-##' },
      instanceProperties: { ...instance('x'), name: undefined, machineType: 'g2-standard-4' },
    };
    const path = `${PROJECT}/regions/us-central1`;
    const begun = await front.send('POST', `${path}/instances/bulkInsert`, wanted, FORCED);
    await front.clock.advance(60_000);
    const done = await front.send('GET', `${path}/operations/${String(begun.json['name'])}`);
    expect(done.json).toMatchObject({ status: 'DONE', error: { errors: [{ code: FORCED.code }] } });
    expect(front.world.machines('gcp').map((machine) => front.world.stateOf(machine))).toEqual(['failed', 'failed']);
  });

  it('of anything but a launch comes at once', async () => {
    await front.send('POST', `${ZONE}/instances`, instance('m-1'));
    const refused = await front.send('DELETE', `${ZONE}/instances/m-1`, undefined, FORCED);
    expect([refused.status, reasonOf(refused)]).toEqual([400, 'CONDITION_NOT_MET']);
    expect(front.world.machines('gcp')[0]?.stoppingAt).toBeNull();
  });
});

describe('disks and addresses', () => {
  it('are in use as long as the machine lives, and cannot be deleted', async () => {
    await front.send('POST', `${ZONE}/instances`, instance('m-1'));
    const disks = await front.send('GET', `${PROJECT}/aggregated/disks?filter=labels.owner%3Dme`);
    expect(scoped(disks, 'zones/us-central1-a')['disks']).toMatchObject([
      { name: 'm-1', sizeGb: '50', labels: { owner: 'me' }, users: [expect.stringMatching(/instances\/m-1$/)] },
    ]);
    const refused = await front.send('DELETE', `${ZONE}/disks/m-1`);
    expect([refused.status, reasonOf(refused)]).toEqual([400, 'resourceInUseByAnotherResource']);
    const addresses = await front.send('GET', `${PROJECT}/aggregated/addresses`);
    expect(JSON.stringify(addresses.json)).not.toContain('m-1');
  });

  it('that were left behind are listed without users until they are deleted', async () => {
    await front.send('POST', `${ZONE}/instances`, instance('m-1'));
    await front.clock.advance(60_000);
    front.control.setStrandsParts('gcp', true);
    await front.send('DELETE', `${ZONE}/instances/m-1`);
    await front.clock.advance(60_000);
    const [disk] = Object(scoped(await front.send('GET', `${PROJECT}/aggregated/disks`), 'zones/us-central1-a'))[
      'disks'
    ];
    expect(disk).not.toHaveProperty('users');
    const listed = scoped(await front.send('GET', `${PROJECT}/aggregated/addresses`), 'regions/us-central1');
    expect(listed['addresses']).toMatchObject([{ name: 'm-1-nat0', status: 'RESERVED', labels: { owner: 'me' } }]);
    expect((await front.send('DELETE', `${ZONE}/disks/m-1`)).json).toMatchObject({ status: 'DONE' });
    expect((await front.send('DELETE', `${PROJECT}/regions/us-central1/addresses/m-1-nat0`)).status).toBe(200);
    expect((await front.send('DELETE', `${ZONE}/disks/m-1`)).status).toBe(404);
    expect(front.world.parts('gcp')).toEqual([]);
  });
});

describe('reservations', () => {
  const held = {
    ...{
      id: 'held',
      cloud: 'gcp' as const,
      region: 'us-central1',
      zone: 'us-central1-a',
      count: 1,
      kind: 'open' as const,
    },
    ...{ instanceType: 'g2-standard-4', startAt: 0, endAt: null, tags: {}, details: {} },
  };
  const affinity = (name: string) => ({
    reservationAffinity: {
      ...{ consumeReservationType: 'SPECIFIC_RESERVATION', key: 'compute.googleapis.com/reservation-name' },
      values: [name],
    },
  });

  it('count what is in use, and refuse one machine too many as an operation', async () => {
    front.control.addReservation(held);
    await front.send('POST', `${ZONE}/instances`, instance('m-1', affinity('held')));
    const second = await front.send('POST', `${ZONE}/instances`, instance('m-2', affinity('held')));
    await front.clock.advance(60_000);
    const list = scoped(await front.send('GET', `${PROJECT}/aggregated/reservations`), 'zones/us-central1-a');
    expect(list['reservations']).toMatchObject([
      { name: 'held', specificReservation: { count: '1', inUseCount: '1' } },
    ]);
    const done = await front.send('GET', `${ZONE}/operations/${String(second.json['name'])}`);
    expect(done.json).toMatchObject({ error: { errors: [{ message: expect.stringContaining('Reservation held') }] } });
  });

  it.each([
    ['unknown', {}, 'Could not find'],
    ['held', { machineType: 'zones/us-central1-a/machineTypes/g2-standard-8' }, 'is incorrect'],
  ])('refuse what does not fit: %s %j', async (name, changes, message) => {
    front.control.addReservation(held);
    const refused = await front.send('POST', `${ZONE}/instances`, instance('m-1', { ...affinity(name), ...changes }));
    expect(refused).toMatchObject({ status: 400, json: { error: { message: expect.stringContaining(message) } } });
  });
});

describe('preemptions', () => {
  it('are operations of the system’s, from the notice to the end', async () => {
    await front.send('POST', `${ZONE}/instances`, spot('m-1'));
    await front.clock.advance(60_000);
    const at = new Date(front.clock.now()).toISOString();
    front.control.interrupt(front.world.machines('gcp')[0]?.serial ?? 0);
    const filter = encodeURIComponent(`operationType="compute.instances.preempted" AND insertTime>="${at}"`);
    const path = `${PROJECT}/aggregated/operations?filter=${filter}`;
    const operations = async () => scoped(await front.send('GET', path), 'zones/us-central1-a')['operations'];
    expect(await operations()).toMatchObject([
      { status: 'RUNNING', user: 'system', targetLink: expect.stringMatching(/instances\/m-1$/) },
    ]);
    await front.clock.advance(30_000);
    expect(await operations()).toMatchObject([{ status: 'DONE', endTime: expect.any(String) }]);
    // Kept after the world has forgotten the machine.
    await front.clock.advance(2 * HOUR_MS);
    expect(front.world.machines('gcp')).toEqual([]);
    expect(await operations()).toMatchObject([{ status: 'DONE' }]);
  });
});

describe('advice.capacity', () => {
  const path = `${PROJECT}/regions/us-central1/advice/capacity`;
  const wanted = (provisioningModel = 'SPOT', more: object = {}) => ({
    ...{ size: 10, instanceProperties: { scheduling: { provisioningModel } } },
    distributionPolicy: { targetShape: 'ANY_SINGLE_ZONE', zones: [{ zone: 'zones/us-central1-a' }] },
    instanceFlexibilityPolicy: { instanceSelections: { one: { machineTypes: ['g2-standard-4'] }, ...more } },
  });

  it('grows with what is free', async () => {
    const scores = async () => (await front.send('POST', path, wanted())).json;
    expect(await scores()).toMatchObject({
      recommendations: [{ scores: { obtainability: 0.5, estimatedUptime: '3600s' }, shards: [{ instanceCount: 10 }] }],
    });
    front.control.setFree({ ...EVERYWHERE, zone: 'us-central1-a' }, 90);
    expect(await scores()).toMatchObject({ recommendations: [{ scores: { obtainability: 0.9 } }] });
  });

  it('is for spot and for one selection', async () => {
    expect((await front.send('POST', path, wanted('STANDARD'))).status).toBe(400);
    expect((await front.send('POST', path, wanted('SPOT', { two: { machineTypes: ['g2-standard-8'] } }))).status).toBe(
      400,
    );
  });
});

const EVERYWHERE = {
  ...{ cloud: 'gcp' as const, region: null, instanceType: null, accelerator: null, market: null },
};

describe('permissions', () => {
  it('are refused in the API’s words, and Resource Manager tells the same', async () => {
    front.control.setDenied('gcp', ['compute.instances.create']);
    const refused = await front.send('POST', `${ZONE}/instances`, instance('m-1'));
    expect(refused).toMatchObject({
      status: 403,
      json: {
        error: {
          message:
            "Required 'compute.instances.create' permission for 'projects/demo-project/zones/us-central1-a/instances/m-1'",
        },
      },
    });
    expect(reasonOf(refused)).toBe('forbidden');
    const asked = { permissions: ['compute.instances.create', 'compute.instances.list'] };
    const test = await front.sendTo(
      ...(['cloud-resource-manager', 'POST', '/v3/projects/demo-project:testIamPermissions', asked] as const),
    );
    expect(test.json).toEqual({ permissions: ['compute.instances.list'] });
  });
});

describe('lists that lag', () => {
  it('show a machine late, and the state it was in; a read by name does not lag', async () => {
    front.control.setVisibilityDelayMs('gcp', 10_000);
    await front.send('POST', `${ZONE}/instances`, instance('m-1'));
    const listed = async () =>
      scoped(await front.send('GET', `${PROJECT}/aggregated/instances`), 'zones/us-central1-a');
    expect(await listed()).toHaveProperty('warning');
    expect((await front.send('GET', `${ZONE}/instances/m-1`)).status).toBe(200);
    await front.clock.advance(10_000);
    expect((await listed())['instances']).toMatchObject([{ status: 'STAGING' }]);
    expect((await front.send('GET', `${ZONE}/instances/m-1`)).json).toMatchObject({ status: 'RUNNING' });
  });
});
