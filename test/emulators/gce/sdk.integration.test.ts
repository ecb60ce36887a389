import { CloudCatalogClient } from '@google-cloud/billing/build/src/v1/cloud_catalog_client.js';
import { InstancesClient } from '@google-cloud/compute/build/src/v1/instances_client.js';
import { MachineTypesClient } from '@google-cloud/compute/build/src/v1/machine_types_client.js';
import { ZoneOperationsClient } from '@google-cloud/compute/build/src/v1/zone_operations_client.js';
import { GoogleAuth, PassThroughClient } from 'google-auth-library';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { RunningClouds } from '../../../src/emulators/world/control-contract.ts';

const PLACE = { project: 'demo-project', zone: 'us-central1-a' };
const MACHINE = {
  name: 'm-1',
  machineType: 'zones/us-central1-a/machineTypes/n1-standard-8',
  guestAccelerators: [{ acceleratorType: 'zones/us-central1-a/acceleratorTypes/nvidia-tesla-t4', acceleratorCount: 2 }],
  labels: { owner: 'me' },
  disks: [{ boot: true, autoDelete: true, initializeParams: { sourceImage: 'family/x', diskSizeGb: 50 } }],
  networkInterfaces: [{ network: 'global/networks/default', accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
  scheduling: { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE' },
};

let clock: ManualClock;
let clouds: RunningClouds;

beforeEach(async () => {
  clock = createManualClock(Date.UTC(2026, 9, 1));
  clouds = await startClouds({ seed: 9, clock, clouds: ['gcp'] });
});

afterEach(async () => {
  await clouds.close();
});

function at(service: string) {
  const { hostname, port } = new URL(clouds.endpoints.gcp[service] ?? '');
  return { apiEndpoint: hostname, port: Number(port), protocol: 'http' };
}

function computeOptions() {
  return { ...at('compute'), auth: new GoogleAuth({ authClient: new PassThroughClient() }) };
}

describe('the compute front, driven by @google-cloud/compute', () => {
  it('inserts, waits, gets, lists and deletes', async () => {
    const instances = new InstancesClient(computeOptions());
    const operations = new ZoneOperationsClient(computeOptions());
    const [inserted] = await instances.insert({ ...PLACE, instanceResource: MACHINE });
    const name = inserted.latestResponse.name;
    expect(name).toMatch(/^operation-/);
    await clock.advance(5_000);
    const [done] = await operations.wait({ ...PLACE, operation: String(name) });
    expect(done).toMatchObject({ status: 'DONE' });
    expect(done.error ?? null).toBeNull();
    const [machine] = await instances.get({ ...PLACE, instance: 'm-1' });
    expect(machine).toMatchObject({
      status: 'RUNNING',
      scheduling: { provisioningModel: 'SPOT' },
      guestAccelerators: [{ acceleratorCount: 2 }],
    });
    const zones: string[] = [];
    for await (const [zone, { instances: found }] of instances.aggregatedListAsync({ project: PLACE.project })) {
      if ((found ?? []).length > 0) zones.push(zone);
    }
    expect(zones).toEqual(['zones/us-central1-a']);
    await instances.delete({ ...PLACE, instance: 'm-1' });
    await clock.advance(5_000);
    await expect(instances.get({ ...PLACE, instance: 'm-1' })).rejects.toMatchObject({ code: 5 });
  });

  it('answers a want of hardware as a success that carries an error', async () => {
    const everywhere = { region: null, zone: null, instanceType: null, accelerator: null, market: null };
    clouds.control.setFree({ cloud: 'gcp', ...everywhere }, 0);
    const instances = new InstancesClient(computeOptions());
    const operations = new ZoneOperationsClient(computeOptions());
    const [inserted] = await instances.insert({ ...PLACE, instanceResource: MACHINE });
    await clock.advance(5_000);
    const operation = String(inserted.latestResponse.name);
    const [done] = await operations.get({ ...PLACE, operation });
    expect(done.error?.errors?.[0]).toMatchObject({ code: 'ZONE_RESOURCE_POOL_EXHAUSTED' });
    expect(done.httpErrorStatusCode).toBe(503);
    const listed: string[] = [];
    for await (const { name } of operations.listAsync(PLACE)) listed.push(String(name));
    expect(listed).toEqual([operation]);
  });

  it('pages: fifty at a time give the same machine types as all at once', async () => {
    const client = new MachineTypesClient(computeOptions());
    async function namesBy(maxResults: number): Promise<string[]> {
      const names: string[] = [];
      const request = { project: PLACE.project, filter: 'name eq "a[234]-.*"', maxResults };
      for await (const [zone, { machineTypes }] of client.aggregatedListAsync(request)) {
        names.push(...(machineTypes ?? []).map(({ name }) => `${zone}/${name}`));
      }
      return names.toSorted();
    }
    const all = await namesBy(500);
    expect(all.length).toBeGreaterThan(100);
    const before = clouds.requests().length;
    expect(await namesBy(50)).toEqual(all);
    expect(clouds.requests().length - before).toBe(Math.ceil(all.length / 50));
  });
});

describe('the billing front, driven by @google-cloud/billing', () => {
  it('pages through every SKU, each once, with what resembles a price among them', async () => {
    const client = new CloudCatalogClient({ ...at('cloud-billing'), fallback: true, apiKey: 'emulated' });
    const skus = [];
    for await (const sku of client.listSkusAsync({ parent: 'services/6F81-5844-456A', pageSize: 100 })) skus.push(sku);
    expect(skus.length).toBeGreaterThan(400);
    expect(new Set(skus.map(({ skuId }) => skuId)).size).toBe(skus.length);
    expect(clouds.requests().filter(({ service }) => service === 'cloud-billing')).toHaveLength(
      Math.ceil(skus.length / 100),
    );
    const descriptions = skus.map(({ description }) => description ?? '');
    expect(descriptions).toContain('A2 Instance Core running in Americas');
    expect(descriptions).toContain('Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas');
    expect(descriptions).toContain('Nvidia H100 80GB Mega GPU attached to Spot Preemptible VMs running in Tokyo');
    expect(
      descriptions.filter((text) => /Commitment|Calendar Mode|Defined Duration/.test(text)).length,
    ).toBeGreaterThan(10);
    const mislabelled = skus.filter(
      ({ description, category }) => /Preemptible/.test(description ?? '') && category?.usageType === 'OnDemand',
    );
    expect(mislabelled).toHaveLength(1);
    await expect(client.listSkus({ parent: 'services/NONE' })).rejects.toThrow();
  });
});
