import type { DeleteVolumeRequest, DescribeVolumesRequest, DescribeVolumesResult, Volume } from '@aws-sdk/client-ec2';
import { DeleteVolume$, DescribeVolumes$ } from '@aws-sdk/client-ec2';
import type { WorldPart } from '../../world/contract.ts';
import { instanceIdOf, tagList } from '../instance-shape.ts';
import { pageOf } from '../paging.ts';
import { partById, queriedParts } from '../part-actions.ts';
import { partIdOf } from '../resource-ids.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

const FILTERS: ReadonlySet<string> = new Set(['status', 'availability-zone', 'volume-id']);
const NOT_FOUND = 'InvalidVolume.NotFound';
/** Of a root disk whose launch names no size: what the standard image comes with. */
const STANDARD_GIB = 75;

function runDescribeVolumes(context: ActionContext, input: DescribeVolumesRequest): DescribeVolumesResult {
  const volumes = queriedParts(context, {
    kind: 'disk',
    ids: input.VolumeIds,
    filters: input.Filters,
    filterNames: FILTERS,
    notFound: NOT_FOUND,
    valuesOf(part, filter) {
      if (filter === 'status') return [context.world.isInUse(part) ? 'in-use' : 'available'];
      return filter === 'volume-id' ? [partIdOf(part)] : [part.zone ?? ''];
    },
  });
  const page = pageOf(
    volumes,
    partIdOf,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 5, most: 1000, standard: null },
  );
  return {
    Volumes: page.items.map((part) => describe(context, part)),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function describe({ world }: ActionContext, part: WorldPart): Volume {
  const used = world.isInUse(part);
  const size = part.details['sizeGiB'];
  return {
    VolumeId: partIdOf(part),
    Size: typeof size === 'number' ? size : STANDARD_GIB,
    ...(part.zone === null ? {} : { AvailabilityZone: part.zone }),
    State: used ? 'in-use' : 'available',
    CreateTime: new Date(part.createdAt),
    VolumeType: 'gp3',
    Attachments:
      used && part.machine !== null
        ? [
            {
              InstanceId: instanceIdOf(part.machine),
              VolumeId: partIdOf(part),
              State: 'attached',
              DeleteOnTermination: part.life === 'with-machine',
            },
          ]
        : [],
    Tags: tagList(part.tags),
  };
}

function runDeleteVolume(context: ActionContext, input: DeleteVolumeRequest): object {
  const part = partById(context, 'disk', input.VolumeId ?? '', NOT_FOUND);
  if (context.world.isInUse(part) && part.machine !== null) {
    throw badRequest('VolumeInUse', `Volume ${partIdOf(part)} is currently attached to ${instanceIdOf(part.machine)}`);
  }
  context.world.removePart(part.serial);
  return {};
}

export const describeVolumes = defineAction(DescribeVolumes$, false, runDescribeVolumes);
export const deleteVolume = defineAction(DeleteVolume$, true, runDeleteVolume);
