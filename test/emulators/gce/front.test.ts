import { beforeEach, describe, expect, it } from 'vitest';
import type { Front } from '../../../src/emulators/http/front.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import type { World } from '../../../src/emulators/world/contract.ts';
import type { WorldControl } from '../../../src/emulators/world/control-contract.ts';
import type { ProjectFront } from './project-front.ts';
import { createProjectFront, EVERYWHERE, reasonOf, ZONE } from './project-front.ts';

const REQUEST_ID = '6d6b52a4-4d7c-4a3a-9d5a-2f6f4ad0c111';

let clock: ManualClock;
let world: World;
let control: WorldControl;
let compute: Front;
let send: ProjectFront['send'];

beforeEach(async () => {
  ({ clock, world, control, compute, send } = await createProjectFront());
});

function instance(name: string, changes: object = {}): object {
  return {
    name,
    machineType: 'zones/us-central1-a/machineTypes/g2-standard-4',
    labels: { owner: 'me' },
    disks: [{ boot: true, autoDelete: true, initializeParams: { sourceImage: 'family/x', diskSizeGb: '50' } }],
    networkInterfaces: [{ network: 'global/networks/default' }],
    scheduling: { onHostMaintenance: 'TERMINATE' },
    ...changes,
  };
}

describe('instances.insert', () => {
  it('begins an operation; the machine stages, then runs', async () => {
    const inserted = await send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-1'));
    expect(inserted).toMatchObject({
      status: 200,
      json: { kind: 'compute#operation', operationType: 'insert', status: 'RUNNING', clientOperationId: REQUEST_ID },
    });
    expect((await send('GET', `${ZONE}/instances/m-1`)).json).toMatchObject({
      status: 'PROVISIONING',
      labels: { owner: 'me' },
      guestAccelerators: [{ acceleratorCount: 1 }],
    });
    await clock.advance(5_000);
    expect((await send('GET', `${ZONE}/instances/m-1`)).json).toMatchObject({ status: 'RUNNING' });
    const operation = await send('GET', `${ZONE}/operations/${String(inserted.json['name'])}`);
    expect(operation.json).toMatchObject({ status: 'DONE', progress: 100 });
    expect(operation.json).not.toHaveProperty('error');
  });

  it('answers a known request id with the first operation, whatever the request says', async () => {
    const first = await send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-1'));
    const second = await send('POST', `${ZONE}/instances?requestId=${REQUEST_ID}`, instance('m-2'));
    expect(second.json['name']).toBe(first.json['name']);
    expect(world.machines('gcp')).toHaveLength(1);
  });

  it('refuses a name that is taken in the zone, not in another', async () => {
    await send('POST', `${ZONE}/instances`, instance('m-1'));
    const again = await send('POST', `${ZONE}/instances`, instance('m-1'));
    expect([again.status, reasonOf(again)]).toEqual([409, 'alreadyExists']);
    const machineType = 'zones/us-central1-b/machineTypes/g2-standard-4';
    const path = `${ZONE.replace(/a$/, 'b')}/instances`;
    expect((await send('POST', path, instance('m-1', { machineType }))).status).toBe(200);
  });

  it('fails later for want of hardware: the operation tells, the machine is gone, the name is free', async () => {
    control.setFree(EVERYWHERE, 0);
    const inserted = await send('POST', `${ZONE}/instances`, instance('m-1'));
    expect(inserted.status).toBe(200);
    await clock.advance(5_000);
    const operation = await send('GET', `${ZONE}/operations/${String(inserted.json['name'])}`);
    expect(operation.json).toMatchObject({
      status: 'DONE',
      httpErrorStatusCode: 503,
      error: { errors: [{ code: 'ZONE_RESOURCE_POOL_EXHAUSTED' }] },
    });
    const lookedFor = await send('GET', `${ZONE}/instances/m-1`);
    expect([lookedFor.status, reasonOf(lookedFor)]).toEqual([404, 'notFound']);
    control.setFree(EVERYWHERE, 1);
    expect((await send('POST', `${ZONE}/instances`, instance('m-1'))).status).toBe(200);
  });

  it('ends without an error when the machine is deleted before it could fail', async () => {
    control.setFree(EVERYWHERE, 0);
    const inserted = await send('POST', `${ZONE}/instances`, instance('m-1'));
    await clock.advance(500);
    expect((await send('DELETE', `${ZONE}/instances/m-1`)).json).toMatchObject({ operationType: 'delete' });
    await clock.advance(60_000);
    const operation = await send('GET', `${ZONE}/operations/${String(inserted.json['name'])}`);
    expect(operation.json['status']).toBe('DONE');
    expect(operation.json).not.toHaveProperty('error');
  });

  it('refuses over a quota at once, and names the shared metric for the newest GPUs', async () => {
    control.setQuotaLimit('gcp', 'us-central1', 'NVIDIA_L4_GPUS', 0);
    const refused = await send('POST', `${ZONE}/instances`, instance('m-1'));
    expect(refused).toMatchObject({
      status: 403,
      json: { error: { message: "Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: 0.0 in region us-central1." } },
    });
    expect(reasonOf(refused)).toBe('quotaExceeded');
    control.setQuotaLimit('gcp', 'us-central1', 'NVIDIA_H100_GPUS', 0);
    const machineType = 'zones/us-central1-a/machineTypes/a3-highgpu-8g';
    const newest = await send('POST', `${ZONE}/instances`, instance('m-2', { machineType }));
    expect(newest.json).toMatchObject({ error: { message: expect.stringContaining("Quota 'GPUS_PER_GPU_FAMILY'") } });
  });

  it.each([
    ['an unknown field', { machineTyp: 'x' }, 'Unknown name "machineTyp"'],
    [
      'an unknown field within',
      { scheduling: { provisioning: 'SPOT' } },
      `Unknown name "provisioning" at 'scheduling'`,
    ],
    ['a wrong type', { labels: { owner: 7 } }, "Invalid value at 'labels[owner]'"],
    ['an unknown machine type', { machineType: 'zones/us-central1-a/machineTypes/z9' }, 'does not exist'],
    ['a machine type of another zone', { machineType: 'zones/us-east1-b/machineTypes/g2-standard-4' }, 'not in zone'],
    ['no boot disk', { disks: [] }, 'boot disk'],
    ['no network', { networkInterfaces: [] }, 'network interface'],
    ['live migration', { scheduling: {} }, 'do not support live migration'],
    ['a malformed name', { name: 'Machine' }, "Invalid value for field 'resource.name'"],
    ['a label that is none', { labels: { owner: 'Me!' } }, 'Invalid label value'],
    [
      'a type that is sold on spot only',
      { machineType: 'zones/us-central1-a/machineTypes/a3-highgpu-1g' },
      'not sold this way',
    ],
  ])('refuses %s', async (_, changes, message) => {
    const refused = await send('POST', `${ZONE}/instances`, instance('m-1', changes));
    expect(refused).toMatchObject({ status: 400, json: { error: { message: expect.stringContaining(message) } } });
    expect(world.machines('gcp')).toEqual([]);
  });

  it('refuses a request id that is no UUID, and query parameters that nobody knows', async () => {
    const malformed = await send('POST', `${ZONE}/instances?requestId=1`, instance('m-1'));
    expect(malformed.json).toMatchObject({ error: { message: expect.stringContaining('valid UUID') } });
    const unknown = await send('GET', `${ZONE}/instances?colour=red`);
    expect(unknown.json).toMatchObject({ error: { message: expect.stringContaining('Cannot bind query parameter') } });
  });
});

describe('spot machines that the cloud takes back', () => {
  it.each([
    ['DELETE', 404],
    ['STOP', 200],
  ])('with the action %s answer %d afterwards', async (instanceTerminationAction, status) => {
    const scheduling = { provisioningModel: 'SPOT', instanceTerminationAction };
    await send('POST', `${ZONE}/instances`, instance('m-1', { scheduling }));
    await clock.advance(5_000);
    const [machine] = world.machines('gcp');
    if (machine === undefined) throw new Error('no machine');
    control.interrupt(machine.serial);
    await clock.advance(60_000);
    const found = await send('GET', `${ZONE}/instances/m-1`);
    expect(found.status).toBe(status);
    if (status === 200) {
      expect(found.json['status']).toBe('TERMINATED');
      expect((await send('DELETE', `${ZONE}/instances/m-1`)).json).toMatchObject({ status: 'DONE' });
      expect((await send('GET', `${ZONE}/instances/m-1`)).status).toBe(404);
    }
  });
});

describe('lists', () => {
  it('name every scope, those without results with a warning', async () => {
    await send('POST', `${ZONE}/instances`, instance('m-1'));
    const { json } = await send(
      'GET',
      '/compute/v1/projects/demo-project/aggregated/instances?filter=labels.owner%3Dme',
    );
    const items = Object(json['items']);
    expect(Object.keys(items)).toHaveLength(30);
    expect(items['zones/us-central1-a'].instances).toHaveLength(1);
    expect(items['zones/us-east1-b']).toMatchObject({ warning: { code: 'NO_RESULTS_ON_PAGE' } });
  });

  it('belong to one project', async () => {
    await send('POST', `${ZONE}/instances`, instance('m-1'));
    const other = ZONE.replace('demo-project', 'other-project');
    expect((await send('GET', `${other}/instances/m-1`)).status).toBe(404);
    expect((await send('GET', `${other}/instances`)).json).not.toHaveProperty('items');
    expect((await send('GET', `${ZONE}/instances`)).json['items']).toHaveLength(1);
  });
});

describe('regionInstances.bulkInsert', () => {
  const PATH = '/compute/v1/projects/demo-project/regions/us-central1/instances/bulkInsert';
  const { name: _, machineType: __, ...properties } = Object(instance('any'));
  const wanted = {
    count: '3',
    namePattern: 'bulk-###',
    instanceProperties: { ...properties, machineType: 'g2-standard-4' },
  };

  it('makes all in one zone, which it chooses, with names from a pattern', async () => {
    control.setFree({ ...EVERYWHERE, zone: 'us-central1-a' }, 2);
    const begun = await send('POST', `${PATH}?requestId=${REQUEST_ID}`, wanted);
    expect(begun.json).toMatchObject({ operationType: 'bulkInsert', status: 'RUNNING' });
    expect(world.machines('gcp').map(({ name, pool }) => `${pool.zone} ${name}`)).toEqual([
      'us-central1-b bulk-001',
      'us-central1-b bulk-002',
      'us-central1-b bulk-003',
    ]);
    await clock.advance(5_000);
    const path = `/compute/v1/projects/demo-project/regions/us-central1/operations/${String(begun.json['name'])}`;
    expect((await send('GET', path)).json).toMatchObject({ status: 'DONE' });
  });

  it('is content with as few as minCount', async () => {
    control.setFree(EVERYWHERE, 2);
    await send('POST', PATH, { ...wanted, minCount: '2' });
    expect(world.machines('gcp')).toHaveLength(2);
  });

  it('fails as an operation where no zone has enough, and leaves nothing', async () => {
    control.setFree(EVERYWHERE, 2);
    const begun = await send('POST', PATH, wanted);
    expect(begun.json).toMatchObject({ status: 'DONE', error: { errors: [{ code: 'VM_MIN_COUNT_NOT_REACHED' }] } });
    expect(world.machines('gcp')).toEqual([]);
  });
});

describe('regions.get and projects.get', () => {
  it('tell limit and usage, and are silent about the newest families', async () => {
    await send('POST', `${ZONE}/instances`, instance('m-1'));
    const region = await send('GET', '/compute/v1/projects/demo-project/regions/us-central1');
    expect(region.json['quotas']).toContainEqual({ metric: 'NVIDIA_L4_GPUS', limit: 256, usage: 1 });
    expect(JSON.stringify(region.json['quotas'])).not.toMatch(/H100|H200|B200/);
    const project = await send('GET', '/compute/v1/projects/demo-project');
    expect(project.json['quotas']).toContainEqual({ metric: 'GPUS_ALL_REGIONS', limit: 2048, usage: 1 });
  });

  it('refuse a region that is none', async () => {
    expect((await send('GET', '/compute/v1/projects/demo-project/regions/moon-1')).status).toBe(400);
  });
});

describe('labels of requests', () => {
  it.each([
    ['POST', `${ZONE}/instances`, 'instances.insert', 'us-central1', true, 'mutate-requests'],
    ['DELETE', `${ZONE}/instances/m`, 'instances.delete', 'us-central1', true, 'mutate-requests'],
    ['GET', `${ZONE}/instances/m`, 'instances.get', 'us-central1', false, 'read-requests'],
    ['POST', `${ZONE}/operations/o/wait`, 'zoneOperations.wait', 'us-central1', false, 'operation-read-requests'],
    [
      'GET',
      '/compute/v1/projects/p/aggregated/machineTypes',
      'machineTypes.aggregatedList',
      null,
      false,
      'heavy-weight-read-requests',
    ],
    ['GET', '/compute/v1/projects/p/regions/europe-west4', 'regions.get', 'europe-west4', false, 'read-requests'],
    ['GET', '/nothing/here', 'unknown', null, false, undefined],
  ])('%s %s is %s', (method, path, operation, region, mutating, bucket) => {
    const url = new URL(path, 'http://emulated.invalid');
    const label = compute.label({ method, url, headers: {}, body: Buffer.alloc(0) });
    expect(label).toEqual({ operation, region, mutating, ...(bucket === undefined ? {} : { bucket }) });
  });
});
