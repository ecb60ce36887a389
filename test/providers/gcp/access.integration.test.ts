import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { customRoleYaml, PERMISSIONS } from '../../../src/providers/gcp/permissions.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedGcp } from './emulated-gcp.ts';
import { call, launchOf, REGIONS, refOf, startGcp } from './emulated-gcp.ts';

const ROLE = readFileSync(path.resolve(import.meta.dirname, '../../../config/permissions/gcp-role.yaml'), 'utf8');
/** Asks for no permission in the project: public prices, and the question what the caller may do. */
const FREE = ['cloudCatalog.listSkus', 'projects.testIamPermissions'];

let gcp: EmulatedGcp;
/** With every option that asks for a permission of its own. */
const ALL_OPTIONS = { networkTags: ['gpu'], serviceAccount: 'vm@gpu-fleet.iam.gserviceaccount.com' };

beforeAll(async () => {
  gcp = await startGcp();
});
afterAll(() => gcp.close());

/** Every method of the adapter once, with all that it may ask the cloud for. */
async function useEverything(provider: Provider): Promise<void> {
  const query = { owner: 'fleet', regions: REGIONS };
  await provider.listOffers(query, call());
  await provider.listQuotas(query, call());
  await provider.adviseCapacity?.({ pools: [{ pool: launchOf().pool, count: 1 }] }, call());
  await provider.pollInterruptions?.(JSON.stringify({ from: 0, told: [] }), call());
  await provider.checkAccess(call());
  const request = launchOf({ resend: true });
  await provider.launch(request, call());
  await provider.getInstance(refOf(request), call());
  await provider.listOwned(query, call());
  await provider.listLeftovers(query, call());
  await provider.terminate(refOf(request), call());
  const place = { owner: 'fleet', idempotencyKey: null, createdAt: null, region: 'us-central1' };
  const disk = { kind: 'disk' as const, zone: 'us-central1-a', id: 'zones/us-central1-a/disks/none' };
  await provider.removeLeftover({ ...place, ...disk }, call());
  const address = { kind: 'address' as const, zone: null, id: 'regions/us-central1/addresses/none' };
  await provider.removeLeftover({ ...place, ...address }, call());
}

describe('the permissions that the broker asks for', () => {
  it('are those of the calls that the adapter makes, no more and no fewer', async () => {
    await useEverything(await gcp.open(ALL_OPTIONS));
    const called = new Set(gcp.clouds.requests().map(({ operation }) => operation));
    const needed = new Set([...PERMISSIONS.flatMap(({ operations }) => operations), ...FREE]);
    expect([...called].toSorted()).toEqual([...needed].toSorted());
  });

  it('are in the role that ships, which a person can read', () => {
    expect(ROLE).toBe(customRoleYaml());
    expect(parse(ROLE)).toMatchObject({
      ...{ stage: 'GA', title: 'GPU broker' },
      includedPermissions: PERMISSIONS.map(({ permission }) => permission).toSorted(),
    });
    expect(new Set(PERMISSIONS.map(({ permission }) => permission)).size).toBe(PERMISSIONS.length);
  });

  it.each(PERMISSIONS.filter(({ operations }) => operations.includes('instances.insert')))(
    'launching does not work without $permission',
    async ({ permission }) => {
      const provider = await gcp.open(ALL_OPTIONS);
      gcp.clouds.control.setDenied('gcp', [permission]);
      const launched = provider.launch(launchOf({ idempotencyKey: 'denied' }), call());
      await expect(launched).rejects.toMatchObject({
        kind: 'unauthorized',
        message: expect.stringContaining(permission),
      });
      gcp.clouds.control.setDenied('gcp', []);
    },
  );

  it('are asked about as far as the options use them', async () => {
    const names = async (options: Record<string, unknown>) =>
      (await (await gcp.open(options)).checkAccess(call())).map(({ permission }) => permission);
    expect(await names(ALL_OPTIONS)).toContain('iam.serviceAccounts.actAs');
    expect(await names({})).not.toContain('iam.serviceAccounts.actAs');
    expect(await names({ externalAddress: false })).not.toContain('compute.subnetworks.useExternalIp');
  });

  it('that are merely useful cost knowledge, not the offers', async () => {
    const provider = await gcp.open();
    const before = await provider.listOffers({ regions: REGIONS }, call());
    gcp.clouds.control.setDenied('gcp', ['compute.reservations.list', 'cloudquotas.quotas.get']);
    const { offers, regions } = await provider.listOffers({ regions: REGIONS }, call());
    expect(offers.length).toBe(before.offers.length);
    expect(regions.every(({ complete }) => complete)).toBe(true);
    const { quotas } = await provider.listQuotas({ regions: REGIONS }, call());
    expect(quotas.find(({ name }) => name === 'NVIDIA_H100_GPUS')).toMatchObject({ limit: null, usage: 0 });
    gcp.clouds.control.setDenied('gcp', []);
  });
});
