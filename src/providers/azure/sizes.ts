import type { AcceleratorName } from '../../domain/accelerators.ts';

/**
 * A line of GPU sizes. Azure's API has no field for the GPU model: it has to be read from the size's name. Sizes that hold a
 * fraction of a GPU (NV6ads … NV18ads) or a model we do not broker match no line and are left out.
 */
export interface SizeLine {
  readonly pattern: RegExp;
  readonly accelerator: AcceleratorName;
  /** The quota family, which on-demand machines count against, as the usages API spells it: spaces and case are Azure's. */
  readonly family: string;
}

/** Models as Azure's size documentation names them; families as the resource SKUs and usages APIs do (2026-11). */
export const SIZE_LINES: readonly SizeLine[] = [
  { pattern: /^Standard_NC(4|8|16|64)as_T4_v3$/i, accelerator: 'T4', family: 'Standard NCASv3_T4 Family' },
  { pattern: /^Standard_NC(6|12|24)r?s_v3$/i, accelerator: 'V100-16GB', family: 'standardNCSv3Family' },
  { pattern: /^Standard_ND40rs_v2$/i, accelerator: 'V100-32GB', family: 'standardNDSv2Family' },
  { pattern: /^Standard_NV(36|72)adm?s_A10_v5$/i, accelerator: 'A10', family: 'StandardNVADSA10v5Family' },
  { pattern: /^Standard_NC(8|16|32)ads_A10_v4$/i, accelerator: 'A10', family: 'StandardNCADSA10v4Family' },
  { pattern: /^Standard_NC(24|48|96)ads_A100_v4$/i, accelerator: 'A100-80GB', family: 'StandardNCADSA100v4Family' },
  { pattern: /^Standard_ND96asr_(A100_)?v4$/i, accelerator: 'A100-40GB', family: 'Standard NDASv4_A100 Family' },
  { pattern: /^Standard_ND96amsr?_A100_v4$/i, accelerator: 'A100-80GB', family: 'standard NDAMSv4_A100Family' },
  {
    pattern: /^Standard_NC(40ads|80adis)_H100_v5$/i,
    accelerator: 'H100-94GB-NVL',
    family: 'StandardNCadsH100v5Family',
  },
  { pattern: /^Standard_ND96isr?_H100_v5$/i, accelerator: 'H100-80GB-SXM', family: 'standardNDSH100v5Family' },
  { pattern: /^Standard_ND96isr?_H200_v5$/i, accelerator: 'H200-141GB-SXM', family: 'standardNDISRH200V5Family' },
  { pattern: /^Standard_ND96isr?_MI300X_v5$/i, accelerator: 'MI300X', family: 'standardNDISv5MI300XFamily' },
  {
    pattern: /^Standard_ND128isr_(NDR_)?GB200_v6$/i,
    accelerator: 'GB200-186GB',
    family: 'standardNDISRGB200V6NDRFamily',
  },
];

/** Total regional vCPUs of on-demand machines. */
export const REGIONAL_CORES_QUOTA = 'cores';
/** Total regional vCPUs of all spot machines, whatever their family. */
export const SPOT_CORES_QUOTA = 'lowPriorityCores';

export function sizeLineOf(instanceType: string): SizeLine | null {
  return SIZE_LINES.find(({ pattern }) => pattern.test(instanceType)) ?? null;
}

const CANONICAL_QUOTAS: ReadonlyMap<string, string> = new Map(
  [REGIONAL_CORES_QUOTA, SPOT_CORES_QUOTA, ...SIZE_LINES.map(({ family }) => family)].map((name) => [
    foldedQuota(name),
    name,
  ]),
);

function foldedQuota(name: string): string {
  return name.replaceAll(/\s+/g, '').toLowerCase();
}

/**
 * One spelling per quota. Azure's own APIs differ in case and blanks (` Standard NCASv3_T4 Family`, `standardNCASv3_T4Family`),
 * and claims, limits and refusals have to name the same thing. Unknown names are returned trimmed.
 */
export function canonicalQuotaName(name: string): string {
  return CANONICAL_QUOTAS.get(foldedQuota(name)) ?? name.trim();
}

/** Whether the name is a quota that some GPU offer can claim. */
export function isGpuQuota(name: string): boolean {
  return CANONICAL_QUOTAS.has(foldedQuota(name));
}
