import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { Placement } from '../../src/planning/allocation.ts';
import { polished } from '../../src/planning/polish.ts';
import { problemOf } from '../../src/planning/problem.ts';
import { rulesOf } from '../../src/planning/rules.ts';
import { caps, inputWith, offerAt, policyIn, policyWith, workload } from './market-builders.ts';

/** Places all four replicas at the given offers and polishes; tells replicas by pool key. */
function polishedFrom(input: PlanInput, at: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const problem = problemOf(input);
  const placements: Placement[] = [];
  for (const option of problem.options.flat()) {
    const lots = at[option.at.key];
    if (lots !== undefined) placements.push({ option, lots, replicas: lots });
  }
  const result = polished(problem, [rulesOf(policyIn(input))], placements, [1]);
  return Object.fromEntries(result.map(({ option, replicas }) => [option.at.key, replicas]));
}

const A = 'aws/r1/a/p5/on-demand';
const B = 'aws/r1/b/p5/on-demand';
const C = 'gcp/r1/a/a3/on-demand';

function four(changes: Partial<PlanInput> & { readonly policy?: Policy } = {}): PlanInput {
  const offers = [offerAt(A, 10), offerAt(B, 10), offerAt(C, 12)];
  // A cap that never binds: without one, what is no better than another place of its kind is no option at all.
  const policy = policyWith({ maxShare: caps({ zone: 1 }), measure: 'accelerators' });
  return inputWith({ offers, workloads: [workload('w', { replicas: 4 })], policy, ...changes });
}

describe('polishing', () => {
  it('moves what could be cheaper, and equals to the pool whose key comes first', () => {
    expect(polishedFrom(four(), { [B]: 2, [C]: 2 })).toEqual({ [A]: 4 });
  });

  it('leaves what a cap keeps from moving', () => {
    const policy = policyWith({ maxShare: caps({ provider: 0.5, zone: 0.5 }), measure: 'accelerators' });
    expect(polishedFrom(four({ policy }), { [B]: 2, [C]: 2 })).toEqual({ [A]: 2, [C]: 2 });
  });

  it('leaves what free machines, quotas and survive keep from moving', () => {
    const few = [offerAt(A, 10, { availableCount: 1 }), offerAt(B, 10)];
    expect(polishedFrom(four({ offers: few }), { [B]: 4 })).toEqual({ [A]: 1, [B]: 3 });
    const quotaClaims = [{ quota: 'P', scope: 'region', units: 1 } as const];
    const quotas = [{ provider: 'aws', region: 'r1', name: 'P', unit: 'machines', limit: 2, usage: 0 } as const];
    const claiming = [offerAt(A, 10, { quotaClaims }), offerAt(C, 12)];
    expect(polishedFrom(four({ offers: claiming, quotas }), { [C]: 4 })).toEqual({ [A]: 2, [C]: 2 });
    const survive = [{ loss: 'provider', keepShare: 0.5 }] as const;
    const policy = policyWith({ survive, maxShare: caps({ zone: 1 }), measure: 'accelerators' });
    expect(polishedFrom(four({ policy }), { [B]: 1, [C]: 3 })).toEqual({ [A]: 2, [C]: 2 });
  });
});
