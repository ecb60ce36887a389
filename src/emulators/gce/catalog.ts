import type { World } from '../world/contract.ts';
import type { InstanceTypeFact } from '../world/market-facts.ts';
import type { Scoped } from './lists.ts';
import { aggregated, listed, zoneScopes } from './lists.ts';
import type { ZoneOfRegion } from './resources.ts';
import { allZones, hasOwnGpus, hostOf, numericId, requiredZone, resourceUrl, typesIn } from './resources.ts';
import type { ApiRequest } from './routes.ts';

/** Since always, as the API says of its own types. */
const EPOCH = '1969-12-31T16:00:00.000-08:00';

/** `vendorGpuName` is never null in this cloud's table. */
function gpuNameOf(type: InstanceTypeFact): string {
  if (type.vendorGpuName === null) throw new Error(`the market table names no GPU for ${type.name}`);
  return type.vendorGpuName;
}

function machineType(project: string, zone: string, type: InstanceTypeFact): object {
  const name = hostOf(type.name);
  const own = hasOwnGpus(type);
  const gpu = gpuNameOf(type);
  const shape = `${type.vcpus} vCPUs, ${type.memoryGiB} GB RAM`;
  return {
    kind: 'compute#machineType',
    id: numericId(name),
    creationTimestamp: EPOCH,
    name,
    description: own ? `Accelerator Optimized: ${type.acceleratorCount} ${gpu} GPUs, ${shape}` : shape,
    guestCpus: type.vcpus,
    memoryMb: type.memoryGiB * 1024,
    imageSpaceGb: 0,
    ...(own ? { accelerators: [{ guestAcceleratorType: gpu, guestAcceleratorCount: type.acceleratorCount }] } : {}),
    ...(type.localSsdGiB > 0
      ? { bundledLocalSsds: { defaultInterface: 'NVME', partitionCount: type.localSsdGiB / 375 } }
      : {}),
    architecture: type.architecture === 'arm64' ? 'ARM64' : 'X86_64',
    maximumPersistentDisks: 128,
    maximumPersistentDisksSizeGb: '263168',
    isSharedCpu: false,
    // A bare name here, a full URL in most other resources.
    zone,
    selfLink: resourceUrl(project, `zones/${zone}/machineTypes/${name}`),
  };
}

/** Machine types of a zone. A host to which several kinds of GPU can be attached appears once. */
function machineTypesIn(world: World, project: string, place: ZoneOfRegion): readonly object[] {
  const byHost = new Map(typesIn(world, place).map((type) => [hostOf(type.name), type]));
  return [...byHost.values()].map((type) => machineType(project, place.zone, type));
}

function acceleratorTypesIn(world: World, project: string, place: ZoneOfRegion): readonly object[] {
  const counts = new Map<string, number>();
  for (const type of typesIn(world, place)) {
    const gpu = gpuNameOf(type);
    counts.set(gpu, Math.max(counts.get(gpu) ?? 0, type.acceleratorCount));
  }
  return [...counts].map(([name, count]) => ({
    kind: 'compute#acceleratorType',
    id: numericId(name),
    creationTimestamp: EPOCH,
    name,
    description: name.replace('nvidia-', 'NVIDIA ').replaceAll('-', ' '),
    maximumCardsPerInstance: count,
    zone: resourceUrl(project, `zones/${place.zone}`),
    selfLink: resourceUrl(project, `zones/${place.zone}/acceleratorTypes/${name}`),
  }));
}

function inEveryZone(world: World, resourcesIn: (place: ZoneOfRegion) => readonly object[]): readonly Scoped[] {
  return allZones(world).flatMap((place) =>
    resourcesIn(place).map((resource) => ({ scope: `zones/${place.zone}`, resource })),
  );
}

export function aggregatedMachineTypes(world: World, request: ApiRequest): object {
  const project = request.path['project'] ?? '';
  return aggregated(
    world,
    request,
    { kind: 'compute#machineTypeAggregatedList', collection: 'machineTypes', scopes: zoneScopes(world) },
    inEveryZone(world, (place) => machineTypesIn(world, project, place)),
  );
}

export function aggregatedAcceleratorTypes(world: World, request: ApiRequest): object {
  const project = request.path['project'] ?? '';
  return aggregated(
    world,
    request,
    { kind: 'compute#acceleratorTypeAggregatedList', collection: 'acceleratorTypes', scopes: zoneScopes(world) },
    inEveryZone(world, (place) => acceleratorTypesIn(world, project, place)),
  );
}

export function listMachineTypes(world: World, request: ApiRequest): object {
  const { project = '', zone = '' } = request.path;
  const region = requiredZone(world, zone);
  const found = machineTypesIn(world, project, { region, zone });
  return listed(request, 'compute#machineTypeList', `zones/${zone}/machineTypes`, found);
}

export function listZones(world: World, request: ApiRequest): object {
  const { project = '' } = request.path;
  const found = allZones(world).map(({ region, zone }) => ({
    kind: 'compute#zone',
    id: numericId(zone),
    creationTimestamp: EPOCH,
    name: zone,
    description: zone,
    status: 'UP',
    region: resourceUrl(project, `regions/${region.name}`),
    selfLink: resourceUrl(project, `zones/${zone}`),
    supportsPzs: false,
  }));
  return listed(request, 'compute#zoneList', 'zones', found);
}
