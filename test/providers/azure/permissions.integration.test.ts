import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { isAllowed } from '../../../src/providers/azure/access.ts';
import { customRole, PERMISSION_TO_CHECK, PERMISSIONS } from '../../../src/providers/azure/permissions.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, LATENCY_MS, launchRequest, setFree, startEmulatedAzure, T4_POOL } from './emulated-azure.ts';

const REGION = T4_POOL.region;
const SUBSCRIPTION = '/subscriptions/00000000-0000-4000-8000-000000000000';
const SECURITY_GROUP = `${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/gpus`;
const IDENTITY = `${SUBSCRIPTION}/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker`;
/** Everything that can be configured, so that everything that can be sent is sent. */
const OPTIONS = {
  publicAddress: true,
  securityGroupIds: { [REGION]: SECURITY_GROUP },
  identityIds: [IDENTITY],
};
const RESERVED: Pool = {
  ...T4_POOL,
  market: 'reserved',
  reservation: `${SUBSCRIPTION}/resourceGroups/gpu-broker/providers/Microsoft.Compute/capacityReservationGroups/held`,
};
/** Requests for which ARM wants no permission of their own. */
const FREE = new Set(['resourceGraph.resources']);

let azure: EmulatedAzure;
let provider: Provider;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter({ options: OPTIONS });
  setFree(azure, 20);
});

afterEach(async () => {
  await azure.close();
});

/** Calls every method in such a way that it sends every request it ever sends. */
async function doEverything(): Promise<void> {
  const query = { owner: 'broker-a', regions: [REGION] };
  azure.clouds.control.addReservation({
    ...{ id: 'held', cloud: 'azure', region: REGION, zone: '1', instanceType: T4_POOL.instanceType, count: 1 },
    ...{ kind: 'open', startAt: azure.clock.now(), endAt: null, tags: {}, details: {} },
  });
  await provider.checkAccess(anyCall());
  await provider.listOffers(query, anyCall());
  await provider.listQuotas(query, anyCall());
  await provider.adviseCapacity?.({ pools: [{ pool: { ...T4_POOL, market: 'spot' }, count: 1 }] }, anyCall());
  const { instances } = await provider.launch(launchRequest({ resend: true }), anyCall());
  await azure.clock.advance(LATENCY_MS);
  azure.clouds.control.setStrandsParts('azure', true);
  for (const { ref } of instances) {
    await provider.getInstance(ref, anyCall());
    await provider.terminate(ref, anyCall());
    await azure.clock.advance(LATENCY_MS);
  }
  await provider.launch(launchRequest({ idempotencyKey: '02', pool: RESERVED }), anyCall());
  await provider.listOwned(query, anyCall());
  const { leftovers } = await provider.listLeftovers(query, anyCall());
  expect(leftovers.map(({ kind }) => kind).toSorted()).toEqual(['address', 'disk', 'network-interface']);
  for (const leftover of leftovers) await provider.removeLeftover(leftover, anyCall());
  for (const { ref } of instances) expect(await provider.terminate(ref, anyCall())).toBe('gone');
}

describe('the table of permissions', () => {
  it('names exactly the requests that the adapter sends', async () => {
    await doEverything();
    const sent = azure.clouds.requests().filter(({ service }) => service === 'resource-manager');
    expect(sent.filter(({ status }) => status >= 400 && status !== 404)).toEqual([]);
    const operations = new Set(sent.map(({ operation }) => operation).filter((operation) => !FREE.has(operation)));
    const tabled = new Set([...PERMISSIONS.flatMap((row) => row.operations), ...PERMISSION_TO_CHECK.operations]);
    expect([...operations].toSorted()).toEqual([...tabled].toSorted());
  });

  it('is the shipped role, action by action', async () => {
    const file = new URL('../../../config/permissions/azure-role.json', import.meta.url);
    const role: unknown = JSON.parse(await readFile(file, 'utf8'));
    expect(role).toEqual(customRole());
    expect(PERMISSIONS.map(({ permission }) => permission).filter((name) => name.includes('*'))).toEqual([]);
  });

  it.each(PERMISSIONS.map(({ permission }) => permission))('without %s something does not work', async (permission) => {
    azure.clouds.control.setDenied('azure', [permission]);
    const checks = await provider.checkAccess(anyCall());
    expect(checks.filter(({ outcome }) => outcome !== 'allowed').map((check) => check.permission)).toEqual([
      permission,
    ]);
    await doEverything().catch(() => null);
    const sent = azure.clouds.requests().filter(({ service }) => service === 'resource-manager');
    const refused = sent.filter(({ status }) => status === 403).map(({ operation }) => operation);
    const row = PERMISSIONS.find((candidate) => candidate.permission === permission);
    const hidden = /^Microsoft\.(Compute\/disks|Network\/\w+|Compute\/capacityReservationGroups)\/read$/.test(
      permission,
    );
    // Lists leave out what may not be read instead of refusing.
    if (!hidden) expect(refused.length).toBeGreaterThan(0);
    for (const operation of refused) expect(row?.operations).toContain(operation);
  });
});

describe('checkAccess', () => {
  it('asks only for what the settings need', async () => {
    const plain = await azure.adapter();
    const names = (await plain.checkAccess(anyCall())).map(({ permission }) => permission);
    expect(names).not.toContain('Microsoft.ManagedIdentity/userAssignedIdentities/assign/action');
    expect(names).not.toContain('Microsoft.Network/publicIPAddresses/write');
    expect(names).toContain('Microsoft.Network/virtualNetworks/subnets/join/action');
  });

  it('says what to do about a resource provider that is not registered', async () => {
    azure.clouds.control.setDenied('azure', ['Microsoft.Network/register/action']);
    const wrong = (await provider.checkAccess(anyCall())).filter(({ outcome }) => outcome !== 'allowed');
    expect(wrong).toMatchObject([
      { permission: 'Microsoft.Network/register/action', outcome: 'missing', required: true },
    ]);
    expect(wrong[0]?.message).toContain('az provider register --namespace Microsoft.Network');
  });

  it('is unknown, with the permission that is missing to ask, where Azure does not say', async () => {
    azure.clouds.control.setDenied('azure', ['Microsoft.Authorization/permissions/read']);
    const checks = await provider.checkAccess(anyCall());
    expect(new Set(checks.map(({ outcome }) => outcome))).toEqual(new Set(['unknown']));
    for (const { message } of checks) expect(message).toContain('Microsoft.Authorization/permissions/read');
  });

  it.each([
    [[{ actions: ['*'], notActions: [] }], true],
    [[{ actions: ['Microsoft.Compute/*'], notActions: [] }], true],
    [[{ actions: ['microsoft.compute/virtualmachines/WRITE'], notActions: [] }], true],
    [[{ actions: ['*/read'], notActions: [] }], false],
    [[{ actions: ['Microsoft.Compute/virtualMachines/write/x'], notActions: [] }], false],
    [[{ actions: ['*'], notActions: ['Microsoft.Compute/virtualMachines/*'] }], false],
    [
      [
        { actions: ['*'], notActions: ['Microsoft.Compute/virtualMachines/*'] },
        { actions: ['Microsoft.Compute/virtualMachines/write'], notActions: [] },
      ],
      true,
    ],
    [[], false],
  ])('evaluates %j as Azure does: %s', (grants, allowed) => {
    expect(isAllowed('Microsoft.Compute/virtualMachines/write', grants)).toBe(allowed);
  });
});
