import type { Plan, PlanInput } from '../domain/plan.ts';
import type { PolicyExplanation, PolicyPrice, RuleConflict, RulePremium, RulePrice } from '../domain/plan-analysis.ts';
import type { Policy } from '../domain/policy.ts';
import { DIVERSIFICATION_RULES } from '../domain/policy.ts';
import type { AnalysisOptions } from './analysis-input.ts';
import { afresh, figuresOf, limitOf, premiumOver, withPolicy, withRulesOnly } from './analysis-input.ts';
import { placesFewer } from './held-counts.ts';
import { policiesInOrder } from './market-view.ts';
import { planFleet } from './plan-fleet.ts';
import { rulePrices } from './rule-prices.ts';
import { ruleNames, rulesOf } from './rules.ts';

export interface ExplanationOptions extends AnalysisOptions {
  /** Names of the policies to explain; all by default. */
  readonly policies?: readonly string[];
}

/**
 * What each policy costs, what each of its rules costs on top of the others, and which rules are in each other's way. docs/policy.md
 * ("What the rules cost") has the definitions. Throws RangeError for an unknown policy.
 */
export async function explainPolicy(input: PlanInput, options: ExplanationOptions = {}): Promise<PolicyExplanation> {
  const keepsLeases = options.keepLeases ?? false;
  const base = keepsLeases ? input : afresh(input);
  const names = options.policies ?? policiesInOrder(base).map(({ name }) => name);
  const policies: PolicyPrice[] = [];
  const marginals = await rulePrices(base);
  for (const name of names) policies.push(await priceOf(new Variants(base, name, options), marginals));
  return { keepsLeases, policies };
}

/** Plans with some of one policy's rules, each made once. */
class Variants {
  readonly input: PlanInput;
  readonly policy: Policy;
  /** The policy's rules, as plans tell them. */
  readonly rules: readonly string[];
  readonly #options: AnalysisOptions;
  readonly #plans = new Map<string, Promise<Plan>>();

  constructor(input: PlanInput, name: string, options: AnalysisOptions) {
    const policy = input.policies.find((candidate) => candidate.name === name);
    if (policy === undefined) throw new RangeError(`no policy is named "${name}"`);
    this.input = input;
    this.policy = policy;
    this.rules = ruleNames(rulesOf(policy));
    this.#options = options;
  }

  /** `onInfeasible` as the policy says, or `hold` always. */
  with(rules: readonly string[], onInfeasible = this.policy.onInfeasible): Promise<Plan> {
    const key = JSON.stringify([rules, rules.length === 0 ? '' : onInfeasible]);
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      const input = withPolicy(this.input, this.policy.name, (policy) => ({
        ...withRulesOnly(policy, new Set(rules)),
        onInfeasible,
      }));
      plan = planFleet(input, this.#options);
      this.#plans.set(key, plan);
    }
    return plan;
  }

  without(rule: string, onInfeasible = this.policy.onInfeasible): Promise<Plan> {
    return this.with(others(this.rules, rule), onInfeasible);
  }
}

function others(rules: readonly string[], rule: string): readonly string[] {
  return rules.filter((other) => other !== rule);
}

async function priceOf(variants: Variants, marginals: readonly RulePrice[]): Promise<PolicyPrice> {
  const { input, policy } = variants;
  const ruled = await variants.with(variants.rules);
  const free = await variants.with([]);
  const rules: RulePremium[] = [];
  for (const rule of variants.rules) {
    rules.push(rulePremium(variants, rule, ruled, await variants.without(rule)));
  }
  return {
    policy: policy.name,
    withRules: figuresOf(input, ruled),
    withoutRules: figuresOf(input, free),
    ...premiumOver(input, ruled, free),
    rules,
    marginals: marginals.filter((price) => price.policy === policy.name),
    conflict: await conflictOf(variants, free),
  };
}

function rulePremium({ input, policy }: Variants, rule: string, ruled: Plan, without: Plan): RulePremium {
  const lines = ruled.rules.filter((use) => use.policy === policy.name && use.rule === rule);
  const known = DIVERSIFICATION_RULES.find((name) => name === rule);
  return {
    rule,
    limit: (known === undefined ? null : limitOf(policy, known)) ?? lines[0]?.limit ?? 0,
    enforced: lines.some(({ enforced }) => enforced),
    ...premiumOver(input, ruled, without),
    without: figuresOf(input, without),
    binding: lines.filter(({ binding }) => binding),
  };
}

/**
 * Deletion filter: starting with all rules, each is left out for good when the rest still holds somebody who would be placed without
 * any rule. With fewer rules never fewer are placed, so the set that remains is minimal.
 */
async function conflictOf(variants: Variants, free: Plan): Promise<RuleConflict | null> {
  const { input } = variants;
  const holds = async (rules: readonly string[]): Promise<boolean> =>
    placesFewer(input, await variants.with(rules, 'hold'), free);
  if (!(await holds(variants.rules))) return null;
  let rules = variants.rules;
  for (const rule of variants.rules) {
    const fewer = others(rules, rule);
    if (await holds(fewer)) rules = fewer;
  }
  const strict = figuresOf(input, await variants.with(variants.rules, 'hold'));
  const relaxations: RuleConflict['relaxations'][number][] = [];
  for (const rule of rules) {
    const figures = figuresOf(input, await variants.without(rule, 'hold'));
    relaxations.push({ rule, ...figures, gainedReplicas: figures.placedReplicas - strict.placedReplicas });
  }
  return { rules, relaxations };
}
