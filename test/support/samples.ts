import type { Offer } from '../../src/domain/offer.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';

/** A workload of one L4 replica that accepts everything, changed as asked. */
export function aWorkload(change: Partial<WorkloadSpec> = {}): WorkloadSpec {
  return {
    name: 'sample',
    team: 'team',
    replicas: 1,
    accelerators: [{ accelerator: 'L4', count: 1, perMachine: null, throughput: 1 }],
    markets: ['on-demand', 'spot'],
    regions: null,
    providers: null,
    maxPriceMicroUsdPerHour: null,
    keepShare: null,
    data: null,
    isProtected: false,
    architecture: 'x86_64',
    priority: 0,
    container: null,
    userData: null,
    ...change,
  };
}

/** An on-demand offer of one L4 machine, changed as asked. */
export function anOffer(change: Partial<Offer> = {}): Offer {
  return {
    pool: {
      provider: 'one',
      region: 'r1',
      zone: 'r1a',
      instanceType: 'l4.1',
      market: 'on-demand',
      reservation: null,
    },
    zonePhysicalId: null,
    accelerator: 'L4',
    acceleratorCount: 1,
    vcpuCount: 4,
    memoryGiB: 16,
    architecture: 'x86_64',
    priceMicroUsdPerHour: 1_000_000,
    availability: 'available',
    availableCount: null,
    quotaClaims: [],
    interruptionsPerHour: 0,
    observedAt: 0,
    ...change,
  };
}
