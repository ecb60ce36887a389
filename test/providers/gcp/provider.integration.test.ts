import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poolKey } from '../../../src/domain/pool.ts';
import { startClouds } from '../../../src/emulators/clouds.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { RunningClouds } from '../../../src/emulators/world/control-contract.ts';
import { createProvider } from '../../../src/providers/gcp/index.ts';
import type { LaunchRequest, Provider } from '../../../src/providers/provider.ts';
import { call, refOf } from './emulated-gcp.ts';

const EVERYWHERE = {
  ...{ cloud: 'gcp' as const, region: null, zone: null, instanceType: null, accelerator: null, market: null },
};
const REGIONS = ['us-central1', 'europe-west4'];

let clock: ManualClock;
let clouds: RunningClouds;
let opened: Provider[];

beforeEach(async () => {
  clock = createManualClock(Date.UTC(2026, 9, 1));
  clouds = await startClouds({ seed: 11, clock, clouds: ['gcp'] });
  clouds.control.setFree(EVERYWHERE, 20);
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((provider) => provider.close()));
  await clouds.close();
});

async function aProvider(options: Record<string, unknown> = {}): Promise<Provider> {
  const provider = await createProvider({
    ...{
      regions: REGIONS,
      endpoints: clouds.endpoints.gcp,
      certificateAuthority: null,
      credentials: 'emulated',
      clock,
    },
    options: { project: 'gpu-fleet', ...options },
  });
  opened.push(provider);
  return provider;
}

function request(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    owner: 'fleet',
    idempotencyKey: '01k8try',
    resend: false,
    accelerator: 'L4',
    pool: {
      ...{ provider: 'gcp', region: 'us-central1', zone: 'us-central1-a', market: 'spot', reservation: null },
      instanceType: 'n1-standard-8+nvidia-tesla-t4x2',
    },
    count: 1,
    tags: {},
    userData: null,
    ...changes,
  };
}

function fault(kind: 'lost-reply' | 'unavailable' | 'throttle', operation: string, remaining: number | null): void {
  clouds.control.addFault({
    ...{ id: kind, cloud: 'gcp', operation, region: null, kind, delayMs: 0, remaining, probability: 1 },
  });
}

function inserts(): number {
  return clouds.requests().filter(({ operation }) => operation === 'instances.insert').length;
}

describe('offers', () => {
  it('compose the list price of every type on demand, in every zone that sells it', async () => {
    const provider = await aProvider();
    const { offers, quarantined } = await provider.listOffers({ regions: REGIONS }, call());
    expect(quarantined).toEqual([]);
    const { world } = clouds;
    const expected = new Map<string, number>();
    for (const region of REGIONS) {
      for (const type of world.facts('gcp').instanceTypes.filter(({ markets }) => markets.includes('on-demand'))) {
        for (const zone of world.zonesOffering('gcp', region, type.name)) {
          const pool = { provider: 'gcp', region, zone, instanceType: type.name, reservation: null };
          const price = world.listPrice('gcp', region, type.name);
          if (price !== null) expected.set(poolKey({ ...pool, market: 'on-demand' }), price);
        }
      }
    }
    const composed = offers
      .filter(({ pool }) => pool.market === 'on-demand')
      .map((offer) => [poolKey(offer.pool), offer.priceMicroUsdPerHour] as const);
    expect(new Map(composed)).toEqual(expected);
    expect(expected.size).toBeGreaterThan(100);
  });

  it('are restricted where the account’s limit is zero', async () => {
    clouds.control.setQuotaLimit('gcp', 'us-central1', 'PREEMPTIBLE_NVIDIA_L4_GPUS', 0);
    const provider = await aProvider();
    const { offers } = await provider.listOffers({ regions: REGIONS }, call());
    const restricted = offers.filter(({ availability }) => availability === 'restricted');
    expect(restricted.length).toBeGreaterThan(0);
    for (const { pool, accelerator } of restricted) {
      expect([pool.region, pool.market, accelerator]).toEqual(['us-central1', 'spot', 'L4']);
    }
  });

  it('of several regions share one reading of the price list, as long as it may serve', async () => {
    const provider = await aProvider({ catalogMaxAgeSeconds: 60 });
    const readings = () => clouds.requests().filter(({ service }) => service === 'cloud-billing').length;
    await Promise.all(REGIONS.map((region) => provider.listOffers({ regions: [region] }, call())));
    await clock.advance(59_000);
    const { offers } = await provider.listOffers({ regions: REGIONS }, call());
    expect(readings()).toBe(1);
    expect(new Set(offers.map(({ observedAt }) => observedAt))).toEqual(new Set([clock.now() - 59_000]));
    await clock.advance(1_000);
    await provider.listOffers({ regions: REGIONS }, call());
    expect(readings()).toBe(2);
  });
});

describe('launching', () => {
  it('finds its own machine again when the cloud has forgotten the request id', async () => {
    const provider = await aProvider();
    fault('lost-reply', 'instances.insert', 1);
    await expect(provider.launch(request(), call())).rejects.toMatchObject({ kind: 'outcome-unknown' });
    clouds.world.store('gcp', 'request-ids').clear();
    const { instances } = await provider.launch(request(), call());
    expect(instances).toMatchObject([
      { state: 'pending', owner: 'fleet', ref: { index: 0, instanceId: 'b-01k8try-0' } },
    ]);
    expect(clouds.world.machines('gcp')).toHaveLength(1);
    expect(inserts()).toBe(2);
  });

  it('never takes a machine of somebody else for its own', async () => {
    const theirs = await aProvider();
    await theirs.launch(request({ owner: 'others' }), call());
    clouds.world.store('gcp', 'request-ids').clear();
    await expect((await aProvider()).launch(request(), call())).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('in another zone with the same key is a conflict', async () => {
    const provider = await aProvider();
    await provider.launch(request(), call());
    const elsewhere = request({ pool: { ...request().pool, zone: 'us-central1-b' } });
    await expect(provider.launch(elsewhere, call())).rejects.toMatchObject({ kind: 'conflict' });
    expect(clouds.world.machines('gcp')).toHaveLength(1);
  });

  it('of several sends the others only when the first was accepted', async () => {
    clouds.control.setQuotaLimit('gcp', 'us-central1', 'PREEMPTIBLE_NVIDIA_T4_GPUS', 0);
    const { refusals } = await (await aProvider()).launch(request({ count: 5 }), call());
    expect(refusals).toMatchObject([{ count: 5, refusal: { kind: 'quota', code: 'quotaExceeded' } }]);
    expect(inserts()).toBe(1);
  });

  it('of several that fails halfway leaves nobody in doubt that machines may run', async () => {
    const { zone } = request().pool;
    const path = `/compute/v1/projects/gpu-fleet/zones/${zone}/instances`;
    const theirs = {
      ...{ name: 'b-01k8try-1', machineType: `zones/${zone}/machineTypes/g2-standard-4`, labels: {} },
      ...{ disks: [{ boot: true }], networkInterfaces: [{}], scheduling: { onHostMaintenance: 'TERMINATE' } },
    };
    await fetch(`${clouds.endpoints.gcp['compute']}${path}`, { method: 'POST', body: JSON.stringify(theirs) });
    const provider = await aProvider();
    await expect(provider.launch(request({ count: 2 }), call())).rejects.toMatchObject({
      kind: 'outcome-unknown',
      code: 'alreadyExists',
    });
    expect(await provider.getInstance(refOf(request(), 0), call())).toMatchObject({ state: 'pending' });
    expect(await provider.getInstance(refOf(request(), 1), call())).toBeNull();
  });

  it('boots what the options and the request say', async () => {
    const options = {
      ...{ images: { n1: 'projects/p/global/images/mine' }, diskGiB: 250, externalAddress: false },
      subnetworks: { 'us-central1': 'regions/us-central1/subnetworks/gpu' },
      serviceAccount: 'vm@gpu-fleet.iam.gserviceaccount.com',
      serviceAccountScopes: ['https://www.googleapis.com/auth/devstorage.read_only'],
      networkTags: ['gpu', 'no-ingress'],
      labels: { 'cost-center': 'ml' },
      sshKeys: ['ops:ssh-ed25519 AAAA ops@example.com'],
      diskTypes: { n1: 'pd-ssd' },
    };
    const provider = await aProvider(options);
    await provider.launch(request({ userData: '#cloud-config' }), call());
    const [machine] = clouds.world.machines('gcp');
    expect(machine?.details['resource']).toMatchObject({
      disks: [
        {
          autoDelete: true,
          initializeParams: {
            ...{ sourceImage: 'projects/p/global/images/mine', diskSizeGb: '250' },
            diskType: 'zones/us-central1-a/diskTypes/pd-ssd',
            labels: { 'gpu-broker-owner': 'fleet', 'gpu-broker-attempt': '01k8try', 'cost-center': 'ml' },
          },
        },
      ],
      networkInterfaces: [{ subnetwork: 'regions/us-central1/subnetworks/gpu' }],
      scheduling: { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE', onHostMaintenance: 'TERMINATE' },
      metadata: {
        items: [
          { key: 'user-data', value: '#cloud-config' },
          { key: 'ssh-keys', value: 'ops:ssh-ed25519 AAAA ops@example.com' },
          { key: 'block-project-ssh-keys', value: 'TRUE' },
        ],
      },
      tags: { items: ['gpu', 'no-ingress'] },
      labels: { 'cost-center': 'ml' },
      serviceAccounts: [
        {
          email: 'vm@gpu-fleet.iam.gserviceaccount.com',
          scopes: ['https://www.googleapis.com/auth/devstorage.read_only'],
        },
      ],
    });
    expect(JSON.stringify(machine?.details)).not.toContain('accessConfigs');
  });
});

describe('the boot disk', () => {
  it.each([
    ['g2-standard-4', 'pd-balanced'],
    ['a3-highgpu-8g', 'pd-balanced'],
    ['a3-ultragpu-8g', 'hyperdisk-balanced'],
    ['a4-highgpu-8g', 'hyperdisk-balanced'],
  ])('of %s is of a kind that it takes: %s', async (instanceType, diskType) => {
    const [zone = null] = clouds.world.zonesOffering('gcp', 'us-central1', instanceType);
    const provider = await aProvider();
    const images = { 'B200-180GB-SXM': 'projects/p/global/images/blackwell', a3: 'projects/p/global/images/hopper' };
    const overridden = await aProvider({ images });
    const accelerator = instanceType.startsWith('a4') ? 'B200-180GB-SXM' : 'H100-80GB-SXM';
    const wanted = request({ accelerator, pool: { ...request().pool, zone, instanceType } });
    await provider.launch(wanted, call());
    await overridden.launch({ ...wanted, idempotencyKey: '01k8other' }, call());
    const disks = clouds.world.machines('gcp').map(({ details }) => JSON.stringify(details));
    expect(disks[0]).toContain(`zones/${zone}/diskTypes/${diskType}`);
    expect(disks[0]).toContain('deeplearning-platform-release');
    const image = instanceType.startsWith('a4') ? 'blackwell' : 'hopper';
    expect(disks[1]?.includes(image)).toBe(!instanceType.startsWith('g2'));
  });
});

describe('a launch that fails after it was accepted', () => {
  it.each(['spot', 'on-demand'] as const)('tells a fresh adapter why (%s)', async (market) => {
    clouds.control.setFree(EVERYWHERE, 0);
    const wanted = request({ pool: { ...request().pool, market } });
    const { instances } = await (await aProvider()).launch(wanted, call());
    expect(instances).toMatchObject([{ state: 'pending' }]);
    await clock.advance(60_000);
    const fresh = await aProvider();
    expect(await fresh.getInstance(refOf(wanted), call())).toMatchObject({
      state: 'failed',
      pool: wanted.pool,
      refusal: {
        kind: 'capacity',
        code: 'ZONE_RESOURCE_POOL_EXHAUSTED',
        scope: { zone: 'us-central1-a', instanceType: wanted.pool.instanceType, market },
      },
    });
    expect((await fresh.listOwned({ owner: 'fleet', regions: REGIONS }, call())).instances).toEqual([]);
    expect(await fresh.terminate(refOf(wanted), call())).toBe('gone');
  });

  it('is a refusal when the same key is sent again', async () => {
    clouds.control.setFree(EVERYWHERE, 0);
    const provider = await aProvider();
    await provider.launch(request(), call());
    await clock.advance(60_000);
    const again = await provider.launch(request(), call());
    expect(again).toMatchObject({ instances: [], refusals: [{ count: 1, refusal: { kind: 'capacity' } }] });
  });
});

describe('looking for machines', () => {
  it('believes the newest operation of a name', async () => {
    const provider = await aProvider();
    clouds.control.setFree(EVERYWHERE, 0);
    await provider.launch(request(), call());
    await clock.advance(60_000);
    clouds.world.store('gcp', 'request-ids').clear();
    clouds.control.setFree(EVERYWHERE, 5);
    await provider.launch(request(), call());
    await clock.advance(60_000);
    await provider.terminate(refOf(request()), call());
    await clock.advance(60_000);
    expect(await provider.getInstance(refOf(request()), call())).toBeNull();
  });

  it('works without the zone', async () => {
    const provider = await aProvider();
    await provider.launch(request({ count: 2 }), call());
    const ref = { ...refOf(request(), 1), zone: null };
    expect(await provider.getInstance(ref, call())).toMatchObject({ ref: { zone: 'us-central1-a', index: 1 } });
    expect(await provider.terminate(ref, call())).toBe('terminating');
    await clock.advance(60_000);
    expect(await provider.terminate(ref, call())).toBe('gone');
    expect(await provider.getInstance(refOf(request(), 0), call())).toMatchObject({ state: 'running' });
  });

  it('says null for a machine that ended, and does not take it for a failed launch', async () => {
    const provider = await aProvider();
    await provider.launch(request(), call());
    await clock.advance(60_000);
    await provider.terminate(refOf(request()), call());
    await clock.advance(60_000);
    expect(await provider.getInstance(refOf(request()), call())).toBeNull();
    expect((await provider.launch(request(), call())).instances).toMatchObject([{ state: 'gone' }]);
    expect(clouds.world.machines('gcp')).toHaveLength(1);
  });

  it('a failed look-up of the operation is an error, not an absence', async () => {
    const provider = await aProvider();
    fault('throttle', 'zoneOperations.list', null);
    await expect(provider.getInstance(refOf(request()), call())).rejects.toMatchObject({ kind: 'rate-limited' });
  });
});
