/** A GPU model by its canonical name: vendor's model, memory in GB where the model has several, form factor where it matters. */
export type AcceleratorName = string;

export interface Accelerator {
  readonly name: AcceleratorName;
  /** Nominal memory of one accelerator. */
  readonly memoryGiB: number;
  /** Other spellings people and clouds use. Compared without case, spaces, dashes and underscores. */
  readonly aliases: readonly string[];
}

/** Canonical accelerators. Memory from the vendor's data sheets; aliases as the clouds spell them. */
export const ACCELERATORS: readonly Accelerator[] = [
  { name: 'T4', memoryGiB: 16, aliases: ['tesla-t4', 'nvidia-tesla-t4', 'nvidia-t4'] },
  { name: 'T4G', memoryGiB: 16, aliases: ['nvidia-t4g'] },
  { name: 'P4', memoryGiB: 8, aliases: ['tesla-p4', 'nvidia-tesla-p4'] },
  { name: 'P100', memoryGiB: 16, aliases: ['tesla-p100', 'nvidia-tesla-p100'] },
  { name: 'V100-16GB', memoryGiB: 16, aliases: ['nvidia-tesla-v100', 'v100-sxm2-16gb'] },
  { name: 'V100-32GB', memoryGiB: 32, aliases: ['v100-sxm2-32gb'] },
  { name: 'M60', memoryGiB: 8, aliases: ['tesla-m60'] },
  { name: 'L4', memoryGiB: 24, aliases: ['nvidia-l4'] },
  { name: 'A10', memoryGiB: 24, aliases: ['nvidia-a10'] },
  { name: 'A10G', memoryGiB: 24, aliases: ['nvidia-a10g'] },
  { name: 'L40S', memoryGiB: 48, aliases: ['nvidia-l40s'] },
  { name: 'A100-40GB', memoryGiB: 40, aliases: ['nvidia-tesla-a100', 'nvidia-a100-40gb', 'a100-40', 'a100-sxm4-40gb'] },
  { name: 'A100-80GB', memoryGiB: 80, aliases: ['nvidia-a100-80gb', 'a100-80', 'a100-sxm4-80gb'] },
  {
    name: 'H100-80GB-SXM',
    memoryGiB: 80,
    aliases: ['h100', 'h100-80gb', 'h100-sxm', 'nvidia-h100-80gb', 'nvidia-h100-mega-80gb'],
  },
  { name: 'H100-80GB-PCIE', memoryGiB: 80, aliases: ['h100-pcie'] },
  { name: 'H100-94GB-NVL', memoryGiB: 94, aliases: ['h100-nvl', 'h100-94gb'] },
  { name: 'H200-141GB-SXM', memoryGiB: 141, aliases: ['h200', 'h200-sxm', 'nvidia-h200-141gb', 'h200-141gb'] },
  { name: 'B200-180GB-SXM', memoryGiB: 180, aliases: ['b200', 'nvidia-b200', 'b200-180gb', 'b200-sxm'] },
  { name: 'B300-288GB-SXM', memoryGiB: 288, aliases: ['b300', 'nvidia-b300', 'b300-288gb'] },
  { name: 'GH200-96GB', memoryGiB: 96, aliases: ['gh200', 'nvidia-gh200'] },
  { name: 'GB200-186GB', memoryGiB: 186, aliases: ['gb200', 'nvidia-gb200'] },
  { name: 'RTX-6000-24GB', memoryGiB: 24, aliases: ['quadro-rtx-6000', 'quadro-rtx-6000-24gb'] },
  { name: 'A6000', memoryGiB: 48, aliases: ['rtx-a6000', 'nvidia-rtx-a6000', 'nvidia-a6000', 'a6000-48gb'] },
  { name: 'RTX-PRO-6000', memoryGiB: 96, aliases: ['rtx-pro-6000-server', 'nvidia-rtx-pro-6000'] },
  { name: 'MI300X', memoryGiB: 192, aliases: ['amd-mi300x', 'instinct-mi300x'] },
];

/**
 * Spellings, folded, that several accelerators could mean. GCP's `nvidia-tesla-a100` and `nvidia-tesla-v100` are not among
 * them: it sells one size by each.
 */
const AMBIGUOUS: ReadonlyMap<string, readonly AcceleratorName[]> = new Map([
  ['a100', ['A100-40GB', 'A100-80GB']],
  ['nvidiaa100', ['A100-40GB', 'A100-80GB']],
  ['v100', ['V100-16GB', 'V100-32GB']],
  ['nvidiav100', ['V100-16GB', 'V100-32GB']],
  ['teslav100', ['V100-16GB', 'V100-32GB']],
]);

const BY_SPELLING: ReadonlyMap<string, Accelerator> = new Map(
  ACCELERATORS.flatMap((accelerator) =>
    [accelerator.name, ...accelerator.aliases].map((spelling) => [folded(spelling), accelerator] as const),
  ),
);

function folded(spelling: string): string {
  return spelling.toLowerCase().replaceAll(/[\s_-]+/g, '');
}

export type AcceleratorLookup =
  | { readonly found: true; readonly accelerator: Accelerator }
  /** `candidates` are the canonical names to choose from: the meanings of an ambiguous spelling, or all names for an unknown one. */
  | { readonly found: false; readonly ambiguous: boolean; readonly candidates: readonly AcceleratorName[] };

/** Finds an accelerator by canonical name or alias. Never guesses between two memory sizes. */
export function findAccelerator(spelling: string): AcceleratorLookup {
  const accelerator = BY_SPELLING.get(folded(spelling));
  if (accelerator !== undefined) return { found: true, accelerator };
  const meanings = AMBIGUOUS.get(folded(spelling));
  if (meanings !== undefined) return { found: false, ambiguous: true, candidates: meanings };
  return { found: false, ambiguous: false, candidates: ACCELERATORS.map(({ name }) => name) };
}
