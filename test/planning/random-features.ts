import type { PlanInput, PlanWorkload, TeamBudget } from '../../src/domain/plan.ts';
import { DIVERSIFICATION_RULES, type Policy, type Survive } from '../../src/domain/policy.ts';
import { policyIn, usd } from './market-builders.ts';
import type { Dice, Size } from './random-instances.ts';
import { diceFrom, randomInput, randomPolicy } from './random-instances.ts';

/** Teams of two policies (`a-*`, `b-*`) and one that no policy governs. */
const TEAMS = ['a-1', 'a-2', 'b-1', 'b-1', 'nobody'] as const;
const FACTORS = [0.5, 0.7, 1.3, 0.000_01] as const;

function randomSurvive(dice: Dice): Survive[] {
  return (['provider', 'region'] as const)
    .filter(() => dice.chance(0.2))
    .map((loss) => ({ loss, keepShare: dice.of([0.3, 0.5, 0.66]) }));
}

/** A policy that may state any rule there is. */
export function anyPolicy(dice: Dice, changes: Partial<Policy>): Policy {
  const base = randomPolicy(dice);
  const order = dice.shuffled(DIVERSIFICATION_RULES);
  const relax = dice.chance(0.2) ? order.slice(0, dice.count(1, order.length)) : [];
  return {
    ...base,
    measure: dice.of(['spend', 'accelerators', 'accelerator-hours', 'effective-cost']),
    maxShare: { ...base.maxShare, market: dice.chance(0.15) ? dice.of([0.5, 0.6, 0.75]) : null },
    minProviderShare: dice.chance(0.5) ? dice.of([0.2, 0.25, 0.4]) : 0,
    survive: randomSurvive(dice),
    onInfeasible: relax.length > 0 ? 'relax' : 'hold',
    relax,
    egressMicroUsdPerGb: dice.chance(0.6) ? 20_000 : 0,
    priceAdjustments: dice.chance(0.3)
      ? [
          {
            match: dice.of(['aws:*', '*:r1:*', 'gcp:r2:*', '*']),
            market: dice.of([null, 'spot', 'on-demand']),
            factor: dice.of(FACTORS),
            reason: 'agreement',
          },
        ]
      : [],
    ...changes,
  };
}

/** One policy for all, or two that see nothing of each other, with thresholds of their own. */
function anyPolicies(dice: Dice): Policy[] {
  if (dice.chance(0.6)) return [anyPolicy(dice, {})];
  // How near two fleets come to `minProviders` when both fall short is one fleet's choice at the other's expense: left open.
  const [one, other] = dice.shuffled([{ minProviders: 1 }, {}]);
  const hold = { onInfeasible: 'hold', relax: [] } as const;
  return [
    anyPolicy(dice, { ...one, ...hold, name: 'alpha', teams: ['a-*'] }),
    anyPolicy(dice, { ...other, ...hold, name: 'beta', teams: ['b-*'] }),
  ];
}

function withFeatures(dice: Dice, { id, spec }: PlanWorkload): PlanWorkload {
  return {
    id,
    spec: {
      ...spec,
      team: dice.of(TEAMS),
      keepShare: dice.chance(0.2) ? dice.of([0.3, 0.5, 0.66]) : null,
      data: dice.chance(0.4)
        ? { home: dice.of(['aws', 'gcp', 'azure:r1', 'aws:r2']), gbPerHour: dice.of([10, 50, 100]) }
        : null,
    },
  };
}

function anyBudgets(dice: Dice): TeamBudget[] {
  return ['a-1', 'b-1']
    .filter(() => dice.chance(0.2))
    .map((team) => ({ team, limitMicroUsdPerHour: usd(dice.count(2, 20)) }));
}

/** An instance that may put any feature of the rule language to the test. */
export function anyInput(seed: number, size: Size): PlanInput {
  const base = randomInput(seed, size);
  const dice = diceFrom(seed + 1_000_003);
  const policies = anyPolicies(dice);
  return {
    ...base,
    policies,
    workloads: base.workloads.map((workload) => withFeatures(dice, workload)),
    teamBudgets: anyBudgets(dice),
  };
}

/** Which features an instance has, so that it can be told whether all were put to the test. */
export function featuresOf(input: PlanInput): string[] {
  const { policies, workloads } = input;
  const policy = policyIn(input);
  const has: Readonly<Record<string, boolean>> = {
    [policy.measure]: true,
    policies: policies.length > 1,
    'market cap': policy.maxShare.market !== null,
    minProviders: policy.minProviders > 1,
    minProviderShare: policy.minProviders > 1 && policy.minProviderShare > 0,
    maxConcentration: policy.maxConcentration !== null,
    relax: policy.onInfeasible === 'relax',
    enforceAbove: policies.some(({ enforceAboveMicroUsdPerHour }) => enforceAboveMicroUsdPerHour > 0),
    'survive.provider': policies.some(({ survive }) => survive.some(({ loss }) => loss === 'provider')),
    'survive.region': policies.some(({ survive }) => survive.some(({ loss }) => loss === 'region')),
    keepShare: workloads.some(({ spec }) => spec.keepShare !== null && spec.replicas > 1),
    egress: policy.egressMicroUsdPerGb > 0 && workloads.some(({ spec }) => spec.data !== null),
    budget: input.teamBudgets.some(({ team }) => workloads.some(({ spec }) => spec.team === team)),
    adjusted: policies.some(({ priceAdjustments }) => priceAdjustments.length > 0),
    priorities: new Set(workloads.map(({ spec }) => spec.priority)).size > 1,
    kept: input.leases.length > 0,
  };
  return Object.keys(has).filter((feature) => has[feature]);
}
