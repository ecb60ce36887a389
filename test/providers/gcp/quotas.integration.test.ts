import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { familyLimitsOf } from '../../../src/providers/gcp/family-limits.ts';
import { quotaInfosPage } from '../../../src/providers/gcp/responses.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedGcp } from './emulated-gcp.ts';
import { call, launchOf, REGIONS, startGcp } from './emulated-gcp.ts';

function limits(infos: readonly object[]) {
  return familyLimitsOf(quotaInfosPage.parse({ quotaInfos: infos }).quotaInfos);
}

function entry(value: string | null, dimensions: Record<string, string> = {}) {
  return { dimensions, details: value === null ? {} : { value } };
}

describe('Cloud Quotas’ limits of a GPU family', () => {
  const shared = 'GPUS-PER-GPU-FAMILY-per-project-region';

  it('come from the entry with the most fitting dimensions', () => {
    const limitOf = limits([
      {
        quotaId: shared,
        dimensionsInfos: [
          entry('1'),
          entry('2', { region: 'r1' }),
          entry('3', { gpu_family: 'NVIDIA_H100' }),
          entry('4', { region: 'r1', gpu_family: 'NVIDIA_H100' }),
        ],
      },
    ]);
    expect(limitOf('NVIDIA_H100_GPUS', 'r1')).toBe(4);
    expect(limitOf('NVIDIA_H100_GPUS', 'r2')).toBe(3);
    expect(limitOf('NVIDIA_B200_GPUS', 'r1')).toBe(2);
    expect(limitOf('NVIDIA_B200_GPUS', 'r2')).toBe(1);
  });

  it('are unknown where there is no entry, no value, or no limit at all', () => {
    const limitOf = limits([
      { quotaId: shared, dimensionsInfos: [entry(null, { region: 'r1' }), entry('-1', { region: 'r2' })] },
    ]);
    for (const region of ['r1', 'r2', 'r3']) expect(limitOf('NVIDIA_H100_GPUS', region)).toBeNull();
  });

  it('of spot are quotas of their own, and never the on-demand one', () => {
    const quotaId = 'PREEMPTIBLE-NVIDIA-H100-MEGA-GPUS-per-project-region';
    const limitOf = limits([
      { quotaId: shared, dimensionsInfos: [entry('9')] },
      { quotaId, dimensionsInfos: [entry('5'), entry('6', { region: 'r1' })] },
    ]);
    expect(limitOf('PREEMPTIBLE_NVIDIA_H100_MEGA_GPUS', 'r1')).toBe(6);
    expect(limitOf('PREEMPTIBLE_NVIDIA_H100_MEGA_GPUS', 'r2')).toBe(5);
    expect(limitOf('PREEMPTIBLE_NVIDIA_H100_GPUS', 'r1')).toBeNull();
  });
});

describe('quotas of the account', () => {
  let gcp: EmulatedGcp;
  let provider: Provider;

  beforeAll(async () => {
    gcp = await startGcp();
  });
  afterAll(() => gcp.close());
  beforeEach(async () => {
    provider = await gcp.open();
  });

  async function quota(name: string, region: string | null = 'us-central1') {
    const { quotas } = await provider.listQuotas({ regions: REGIONS }, call());
    return quotas.find((candidate) => candidate.name === name && candidate.region === region);
  }

  it('tell all: regional ones, the project’s, and those that only Cloud Quotas has', async () => {
    const { world, control } = gcp.clouds;
    control.setQuotaLimit('gcp', 'us-central1', 'NVIDIA_H100_GPUS', 24);
    control.setQuotaLimit('gcp', 'europe-west4', 'PREEMPTIBLE_NVIDIA_H200_GPUS', 7);
    const { quotas, regions } = await provider.listQuotas({ regions: REGIONS }, call());
    expect(regions.every(({ complete }) => complete)).toBe(true);
    for (const { region, name, limit, usage } of quotas) {
      const state = world.quotas('gcp', region).find(({ fact }) => fact.name === name);
      expect({ region, name, limit, usage }).toEqual({ region, name, limit: state?.limit, usage: state?.usage });
    }
    expect(await quota('NVIDIA_H100_GPUS')).toMatchObject({ limit: 24 });
    expect(await quota('GPUS_ALL_REGIONS', null)).toMatchObject({ limit: 2048 });
  });

  it('count the machines of a family that no API tells the usage of', async () => {
    const [zone = null] = gcp.clouds.world.zonesOffering('gcp', 'us-central1', 'a3-highgpu-8g');
    const pool = { ...launchOf().pool, zone, instanceType: 'a3-highgpu-8g' };
    await provider.launch(launchOf({ pool, count: 2 }), call());
    expect(await quota('PREEMPTIBLE_NVIDIA_H100_GPUS')).toMatchObject({ usage: 16 });
    expect(await quota('NVIDIA_H100_GPUS')).toMatchObject({ usage: 0 });
    expect(await quota('PREEMPTIBLE_NVIDIA_H100_GPUS', 'europe-west4')).toMatchObject({ usage: 0 });
  });

  it('of zero from Cloud Quotas restrict the offers of the family', async () => {
    gcp.clouds.control.setQuotaLimit('gcp', 'us-central1', 'NVIDIA_H200_GPUS', 0);
    const { offers } = await provider.listOffers({ regions: ['us-central1'] }, call());
    const restricted = offers.filter(({ availability }) => availability === 'restricted');
    expect(new Set(restricted.map(({ accelerator, pool }) => `${accelerator} ${pool.market}`))).toEqual(
      new Set(['H200-141GB-SXM on-demand']),
    );
  });

  it('are unknown, and the regions incomplete, while Cloud Quotas throttles', async () => {
    gcp.fault('throttle', 'cloudQuotas.listQuotaInfos', { remaining: 1 });
    const { quotas, regions } = await provider.listQuotas({ regions: REGIONS }, call());
    for (const region of regions) expect(region).toMatchObject({ complete: false, error: { kind: 'rate-limited' } });
    expect(quotas.find(({ name }) => name === 'NVIDIA_B200_GPUS')).toMatchObject({ limit: null, usage: 0 });
    expect(quotas.find(({ name }) => name === 'NVIDIA_L4_GPUS')).toMatchObject({ limit: 256 });
  });
});
