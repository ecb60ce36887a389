/** What AWS's names of machines and GPUs mean: accelerator, architecture, quota, expected interruptions. */
import type { GpuDeviceInfo, InstanceTypeInfo } from '@aws-sdk/client-ec2';
import type { Accelerator } from '../../domain/accelerators.ts';
import { ACCELERATORS, findAccelerator } from '../../domain/accelerators.ts';
import type { Architecture } from '../../domain/offer.ts';
import type { Market } from '../../domain/pool.ts';

/** Service Quotas codes of service `ec2`, unit vCPUs (AWS documentation, 2026). */
export const QUOTA_CODES = {
  onDemandG: 'L-DB2E81BA',
  onDemandP: 'L-417A185B',
  spotG: 'L-3819A6DF',
  spotP2ToP4: 'L-7212CCBC',
  spotP5: 'L-C4BD4855',
} as const;

/**
 * The quota that a machine's vCPUs count against; null for families that sell no GPUs. AWS publishes no name of its own for
 * P6 on spot: it is taken to share P5's.
 */
export function quotaCodeOf(instanceType: string, market: Market): string | null {
  const family = familyOf(instanceType);
  if (/^(g|vt)\d|^gr\d/.test(family)) return market === 'spot' ? QUOTA_CODES.spotG : QUOTA_CODES.onDemandG;
  if (!/^p\d/.test(family)) return null;
  if (market !== 'spot') return QUOTA_CODES.onDemandP;
  return /^p[234]/.test(family) ? QUOTA_CODES.spotP2ToP4 : QUOTA_CODES.spotP5;
}

/** `p5.48xlarge` → `p5`. */
export function familyOf(instanceType: string): string {
  return instanceType.split('.', 1)[0] ?? instanceType;
}

/**
 * AWS marks Graviton families with a `g` among the letters after the generation (`g5g`), and Grace ones with `-gb` (EC2 naming
 * conventions, 2026).
 */
export function architectureOf(instanceType: string): Architecture {
  return /^[a-z]+\d+[a-z]*g[a-z]*$|-gb\d+$/.test(familyOf(instanceType)) ? 'arm64' : 'x86_64';
}

export interface GpuShape {
  readonly accelerator: Accelerator;
  readonly count: number;
}

/** EC2's spellings that are not aliases: marketing order differs. */
const SPELLINGS: Readonly<Record<string, string>> = { 'RTX PRO Server 6000': 'RTX-PRO-6000' };
/** Families whose GpuInfo has named the maker instead of the model. */
const BY_FAMILY: Readonly<Record<string, string>> = { p5e: 'H200-141GB-SXM', p5en: 'H200-141GB-SXM' };
/** EC2 reports usable memory: up to 7 % below the nominal figure (L4: 22,888 MiB of 24 GiB). */
const MEMORY_TOLERANCE = 0.1;

/**
 * The whole, known GPUs of a type; null for everything else: no GPU, a fraction of one, several kinds, or a model that the
 * domain does not name.
 */
export function gpuShapeOf(type: InstanceTypeInfo): GpuShape | null {
  const [gpu, ...others] = type.GpuInfo?.Gpus ?? [];
  if (gpu === undefined || others.length > 0) return null;
  const count = gpu.Count ?? 0;
  if (!Number.isInteger(count) || count < 1 || (gpu.GpuPartitionSize ?? 1) < 1) return null;
  const accelerator = acceleratorOf(gpu, familyOf(type.InstanceType ?? ''));
  return accelerator === null ? null : { accelerator, count };
}

function acceleratorOf(gpu: GpuDeviceInfo, family: string): Accelerator | null {
  const name = gpu.Name ?? '';
  const lookup = findAccelerator(SPELLINGS[name] ?? name);
  const candidates = lookup.found
    ? [lookup.accelerator.name]
    : lookup.ambiguous
      ? lookup.candidates
      : [BY_FAMILY[family] ?? ''];
  const memoryMiB = gpu.MemoryInfo?.SizeInMiB ?? 0;
  return (
    ACCELERATORS.find((accelerator) => candidates.includes(accelerator.name) && isMemoryOf(accelerator, memoryMiB)) ??
    null
  );
}

function isMemoryOf({ memoryGiB }: Accelerator, reportedMiB: number): boolean {
  return Math.abs(reportedMiB / 1024 - memoryGiB) <= memoryGiB * MEMORY_TOLERANCE;
}

/**
 * Spot interruptions per machine-hour by family. AWS's Spot Advisor gives bands of the share of machines interrupted (2025-06-28,
 * median over regions and sizes); the band's middle is read as the chance per day, which errs towards caution: rate =
 * −ln(1 − share) / 24 h. AWS publishes nothing finer.
 */
const INTERRUPTIONS_PER_HOUR: Readonly<Record<string, number>> = {
  g4dn: 0.008,
  g5: 0.0149,
  g5g: 0.0011,
  g6: 0.008,
  g6e: 0.0068,
  gr6: 0.008,
  p3: 0.0149,
  p3dn: 0.0149,
  p4d: 0.0021,
  p4de: 0.0011,
  p5: 0.0032,
  p5en: 0.0032,
};
/** For families that the Spot Advisor did not list. */
const UNKNOWN_INTERRUPTIONS_PER_HOUR = 0.05;

export function interruptionsPerHourOf(instanceType: string, market: Market): number {
  if (market !== 'spot') return 0;
  return INTERRUPTIONS_PER_HOUR[familyOf(instanceType)] ?? UNKNOWN_INTERRUPTIONS_PER_HOUR;
}
