import { findAccelerator } from '../../domain/accelerators.ts';
import type { SoldMarket } from './identity.ts';

/** Account-wide limit on GPUs of every kind. */
export const GLOBAL_GPU_QUOTA = 'GPUS_ALL_REGIONS';
/** Metrics that stand for the family of whatever was asked for. */
export const FAMILY_QUOTAS: ReadonlySet<string> = new Set(['GPUS_PER_GPU_FAMILY', 'PREEMPTIBLE_GPUS_PER_GPU_FAMILY']);

/** What the catalogue and the quotas call a GPU. Source: Cloud Billing Catalog and Compute Engine's "GPU quota" page, 2026. */
interface GpuFacts {
  /** Without `PREEMPTIBLE_`, which spot machines count against. */
  readonly quota: string;
  /** What the price list calls one GPU. Several names are in use for one GPU in different regions. */
  readonly skuNames: readonly string[];
}

const GPUS: Readonly<Record<string, GpuFacts>> = {
  'nvidia-tesla-t4': { quota: 'NVIDIA_T4_GPUS', skuNames: ['Nvidia Tesla T4 GPU'] },
  'nvidia-tesla-v100': { quota: 'NVIDIA_V100_GPUS', skuNames: ['Nvidia Tesla V100 GPU'] },
  'nvidia-tesla-p100': { quota: 'NVIDIA_P100_GPUS', skuNames: ['Nvidia Tesla P100 GPU'] },
  'nvidia-l4': { quota: 'NVIDIA_L4_GPUS', skuNames: ['Nvidia L4 GPU'] },
  'nvidia-tesla-a100': { quota: 'NVIDIA_A100_GPUS', skuNames: ['Nvidia Tesla A100 GPU', 'Nvidia Tesla A100 40GB GPU'] },
  'nvidia-a100-80gb': { quota: 'NVIDIA_A100_80GB_GPUS', skuNames: ['Nvidia Tesla A100 80GB GPU'] },
  'nvidia-h100-80gb': { quota: 'NVIDIA_H100_GPUS', skuNames: ['Nvidia H100 80GB GPU'] },
  'nvidia-h100-mega-80gb': {
    quota: 'NVIDIA_H100_MEGA_GPUS',
    skuNames: ['Nvidia H100 80GB Plus GPU', 'Nvidia H100 80GB Mega GPU'],
  },
  'nvidia-h200-141gb': { quota: 'NVIDIA_H200_GPUS', skuNames: ['H200 141GB GPU', 'Nvidia H200 141GB GPU'] },
  'nvidia-b200': { quota: 'NVIDIA_B200_GPUS', skuNames: ['A4 Nvidia B200 (1 gpu slice)', 'Nvidia B200 (1 gpu slice)'] },
  'nvidia-rtx-pro-6000': {
    quota: 'NVIDIA_RTX_PRO_6000_GPUS',
    skuNames: ['RTX 6000 96GB', 'Nvidia RTX Pro 6000 96GB GPU'],
  },
};

export const GPU_QUOTAS: readonly string[] = Object.values(GPUS).flatMap(({ quota }) => [
  quota,
  `PREEMPTIBLE_${quota}`,
]);

/** `NVIDIA_H100_GPUS` → `NVIDIA_H100`, the value of Cloud Quotas' dimension `gpu_family`. */
export function gpuFamilyOf(quota: string): string {
  return quota.replace(/_GPUS$/, '');
}

export function isGpuQuota(name: string): boolean {
  return GPU_QUOTAS.includes(name);
}

/** Null for a GPU that this adapter does not know. */
export function quotaOf(gpu: string, market: SoldMarket): string | null {
  const quota = GPUS[gpu]?.quota;
  if (quota === undefined) return null;
  return market === 'spot' ? `PREEMPTIBLE_${quota}` : quota;
}

/** How a machine of a series is billed. */
interface SeriesFacts {
  /** What the price list calls its vCPUs (`… Core`) and memory (`… Ram`); null: the GPU's price includes them. */
  readonly skuName: string | null;
  /** Whether the bundled local SSD is billed on top. */
  readonly billsLocalSsd: boolean;
}

/** By the longest prefix of the machine type that is named here. */
const SERIES: readonly (readonly [prefix: string, facts: SeriesFacts])[] = [
  ['a2-ultragpu-', { skuName: 'A2 Instance', billsLocalSsd: true }],
  ['a2-', { skuName: 'A2 Instance', billsLocalSsd: false }],
  ['a3-highgpu-', { skuName: 'A3 Instance', billsLocalSsd: true }],
  ['a3-megagpu-', { skuName: 'A3Plus Instance', billsLocalSsd: true }],
  ['a3-ultragpu-', { skuName: 'A3Ultra Instance', billsLocalSsd: false }],
  ['a4-', { skuName: null, billsLocalSsd: false }],
  ['g2-', { skuName: 'G2 Instance', billsLocalSsd: false }],
  ['g4-', { skuName: 'G4 Instance', billsLocalSsd: false }],
  ['n1-', { skuName: 'N1 Predefined Instance', billsLocalSsd: false }],
];

/** Machine types worth listing: those with GPUs of their own, and the hosts below. RE2, matched against the whole name. */
export const LISTED_TYPES = '(?:a2|a3|a4|g2|g4)-.*|n1-standard-(?:4|8|16|32|64)';

/** GPUs that are attached to an N1 host: shapes that keep the usual ratio of vCPUs to GPUs. */
const ATTACHABLE: readonly (readonly [host: string, gpu: string, count: number])[] = [
  ['n1-standard-4', 'nvidia-tesla-t4', 1],
  ['n1-standard-8', 'nvidia-tesla-t4', 2],
  ['n1-standard-16', 'nvidia-tesla-t4', 4],
  ['n1-standard-8', 'nvidia-tesla-v100', 1],
  ['n1-standard-16', 'nvidia-tesla-v100', 2],
  ['n1-standard-32', 'nvidia-tesla-v100', 4],
  ['n1-standard-64', 'nvidia-tesla-v100', 8],
  ['n1-standard-8', 'nvidia-tesla-p100', 1],
  ['n1-standard-16', 'nvidia-tesla-p100', 2],
  ['n1-standard-32', 'nvidia-tesla-p100', 4],
];

/** Sold as Spot (or Flex-start) only. Source: Compute Engine's A3 High page, 2026. */
const SPOT_ONLY = /^a3-highgpu-[124]g$/;

/** A machine type as the API lists it. */
export interface HostType {
  readonly name: string;
  readonly vcpuCount: number;
  readonly memoryGiB: number;
  readonly architecture: 'x86_64' | 'arm64';
  readonly localSsdGiB: number;
  /** GPUs of its own; null where GPUs are attached. */
  readonly gpu: { readonly name: string; readonly count: number } | null;
}

/** A machine that can be bought: our instance type, and all that its price and quotas depend on. */
export interface Shape {
  /** `a2-highgpu-1g`; with attached GPUs `n1-standard-8+nvidia-tesla-t4x2`. */
  readonly instanceType: string;
  readonly host: HostType;
  readonly gpu: string;
  readonly gpuCount: number;
  /** Canonical name. */
  readonly accelerator: string;
  readonly markets: readonly SoldMarket[];
  readonly series: SeriesFacts;
  readonly gpuSkuNames: readonly string[];
}

function shapeOf(host: HostType, instanceType: string, gpu: string, gpuCount: number): Shape | null {
  const found = findAccelerator(gpu);
  const facts = GPUS[gpu];
  const series = SERIES.find(([prefix]) => host.name.startsWith(prefix))?.[1];
  // GPUs and series that are new to us have neither a price nor a quota here.
  if (!found.found || facts === undefined || series === undefined || gpuCount < 1) return null;
  const markets: readonly SoldMarket[] = SPOT_ONLY.test(host.name) ? ['spot'] : ['on-demand', 'spot'];
  const accelerator = found.accelerator.name;
  return { instanceType, host, gpu, gpuCount, accelerator, markets, series, gpuSkuNames: facts.skuNames };
}

/** What can be made of a machine type in a zone; `attachable` = GPUs per machine by GPU type that the zone has. */
export function shapesOf(host: HostType, attachable: ReadonlyMap<string, number>): readonly Shape[] {
  if (host.gpu !== null) {
    const shape = shapeOf(host, host.name, host.gpu.name, host.gpu.count);
    return shape === null ? [] : [shape];
  }
  return ATTACHABLE.flatMap(([name, gpu, count]) => {
    if (name !== host.name || (attachable.get(gpu) ?? 0) < count) return [];
    const shape = shapeOf(host, withAttached(name, gpu, count), gpu, count);
    return shape === null ? [] : [shape];
  });
}

export function withAttached(host: string, gpu: string, count: number): string {
  return `${host}+${gpu}x${count}`;
}

/** Takes an instance type apart; `attached` is null for types with GPUs of their own. */
export function splitInstanceType(instanceType: string): {
  readonly machineType: string;
  readonly attached: { readonly gpu: string; readonly count: number } | null;
} {
  const match = /^([^+]+)\+(.+)x(\d+)$/.exec(instanceType);
  const [, machineType, gpu, count] = match ?? [];
  if (machineType === undefined || gpu === undefined) return { machineType: instanceType, attached: null };
  return { machineType, attached: { gpu, count: Number(count) } };
}

/** The series of a machine type: `a3` of `a3-highgpu-8g`. */
export function seriesOf(instanceType: string): string {
  return instanceType.split('-')[0] ?? instanceType;
}

/** The GPU that machine types of this name carry, as far as the name tells; for refusals of launches. */
const GPU_OF_PREFIX: readonly (readonly [prefix: string, gpu: string])[] = [
  ['a2-ultragpu-', 'nvidia-a100-80gb'],
  ['a2-', 'nvidia-tesla-a100'],
  ['a3-highgpu-', 'nvidia-h100-80gb'],
  ['a3-megagpu-', 'nvidia-h100-mega-80gb'],
  ['a3-ultragpu-', 'nvidia-h200-141gb'],
  ['a4-', 'nvidia-b200'],
  ['g2-', 'nvidia-l4'],
  ['g4-', 'nvidia-rtx-pro-6000'],
];

export function gpuOf(instanceType: string): string | null {
  const { attached } = splitInstanceType(instanceType);
  return attached?.gpu ?? GPU_OF_PREFIX.find(([prefix]) => instanceType.startsWith(prefix))?.[1] ?? null;
}
