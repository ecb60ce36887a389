import { planFleet } from '../../src/planning/plan-fleet.ts';
import { faultsOf } from './plan-faults.ts';
import { anyInput, featuresOf } from './random-features.ts';
import type { Size } from './random-instances.ts';

const LARGE = { offers: 40, workloads: 12, replicas: 5 } as const satisfies Partial<Size>;

/** Plans `count` random instances from the seed on, every other one quickly, and tells what is wrong with the plans. */
export async function provePlans(
  first: number,
  count: number,
): Promise<{ readonly faults: readonly string[]; readonly features: ReadonlySet<string> }> {
  const faults: string[] = [];
  const features = new Set<string>();
  for (let seed = first; seed < first + count; seed += 1) {
    const input = anyInput(seed, { ...LARGE, leases: seed % 3 === 0 });
    const plan = await planFleet(input, { effort: seed % 2 === 0 ? 'quick' : 'full' });
    faults.push(...faultsOf(input, plan).map((fault) => `seed ${seed}: ${fault}`));
    for (const feature of featuresOf(input)) features.add(feature);
  }
  return { faults, features };
}
