import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { batchesOf } from '../../../src/providers/azure/advice.ts';
import { capacitiesOf } from '../../../src/providers/azure/reservations.ts';
import type { CapacityAdvice, Provider } from '../../../src/providers/provider.ts';
import type { EmulatedAzure } from './emulated-azure.ts';
import { anyCall, setFree, startEmulatedAzure, T4_POOL } from './emulated-azure.ts';

const SPOT: Pool = { ...T4_POOL, market: 'spot' };

let azure: EmulatedAzure;
let provider: Provider;

beforeEach(async () => {
  azure = await startEmulatedAzure();
  provider = await azure.adapter();
});

afterEach(async () => {
  await azure.close();
});

async function advise(...pools: readonly { readonly pool: Pool; readonly count: number }[]) {
  return (await provider.adviseCapacity?.({ pools }, anyCall())) ?? [];
}

describe('advice', () => {
  it.each([
    [20, 1, 0.9, 'placement score High, eviction rate 0-5 % per hour'],
    [20, 15, 0.5, 'placement score Medium, eviction rate 0-5 % per hour'],
    [0, 1, 0.1, 'placement score Low, eviction rate 0-5 % per hour'],
  ])('with %i free for %i machines is %d', async (free, count, obtainability, words) => {
    setFree(azure, free);
    const observedAt = azure.clock.now();
    expect(await advise({ pool: SPOT, count })).toEqual([
      { pool: SPOT, obtainability, interruptionsPerHour: 0.025, words, observedAt },
    ] satisfies CapacityAdvice[]);
  });

  it('tells restricted pools, scarce ones and a quota that does not suffice', async () => {
    const h100: Pool = { ...SPOT, region: 'eastus', instanceType: 'Standard_ND96isr_H100_v5' };
    azure.clouds.control.setQuotaLimit('azure', 'eastus', 'lowPriorityCores', 0);
    const [advice] = await advise({ pool: h100, count: 1 });
    expect(advice).toMatchObject({ obtainability: 0, interruptionsPerHour: 0.225 });
    expect(advice?.words).toContain('quota does not suffice');
  });

  it('is about spot pools: of the others Azure says nothing, and nothing is asked', async () => {
    expect(await advise({ pool: T4_POOL, count: 1 })).toEqual([]);
    expect(azure.clouds.requests()).toEqual([]);
  });

  it.each([
    ['throttle', 'placementScores.generate', 'rate-limited'],
    ['unavailable', 'resourceGraph.resources', 'unavailable'],
  ] as const)('that meets %s of %s is an error, never no advice', async (fault, operation, kind) => {
    azure.fail(fault, operation);
    await expect(advise({ pool: SPOT, count: 1 })).rejects.toMatchObject({ kind });
  });

  it('is asked for at most 8 regions and 5 sizes at a time, each pool once, counts and zones apart', () => {
    const pools = Array.from({ length: 9 }, (_, region) =>
      Array.from({ length: 6 }, (_unused, size) => ({
        pool: { ...SPOT, region: `r${region}`, instanceType: `s${size}` },
        count: 2,
      })),
    ).flat();
    const batches = batchesOf([...pools, { pool: SPOT, count: 1 }, { pool: { ...SPOT, zone: null }, count: 1 }]);
    for (const { regions, sizes } of batches) {
      expect(regions.length).toBeLessThanOrEqual(8);
      expect(sizes.length).toBeLessThanOrEqual(5);
    }
    const asked = batches
      .filter(({ count }) => count === 2)
      .flatMap(({ regions, sizes }) => regions.flatMap((region) => sizes.map((size) => `${region}/${size}`)));
    expect(asked).toHaveLength(54);
    expect(new Set(asked).size).toBe(54);
    expect(batches.filter(({ count }) => count === 1).map(({ zonal }) => zonal)).toEqual([true, false]);
  });
});

describe('reserved capacity', () => {
  it('adds up members of one size and zone, and leaves failed ones out', () => {
    const utilization = (used: number) => ({
      virtualMachinesAllocated: Array.from({ length: used }, () => ({ id: 'm' })),
    });
    const group = {
      instanceView: {
        capacityReservations: [
          { name: 'A', utilizationInfo: utilization(1) },
          { name: 'b', utilizationInfo: utilization(5) },
        ],
      },
    };
    const member = (name: string, size: string, capacity: number, zone?: string, provisioningState = 'Succeeded') => ({
      ...{ name, sku: { name: size, capacity }, provisioningState },
      ...(zone === undefined ? {} : { zones: [zone] }),
    });
    expect(
      capacitiesOf('/g', group, [
        member('a', 'S1', 3, '1'),
        member('b', 'S1', 4, '1'),
        member('c', 'S1', 2, '2'),
        member('d', 'S2', 2),
        member('e', 'S2', 9, undefined, 'Failed'),
      ]),
    ).toEqual([
      { groupId: '/g', instanceType: 'S1', zone: '1', freeCount: 2 },
      { groupId: '/g', instanceType: 'S1', zone: '2', freeCount: 2 },
      { groupId: '/g', instanceType: 'S2', zone: null, freeCount: 2 },
    ]);
  });
});
