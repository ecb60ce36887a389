import type { Call } from '../provider.ts';
import type { Clients } from './clients.ts';
import { allPages } from './clients.ts';
import type { HostType } from './machine-types.ts';
import { LISTED_TYPES } from './machine-types.ts';
import { acceleratorTypesPage, machineTypesPage } from './responses.ts';
import { lastSegment, unreachableScopes } from './scopes.ts';

/** What can be bought in each zone, and which zones did not answer. */
export interface ZoneCatalog {
  readonly hosts: ReadonlyMap<string, readonly HostType[]>;
  /** Zone → GPU type → most of them in one machine. */
  readonly gpus: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly unreachable: ReadonlySet<string>;
}

const GIB_PER_MIB = 1 / 1024;
/** One local SSD partition. */
const PARTITION_GIB = 375;
const PAGE_SIZE = 500;

export async function readZoneCatalog(clients: Clients, project: string, call: Call): Promise<ZoneCatalog> {
  const [typePages, gpuPages] = await Promise.all([
    allPages(
      {
        ...{ client: clients.machineTypes, method: 'aggregatedList', operation: 'machineTypes.aggregatedList' },
        request: { project, maxResults: PAGE_SIZE, filter: `name eq "${LISTED_TYPES}"` },
        ...{ response: machineTypesPage, mutating: false },
      },
      call,
    ),
    allPages(
      {
        ...{ client: clients.acceleratorTypes, method: 'aggregatedList', operation: 'acceleratorTypes.aggregatedList' },
        request: { project, maxResults: PAGE_SIZE },
        ...{ response: acceleratorTypesPage, mutating: false },
      },
      call,
    ),
  ]);
  const hosts = new Map<string, HostType[]>();
  for (const { items } of typePages) {
    for (const [scope, { machineTypes }] of Object.entries(items)) {
      const zone = lastSegment(scope);
      hosts.set(zone, [...(hosts.get(zone) ?? []), ...machineTypes.map(hostType)]);
    }
  }
  const gpus = new Map<string, Map<string, number>>();
  for (const { items } of gpuPages) {
    for (const [scope, { acceleratorTypes }] of Object.entries(items)) {
      const ofZone = gpus.get(lastSegment(scope)) ?? new Map<string, number>();
      for (const { name, maximumCardsPerInstance } of acceleratorTypes) ofZone.set(name, maximumCardsPerInstance);
      gpus.set(lastSegment(scope), ofZone);
    }
  }
  const unreachable = new Set([...typePages, ...gpuPages].flatMap(unreachableScopes));
  return { hosts, gpus, unreachable };
}

function hostType(listed: (typeof machineTypesPage)['_output']['items'][string]['machineTypes'][number]): HostType {
  const [gpu] = listed.accelerators;
  return {
    name: listed.name,
    vcpuCount: listed.guestCpus,
    memoryGiB: listed.memoryMb * GIB_PER_MIB,
    architecture: listed.architecture === 'ARM64' ? 'arm64' : 'x86_64',
    localSsdGiB: (listed.bundledLocalSsds?.partitionCount ?? 0) * PARTITION_GIB,
    gpu: gpu === undefined ? null : { name: gpu.guestAcceleratorType, count: gpu.guestAcceleratorCount },
  };
}
