/** Volumes, network interfaces and Elastic IP addresses with our tags that belong to no machine. */
import type { EC2Client, Filter, Tag } from '@aws-sdk/client-ec2';
import {
  DeleteNetworkInterfaceCommand,
  DeleteVolumeCommand,
  DescribeAddressesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeVolumesCommand,
  ReleaseAddressCommand,
} from '@aws-sdk/client-ec2';
import type { Call, Leftover, LeftoverSnapshot, OwnedQuery } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { AwsContext } from './context.ts';
import { ask, requirePart } from './errors.ts';
import { ATTEMPT_TAG, LARGEST_PAGE, OWNER_TAG, tagsOf } from './instances.ts';
import { pagesOf } from './pages.ts';
import { askRegions } from './regions.ts';

/** What belongs to nothing: EC2's state of a volume and an interface that is attached nowhere. */
const AVAILABLE: Filter = { Name: 'status', Values: ['available'] };

export async function listLeftovers(context: AwsContext, query: OwnedQuery, call: Call): Promise<LeftoverSnapshot> {
  const ours: Filter = { Name: `tag:${OWNER_TAG}`, Values: [query.owner] };
  const { results, regions } = await askRegions(query.regions, context.regions, call, async (region) => {
    const client = context.clients.ec2(region);
    const found = await Promise.all([
      volumes(client, region, ours, call),
      networkInterfaces(client, region, ours, call),
      addresses(client, region, ours, call),
    ]);
    return found.flat();
  });
  return { leftovers: results.flat(), regions };
}

async function volumes(client: EC2Client, region: string, ours: Filter, call: Call): Promise<readonly Leftover[]> {
  const attempted = { operation: 'DescribeVolumes', mutating: false };
  const found: Leftover[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new DescribeVolumesCommand({ Filters: [ours, AVAILABLE], MaxResults: LARGEST_PAGE, ...more }), options),
  );
  for await (const page of pages) {
    for (const volume of requirePart(page.Volumes, attempted, 'Volumes')) {
      const { AvailabilityZone: zone = null, CreateTime: created } = volume;
      const createdAt = created?.getTime() ?? null;
      found.push(...leftover('disk', region, volume.VolumeId, volume.Tags, { zone, createdAt }));
    }
  }
  return found;
}

async function networkInterfaces(
  client: EC2Client,
  region: string,
  ours: Filter,
  call: Call,
): Promise<readonly Leftover[]> {
  const attempted = { operation: 'DescribeNetworkInterfaces', mutating: false };
  const found: Leftover[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(
      new DescribeNetworkInterfacesCommand({ Filters: [ours, AVAILABLE], MaxResults: LARGEST_PAGE, ...more }),
      options,
    ),
  );
  for await (const page of pages) {
    for (const each of requirePart(page.NetworkInterfaces, attempted, 'NetworkInterfaces')) {
      const { AvailabilityZone: zone = null } = each;
      // EC2 does not say when it was made.
      found.push(
        ...leftover('network-interface', region, each.NetworkInterfaceId, each.TagSet, { zone, createdAt: null }),
      );
    }
  }
  return found;
}

/** EC2 has no filter for "of nothing", and no pages. */
async function addresses(client: EC2Client, region: string, ours: Filter, call: Call): Promise<readonly Leftover[]> {
  const attempted = { operation: 'DescribeAddresses', mutating: false };
  const answer = await ask(attempted, call, (options) =>
    client.send(new DescribeAddressesCommand({ Filters: [ours] }), options),
  );
  return requirePart(answer.Addresses, attempted, 'Addresses')
    .filter(({ AssociationId: association }) => association === undefined)
    .flatMap(({ AllocationId: id, Tags: tags }) =>
      leftover('address', region, id, tags, { zone: null, createdAt: null }),
    );
}

function leftover(
  kind: Leftover['kind'],
  region: string,
  id: string | undefined,
  tags: readonly Tag[] | undefined,
  more: Pick<Leftover, 'zone' | 'createdAt'>,
): readonly Leftover[] {
  if (id === undefined) return [];
  const { [OWNER_TAG]: owner = '', [ATTEMPT_TAG]: idempotencyKey = null } = tagsOf(tags);
  return [{ kind, region, id, owner, idempotencyKey, ...more }];
}

interface Removal {
  readonly operation: string;
  /** What EC2 calls an id it does not know. */
  readonly unknown: string;
  send(client: EC2Client, id: string, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

const REMOVALS: Readonly<Record<Leftover['kind'], Removal>> = {
  disk: {
    operation: 'DeleteVolume',
    unknown: 'InvalidVolume.NotFound',
    send: (client, id, options) => client.send(new DeleteVolumeCommand({ VolumeId: id }), options),
  },
  'network-interface': {
    operation: 'DeleteNetworkInterface',
    unknown: 'InvalidNetworkInterfaceID.NotFound',
    send: (client, id, options) => client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: id }), options),
  },
  address: {
    operation: 'ReleaseAddress',
    unknown: 'InvalidAllocationID.NotFound',
    send: (client, id, options) => client.send(new ReleaseAddressCommand({ AllocationId: id }), options),
  },
};

/** EC2 removes at once, and refuses what is in use by itself: nothing is looked up before. */
export async function removeLeftover(context: AwsContext, left: Leftover, call: Call): Promise<'gone'> {
  const { operation, unknown, send } = REMOVALS[left.kind];
  const client = context.clients.ec2(left.region);
  try {
    await ask({ operation, mutating: true }, call, (options) => send(client, left.id, options));
  } catch (error) {
    if (!(error instanceof ProviderError && error.code === unknown)) throw error;
  }
  return 'gone';
}
