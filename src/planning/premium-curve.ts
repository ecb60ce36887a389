import type { Plan, PlanInput } from '../domain/plan.ts';
import type { CurvePoint, CurveQuestion, PremiumCurve } from '../domain/plan-analysis.ts';
import type { DiversificationRule, Policy } from '../domain/policy.ts';
import { matchesRegionPattern } from '../domain/workload.ts';
import type { AnalysisOptions } from './analysis-input.ts';
import {
  afresh,
  figuresOf,
  isSurvival,
  limitOf,
  loosestLimit,
  premiumOver,
  withLimit,
  withPolicy,
} from './analysis-input.ts';
import { governanceOf } from './governance.ts';
import { planFleet } from './plan-fleet.ts';
import type { Scope } from './rules.ts';
import { subjectsOf } from './rules.ts';

/** Limits that a curve has when none are asked for; the policy's present one comes on top. */
const DEFAULT_POINTS = 9;

/**
 * The cost of the fleet as a function of one limit, all other rules as they are. The rule is enforced whatever the size of the fleet and
 * never given up (`enforceAbove` and `relax` do not count): the question is what it costs to keep it. Throws RangeError for an unknown
 * policy or a limit that the rule cannot have.
 */
export async function premiumCurve(
  input: PlanInput,
  question: CurveQuestion,
  options: AnalysisOptions = {},
): Promise<PremiumCurve> {
  const { policy: name, rule } = question;
  for (const limit of question.limits ?? []) checkLimit(rule, limit);
  const keepsLeases = options.keepLeases ?? false;
  const base = withPolicy(keepsLeases ? input : afresh(input), name, (policy) => ({
    ...policy,
    enforceAboveMicroUsdPerHour: 0,
    onInfeasible: 'hold',
  }));
  const planAt = (limit: number): Promise<Plan> =>
    planFleet(
      withPolicy(base, name, (policy) => withLimit(policy, rule, limit)),
      options,
    );
  const baseline = await planAt(loosestLimit(rule));
  const policy = policyNamed(base, name);
  const currentLimit = limitOf(policy, rule);
  const limits = question.limits ?? defaultLimits(base, policy, rule, baseline);
  const points: CurvePoint[] = [];
  for (const limit of [...new Set(limits)].toSorted((a, b) => a - b)) {
    const plan = limit === loosestLimit(rule) ? baseline : await planAt(limit);
    points.push({
      limit,
      ...figuresOf(base, plan),
      ...premiumOver(base, plan, baseline),
      binding: plan.rules.some((use) => use.policy === name && use.rule === rule && use.binding),
      isCurrent: limit === currentLimit,
    });
  }
  return { policy: name, rule, currentLimit, keepsLeases, baseline: figuresOf(base, baseline), points };
}

function policyNamed(input: PlanInput, name: string): Policy {
  const policy = input.policies.find((candidate) => candidate.name === name);
  if (policy === undefined) throw new RangeError(`no policy is named "${name}"`);
  return policy;
}

function checkLimit(rule: DiversificationRule, limit: number): void {
  const allowed =
    rule === 'minProviders'
      ? Number.isInteger(limit) && limit >= 1
      : Number.isFinite(limit) && limit >= 0 && limit <= 1;
  if (allowed) return;
  const words = rule === 'minProviders' ? 'a whole number of 1 or more' : 'a share from 0 to 1';
  throw new RangeError(`${limit} is no limit of ${rule}; allowed: ${words}`);
}

/**
 * Limits from the least that so many subjects could keep at all (1/n for a cap over n) to the least that asks for nothing (the share
 * that the fleet has without the rule).
 */
function defaultLimits(input: PlanInput, policy: Policy, rule: DiversificationRule, baseline: Plan): readonly number[] {
  const count = subjectCount(input, policy, rule);
  const current = limitOf(policy, rule);
  const chosen = chosenLimits(rule, count, largestValue(policy, rule, baseline));
  return current === null ? chosen : [...chosen, current];
}

function chosenLimits(rule: DiversificationRule, count: number, largest: number): readonly number[] {
  if (rule === 'minProviders') return Array.from({ length: Math.min(DEFAULT_POINTS, count) }, (_, index) => index + 1);
  // Where there is one subject only, half of it shows that nothing else can be had.
  const evenShare = count > 1 ? 1 / count : 0.5;
  if (isSurvival(rule)) return spread(0, 1 - evenShare);
  return spread(rule === 'maxSpotShare' ? 0 : evenShare, largest > 0 ? largest : 1);
}

function spread(low: number, high: number): readonly number[] {
  const step = (high - low) / (DEFAULT_POINTS - 1);
  // Round figures where the steps are wide enough to stay apart.
  const unit = step >= 0.02 ? 100 : 10_000;
  if (step <= 0) return [Math.ceil(low * unit) / unit, 1];
  // Upwards: the last one asks for nothing only when it is not below the share there is.
  return Array.from({ length: DEFAULT_POINTS }, (_, index) =>
    Math.min(1, Math.ceil((low + step * index) * unit - 1e-6) / unit),
  );
}

function largestValue(policy: Policy, rule: DiversificationRule, { rules }: Plan): number {
  const values = rules.filter((use) => use.policy === policy.name && use.rule === rule).map(({ value }) => value);
  return values.reduce((a, b) => Math.max(a, b), 0);
}

const SCOPE_OF_RULE: Readonly<Record<DiversificationRule, Scope>> = {
  'maxShare.provider': 'provider',
  'maxShare.region': 'region',
  'maxShare.zone': 'zone',
  'maxShare.pool': 'pool',
  'maxShare.market': 'market',
  maxSpotShare: 'spot',
  minProviders: 'provider',
  maxConcentration: 'provider',
  'survive.provider': 'provider',
  'survive.region': 'region',
};

/** How many subjects of the rule the policy lets its workloads run in. */
function subjectCount(input: PlanInput, policy: Policy, rule: DiversificationRule): number {
  const governance = governanceOf(input);
  const wanted = new Set(
    input.workloads
      .filter(({ spec }) => governance.ofSpec(spec)?.policy.name === policy.name)
      .flatMap(({ spec }) => spec.accelerators.map(({ accelerator }) => accelerator)),
  );
  const { allowedProviders, allowedMarkets, allowedRegions } = policy;
  const pools = input.offers
    .filter(({ accelerator, availability }) => wanted.has(accelerator) && availability !== 'restricted')
    .map(({ pool }) => pool)
    .filter(
      ({ provider, region, market }) =>
        (allowedProviders === null || allowedProviders.includes(provider)) &&
        allowedMarkets.includes(market) &&
        (allowedRegions === null || allowedRegions.some((pattern) => matchesRegionPattern(pattern, provider, region))),
    );
  return new Set(pools.map((pool) => subjectsOf(pool)[SCOPE_OF_RULE[rule]])).size;
}
