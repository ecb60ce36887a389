/** What EC2 says it sells in a region: GPU types, the zones that offer them, the zones' physical ids. */
import type { EC2Client, InstanceTypeInfo, InstanceTypeOffering } from '@aws-sdk/client-ec2';
import {
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
} from '@aws-sdk/client-ec2';
import type { Call } from '../provider.ts';
import { ask, requirePart } from './errors.ts';
import type { GpuShape } from './instance-types.ts';
import { gpuShapeOf } from './instance-types.ts';
import { pagesOf } from './pages.ts';

export interface GpuType {
  readonly name: string;
  readonly gpu: GpuShape;
  readonly vcpuCount: number;
  readonly memoryGiB: number;
  readonly architecture: 'x86_64' | 'arm64';
  readonly onDemand: boolean;
  readonly spot: boolean;
}

export interface ZoneOffering {
  readonly zone: string;
  readonly zonePhysicalId: string | null;
  readonly instanceType: string;
}

/** AWS's GPU families are named G and P (EC2 instance type naming, 2026): without this filter some nine pages of others come along. */
const GPU_FAMILIES = { Name: 'instance-type', Values: ['g*', 'p*'] };

export async function gpuTypes(client: EC2Client, call: Call): Promise<readonly GpuType[]> {
  const attempted = { operation: 'DescribeInstanceTypes', mutating: false };
  const types: GpuType[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new DescribeInstanceTypesCommand({ Filters: [GPU_FAMILIES], MaxResults: 100, ...more }), options),
  );
  for await (const page of pages) {
    for (const type of requirePart(page.InstanceTypes, attempted, 'InstanceTypes')) {
      const described = describe(type);
      if (described !== null) types.push(described);
    }
  }
  return types;
}

function describe(type: InstanceTypeInfo): GpuType | null {
  const gpu = gpuShapeOf(type);
  const name = type.InstanceType;
  const vcpuCount = type.VCpuInfo?.DefaultVCpus;
  const memoryMiB = type.MemoryInfo?.SizeInMiB;
  if (gpu === null || name === undefined || vcpuCount === undefined || memoryMiB === undefined) return null;
  // Bare metal needs images and drivers of its own.
  if (type.BareMetal === true) return null;
  const classes = type.SupportedUsageClasses ?? [];
  const architectures = type.ProcessorInfo?.SupportedArchitectures ?? [];
  return {
    name,
    gpu,
    vcpuCount,
    memoryGiB: memoryMiB / 1024,
    architecture: architectures.includes('arm64') ? 'arm64' : 'x86_64',
    onDemand: classes.includes('on-demand'),
    spot: classes.includes('spot'),
  };
}

/** Which zones offer which of the types. */
export async function zoneOfferings(client: EC2Client, call: Call): Promise<readonly ZoneOffering[]> {
  const [zoneIds, offerings] = await Promise.all([zonePhysicalIds(client, call), offeringPages(client, call)]);
  return offerings.flatMap(({ InstanceType: instanceType, Location: zone }) =>
    instanceType === undefined || zone === undefined
      ? []
      : [{ zone, zonePhysicalId: zoneIds.get(zone) ?? null, instanceType }],
  );
}

async function offeringPages(client: EC2Client, call: Call): Promise<readonly InstanceTypeOffering[]> {
  const attempted = { operation: 'DescribeInstanceTypeOfferings', mutating: false };
  const offerings: InstanceTypeOffering[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: 'availability-zone',
        Filters: [GPU_FAMILIES],
        MaxResults: 1000,
        ...more,
      }),
      options,
    ),
  );
  for await (const page of pages) {
    offerings.push(...requirePart(page.InstanceTypeOfferings, attempted, 'InstanceTypeOfferings'));
  }
  return offerings;
}

/** Zone names differ between accounts, zone ids do not. */
export async function zonePhysicalIds(client: EC2Client, call: Call): Promise<ReadonlyMap<string, string>> {
  const attempted = { operation: 'DescribeAvailabilityZones', mutating: false };
  const answer = await ask(attempted, call, (options) =>
    client.send(new DescribeAvailabilityZonesCommand({}), options),
  );
  const ids = new Map<string, string>();
  for (const { ZoneName: name, ZoneId: id } of requirePart(answer.AvailabilityZones, attempted, 'AvailabilityZones')) {
    if (name !== undefined && id !== undefined) ids.set(name, id);
  }
  return ids;
}
