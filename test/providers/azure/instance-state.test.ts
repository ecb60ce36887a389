import type { VirtualMachine } from '@azure/arm-compute';
import { describe, expect, it } from 'vitest';
import { instanceOf } from '../../../src/providers/azure/instances.ts';
import { comparableId } from '../../../src/providers/azure/names.ts';

const GROUP = '/subscriptions/s/resourceGroups/GPUS/providers/Microsoft.Compute';
const CONTEXT = { settings: { subscriptionId: 's' } } as Parameters<typeof instanceOf>[0];

function machine(provisioningState: string, power: string, changes: Partial<VirtualMachine> = {}): VirtualMachine {
  const statuses = power === '' ? [] : [{ code: `PowerState/${power}` }];
  return {
    id: `${GROUP}/virtualMachines/b-1-0`,
    location: 'East US',
    provisioningState,
    instanceView: { statuses },
    ...changes,
  };
}

describe('what ARM says of a machine', () => {
  it.each([
    ['Creating', '', 'pending'],
    ['Updating', 'starting', 'pending'],
    ['Succeeded', 'running', 'running'],
    ['Succeeded', '', 'running'],
    ['Deleting', 'running', 'stopping'],
    ['Succeeded', 'deallocating', 'stopping'],
    // Evicted with the policy "Deallocate", or stopped by somebody: it serves nothing and still costs its disk.
    ['Succeeded', 'deallocated', 'failed'],
    ['Succeeded', 'stopped', 'failed'],
    ['Failed', '', 'failed'],
  ])('%s with power "%s" is %s', (provisioning, power, state) => {
    const instance = instanceOf(CONTEXT, machine(provisioning, power));
    expect(instance.state).toBe(state);
    expect(instance.failure !== null).toBe(state === 'failed');
    expect(instance.pool.region).toBe('eastus');
  });

  it('knows its market, and the reservation it is in, by the id that offers have', () => {
    const id = `${GROUP}/capacityReservationGroups/held`;
    expect(instanceOf(CONTEXT, machine('Succeeded', 'running', { priority: 'Spot' })).pool.market).toBe('spot');
    expect(
      instanceOf(
        CONTEXT,
        machine('Succeeded', 'running', { capacityReservation: { capacityReservationGroup: { id } } }),
      ).pool,
    ).toMatchObject({ market: 'reserved', reservation: comparableId(id) });
    expect(comparableId(id)).toBe(
      '/subscriptions/s/resourceGroups/gpus/providers/Microsoft.Compute/capacityReservationGroups/held',
    );
  });
});
