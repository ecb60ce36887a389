import { z } from 'zod';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact } from '../world/market-facts.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import { pageOf } from './paging.ts';

const PAGE_SIZE = 20;

/** The market table's `extra`: zones that list a size which this account may not buy there. */
const extraSchema = z.object({
  restrictedZones: z.record(z.string(), z.record(z.string(), z.array(z.string()))).default({}),
});

/** Region → size → zones. */
export function readRestrictedZones(world: World): z.infer<typeof extraSchema>['restrictedZones'] {
  return extraSchema.safeParse(world.facts('azure').extra ?? {}).data?.restrictedZones ?? {};
}

/** `GET skus`: location is the only filter that ARM knows here. */
export function listResourceSkus(world: World, request: FrontRequest): FrontResponse {
  const filter = request.url.searchParams.get('$filter');
  const location = filter === null ? null : locationOf(filter);
  const { regions, instanceTypes } = world.facts('azure');
  const restricted = readRestrictedZones(world);
  const wanted = regions.filter(({ name }) => location === null || name === location);
  const skus = wanted.flatMap(({ name: region }) => [
    ...OTHER_SKUS.map((sku) => otherSku(sku, region)),
    ...instanceTypes
      .filter((type) => world.listPrice('azure', region, type.name) !== null)
      .map((type) => gpuSku(world, type, region, restricted[region]?.[type.name] ?? [])),
  ]);
  return jsonAnswer(200, pageOf(request, skus, PAGE_SIZE));
}

function locationOf(filter: string): string {
  const location = /^\s*location\s+eq\s+'([^']*)'\s*$/i.exec(filter)?.[1];
  if (location === undefined)
    throw new ArmRefusal(400, 'InvalidFilterInQueryString', `Invalid $filter '${filter}' in the query string.`);
  return location.replaceAll(' ', '').toLowerCase();
}

/** All values of capabilities are text. There is none for the GPU's model. */
function gpuSku(world: World, type: InstanceTypeFact, region: string, restrictedZones: readonly string[]): unknown {
  const offering = world.zonesOffering('azure', region, type.name);
  // ARM lists zones in no order.
  const zones = [...new Set([...restrictedZones, ...offering.toReversed()])];
  return skuOf(region, {
    name: type.name,
    family: type.family,
    zones,
    capabilities: {
      vCPUs: String(type.vcpus),
      vCPUsAvailable: String(type.vcpus),
      GPUs: String(type.acceleratorCount),
      MemoryGB: String(type.memoryGiB),
      MaxResourceVolumeMB: String(type.localSsdGiB * 1024),
      HyperVGenerations: 'V1,V2',
      CpuArchitectureType: type.architecture === 'arm64' ? 'Arm64' : 'x64',
      LowPriorityCapable: type.markets.includes('spot') ? 'True' : 'False',
      PremiumIO: 'True',
      VMDeploymentTypes: 'IaaS',
    },
    restrictions:
      restrictedZones.length === 0
        ? []
        : [
            {
              type: 'Zone',
              values: [region],
              restrictionInfo: { locations: [region], zones: restrictedZones },
              reasonCode: 'NotAvailableForSubscription',
            },
          ],
  });
}

interface SkuParts {
  readonly name: string;
  readonly family: string;
  readonly zones: readonly string[];
  readonly capabilities: Readonly<Record<string, string>>;
  readonly restrictions: readonly unknown[];
  readonly resourceType?: string;
}

function skuOf(region: string, parts: SkuParts): unknown {
  return {
    resourceType: parts.resourceType ?? 'virtualMachines',
    name: parts.name,
    tier: 'Standard',
    size: parts.name.replace(/^Standard_/, ''),
    family: parts.family,
    locations: [region],
    locationInfo: [{ location: region, zones: parts.zones, zoneDetails: [] }],
    capabilities: Object.entries(parts.capabilities).map(([name, value]) => ({ name, value })),
    restrictions: parts.restrictions,
  };
}

/** What else the list holds: machines without a GPU, with a part of one, and things that are no machines. */
const OTHER_SKUS: readonly Pick<SkuParts, 'name' | 'family' | 'capabilities' | 'resourceType'>[] = [
  { name: 'Aligned', family: '', capabilities: {}, resourceType: 'availabilitySets' },
  { name: 'Premium_LRS', family: '', capabilities: { MaxSizeGiB: '128' }, resourceType: 'disks' },
  otherMachine('Standard_B1s', 'standardBSFamily', '1', '1'),
  otherMachine('Standard_D4s_v5', 'standardDSv5Family', '4', '16'),
  otherMachine('Standard_E8s_v5', 'standardESv5Family', '8', '64'),
  // A sixth of an A10: the API says one GPU all the same.
  otherMachine('Standard_NV6ads_A10_v5', 'StandardNVADSA10v5Family', '6', '55', { GPUs: '1' }),
];

function otherMachine(
  name: string,
  family: string,
  vcpus: string,
  memory: string,
  more: Readonly<Record<string, string>> = {},
): Pick<SkuParts, 'name' | 'family' | 'capabilities'> {
  const capabilities = {
    vCPUs: vcpus,
    MemoryGB: memory,
    LowPriorityCapable: 'True',
    CpuArchitectureType: 'x64',
    ...more,
  };
  return { name, family, capabilities };
}

function otherSku(sku: Pick<SkuParts, 'name' | 'family' | 'capabilities' | 'resourceType'>, region: string): unknown {
  return skuOf(region, { ...sku, zones: ['3', '1', '2'], restrictions: [] });
}
