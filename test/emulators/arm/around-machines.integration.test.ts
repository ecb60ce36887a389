import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArmSubject, PlainAnswer } from './arm-subject.ts';
import { GROUP_PATH, LATENCY_MS, type machineModel, machinePath, SUBSCRIPTION, startArm } from './arm-subject.ts';

const NETWORK = `${GROUP_PATH}/providers/Microsoft.Network`;
const DISKS = `${GROUP_PATH}/providers/Microsoft.Compute/disks`;
const VERSION = 'api-version=2024-01-01';
const SIZE = 'Standard_NC16as_T4_v3';

let arm: ArmSubject;

beforeEach(async () => {
  arm = await startArm();
  arm.setFree(20);
});

afterEach(async () => {
  await arm.close();
});

function errorOf({ status, body }: PlainAnswer): readonly [number, string, string] {
  const { error } = JSON.parse(body);
  return [status, error.code, error.message];
}

/** With an interface and an address of the machine's own. */
function withAddress(deleteOption: 'Delete' | 'Detach'): Parameters<typeof machineModel>[0] {
  return {
    networkProfile: {
      networkApiVersion: '2022-11-01',
      networkInterfaceConfigurations: [
        {
          name: 'm1-nic',
          deleteOption,
          tags: { of: 'nic' },
          ipConfigurations: [
            {
              name: 'primary',
              subnet: { id: '/subnets/a' },
              publicIPAddressConfiguration: { name: 'm1-ip', deleteOption, tags: { of: 'ip' } },
            },
          ],
        },
      ],
    },
  };
}

function partsLeft(): readonly string[] {
  return arm.clouds.world.parts('azure').map(({ kind, name }) => `${kind} ${name}`);
}

describe('what a machine is made of', () => {
  it('comes with it, with the tags that each inherits, and goes with its record', async () => {
    arm.setFree(0);
    await arm.create('m1', withAddress('Delete'));
    const parts = arm.clouds.world.parts('azure');
    expect(parts.map(({ kind, name, tags }) => [kind, name, tags])).toEqual([
      ['disk', 'm1_OsDisk_1', { team: 'research' }],
      ['network-interface', 'm1-nic', { of: 'nic' }],
      ['address', 'm1-ip', { of: 'ip' }],
    ]);
    await arm.clock.advance(LATENCY_MS);
    expect(partsLeft()).toHaveLength(3);
    await arm.plain({ method: 'DELETE', path: `${machinePath('m1')}?${VERSION}` });
    expect(partsLeft()).toEqual([]);
  });

  it('stays without deleteOption, and is then removed one by one', async () => {
    await arm.create('m1', withAddress('Detach'));
    await arm.clock.advance(LATENCY_MS);
    await arm.plain({ method: 'DELETE', path: `${machinePath('m1')}?${VERSION}` });
    await arm.clock.advance(60_000);
    expect(partsLeft()).toEqual(['network-interface m1-nic', 'address m1-ip']);
    const path = `${NETWORK}/networkInterfaces/M1-NIC?${VERSION}`;
    expect((await arm.plain({ method: 'DELETE', path })).status).toBe(202);
    expect((await arm.plain({ method: 'DELETE', path })).status).toBe(204);
    expect(partsLeft()).toEqual(['address m1-ip']);
  });

  it.each([
    [`${DISKS}/m1_OsDisk_1`, 409, 'OperationNotAllowed', 'is attached to VM'],
    [`${NETWORK}/networkInterfaces/m1-nic`, 400, 'NicInUse', 'is used by existing resource'],
    [`${NETWORK}/publicIPAddresses/m1-ip`, 400, 'PublicIPAddressCannotBeDeleted', 'still allocated'],
  ])('is not removed while the machine uses it: %s', async (path, status, code, words) => {
    await arm.create('m1', withAddress('Delete'));
    const answer = errorOf(await arm.plain({ method: 'DELETE', path: `${path}?${VERSION}` }));
    expect(answer.slice(0, 2)).toEqual([status, code]);
    expect(answer[2]).toContain(words);
    expect(partsLeft()).toHaveLength(3);
  });
});

describe('lists', () => {
  it('resources are listed by type and place, page by page; other filters are refused', async () => {
    for (let index = 0; index < 25; index += 1) await arm.create(`m${index}`);
    await arm.create('elsewhere', { location: 'southcentralus' });
    const filter = encodeURIComponent("resourceType eq 'microsoft.compute/DISKS' and location eq 'eastus'");
    const path = `/subscriptions/${SUBSCRIPTION}/resources?${VERSION}&$expand=createdTime&$filter=`;
    const first = JSON.parse((await arm.plain({ path: `${path}${filter}` })).body);
    expect(first.value).toHaveLength(20);
    expect(first.value[0]).toMatchObject({ type: 'Microsoft.Compute/disks', createdTime: '2026-11-23T12:00:00.000Z' });
    const next = new URL(first.nextLink);
    const second = JSON.parse((await arm.plain({ path: `${next.pathname}${next.search}` })).body);
    expect(second.value).toHaveLength(5);
    expect(second.nextLink).toBeNull();
    const refused = await arm.plain({ path: `${path}${encodeURIComponent("tagName eq 'a'")}` });
    expect(errorOf(refused).slice(0, 2)).toEqual([400, 'InvalidFilterInQueryString']);
  });

  it('lag behind where the world says so, single reads do not', async () => {
    arm.clouds.control.setVisibilityDelayMs('azure', 3_000);
    await arm.create('m1');
    const listed = async (): Promise<readonly (string | undefined)[]> => {
      const states: (string | undefined)[] = [];
      for await (const machine of arm.client.virtualMachines.listByLocation('eastus'))
        states.push(machine.provisioningState);
      return states;
    };
    expect(await listed()).toEqual([]);
    expect((await arm.client.virtualMachines.get('Gpus', 'm1')).provisioningState).toBe('Creating');
    await arm.clock.advance(LATENCY_MS);
    expect(await listed()).toEqual(['Creating']);
    expect((await arm.client.virtualMachines.get('Gpus', 'm1')).provisioningState).toBe('Succeeded');
  });
});

describe('limits and rights', () => {
  it('a bucket that is empty says its name, region by region', async () => {
    arm.clouds.control.setRateLimit('azure', 'PutVM', { capacity: 1, refillPerSecond: 0.1 });
    await arm.create('m1');
    const refused: unknown = await arm.create('m2').catch((error: unknown) => error);
    expect(refused).toMatchObject({ statusCode: 429, code: 'TooManyRequests' });
    const body = JSON.stringify({ location: 'eastus' });
    const answer = await arm.plain({ method: 'PUT', path: `${machinePath('m3')}?${VERSION}`, body: JSON.parse(body) });
    expect(answer.headers['x-ms-ratelimit-remaining-resource']).toBe('Microsoft.Compute/PutVM;0');
    await arm.create('m4', { location: 'southcentralus' });
    await arm.clock.advance(10_000);
    await arm.create('m2');
  });

  it('a missing right is named with its scope, also one on what a machine refers to', async () => {
    arm.clouds.control.setDenied('azure', ['Microsoft.Compute/virtualMachines/write']);
    const refused: unknown = await arm.create('m1').catch((error: unknown) => error);
    expect(refused).toMatchObject({ statusCode: 403, code: 'AuthorizationFailed' });
    expect(String(refused)).toContain("'Microsoft.Compute/virtualMachines/write' over scope '/subscriptions/");
    arm.clouds.control.setDenied('azure', ['Microsoft.Network/*/join/action']);
    const linked: unknown = await arm.create('m1').catch((error: unknown) => error);
    expect(linked).toMatchObject({ statusCode: 403, code: 'LinkedAuthorizationFailed' });
    expect(arm.clouds.world.machines('azure')).toEqual([]);
    const permissions = await arm.plain({
      path: `${GROUP_PATH}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`,
    });
    expect(JSON.parse(permissions.body).value[0].notActions).toContain(
      'Microsoft.Network/virtualNetworks/subnets/join/action',
    );
  });
});

describe('capacity reservation groups', () => {
  it('tell what they hold and what of it is in use, to the SDK', async () => {
    const details = { subscription: SUBSCRIPTION, resourceGroup: 'Gpus', group: 'held' };
    for (const zone of ['1', '2'])
      arm.clouds.control.addReservation({
        ...{ id: `r${zone}`, cloud: 'azure', region: 'eastus', zone, instanceType: SIZE, count: 2, kind: 'open' },
        ...{ startAt: arm.clock.now(), endAt: null, tags: {}, details },
      });
    const id = `${GROUP_PATH}/providers/Microsoft.Compute/capacityReservationGroups/held`;
    await arm.create('m1', { capacityReservation: { capacityReservationGroup: { id } } });
    const group = await arm.client.capacityReservationGroups.get('Gpus', 'held', { expand: 'instanceView' });
    const used = group.instanceView?.capacityReservations?.map(({ name, utilizationInfo }) => [
      name,
      utilizationInfo?.virtualMachinesAllocated?.length,
    ]);
    expect(used).toEqual([
      ['r1', 1],
      ['r2', 0],
    ]);
    const members: unknown[] = [];
    for await (const { name, sku, zones } of arm.client.capacityReservations.listByCapacityReservationGroup(
      'Gpus',
      'held',
    ))
      members.push([name, sku.name, sku.capacity, zones]);
    expect(members).toEqual([
      ['r1', SIZE, 2, ['1']],
      ['r2', SIZE, 2, ['2']],
    ]);
    const wrong = arm.create('m2', {
      capacityReservation: { capacityReservationGroup: { id } },
      hardwareProfile: { vmSize: 'Standard_NC8as_T4_v3' },
    });
    await expect(wrong).rejects.toMatchObject({ statusCode: 400, code: 'InvalidParameter' });
    await expect(arm.client.capacityReservationGroups.get('Gpus', 'none')).rejects.toMatchObject({ statusCode: 404 });
  });
});

describe('signals', () => {
  function scores(body: unknown): Promise<PlainAnswer> {
    const path = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Compute/locations/eastus/placementScores/spot/generate?api-version=2025-06-05`;
    return arm.plain({ method: 'POST', path, body });
  }

  it.each([
    [1, 'High'],
    [10, 'High'],
    [11, 'Medium'],
    [20, 'Medium'],
    [21, 'Low'],
  ])('%i machines of the 20 that are free score %s', async (desiredCount, score) => {
    const desired = { desiredLocations: ['eastus'], desiredSizes: [{ sku: SIZE }], desiredCount };
    const answer = JSON.parse((await scores({ ...desired, availabilityZones: true })).body);
    expect(answer.placementScores[0]).toMatchObject({ sku: SIZE, region: 'eastus', score, isQuotaAvailable: true });
    expect(JSON.parse((await scores(desired)).body).placementScores).toMatchObject([{ region: 'eastus', score }]);
  });

  it('scores know the quota, restricted zones and what is not sold, and refuse too much at once', async () => {
    arm.clouds.control.setQuotaLimit('azure', 'eastus', 'lowPriorityCores', 8);
    const restricted = 'Standard_ND96isr_H100_v5';
    const answer = await scores({
      desiredLocations: ['eastus', 'moon'],
      desiredSizes: [{ sku: SIZE }, { sku: restricted }],
      ...{ desiredCount: 1, availabilityZones: true },
    });
    const found: readonly Readonly<Record<string, unknown>>[] = JSON.parse(answer.body).placementScores;
    expect(found.filter(({ isQuotaAvailable }) => isQuotaAvailable === true)).toEqual([]);
    expect(found).toContainEqual(
      expect.objectContaining({ sku: restricted, availabilityZone: '1', score: 'RestrictedSkuNotAvailable' }),
    );
    expect(found).toContainEqual(expect.objectContaining({ region: 'moon', score: 'DataNotFoundOrStale' }));
    const regions = Array.from({ length: 9 }, (_, index) => `r${index}`);
    expect((await scores({ desiredLocations: regions, desiredSizes: [{ sku: SIZE }], desiredCount: 1 })).status).toBe(
      400,
    );
  });

  function graph(query: string): Promise<PlainAnswer> {
    const path = '/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01';
    return arm.plain({ method: 'POST', path, body: { query, options: { resultFormat: 'objectArray' } } });
  }

  it('changes are kept for 14 days and show with the lag of lists', async () => {
    arm.clouds.control.setVisibilityDelayMs('azure', 30_000);
    await arm.create('m1');
    await arm.clock.advance(LATENCY_MS);
    await arm.plain({ method: 'DELETE', path: `${machinePath('m1')}?${VERSION}` });
    const changes = async (): Promise<readonly string[]> => {
      const answer = await graph(
        `resourcechanges | where tostring(properties.targetResourceId) in~ ('${machinePath('m1')}') | project x`,
      );
      return JSON.parse(answer.body).data.map(({ changeType }: { readonly changeType: string }) => changeType);
    };
    await arm.clock.advance(20_000);
    expect(await changes()).toEqual([]);
    await arm.clock.advance(60_000);
    expect(await changes()).toEqual(['Delete', 'Create']);
    await arm.clock.advance(15 * 86_400_000);
    expect(await changes()).toEqual([]);
  });

  it.each(['resources', 'SpotResources | where type =~ 1', 'resourcechanges | take 1'])(
    'a query that the front does not know is refused, not guessed at: %s',
    async (query) => {
      expect((await graph(query)).status).toBe(400);
    },
  );
});

describe('the metadata service', () => {
  it('wants its header and a version it knows, and answers for machines that run', async () => {
    await arm.create('m1');
    const base = `${arm.clouds.endpoints.azure['imds']}/machines/m1/metadata/scheduledevents`;
    const headers = { metadata: 'true' };
    expect((await fetch(`${base}?api-version=2020-07-01`, { headers })).status).toBe(404);
    await arm.clock.advance(LATENCY_MS);
    expect((await fetch(`${base}?api-version=2020-07-01`)).status).toBe(400);
    expect((await fetch(base, { headers })).status).toBe(400);
    const answer = await fetch(`${base}?api-version=2020-07-01`, { headers });
    expect(await answer.json()).toEqual({ DocumentIncarnation: 1, Events: [] });
  });
});
