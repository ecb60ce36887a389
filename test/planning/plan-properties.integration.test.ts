import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import type { MaxShare, Policy } from '../../src/domain/policy.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { inputWith, policyIn, policyWith, usd } from './market-builders.ts';
import { anyInput } from './random-features.ts';
import { reordered } from './random-instances.ts';
import { carriedOut } from './running-fleet.ts';

type Change = (policy: Policy) => Policy;

function capOf(scope: keyof MaxShare): readonly Change[] {
  return [null, 0.75, 0.6, 0.5, 0.34].map((limit) => (policy) => ({
    ...policy,
    maxShare: { ...policy.maxShare, [scope]: limit },
  }));
}

function stepsOf<K extends keyof Policy>(field: K, values: readonly Policy[K][]): readonly Change[] {
  return values.map((value) => (policy) => ({ ...policy, [field]: value }));
}

/** Every kind of limit of a policy, from loose to tight. */
const LADDERS: Readonly<Record<string, readonly Change[]>> = {
  'maxShare.provider': capOf('provider'),
  'maxShare.region': capOf('region'),
  'maxShare.zone': capOf('zone'),
  'maxShare.pool': capOf('pool'),
  'maxShare.market': capOf('market'),
  maxSpotShare: stepsOf('maxSpotShare', [null, 0.6, 0.3, 0.1]),
  minProviders: stepsOf('minProviders', [1, 2, 3]),
  minProviderShare: [0, 0.2, 0.3].map((minProviderShare) => (policy) => ({
    ...policy,
    minProviders: 2,
    minProviderShare,
  })),
  maxConcentration: stepsOf('maxConcentration', [null, 0.7, 0.5, 0.4]),
  'survive.provider': [0.1, 0.34, 0.5].map((keepShare) => (policy) => ({
    ...policy,
    survive: [{ loss: 'provider', keepShare }],
  })),
  'survive.region': [0.1, 0.34, 0.5].map((keepShare) => (policy) => ({
    ...policy,
    survive: [{ loss: 'region', keepShare }],
  })),
  maxPrice: stepsOf('maxPriceMicroUsdPerHour', [null, usd(8), usd(4)]),
  'providers.allow': stepsOf('allowedProviders', [null, ['aws', 'gcp'], ['aws']]),
  'residency.regions': stepsOf('allowedRegions', [null, ['*:r1', 'aws:*'], ['*:r1']]),
  'markets.allow': stepsOf('allowedMarkets', [
    ['on-demand', 'spot', 'reserved'],
    ['on-demand', 'reserved'],
    ['on-demand'],
  ]),
};

/** Limits of a workload and of a team, from loose to tight. */
const OTHER_LADDERS: Readonly<Record<string, readonly ((input: PlanInput) => PlanInput)[]>> = {
  budget: [40, 20, 10].map((dollars) => (input) => ({
    ...input,
    teamBudgets: [{ team: 'research', limitMicroUsdPerHour: usd(dollars) }],
  })),
  'workload.keepShare': [null, 0.34, 0.5].map((keepShare) => (input) => withSpec(input, { keepShare })),
  'workload.maxPrice': [null, usd(8), usd(4)].map(
    (maxPriceMicroUsdPerHour) => (input) => withSpec(input, { maxPriceMicroUsdPerHour }),
  ),
};

function withSpec(input: PlanInput, changes: Partial<PlanInput['workloads'][number]['spec']>): PlanInput {
  return { ...input, workloads: input.workloads.map(({ id, spec }) => ({ id, spec: { ...spec, ...changes } })) };
}

function ladders(input: PlanInput): Map<string, readonly PlanInput[]> {
  const all = new Map<string, readonly PlanInput[]>();
  for (const [rule, changes] of Object.entries(LADDERS)) {
    all.set(
      rule,
      changes.map((change) => ({ ...input, policies: [change(policyIn(input))] })),
    );
  }
  for (const [rule, changes] of Object.entries(OTHER_LADDERS))
    all.set(
      rule,
      changes.map((change) => change(input)),
    );
  return all;
}

/** One team, one policy with one random measure and no rule but those that the ladders set. */
function plainInput(seed: number): PlanInput {
  const random = anyInput(seed, { offers: 16, workloads: 3, replicas: 4, leases: seed % 4 === 0 });
  const { measure, egressMicroUsdPerGb } = policyIn(random);
  const input = { ...random, teamBudgets: [], policies: [policyWith({ measure, egressMicroUsdPerGb })] };
  return withSpec(input, { team: 'research', keepShare: null, maxPriceMicroUsdPerHour: null });
}

/** Instances; each takes some 60 plans. */
const TIGHTENED = 12;

function heldOf({ held }: Plan): string {
  return JSON.stringify(held.map(({ workloadId, replicas }) => [workloadId, replicas]));
}

/** What each step of a ladder adds to the effective cost, where it leaves the same replicas placed. */
async function rises(rungs: readonly PlanInput[]): Promise<number[]> {
  const plans: Plan[] = [];
  for (const rung of rungs) plans.push(await planFleet(rung, { gapShare: 0 }));
  return plans.slice(1).flatMap((plan, index) => {
    const looser = plans[index];
    if (looser === undefined || heldOf(looser) !== heldOf(plan)) return [];
    return [plan.effectiveCostMicroUsdPerHour - looser.effectiveCostMicroUsdPerHour];
  });
}

async function allRises(input: PlanInput): Promise<(readonly [rule: string, rise: number])[]> {
  const all: (readonly [string, number])[] = [];
  for (const [rule, rungs] of ladders(input)) {
    // Where kept leases have too few providers, `minProviders` asks only for what holds nothing up: asking more may cost less.
    if (rule.startsWith('minProvider') && input.leases.length > 0) continue;
    for (const rise of await rises(rungs)) all.push([rule, rise]);
  }
  return all;
}

describe('tightening a limit', () => {
  it('never lowers the effective cost of the same replicas, whatever the limit', async () => {
    const dearer = new Set<string>();
    for (let seed = 60_000; seed < 60_000 + TIGHTENED; seed += 1) {
      for (const [rule, rise] of await allRises(plainInput(seed))) {
        expect(rise, `${rule}, seed ${seed}`).toBeGreaterThanOrEqual(-1);
        if (rise > 1) dearer.add(rule);
      }
    }
    // Budgets and price limits of workloads seldom leave the same replicas at a higher price.
    const never = Object.keys(LADDERS).filter((rule) => !dearer.has(rule));
    expect(never, 'limits that no instance put to the test').toEqual([]);
  });
});

const LARGE = { offers: 30, workloads: 8, replicas: 4 };

/** Offers that cost the same before they run and when they do: where they do not, what runs may fit the rules less tightly. */
function certain(input: PlanInput): PlanInput {
  const offers = input.offers.map((offer) => ({ ...offer, successProbability: 1, interruptionsPerHour: 0 }));
  return { ...input, offers };
}

describe('a plan under any rules', () => {
  it('is the same, byte for byte, again and whatever order the lists come in', async () => {
    for (let seed = 61_000; seed < 61_008; seed += 1) {
      const input = anyInput(seed, { ...LARGE, leases: seed % 2 === 0 });
      const bytes = JSON.stringify(await planFleet(input));
      expect(JSON.stringify(await planFleet(structuredClone(input))), `again, seed ${seed}`).toBe(bytes);
      const other = reordered(input, seed);
      const shuffled = { ...other, teamBudgets: other.teamBudgets.toReversed(), policies: other.policies.toReversed() };
      expect(JSON.stringify(await planFleet(shuffled)), `reordered, seed ${seed}`).toBe(bytes);
    }
  });

  it('once carried out wants no machine and no move', async () => {
    let settled = 0;
    for (let seed = 62_000; seed < 62_030; seed += 1) {
      const input = { ...certain(anyInput(seed, { ...LARGE, leases: false })), quotas: [] };
      const plan = await planFleet(input, { gapShare: 0 });
      const next = carriedOut(input, plan);
      const again = await planFleet(next, { gapShare: 0 });
      expect(again.machines, `machines, seed ${seed}`).toEqual([]);
      expect(again.costMicroUsdPerHour, `cost, seed ${seed}`).toBe(plan.costMicroUsdPerHour);
      if (plan.status !== 'optimal' || plan.held.length > 0) continue;
      const moved = await planFleet(next, { gapShare: 0, moves: true });
      expect([moved.machines, moved.releasedLeaseIds], `moves, seed ${seed}`).toEqual([[], []]);
      settled += 1;
    }
    expect(settled).toBeGreaterThan(5);
  });

  it('of nothing is nothing', async () => {
    const plan = await planFleet(inputWith());
    expect([plan.machines, plan.status, plan.costMicroUsdPerHour]).toEqual([[], 'nothing-to-do', 0]);
  });
});
