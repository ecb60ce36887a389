import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClouds } from '../../src/emulators/clouds.ts';
import type { ManualClock } from '../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import type { RunningClouds } from '../../src/emulators/world/control-contract.ts';
import { type ForeignCompute, foreignCompute } from './googleapis-compute.ts';

const INSTALLED = existsSync(path.resolve(import.meta.dirname, '../../node_modules/@googleapis/compute'));
const TITLE = 'the compute front, driven by npm’s @googleapis/compute';
const REQUEST_ID = '6d6b52a4-4d7c-4a3a-9d5a-2f6f4ad0c111';
const project = 'demo-project';
const zone = 'us-central1-a';
const MACHINE = {
  ...{ name: 'm-1', machineType: `zones/${zone}/machineTypes/g2-standard-4`, labels: { owner: 'me' } },
  disks: [
    {
      ...{ boot: true, autoDelete: true },
      initializeParams: { sourceImage: 'family/x', diskSizeGb: '50', labels: { owner: 'me' } },
    },
  ],
  networkInterfaces: [{ network: 'global/networks/default', accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
  scheduling: { onHostMaintenance: 'TERMINATE' },
};

const describeInstalled = INSTALLED ? describe : describe.skip;

describeInstalled(INSTALLED ? TITLE : `${TITLE} — skipped: it is not installed`, () => {
  let clock: ManualClock;
  let clouds: RunningClouds;
  /** Shares no code with the client that the adapter uses. */
  let compute: ForeignCompute;

  beforeAll(async () => {
    clock = createManualClock(Date.UTC(2026, 9, 1));
    clouds = await startClouds({ seed: 9, clock, clouds: ['gcp'] });
    compute = await foreignCompute(`${clouds.endpoints.gcp['compute']}/`);
  });
  afterAll(() => clouds.close());

  it('lists machine types and accelerators of every zone, page by page', async () => {
    const names: string[] = [];
    let pageToken: string | undefined;
    let pages = 0;
    do {
      const filter = 'name eq "a[234]-.*"';
      const page = { project, filter, maxResults: 50, ...(pageToken === undefined ? {} : { pageToken }) };
      const { data } = await compute.machineTypes.aggregatedList(page);
      for (const [scope, { machineTypes }] of Object.entries(data.items ?? {}))
        names.push(...(machineTypes ?? []).map(({ name }) => `${scope} ${name}`));
      pageToken = data.nextPageToken ?? undefined;
      pages += 1;
    } while (pageToken !== undefined);
    expect(pages).toBe(Math.ceil(names.length / 50));
    expect(names).toContain('zones/us-central1-a a3-highgpu-8g');
    const { data } = await compute.acceleratorTypes.aggregatedList({ project });
    const accelerators = data.items?.['zones/us-central1-a']?.acceleratorTypes ?? [];
    expect(accelerators.map(({ name }) => name)).toContain('nvidia-l4');
    const region = await compute.regions.get({ project, region: 'us-central1' });
    expect(region.data.quotas?.map(({ metric }) => metric)).toContain('NVIDIA_L4_GPUS');
  });

  it('inserts twice with one request id, waits, gets, lists and deletes', async () => {
    const insert = { project, zone, requestId: REQUEST_ID, requestBody: MACHINE };
    const [first, second] = [await compute.instances.insert(insert), await compute.instances.insert(insert)];
    expect(second.data.name).toBe(first.data.name);
    await expect(compute.instances.insert({ project, zone, requestBody: MACHINE })).rejects.toMatchObject({
      response: { status: 409, data: { error: { errors: [{ reason: 'alreadyExists' }] } } },
    });
    await clock.advance(5_000);
    const operation = first.data.name ?? '';
    expect((await compute.zoneOperations.wait({ project, zone, operation })).data).toMatchObject({ status: 'DONE' });
    expect((await compute.instances.get({ project, zone, instance: 'm-1' })).data.status).toBe('RUNNING');
    const listed = await compute.instances.aggregatedList({ project, filter: 'labels.owner=me' });
    expect(listed.data.items?.[`zones/${zone}`]?.instances?.map(({ name }) => name)).toEqual(['m-1']);
    const disks = await compute.disks.aggregatedList({ project, filter: 'labels.owner=me' });
    expect(disks.data.items?.[`zones/${zone}`]?.disks?.[0]?.users?.[0]).toMatch(/instances\/m-1$/);
    const deletion = await compute.instances.delete({ project, zone, instance: 'm-1' });
    expect(deletion.data.operationType).toBe('delete');
    await clock.advance(60_000);
    await expect(compute.instances.get({ project, zone, instance: 'm-1' })).rejects.toMatchObject({
      response: { status: 404 },
    });
    const empty = await compute.disks.aggregatedList({ project, filter: 'labels.owner=me' });
    expect(empty.data.items?.[`zones/${zone}`]?.warning?.code).toBe('NO_RESULTS_ON_PAGE');
  });

  it('names the zones of a region that is down, and answers for the others', async () => {
    clouds.control.setOutage('gcp', 'us-central1', true);
    const { data } = await compute.instances.aggregatedList({ project });
    expect(data.items?.['zones/us-central1-b']?.warning?.code).toBe('UNREACHABLE');
    expect(data.items?.['zones/europe-west4-a']?.warning?.code).toBe('NO_RESULTS_ON_PAGE');
    clouds.control.setOutage('gcp', 'us-central1', false);
  });

  it('is refused what the API does not know', async () => {
    const requestBody = { ...MACHINE, name: 'm-2', gpuCount: 8 };
    await expect(compute.instances.insert({ project, zone, requestBody })).rejects.toMatchObject({
      response: { status: 400 },
    });
  });
});
