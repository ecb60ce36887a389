import type { Policy, ShareMeasure, Survive } from '../domain/policy.ts';
import type { Pool } from '../domain/pool.ts';
import { poolKey, regionKey, zoneKey } from '../domain/pool.ts';

/** What a share may be the share of. `spot` has one subject only: all spot machines together. */
export const SCOPES = ['provider', 'region', 'zone', 'pool', 'market', 'spot'] as const;
export type Scope = (typeof SCOPES)[number];

/** At most `limit` (0..1) of the fleet's measure in any one subject of the scope. */
export interface Cap {
  readonly rule: string;
  readonly scope: Scope;
  readonly limit: number;
}

export type Loss = Survive['loss'];
export const LOSSES: readonly Loss[] = ['provider', 'region'];

/** The diversification rules that the fleet of one policy is held to. */
export interface Rules {
  readonly measure: ShareMeasure;
  readonly caps: readonly Cap[];
  /** 1 = no rule. */
  readonly minProviders: number;
  /** Share from which on a provider counts for `minProviders`; 0 = one machine is enough. */
  readonly minProviderShare: number;
  readonly maxConcentration: number | null;
  /** The policy's `survive`; empty = no rule. */
  readonly survive: readonly Survive[];
  /** Whether workloads' own `keepShare` holds as well: they are wishes of a team, so neither `enforceAbove` nor `relax` lifts them. */
  readonly ownKeepShares: boolean;
  /** Whether team budgets hold; only the search for reasons lifts them. */
  readonly budgets: boolean;
}

/** The rules of every fleet of a problem, by its index. */
export type RuleBook = readonly Rules[];

export const SURVIVE_RULE: Readonly<Record<Loss, string>> = { provider: 'survive.provider', region: 'survive.region' };
export const MIN_PROVIDERS = 'minProviders';
export const MAX_CONCENTRATION = 'maxConcentration';
export const MAX_PREMIUM = 'maxPremiumShare';
export const BUDGET = 'budget';

/** All diversification rules of the policy, in the order in which they are told. */
export function rulesOf(policy: Policy): Rules {
  const caps: Cap[] = [];
  for (const scope of SCOPES) {
    const limit = scope === 'spot' ? policy.maxSpotShare : policy.maxShare[scope];
    const rule = scope === 'spot' ? 'maxSpotShare' : `maxShare.${scope}`;
    if (limit !== null) caps.push({ rule, scope, limit });
  }
  return {
    measure: policy.measure,
    caps,
    minProviders: Math.max(1, policy.minProviders),
    minProviderShare: policy.minProviderShare,
    maxConcentration: policy.maxConcentration,
    survive: policy.survive,
    ownKeepShares: true,
    budgets: true,
  };
}

/** The rules without the named ones. */
export function withoutRules(rules: Rules, names: ReadonlySet<string>): Rules {
  return {
    ...rules,
    caps: rules.caps.filter(({ rule }) => !names.has(rule)),
    minProviders: names.has(MIN_PROVIDERS) ? 1 : rules.minProviders,
    maxConcentration: names.has(MAX_CONCENTRATION) ? null : rules.maxConcentration,
    survive: rules.survive.filter(({ loss }) => !names.has(SURVIVE_RULE[loss])),
    budgets: rules.budgets && !names.has(BUDGET),
  };
}

/** The names of the rules that are set, in the order in which they are told. */
export function ruleNames(rules: Rules): readonly string[] {
  const names = rules.caps.map(({ rule }) => rule);
  if (rules.minProviders > 1) names.push(MIN_PROVIDERS);
  if (rules.maxConcentration !== null) names.push(MAX_CONCENTRATION);
  for (const loss of LOSSES) if (rules.survive.some((entry) => entry.loss === loss)) names.push(SURVIVE_RULE[loss]);
  return names;
}

/** Whether some rule looks at shares of the measure. */
export function countsShares({ caps, minProviders, minProviderShare }: Rules): boolean {
  return caps.length > 0 || (minProviders > 1 && minProviderShare > 0);
}

/** No rule of the policy; `ownKeepShares` says whether the workloads' own ones hold. */
export function noRules(rules: Rules, ownKeepShares: boolean): Rules {
  return { ...rules, caps: [], minProviders: 1, maxConcentration: null, survive: [], ownKeepShares };
}

/** The measure of money in which the concentration is one: effective cost where shares are of it, else spend. */
export function moneyMeasure({ measure }: Pick<Rules, 'measure'>): 'spend' | 'effective-cost' {
  return measure === 'effective-cost' ? measure : 'spend';
}

/** The subject that a machine of a pool counts for; null where the scope does not speak of it. */
export type Subjects = Readonly<Record<Scope, string | null>>;

export function subjectsOf(pool: Pool, key: string = poolKey(pool)): Subjects {
  return {
    provider: pool.provider,
    region: regionKey(pool),
    zone: zoneKey(pool),
    pool: key,
    market: pool.market,
    spot: pool.market === 'spot' ? '' : null,
  };
}

/** The most replicas of a workload that one provider (region) may hold: floor((1 − keepShare) × replicas); null = any number. */
export function surviveLimit(rules: Rules, loss: Loss, replicas: number, ownKeepShare: number | null): number | null {
  const own = rules.ownKeepShares && loss === 'provider' ? (ownKeepShare ?? 0) : 0;
  const stated = rules.survive.find((entry) => entry.loss === loss)?.keepShare ?? 0;
  const keepShare = Math.max(stated, own);
  if (keepShare <= 0 || replicas < 2) return null;
  // (1 − 0.9) × 10 is 0.9999… in binary fractions and must count as 1.
  return Math.floor((1 - keepShare) * replicas + 1e-9);
}
