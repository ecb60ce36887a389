import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArmSubject } from './arm-subject.ts';
import { LATENCY_MS, machineModel, machinePath, skusPath, startArm } from './arm-subject.ts';

let arm: ArmSubject;

beforeEach(async () => {
  arm = await startArm();
  arm.setFree(20);
});

afterEach(async () => {
  await arm.close();
});

async function everything<T>(pages: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

describe('creating machines', () => {
  it('the SDK’s poller follows the operation to the running machine', async () => {
    const poller = arm.client.virtualMachines.createOrUpdate('Gpus', 'm1', machineModel());
    await poller.submitted();
    await poller.poll();
    expect(poller.isDone).toBe(false);
    await arm.clock.advance(LATENCY_MS);
    const machine = await poller.pollUntilDone();
    expect(machine).toMatchObject({
      name: 'm1',
      location: 'eastus',
      zones: ['1'],
      provisioningState: 'Succeeded',
      tags: { team: 'research' },
      hardwareProfile: { vmSize: 'Standard_NC16as_T4_v3' },
      timeCreated: new Date('2026-11-23T12:00:00Z'),
    });
    expect(machine.networkProfile?.networkInterfaces?.[0]).toMatchObject({ deleteOption: 'Delete' });
    expect(JSON.stringify(machine)).not.toContain(Buffer.from('SECRET').toString('base64'));
    const view = await arm.client.virtualMachines.get('gpus', 'M1', { expand: 'instanceView' });
    expect(view.instanceView?.statuses?.map(({ code }) => code)).toEqual([
      'ProvisioningState/succeeded',
      'PowerState/running',
    ]);
  });

  it('the SDK reports a failed operation in its own words, and the machine stays behind until deleted', async () => {
    arm.setFree(0);
    const poller = arm.client.virtualMachines.createOrUpdate('Gpus', 'm1', machineModel());
    await poller.submitted();
    await arm.clock.advance(LATENCY_MS);
    await expect(poller.pollUntilDone()).rejects.toThrow(
      /^The long-running operation has failed\. ZonalAllocationFailed\. Allocation failed\./,
    );
    const view = await arm.client.virtualMachines.get('Gpus', 'm1', { expand: 'instanceView' });
    expect(view.provisioningState).toBe('Failed');
    expect(view.instanceView?.statuses?.[0]?.code).toBe('ProvisioningState/failed/ZonalAllocationFailed');
    await arm.client.virtualMachines.delete('Gpus', 'm1');
    await expect(arm.client.virtualMachines.get('Gpus', 'm1')).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
  });

  it('create-only requests fail on a taken name; others are idempotent and change tags at most', async () => {
    await arm.create('m1');
    const createOnly = arm.client.virtualMachines.createOrUpdate('Gpus', 'm1', machineModel(), { ifNoneMatch: '*' });
    await expect(createOnly.submitted()).rejects.toMatchObject({ statusCode: 412, code: 'PreconditionFailed' });
    await arm.create('m1', { tags: { team: 'other' } });
    expect((await arm.client.virtualMachines.get('Gpus', 'm1')).tags).toEqual({ team: 'other' });
    await expect(arm.create('m1', { zones: ['2'] })).rejects.toMatchObject({
      statusCode: 409,
      code: 'PropertyChangeNotAllowed',
    });
    expect(arm.clouds.world.machines('azure')).toHaveLength(1);
  });

  it.each([
    ['an unknown size', { hardwareProfile: { vmSize: 'Standard_NC1' } }, 'InvalidParameter', 'Standard_NC1'],
    ['an unknown zone', { zones: ['4'] }, 'InvalidParameter', "'4'"],
    ['an unknown region', { location: 'moon' }, 'LocationNotAvailableForResourceType', 'moon'],
    ['no network', { networkProfile: {} }, 'InvalidParameter', 'network interface'],
    ['no way to log in', { osProfile: { computerName: 'm', adminUsername: 'a' } }, 'InvalidParameter', 'SSH'],
    ['an eviction policy without spot', { evictionPolicy: 'Delete' as const }, 'InvalidParameter', 'Eviction'],
    ['a missing name', { osProfile: { adminUsername: 'a' } }, 'InvalidParameter', 'computerName'],
    ['a member it does not know', { licenseType: 'None' }, 'InvalidRequestContent', "find member 'licenseType'"],
  ])('refuses %s', async (_what, changes, code, words) => {
    const error: unknown = await arm.create('m1', changes).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ statusCode: 400, code });
    expect(String(error)).toContain(words);
    expect(arm.clouds.world.machines('azure')).toHaveLength(0);
  });

  it('a spot request above its price limit is refused', async () => {
    const spot = { priority: 'Spot' as const, evictionPolicy: 'Delete' as const, billingProfile: { maxPrice: 0.0001 } };
    await expect(arm.create('m1', spot)).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' });
  });
});

describe('reading and deleting machines', () => {
  it('lists by subscription, group and location; groups come in capitals', async () => {
    await arm.create('m1');
    await arm.create('m2', { location: 'southcentralus' });
    const poller = arm.client.virtualMachines.createOrUpdate('Other', 'm1', machineModel());
    await poller.submitted();
    const { virtualMachines } = arm.client;
    const all = await everything(virtualMachines.listAll());
    expect(all.map(({ id }) => id?.split('/').slice(4).join('/'))).toEqual([
      'GPUS/providers/Microsoft.Compute/virtualMachines/m1',
      'GPUS/providers/Microsoft.Compute/virtualMachines/m2',
      'OTHER/providers/Microsoft.Compute/virtualMachines/m1',
    ]);
    expect(all.every(({ instanceView }) => instanceView === undefined)).toBe(true);
    expect(await everything(virtualMachines.list('gpus'))).toHaveLength(2);
    expect(await everything(virtualMachines.listByLocation('southcentralus'))).toHaveLength(1);
  });

  it('a delete is an operation of its own, repeatable, and 204 in the end', async () => {
    await arm.create('m1');
    await arm.clock.advance(LATENCY_MS);
    const path = `${machinePath('m1')}?api-version=2026-04-01&forceDeletion=true`;
    const first = await arm.plain({ method: 'DELETE', path });
    expect(first.status).toBe(202);
    expect(first.headers['retry-after']).toBe('1');
    const operation = new URL(String(first.headers['azure-asyncoperation']));
    const statusPath = `${operation.pathname}${operation.search}`;
    expect(JSON.parse((await arm.plain({ path: statusPath })).body)).toMatchObject({ status: 'InProgress' });
    expect((await arm.plain({ method: 'DELETE', path })).status).toBe(202);
    await arm.clock.advance(60_000);
    expect(JSON.parse((await arm.plain({ path: statusPath })).body)).toMatchObject({ status: 'Succeeded' });
    expect((await arm.plain({ method: 'DELETE', path })).status).toBe(204);
    await arm.create('m1');
  });

  it('a machine deleted while it is made ends its operation as cancelled', async () => {
    const poller = arm.client.virtualMachines.createOrUpdate('Gpus', 'm1', machineModel());
    await poller.submitted();
    await arm.client.virtualMachines.delete('Gpus', 'm1').submitted();
    await arm.clock.advance(60_000);
    await expect(poller.pollUntilDone()).rejects.toThrow('Operation was canceled');
  });
});

describe('skus and usages', () => {
  it('lists sizes with text capabilities, other things among them', async () => {
    const skus = await everything(arm.client.resourceSkus.list({ filter: "location eq 'eastus'" }));
    const size = skus.find(({ name }) => name === 'Standard_NC24ads_A100_v4');
    expect(size).toMatchObject({
      resourceType: 'virtualMachines',
      family: 'StandardNCADSA100v4Family',
      tier: 'Standard',
    });
    expect(size?.capabilities).toContainEqual({ name: 'GPUs', value: '1' });
    expect(skus.map(({ resourceType }) => resourceType)).toContain('disks');
    expect(new Set(skus.flatMap(({ locations }) => locations ?? []))).toEqual(new Set(['eastus']));
    expect((await arm.plain({ path: skusPath("name eq 'x'") })).status).toBe(400);
  });

  it('counts what runs and what is on its way', async () => {
    await arm.create('m1');
    const usages = await everything(arm.client.usage.list('eastus'));
    const used = new Map(usages.map(({ name, currentValue }) => [name.value, currentValue]));
    expect(used.get('cores')).toBe(16);
    expect(used.get('lowPriorityCores')).toBe(0);
    // With the blank that Azure leaves at the end of some names.
    expect(used.get('Standard NCASv3_T4 Family ')).toBe(16);
    await expect(everything(arm.client.usage.list('moon'))).rejects.toMatchObject({ statusCode: 400 });
  });
});

describe('the protocol', () => {
  it('wants a bearer token', async () => {
    const answer = await arm.plain({ path: skusPath("location eq 'eastus'"), headers: {} });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'AuthenticationFailed' } });
  });

  it.each([
    [`${machinePath('m1')}`, 'GET', 400, 'MissingApiVersionParameter'],
    [`${machinePath('m1')}?api-version=newest`, 'GET', 400, 'InvalidApiVersionParameter'],
    [`${machinePath('m1')}?api-version=2026-04-01`, 'GET', 404, 'ResourceNotFound'],
    [`${machinePath('m1')}?api-version=2026-04-01`, 'POST', 405, 'MethodNotAllowed'],
    [`${machinePath('m1')}?api-version=2026-04-01`, 'PUT', 400, 'InvalidParameter'],
    [
      '/subscriptions/mine/providers/Microsoft.Compute/virtualMachines?api-version=2026-04-01',
      'GET',
      404,
      'SubscriptionNotFound',
    ],
    ['/nowhere?api-version=2026-04-01', 'GET', 404, 'InvalidResourceType'],
    [skusPath("location eq 'eastus'").concat('&$skiptoken=x'), 'GET', 400, 'BadRequest'],
  ])('%s by %s is %i %s', async (path, method, status, code) => {
    const body = method === 'PUT' ? {} : undefined;
    const answer = await arm.plain({ path, method, ...(body === undefined ? {} : { body }) });
    expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([status, code]);
  });

  it('labels requests with operation, region and whether they change anything', async () => {
    await arm.create('m1');
    await arm.client.virtualMachines.get('Gpus', 'm1');
    await everything(arm.client.usage.list('eastus'));
    const labels = arm.clouds.requests().map(({ operation, region, mutating }) => `${operation} ${region} ${mutating}`);
    expect(labels.slice(0, 3)).toEqual([
      'virtualMachines.createOrUpdate eastus true',
      'virtualMachines.get eastus false',
      'usage.list eastus false',
    ]);
  });
});
