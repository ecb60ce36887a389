import type {
  DeleteNetworkInterfaceRequest,
  DescribeNetworkInterfacesRequest,
  DescribeNetworkInterfacesResult,
  NetworkInterface,
} from '@aws-sdk/client-ec2';
import { DeleteNetworkInterface$, DescribeNetworkInterfaces$ } from '@aws-sdk/client-ec2';
import type { WorldPart } from '../../world/contract.ts';
import { instanceIdOf, tagList } from '../instance-shape.ts';
import { pageOf } from '../paging.ts';
import { partById, queriedParts } from '../part-actions.ts';
import { partIdOf } from '../resource-ids.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const FILTERS: ReadonlySet<string> = new Set(['status', 'availability-zone', 'network-interface-id']);
const NOT_FOUND = 'InvalidNetworkInterfaceID.NotFound';

function runDescribeNetworkInterfaces(
  context: ActionContext,
  input: DescribeNetworkInterfacesRequest,
): DescribeNetworkInterfacesResult {
  const interfaces = queriedParts(context, {
    kind: 'network-interface',
    ids: input.NetworkInterfaceIds,
    filters: input.Filters,
    filterNames: FILTERS,
    notFound: NOT_FOUND,
    valuesOf(part, filter) {
      if (filter === 'status') return [context.world.isInUse(part) ? 'in-use' : 'available'];
      return filter === 'network-interface-id' ? [partIdOf(part)] : [part.zone ?? ''];
    },
  });
  const page = pageOf(
    interfaces,
    partIdOf,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 5, most: 1000, standard: null },
  );
  return {
    NetworkInterfaces: page.items.map((part) => describe(context, part)),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function describe({ world }: ActionContext, part: WorldPart): NetworkInterface {
  const used = world.isInUse(part);
  return {
    NetworkInterfaceId: partIdOf(part),
    Status: used ? 'in-use' : 'available',
    InterfaceType: 'interface',
    ...(part.zone === null ? {} : { AvailabilityZone: part.zone }),
    ...(used && part.machine !== null
      ? {
          Attachment: {
            InstanceId: instanceIdOf(part.machine),
            DeviceIndex: 0,
            Status: 'attached',
            DeleteOnTermination: part.life === 'with-machine',
          },
        }
      : {}),
    TagSet: tagList(part.tags),
  };
}

function runDeleteNetworkInterface(context: ActionContext, input: DeleteNetworkInterfaceRequest): object {
  const part = partById(context, 'network-interface', input.NetworkInterfaceId ?? '', NOT_FOUND);
  if (context.world.isInUse(part)) {
    throw badRequest('InvalidNetworkInterface.InUse', `The network interface ${partIdOf(part)} is currently in use.`);
  }
  context.world.removePart(part.serial);
  return {};
}

export const describeNetworkInterfaces = defineAction(DescribeNetworkInterfaces$, false, runDescribeNetworkInterfaces);
export const deleteNetworkInterface = defineAction(DeleteNetworkInterface$, true, runDeleteNetworkInterface);
