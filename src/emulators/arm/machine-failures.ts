import { formatUsd } from '../../domain/money.ts';
import type { LaunchFailure, WorldMachine, WorldPool } from '../world/contract.ts';
import { ArmRefusal } from './arm-answer.ts';
import type { MachineAddress, MachineDetails } from './machines.ts';
import { machineId } from './machines.ts';

/** A failed operation's error. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
}

/** Why an accepted machine failed; only want of capacity is found out that late, unless somebody forced another failure on it. */
export function failureOf(machine: WorldMachine, details: MachineDetails): OperationError {
  if (machine.failure?.kind === 'vendor') return machine.failure.error;
  const { region, zone, instanceType } = machine.pool;
  if (machine.failure?.kind === 'reservation')
    return {
      code: 'AllocationFailed',
      message: `Allocation failed. The capacity reservation ${machine.failure.reservation} has no room for another ${instanceType} in ${region}.`,
    };
  if (details.regional)
    return {
      code: 'AllocationFailed',
      message: `Allocation failed. We do not have sufficient capacity for the requested VM size ${instanceType} in this region (${region}). Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance`,
    };
  return {
    code: 'ZonalAllocationFailed',
    message: `Allocation failed. We do not have sufficient capacity for the requested VM size ${instanceType} in this zone (${region} ${zone}). Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance`,
  };
}

/** The answer to a create request that the world refuses at once. */
export function launchRefusal(failure: LaunchFailure, pool: WorldPool, address: MachineAddress): ArmRefusal {
  switch (failure.kind) {
    case 'quota':
      return new ArmRefusal(409, 'OperationNotAllowed', quotaMessage(failure, pool));
    case 'price':
      return new ArmRefusal(
        409,
        'OperationNotAllowed',
        `Unable to perform operation 'Create VM' since the provided max price is lower than the current spot price '${formatUsd(failure.spotPriceMicroUsdPerHour)} USD' for Azure Spot VM size '${pool.instanceType}'.`,
      );
    case 'vendor':
      return new ArmRefusal(failure.error.status, failure.error.code, failure.error.message);
    case 'capacity':
    case 'reservation':
    case 'not-offered':
      return skuNotAvailable(pool, address);
    default:
      return failure satisfies never;
  }
}

function skuNotAvailable(pool: WorldPool, address: MachineAddress): ArmRefusal {
  const zones = pool.zone === '' ? '' : ` zones '${pool.zone}'`;
  return new ArmRefusal(
    409,
    'SkuNotAvailable',
    `The requested size for resource '${machineId(address)}' is currently not available in location '${pool.region}'${zones} for subscription '${address.subscription}'. Please try another size or deploy to a different location or different zones. See https://aka.ms/azureskunotavailable for details.`,
  );
}

/** One code for three quotas; only the message tells which. */
function quotaMessage(failure: Extract<LaunchFailure, { kind: 'quota' }>, pool: WorldPool): string {
  const { limit, usage, wanted } = failure;
  const required = usage + wanted;
  return (
    `Operation could not be completed as it results in exceeding approved ${approvedQuota(failure.quota)} quota. ` +
    `Additional details - Deployment Model: Resource Manager, Location: ${pool.region}, Current Limit: ${limit}, ` +
    `Current Usage: ${usage}, Additional Required: ${wanted}, (Minimum) New Limit Required: ${required}. ` +
    'Submit a request for Quota increase at https://aka.ms/ProdportalCRP by specifying parameters listed in the ' +
    '‘Details’ section for deployment to succeed. Please read more about quota limits at ' +
    'https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests'
  );
}

function approvedQuota(quota: string): string {
  if (quota === 'cores') return 'Total Regional Cores';
  return quota === 'lowPriorityCores' ? 'LowPriorityCores' : `${quota} Cores`;
}
