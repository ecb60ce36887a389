import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { explainPolicy } from '../../src/planning/policy-explanation.ts';
import { randomInput } from './random-instances.ts';

/** Held replicas by priority, with only those rules of one policy, never given up. A way of its own, so that it checks the code's. */
async function heldWith(input: PlanInput, name: string, kept: readonly string[]): Promise<Record<number, number>> {
  const rule = <Limit, None>(of: string, limit: Limit, none: None): Limit | None => (kept.includes(of) ? limit : none);
  const policies = input.policies.map((policy): Policy => {
    if (policy.name !== name) return policy;
    const { provider, region, zone, pool, market } = policy.maxShare;
    return {
      ...policy,
      onInfeasible: 'hold',
      minProviders: rule('minProviders', policy.minProviders, 1),
      maxConcentration: rule('maxConcentration', policy.maxConcentration, null),
      maxSpotShare: rule('maxSpotShare', policy.maxSpotShare, null),
      survive: policy.survive.filter(({ loss }) => kept.includes(`survive.${loss}`)),
      maxShare: {
        provider: rule('maxShare.provider', provider, null),
        region: rule('maxShare.region', region, null),
        zone: rule('maxShare.zone', zone, null),
        pool: rule('maxShare.pool', pool, null),
        market: rule('maxShare.market', market, null),
      },
    };
  });
  const { held } = await planFleet({ ...input, policies });
  const counts: Record<number, number> = {};
  for (const { workloadId, replicas } of held) {
    const priority = input.workloads.find(({ id }) => id === workloadId)?.spec.priority ?? 0;
    counts[priority] = (counts[priority] ?? 0) + replicas.length;
  }
  return counts;
}

describe('explainPolicy', () => {
  it('keeps to the definition of a conflict on random fleets', async () => {
    let conflicts = 0;
    for (let seed = 1; seed <= 18; seed += 1) {
      const input = randomInput(seed, { offers: 8, workloads: 3, replicas: 3, leases: false });
      const { policies } = await explainPolicy(input);
      for (const { policy, conflict } of policies) {
        if (conflict === null) continue;
        conflicts += 1;
        const all = await heldWith(input, policy, []);
        expect(await heldWith(input, policy, conflict.rules), `seed ${seed}`).not.toEqual(all);
        for (const rule of conflict.rules) {
          const rest = conflict.rules.filter((other) => other !== rule);
          expect(await heldWith(input, policy, rest), `seed ${seed} without ${rule}`).toEqual(all);
        }
      }
    }
    expect(conflicts).toBeGreaterThan(3);
  });
});
