import type { CapacityReservation, CapacityReservationGroup } from '@azure/arm-compute';
import type { Call } from '../provider.ts';
import { allPages, callAzure, mapConcurrently } from './calls.ts';
import type { AdapterContext } from './context.ts';
import { comparableId } from './names.ts';
import { listResources } from './resources.ts';

/** What one capacity reservation group holds of one size in one zone: what a launch can take from. */
export interface ReservedCapacity {
  /** ARM id of the group. */
  readonly groupId: string;
  readonly instanceType: string;
  readonly zone: string | null;
  /** Machines set aside less machines that run in them, never below 0. */
  readonly freeCount: number;
}

const GROUP_TYPE = 'Microsoft.Compute/capacityReservationGroups';
const GROUP_ID =
  /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/capacityReservationGroups\/([^/]+)$/i;
const GROUPS_AT_ONCE = 4;

/** Throws the signal's reason or a ProviderError. */
export async function readReservations(
  context: AdapterContext,
  region: string,
  call: Call,
): Promise<readonly ReservedCapacity[]> {
  const groups = await listResources(context, GROUP_TYPE, region, call);
  const capacities = await mapConcurrently(groups, GROUPS_AT_ONCE, ({ id }) => readGroup(context, id, call));
  return capacities.flat();
}

async function readGroup(context: AdapterContext, id: string, call: Call): Promise<readonly ReservedCapacity[]> {
  const [, resourceGroup, name] = GROUP_ID.exec(id) ?? [];
  if (resourceGroup === undefined || name === undefined) return [];
  const { capacityReservationGroups, capacityReservations } = context.clients.compute;
  const { signal: abortSignal } = call;
  const [group, members] = await Promise.all([
    callAzure('capacityReservationGroups.get', 'read', call, () =>
      capacityReservationGroups.get(resourceGroup, name, { expand: 'instanceView', abortSignal }),
    ),
    callAzure('capacityReservations.listByCapacityReservationGroup', 'read', call, () =>
      allPages(
        capacityReservations.listByCapacityReservationGroup(resourceGroup, name, { abortSignal }).byPage(),
        call,
      ),
    ),
  ]);
  return capacitiesOf(comparableId(id), group, members);
}

/** Members of one size and zone are one pool: Azure chooses among them. */
export function capacitiesOf(
  groupId: string,
  group: Pick<CapacityReservationGroup, 'instanceView'>,
  members: readonly Pick<CapacityReservation, 'name' | 'sku' | 'zones' | 'provisioningState'>[],
): readonly ReservedCapacity[] {
  const used = new Map(
    group.instanceView?.capacityReservations?.map(({ name, utilizationInfo }) => [
      name?.toLowerCase() ?? '',
      utilizationInfo?.virtualMachinesAllocated?.length ?? 0,
    ]),
  );
  const capacities = new Map<string, ReservedCapacity>();
  for (const { name = '', sku, zones, provisioningState } of members) {
    const instanceType = sku.name;
    if (instanceType === undefined || provisioningState?.toLowerCase() === 'failed') continue;
    const zone = zones?.[0] ?? null;
    const key = `${instanceType.toLowerCase()}/${zone ?? '*'}`;
    const free = Math.max(0, (sku.capacity ?? 0) - (used.get(name.toLowerCase()) ?? 0));
    const freeCount = (capacities.get(key)?.freeCount ?? 0) + free;
    capacities.set(key, { groupId, instanceType, zone, freeCount });
  }
  return [...capacities.values()];
}
