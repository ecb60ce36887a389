import type {
  Address,
  DescribeAddressesRequest,
  DescribeAddressesResult,
  ReleaseAddressRequest,
} from '@aws-sdk/client-ec2';
import { DescribeAddresses$, ReleaseAddress$ } from '@aws-sdk/client-ec2';
import type { WorldPart } from '../../world/contract.ts';
import { instanceIdOf, tagList } from '../instance-shape.ts';
import { partById, queriedParts } from '../part-actions.ts';
import { partIdOf } from '../resource-ids.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const FILTERS: ReadonlySet<string> = new Set(['allocation-id', 'domain']);
const NOT_FOUND = 'InvalidAllocationID.NotFound';

/** All at once: EC2 has no pages for addresses. */
function runDescribeAddresses(context: ActionContext, input: DescribeAddressesRequest): DescribeAddressesResult {
  const addresses = queriedParts(context, {
    kind: 'address',
    ids: input.AllocationIds,
    filters: input.Filters,
    filterNames: FILTERS,
    notFound: NOT_FOUND,
    valuesOf: (part, filter) => [filter === 'allocation-id' ? partIdOf(part) : 'vpc'],
  });
  return { Addresses: addresses.map((part) => describe(context, part)) };
}

function describe({ world }: ActionContext, part: WorldPart): Address {
  return {
    AllocationId: partIdOf(part),
    // A documentation network (RFC 5737).
    PublicIp: `203.0.113.${part.serial % 256}`,
    Domain: 'vpc',
    ...(world.isInUse(part) && part.machine !== null
      ? { AssociationId: partIdOf(part).replace('eipalloc', 'eipassoc'), InstanceId: instanceIdOf(part.machine) }
      : {}),
    Tags: tagList(part.tags),
  };
}

function runReleaseAddress(context: ActionContext, input: ReleaseAddressRequest): object {
  const part = partById(context, 'address', input.AllocationId ?? '', NOT_FOUND);
  if (context.world.isInUse(part)) {
    throw badRequest('InvalidIPAddress.InUse', `The address with allocation ID ${partIdOf(part)} is in use.`);
  }
  context.world.removePart(part.serial);
  return {};
}

export const describeAddresses = defineAction(DescribeAddresses$, false, runDescribeAddresses);
export const releaseAddress = defineAction(ReleaseAddress$, true, runReleaseAddress);
