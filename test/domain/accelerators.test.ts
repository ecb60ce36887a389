import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCELERATORS, findAccelerator } from '../../src/domain/accelerators.ts';

const spellings = ACCELERATORS.flatMap(({ name, aliases }) =>
  [name, ...aliases].map((spelling) => ({ spelling, name })),
);

function foundName(spelling: string): string | null {
  const lookup = findAccelerator(spelling);
  return lookup.found ? lookup.accelerator.name : null;
}

describe('accelerators', () => {
  it('have unique canonical names and memory', () => {
    expect(new Set(ACCELERATORS.map(({ name }) => name)).size).toBe(ACCELERATORS.length);
    for (const { memoryGiB } of ACCELERATORS) expect(memoryGiB).toBeGreaterThan(0);
  });

  it.each(spellings)('$spelling means $name', ({ spelling, name }) => {
    expect(foundName(spelling)).toBe(name);
  });

  it('no spelling belongs to two accelerators', () => {
    const owners = new Map<string, string>();
    for (const { spelling, name } of spellings) {
      const folded = spelling.toLowerCase().replaceAll(/[\s_-]/g, '');
      expect(owners.get(folded) ?? name, spelling).toBe(name);
      owners.set(folded, name);
    }
    expect(owners.size).toBeGreaterThan(ACCELERATORS.length);
  });

  it('are found without regard to case, spaces, dashes and underscores', () => {
    const separator = fc.constantFrom('', ' ', '-', '_', ' - ');
    fc.assert(
      fc.property(fc.constantFrom(...spellings), separator, fc.boolean(), ({ spelling, name }, between, upper) => {
        const written = spelling.replaceAll('-', between);
        expect(foundName(upper ? written.toUpperCase() : written.toLowerCase())).toBe(name);
      }),
    );
  });

  it.each([
    ['A100', ['A100-40GB', 'A100-80GB']],
    ['nvidia a100', ['A100-40GB', 'A100-80GB']],
    ['V100', ['V100-16GB', 'V100-32GB']],
    ['Tesla V100', ['V100-16GB', 'V100-32GB']],
  ])('%s could be several: it names them and guesses none', (spelling, candidates) => {
    expect(findAccelerator(spelling)).toEqual({ found: false, ambiguous: true, candidates });
  });

  it('an unknown spelling lists every canonical name', () => {
    for (const spelling of ['', 'RTX 9999', 'h1000', '__proto__']) {
      const lookup = findAccelerator(spelling);
      expect(lookup).toEqual({ found: false, ambiguous: false, candidates: ACCELERATORS.map(({ name }) => name) });
    }
  });

  it.each([
    // AWS: DescribeInstanceTypes, GpuInfo.Gpus[].Name; A100 and V100 need the memory to tell.
    ['T4', 'T4'],
    ['T4g', 'T4G'],
    ['A10G', 'A10G'],
    ['L4', 'L4'],
    ['L40S', 'L40S'],
    ['H100', 'H100-80GB-SXM'],
    ['H200', 'H200-141GB-SXM'],
    ['B200', 'B200-180GB-SXM'],
    // GCP: acceleratorTypes.
    ['nvidia-tesla-t4', 'T4'],
    ['nvidia-tesla-v100', 'V100-16GB'],
    ['nvidia-tesla-p100', 'P100'],
    ['nvidia-l4', 'L4'],
    ['nvidia-tesla-a100', 'A100-40GB'],
    ['nvidia-a100-80gb', 'A100-80GB'],
    ['nvidia-h100-80gb', 'H100-80GB-SXM'],
    ['nvidia-h100-mega-80gb', 'H100-80GB-SXM'],
    ['nvidia-h200-141gb', 'H200-141GB-SXM'],
    ['nvidia-b200', 'B200-180GB-SXM'],
    ['nvidia-rtx-pro-6000', 'RTX-PRO-6000'],
    // Azure names no GPU in its API; its documentation writes these.
    ['A10', 'A10'],
    ['H100 NVL', 'H100-94GB-NVL'],
    ['MI300X', 'MI300X'],
  ])('the clouds’ spelling %s is %s', (spelling, name) => {
    expect(foundName(spelling)).toBe(name);
  });
});
