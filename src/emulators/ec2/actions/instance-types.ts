import type {
  DescribeInstanceTypeOfferingsRequest,
  DescribeInstanceTypeOfferingsResult,
  DescribeInstanceTypesRequest,
  DescribeInstanceTypesResult,
  InstanceTypeInfo,
  InstanceTypeOffering,
} from '@aws-sdk/client-ec2';
import { DescribeInstanceTypeOfferings$, DescribeInstanceTypes$ } from '@aws-sdk/client-ec2';
import type { InstanceTypeFact } from '../../world/market-facts.ts';
import { assertFilterNames, matchesFilters } from '../filters.ts';
import { pageOf } from '../paging.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

/**
 * Types that EC2 lists beside the ones of the market table, and that nobody who wants whole, known GPUs may buy: one without a
 * GPU, one with an eighth of a GPU, one with a GPU of another make. Shapes: DescribeInstanceTypes, 2026-08.
 */
const BYSTANDERS: readonly InstanceTypeInfo[] = [
  shapeOf({ name: 'm7i.large', vcpus: 2, memoryGiB: 8 }),
  {
    ...shapeOf({ name: 'g6f.xlarge', vcpus: 4, memoryGiB: 16 }),
    GpuInfo: {
      Gpus: [
        {
          Name: 'L4',
          Manufacturer: 'NVIDIA',
          Count: 0,
          LogicalGpuCount: 1,
          GpuPartitionSize: 0.125,
          MemoryInfo: { SizeInMiB: 2861 },
        },
      ],
      TotalGpuMemoryInMiB: 2861,
    },
  },
  {
    ...shapeOf({ name: 'g4ad.xlarge', vcpus: 4, memoryGiB: 16 }),
    GpuInfo: {
      Gpus: [{ Name: 'Radeon Pro V520', Manufacturer: 'AMD', Count: 1, MemoryInfo: { SizeInMiB: 8192 } }],
      TotalGpuMemoryInMiB: 8192,
    },
  },
];

const TYPE_FILTERS: ReadonlySet<string> = new Set([
  'instance-type',
  'supported-usage-class',
  'current-generation',
  'bare-metal',
  'processor-info.supported-architecture',
]);
const OFFERING_FILTERS: ReadonlySet<string> = new Set(['instance-type', 'location']);

function shapeOf(shape: {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryGiB: number;
}): InstanceTypeInfo {
  return {
    InstanceType: namedType(shape.name),
    CurrentGeneration: true,
    FreeTierEligible: false,
    SupportedUsageClasses: ['on-demand', 'spot'],
    SupportedRootDeviceTypes: ['ebs'],
    SupportedVirtualizationTypes: ['hvm'],
    BareMetal: false,
    Hypervisor: 'nitro',
    ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
    VCpuInfo: { DefaultVCpus: shape.vcpus, DefaultCores: Math.ceil(shape.vcpus / 2), DefaultThreadsPerCore: 2 },
    MemoryInfo: { SizeInMiB: shape.memoryGiB * 1024 },
    InstanceStorageSupported: false,
  };
}

/** The SDK types instance types as an enumeration that is always behind the cloud; on the wire they are plain text. */
export function namedType(name: string): NonNullable<InstanceTypeInfo['InstanceType']> {
  return name as NonNullable<InstanceTypeInfo['InstanceType']>;
}

function describe(fact: InstanceTypeFact): InstanceTypeInfo {
  const threads = fact.architecture === 'arm64' ? 1 : 2;
  return {
    ...shapeOf(fact),
    SupportedUsageClasses: [...fact.markets],
    ProcessorInfo: { SupportedArchitectures: [fact.architecture] },
    VCpuInfo: { DefaultVCpus: fact.vcpus, DefaultCores: fact.vcpus / threads, DefaultThreadsPerCore: threads },
    GpuInfo: {
      Gpus: [
        {
          Name: fact.vendorGpuName ?? 'NVIDIA',
          Manufacturer: 'NVIDIA',
          Count: fact.acceleratorCount,
          LogicalGpuCount: fact.acceleratorCount,
          GpuPartitionSize: 1,
          Workloads: ['ml-ai'],
          MemoryInfo: { SizeInMiB: fact.gpuMemoryMiB },
        },
      ],
      TotalGpuMemoryInMiB: fact.gpuMemoryMiB * fact.acceleratorCount,
    },
    InstanceStorageSupported: fact.localSsdGiB > 0,
    // AWS counts disks in GB, the market table in GiB.
    ...(fact.localSsdGiB > 0
      ? {
          InstanceStorageInfo: { TotalSizeInGB: Math.round(fact.localSsdGiB * 1.073_741_824), NvmeSupport: 'required' },
        }
      : {}),
  };
}

function typesIn({ world, region }: ActionContext): readonly InstanceTypeInfo[] {
  const sold = world
    .facts('aws')
    .instanceTypes.filter(({ name }) => world.zonesOffering('aws', region.name, name).length > 0)
    .map(describe);
  return [...sold, ...BYSTANDERS].toSorted((a, b) => (typeName(a) < typeName(b) ? -1 : 1));
}

function typeName(type: InstanceTypeInfo): string {
  return type.InstanceType ?? '';
}

function typeFilterValues(type: InstanceTypeInfo, filter: string): readonly string[] | null {
  switch (filter) {
    case 'instance-type':
      return [typeName(type)];
    case 'supported-usage-class':
      return type.SupportedUsageClasses ?? [];
    case 'current-generation':
      return [String(type.CurrentGeneration ?? false)];
    case 'bare-metal':
      return [String(type.BareMetal ?? false)];
    case 'processor-info.supported-architecture':
      return type.ProcessorInfo?.SupportedArchitectures ?? [];
    default:
      return null;
  }
}

function runDescribeInstanceTypes(
  context: ActionContext,
  input: DescribeInstanceTypesRequest,
): DescribeInstanceTypesResult {
  const types = typesIn(context);
  const names: readonly string[] = input.InstanceTypes ?? [];
  if (names.length > 0 && input.MaxResults !== undefined) {
    throw badRequest(
      'InvalidParameterCombination',
      'The parameter instanceTypes cannot be used with the parameter maxResults',
    );
  }
  const unknown = names.filter((name) => !types.some((type) => typeName(type) === name));
  if (unknown.length > 0) {
    throw badRequest(
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    );
  }
  assertFilterNames(input.Filters, (name) => TYPE_FILTERS.has(name));
  const page = pageOf(
    types
      .filter((type) => names.length === 0 || names.includes(typeName(type)))
      .filter((type) => matchesFilters(input.Filters, (filter) => typeFilterValues(type, filter))),
    typeName,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 5, most: 100, standard: 100 },
  );
  return { InstanceTypes: [...page.items], ...(page.nextToken === null ? {} : { NextToken: page.nextToken }) };
}

function runDescribeInstanceTypeOfferings(
  context: ActionContext,
  input: DescribeInstanceTypeOfferingsRequest,
): DescribeInstanceTypeOfferingsResult {
  assertFilterNames(input.Filters, (name) => OFFERING_FILTERS.has(name));
  const page = pageOf(
    offeringsIn(context, input.LocationType ?? 'region').filter((offering) =>
      matchesFilters(input.Filters, (filter) =>
        filter === 'instance-type' ? [offering.InstanceType ?? ''] : [offering.Location ?? ''],
      ),
    ),
    ({ InstanceType: type = '', Location: location = '' }) => `${type} ${location}`,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 5, most: 1000, standard: 1000 },
  );
  return { InstanceTypeOfferings: [...page.items], ...(page.nextToken === null ? {} : { NextToken: page.nextToken }) };
}

function offeringsIn(
  context: ActionContext,
  locationType: NonNullable<DescribeInstanceTypeOfferingsRequest['LocationType']>,
): readonly InstanceTypeOffering[] {
  const { world, region } = context;
  const offerings = typesIn(context).flatMap((type) => {
    const name = typeName(type);
    const sold = world.zonesOffering('aws', region.name, name);
    const zones = BYSTANDERS.some((bystander) => typeName(bystander) === name)
      ? region.zones
      : region.zones.filter((zone) => sold.includes(zone.name));
    return locationsOf(region.name, zones, locationType).map((location) => ({
      InstanceType: namedType(name),
      LocationType: locationType,
      Location: location,
    }));
  });
  return offerings.toSorted((a, b) => (`${a.InstanceType} ${a.Location}` < `${b.InstanceType} ${b.Location}` ? -1 : 1));
}

function locationsOf(
  region: string,
  zones: readonly { readonly name: string; readonly physicalId: string | null }[],
  locationType: string,
): readonly string[] {
  if (locationType === 'region') return [region];
  if (locationType === 'availability-zone') return zones.map(({ name }) => name);
  if (locationType === 'availability-zone-id') return zones.flatMap(({ physicalId }) => physicalId ?? []);
  throw badRequest(
    'InvalidParameterValue',
    `Value (${locationType}) for parameter LocationType is invalid. Use region, availability-zone or availability-zone-id.`,
  );
}

export const describeInstanceTypes = defineAction(DescribeInstanceTypes$, false, runDescribeInstanceTypes);
export const describeInstanceTypeOfferings = defineAction(
  DescribeInstanceTypeOfferings$,
  false,
  runDescribeInstanceTypeOfferings,
);
