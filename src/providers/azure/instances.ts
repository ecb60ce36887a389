import type { InstanceViewStatus, VirtualMachine } from '@azure/arm-compute';
import type { Pool } from '../../domain/pool.ts';
import type { Call, Instance, InstanceRef, InstanceState, OwnedQuery, OwnedSnapshot, Refusal } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { allPages, answerOf, callAzure, mapConcurrently } from './calls.ts';
import type { AdapterContext } from './context.ts';
import { operationFailure, providerErrorOf, refusalOf, terminationError } from './errors.ts';
import { ATTEMPT_TAG, comparableId, INDEX_TAG, machineName, OWNER_TAG, REQUEST_TAG } from './names.ts';
import { removePartsOf } from './parts.ts';
import { outcomeOf } from './region-outcomes.ts';

/** Left out of what is read back: the broker knows them by other names. */
const OUR_TAGS: ReadonlySet<string> = new Set([OWNER_TAG, ATTEMPT_TAG, INDEX_TAG, REQUEST_TAG]);

/** Failed machines looked at one by one in a list, at the same time. */
const LOOKUPS_AT_ONCE = 4;

/** Where a machine is in ARM. */
export interface MachineAddress {
  readonly resourceGroup: string;
  readonly name: string;
}

const MACHINE_ID =
  /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)$/i;

/** Throws a ProviderError where the reference names no machine that could be ours. */
export function addressOf(context: AdapterContext, ref: InstanceRef): MachineAddress {
  if (ref.instanceId !== null) {
    const [, resourceGroup, name] = MACHINE_ID.exec(ref.instanceId) ?? [];
    if (resourceGroup !== undefined && name !== undefined) return { resourceGroup, name };
    throw invalid(`${ref.instanceId} is not the ARM id of a virtual machine`);
  }
  if (!context.settings.regions.includes(ref.region))
    throw invalid(`azure is not configured for the region ${ref.region}`);
  return {
    resourceGroup: context.settings.resourceGroupOf(ref.region),
    name: machineName(ref.idempotencyKey, ref.index),
  };
}

function invalid(message: string): ProviderError {
  return new ProviderError({
    kind: 'invalid-request',
    provider: 'azure',
    operation: 'virtualMachines',
    code: '',
    message,
  });
}

export function instanceIdOf(subscriptionId: string, address: MachineAddress): string {
  const group = address.resourceGroup.toLowerCase();
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${address.name}`;
}

/** The machine with its instance view, or null when ARM does not know it. */
export async function readMachine(
  context: AdapterContext,
  address: MachineAddress,
  call: Call,
): Promise<VirtualMachine | null> {
  const { virtualMachines } = context.clients.compute;
  const answer = await answerOf(call, () =>
    virtualMachines.get(address.resourceGroup, address.name, { expand: 'instanceView', abortSignal: call.signal }),
  );
  if (answer.ok) return answer.value;
  if (answer.failure.status === 404) return null;
  throw providerErrorOf(answer.failure, 'virtualMachines.get', 'read');
}

/** Everything comes from the machine itself, failures included: an adapter started anew knows as much as the one that launched it. */
export async function getInstance(context: AdapterContext, ref: InstanceRef, call: Call): Promise<Instance | null> {
  const machine = await readMachine(context, addressOf(context, ref), call);
  return machine === null ? null : instanceOf(context, machine);
}

export function instanceOf(context: AdapterContext, machine: VirtualMachine): Instance {
  const tags = machine.tags ?? {};
  const [, resourceGroup = '', name = ''] = MACHINE_ID.exec(machine.id ?? '') ?? [];
  const region = machine.location.replaceAll(' ', '').toLowerCase();
  const pool: Pool = {
    provider: 'azure',
    region,
    zone: machine.zones?.[0] ?? null,
    instanceType: machine.hardwareProfile?.vmSize ?? '',
    ...marketOf(machine),
  };
  return {
    ref: {
      region,
      zone: pool.zone,
      idempotencyKey: tags[ATTEMPT_TAG] ?? '',
      index: Number(tags[INDEX_TAG] ?? '0'),
      instanceId: instanceIdOf(context.settings.subscriptionId, { resourceGroup, name }),
    },
    pool,
    ...conditionOf(machine, pool),
    owner: tags[OWNER_TAG] ?? '',
    tags: Object.fromEntries(Object.entries(tags).filter(([key]) => !OUR_TAGS.has(key))),
    launchedAt: machine.timeCreated?.getTime() ?? null,
  };
}

function marketOf(machine: VirtualMachine): Pick<Pool, 'market' | 'reservation'> {
  const reservation = machine.capacityReservation?.capacityReservationGroup?.id;
  if (reservation !== undefined) return { market: 'reserved', reservation: comparableId(reservation) };
  const spot = machine.priority === 'Spot' || machine.priority === 'Low';
  return { market: spot ? 'spot' : 'on-demand', reservation: null };
}

interface Condition {
  readonly state: InstanceState;
  readonly refusal: Refusal | null;
  readonly failure: string | null;
}

function conditionOf(machine: VirtualMachine, pool: Pool): Condition {
  const statuses = machine.instanceView?.statuses ?? [];
  if (machine.provisioningState?.toLowerCase() === 'failed') return failedCondition(statuses, pool);
  const power =
    statuses.find(({ code }) => code?.startsWith('PowerState/') === true)?.code?.slice('PowerState/'.length) ?? '';
  const state = stateOf(machine.provisioningState ?? '', power);
  // Nobody of ours stops a machine without deleting it; stopped, it serves nothing and still costs its disk.
  return { state, refusal: null, failure: state === 'failed' ? `the machine was stopped (PowerState/${power})` : null };
}

function stateOf(provisioningState: string, power: string): InstanceState {
  const provisioning = provisioningState.toLowerCase();
  if (provisioning === 'deleting') return 'stopping';
  if (power === 'stopping' || power === 'deallocating') return 'stopping';
  if (power === 'stopped' || power === 'deallocated') return 'failed';
  if (provisioning === 'creating' || power === 'starting') return 'pending';
  return 'running';
}

const FAILED_STATUS = /^ProvisioningState\/failed\/(.+)$/i;

/** The status `ProvisioningState/failed/<code>` tells what the operation's error told. */
function failedCondition(statuses: readonly InstanceViewStatus[], pool: Pool): Condition {
  for (const { code, message, displayStatus } of statuses) {
    const vendorCode = FAILED_STATUS.exec(code ?? '')?.[1];
    if (vendorCode === undefined) continue;
    const text = message ?? displayStatus ?? '';
    const refusal = refusalOf(operationFailure(vendorCode, text), pool);
    return { state: 'failed', refusal, failure: refusal === null ? `${vendorCode}: ${text}` : null };
  }
  return { state: 'failed', refusal: null, failure: 'provisioning failed; Azure gives no reason' };
}

/** Machines with the owner's tag, region by region, so that one that fails or is slow spoils no other. */
export async function listOwned(context: AdapterContext, query: OwnedQuery, call: Call): Promise<OwnedSnapshot> {
  const instances: Instance[] = [];
  const regions = await Promise.all(
    query.regions.map((region) =>
      outcomeOf(region, call, async () => {
        const machines = await machinesIn(context, region, call);
        const owned = machines
          .filter((machine) => machine.tags?.[OWNER_TAG] === query.owner)
          .map((machine) => instanceOf(context, machine));
        const explained = await mapConcurrently(owned, LOOKUPS_AT_ONCE, (instance) =>
          instance.state === 'failed' ? withReason(context, instance, call) : Promise.resolve(instance),
        );
        instances.push(...explained);
      }),
    ),
  );
  return { instances, regions };
}

/** Every machine of the subscription in the region, ours or not. */
export function machinesIn(context: AdapterContext, region: string, call: Call): Promise<readonly VirtualMachine[]> {
  const { virtualMachines } = context.clients.compute;
  return callAzure('virtualMachines.listByLocation', 'read', call, () =>
    allPages(virtualMachines.listByLocation(region, { abortSignal: call.signal }).byPage(), call),
  );
}

/** Lists carry no instance view, so a failed machine is asked why. Without an answer it is still listed as failed. */
async function withReason(context: AdapterContext, instance: Instance, call: Call): Promise<Instance> {
  try {
    return (await getInstance(context, instance.ref, call)) ?? instance;
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof ProviderError) return instance;
    throw error;
  }
}

/**
 * Deletes the machine; its network interface and disk go with it (`deleteOption: Delete`), of a failed launch as well. Deleting
 * is repeatable: while it is under way ARM says 202 again, afterwards 204. Then its parts are deleted by name too: an interrupted
 * launch can leave them without a machine.
 */
export async function terminate(
  context: AdapterContext,
  ref: InstanceRef,
  call: Call,
): Promise<'terminating' | 'gone'> {
  const address = addressOf(context, ref);
  const { resourceGroup, name } = address;
  let status = 0;
  const answer = await answerOf(call, async () => {
    const poller = context.clients.compute.virtualMachines.delete(resourceGroup, name, {
      forceDeletion: true,
      abortSignal: call.signal,
      onResponse: (response) => {
        status = response.status;
      },
    });
    await poller.submitted();
  });
  if (answer.ok && status !== 204) return 'terminating';
  if (!answer.ok && answer.failure.status !== 404) throw terminationError(answer.failure, 'virtualMachines.delete');
  const parts = await removePartsOf(context, address, call);
  return parts === 'removing' ? 'terminating' : 'gone';
}
