import type {
  BehaviourFacts,
  CloudId,
  InstanceTypeFact,
  MarketFacts,
} from '../../../src/emulators/world/market-facts.ts';

/** As the shipped tables have it. */
export const BEHAVIOUR: Readonly<Record<CloudId, BehaviourFacts>> = {
  aws: {
    ...{ spotNoticeSeconds: 120, launchLatencyMs: 1_500, spotPricePer: 'zone', spotDiscountPer: 'instance-type' },
    ...{ spotVolatility: 0.35, namesUniqueIn: null },
  },
  azure: {
    ...{ spotNoticeSeconds: 30, launchLatencyMs: 2_500, spotPricePer: 'region', spotDiscountPer: 'instance-type' },
    ...{ spotVolatility: 0.15, namesUniqueIn: 'region' },
  },
  gcp: {
    ...{ spotNoticeSeconds: 30, launchLatencyMs: 2_000, spotPricePer: 'region', spotDiscountPer: 'accelerator' },
    ...{ spotVolatility: 0.15, namesUniqueIn: 'zone' },
  },
  lambda: {
    ...{ spotNoticeSeconds: null, launchLatencyMs: 3_000, spotPricePer: 'region', spotDiscountPer: 'instance-type' },
    ...{ spotVolatility: 0, namesUniqueIn: null },
  },
};

/** Made-up figures: two regions, a plentiful and a scarce type, a regional and an account-wide quota. */
export function smallMarket(cloud: CloudId): MarketFacts {
  return {
    cloud,
    behaviour: BEHAVIOUR[cloud],
    sources: [{ what: 'everything', source: 'made up for tests', date: '2026-01-01' }],
    regions: [
      {
        name: 'north',
        displayName: 'The North',
        area: 'na',
        zones: [
          { name: 'north-a', physicalId: 'n1' },
          { name: 'north-b', physicalId: null },
        ],
      },
      { name: 'south', displayName: 'The South', area: 'eu', zones: [{ name: 'south-a', physicalId: null }] },
    ],
    instanceTypes: [machineType('small', 'T4', 1, 4), machineType('large', 'H100-80GB-SXM', 8, 192)],
    quotas: [
      { name: 'cpus', scope: 'region', unit: 'vcpus', displayName: 'CPUs', defaultLimit: 400 },
      { name: 'spot-cpus', scope: 'region', unit: 'vcpus', displayName: 'Spot CPUs', defaultLimit: 400 },
      { name: 'gpus', scope: 'global', unit: 'accelerators', displayName: 'GPUs everywhere', defaultLimit: 40 },
    ],
    listPricesUsd: { north: { small: '0.526', large: '55.04' }, south: { small: '0.61' } },
    zonesOffering: { north: { large: ['north-b'] } },
  };
}

function machineType(name: string, accelerator: string, acceleratorCount: number, vcpus: number): InstanceTypeFact {
  const gpus = { quota: 'gpus', scope: 'global', units: acceleratorCount } as const;
  return {
    name,
    accelerator,
    acceleratorCount,
    vendorGpuName: accelerator,
    gpuMemoryMiB: 16_384,
    vcpus,
    memoryGiB: vcpus * 4,
    architecture: 'x86_64',
    localSsdGiB: 0,
    markets: ['on-demand', 'spot'],
    quotaClaims: {
      'on-demand': [{ quota: 'cpus', scope: 'region', units: vcpus }, gpus],
      spot: [{ quota: 'spot-cpus', scope: 'region', units: vcpus }, gpus],
    },
    family: name,
  };
}
