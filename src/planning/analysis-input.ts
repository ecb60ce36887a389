import type { MicroUsdPerHour } from '../domain/money.ts';
import { quotaKey } from '../domain/offer.ts';
import type { Plan, PlanInput, PlanLease, PlanOffer } from '../domain/plan.ts';
import type { FleetFigures, Premium } from '../domain/plan-analysis.ts';
import type { DiversificationRule, MaxShare, Policy, Survive } from '../domain/policy.ts';
import { poolKey } from '../domain/pool.ts';
import { placesFewer } from './held-counts.ts';

/** How analyses plan. */
export interface AnalysisOptions {
  /** Whether running leases stay where they are; false (default) plans the whole fleet afresh, as if nothing ran. */
  readonly keepLeases?: boolean;
  /** As in planning; 1e-4 by default. */
  readonly gapShare?: number;
  /** As in planning; `full` by default. */
  readonly effort?: 'quick' | 'full';
}

/**
 * The input as if nothing ran: what the leases take of quotas and reservations is free again. Scopes that are sold out stay so: that
 * is the market of today. A lease whose pool is no longer offered gives nothing back, because what it claims is not known.
 */
export function afresh(input: PlanInput): PlanInput {
  const offers = new Map(input.offers.map((offer) => [poolKey(offer.pool), offer]));
  const units = claimedUnits(input.leases, offers);
  const machines = Map.groupBy(input.leases, ({ pool }) => poolKey(pool));
  return {
    ...input,
    leases: [],
    offers: input.offers.map((offer) => {
      if (offer.availableCount === null) return offer;
      return { ...offer, availableCount: offer.availableCount + (machines.get(poolKey(offer.pool))?.length ?? 0) };
    }),
    quotas: input.quotas.map((quota) => {
      if (quota.usage === null) return quota;
      const ours = units.get(quotaKey(quota.provider, quota.region, quota.name)) ?? 0;
      return { ...quota, usage: Math.max(0, quota.usage - ours) };
    }),
  };
}

function claimedUnits(
  leases: readonly PlanLease[],
  offers: ReadonlyMap<string, PlanOffer>,
): ReadonlyMap<string, number> {
  const claimed = new Map<string, number>();
  for (const { pool } of leases) {
    for (const { quota, scope, units } of offers.get(poolKey(pool))?.quotaClaims ?? []) {
      const key = quotaKey(pool.provider, scope === 'global' ? null : pool.region, quota);
      claimed.set(key, (claimed.get(key) ?? 0) + units);
    }
  }
  return claimed;
}

/** The input with one policy changed. Throws RangeError where there is none of that name. */
export function withPolicy(input: PlanInput, name: string, change: (policy: Policy) => Policy): PlanInput {
  if (!input.policies.some((policy) => policy.name === name)) throw new RangeError(`no policy is named "${name}"`);
  return { ...input, policies: input.policies.map((policy) => (policy.name === name ? change(policy) : policy)) };
}

/** The limit at which a rule asks for nothing. */
export function loosestLimit(rule: DiversificationRule): number {
  return isSurvival(rule) ? 0 : 1;
}

/** The limit that the policy states; null = it has no such rule. */
export function limitOf(policy: Policy, rule: DiversificationRule): number | null {
  if (rule === 'maxSpotShare') return policy.maxSpotShare;
  if (rule === 'maxConcentration') return policy.maxConcentration;
  if (rule === 'minProviders') return policy.minProviders > 1 ? policy.minProviders : null;
  if (isSurvival(rule)) return policy.survive.find(({ loss }) => loss === lossOf(rule))?.keepShare ?? null;
  return policy.maxShare[scopeOf(rule)];
}

/** The policy with another limit for the rule; at the loosest limit the rule is out. */
export function withLimit(policy: Policy, rule: DiversificationRule, limit: number): Policy {
  if (rule === 'maxSpotShare') return { ...policy, maxSpotShare: limit };
  if (rule === 'maxConcentration') return { ...policy, maxConcentration: limit };
  if (rule === 'minProviders') return { ...policy, minProviders: limit };
  if (isSurvival(rule)) {
    const others = policy.survive.filter(({ loss }) => loss !== lossOf(rule));
    return { ...policy, survive: limit > 0 ? [...others, { loss: lossOf(rule), keepShare: limit }] : others };
  }
  return { ...policy, maxShare: { ...policy.maxShare, [scopeOf(rule)]: limit } };
}

/** The policy with those of its diversification rules only. */
export function withRulesOnly(policy: Policy, kept: ReadonlySet<string>): Policy {
  const share = (scope: keyof MaxShare): number | null =>
    kept.has(`maxShare.${scope}`) ? policy.maxShare[scope] : null;
  return {
    ...policy,
    maxShare: {
      provider: share('provider'),
      region: share('region'),
      zone: share('zone'),
      pool: share('pool'),
      market: share('market'),
    },
    maxSpotShare: kept.has('maxSpotShare') ? policy.maxSpotShare : null,
    minProviders: kept.has('minProviders') ? policy.minProviders : 1,
    maxConcentration: kept.has('maxConcentration') ? policy.maxConcentration : null,
    survive: policy.survive.filter(({ loss }) => kept.has(`survive.${loss}`)),
  };
}

type SurvivalRule = Extract<DiversificationRule, `survive.${string}`>;
type ShareRule = Extract<DiversificationRule, `maxShare.${string}`>;

export function isSurvival(rule: DiversificationRule): rule is SurvivalRule {
  return rule === 'survive.provider' || rule === 'survive.region';
}

function lossOf(rule: SurvivalRule): Survive['loss'] {
  return rule === 'survive.provider' ? 'provider' : 'region';
}

const SCOPE_OF: Readonly<Record<ShareRule, keyof MaxShare>> = {
  'maxShare.provider': 'provider',
  'maxShare.region': 'region',
  'maxShare.zone': 'zone',
  'maxShare.pool': 'pool',
  'maxShare.market': 'market',
};

function scopeOf(rule: ShareRule): keyof MaxShare {
  return SCOPE_OF[rule];
}

export function figuresOf(input: PlanInput, plan: Plan): FleetFigures {
  const asked = input.workloads.reduce((sum, { spec }) => sum + spec.replicas, 0);
  const heldReplicas = plan.held.reduce((sum, { replicas }) => sum + replicas.length, 0);
  return {
    costMicroUsdPerHour: plan.costMicroUsdPerHour,
    effectiveCostMicroUsdPerHour: plan.effectiveCostMicroUsdPerHour,
    effectiveBoundMicroUsdPerHour: plan.effectiveBoundMicroUsdPerHour,
    placedReplicas: asked - heldReplicas,
    heldReplicas,
    status: plan.status,
  };
}

/**
 * What the plan costs over the one with fewer rules. Never negative: the plan's fleet is one that a planner with fewer rules could choose
 * too. Null where the plan places fewer.
 */
export function premiumOver(input: PlanInput, plan: Plan, looser: Plan): Premium {
  const apart = placesFewer(input, plan, looser);
  const spend = apart ? null : over(plan.costMicroUsdPerHour, looser.costMicroUsdPerHour);
  const effective = apart ? null : over(plan.effectiveCostMicroUsdPerHour, looser.effectiveCostMicroUsdPerHour);
  return {
    premiumMicroUsdPerHour: spend?.premium ?? null,
    premiumShare: spend?.share ?? null,
    effectivePremiumMicroUsdPerHour: effective?.premium ?? null,
    effectivePremiumShare: effective?.share ?? null,
  };
}

function over(cost: MicroUsdPerHour, looser: MicroUsdPerHour): { readonly premium: number; readonly share: number } {
  const base = Math.min(cost, looser);
  return { premium: cost - base, share: base === 0 ? 0 : (cost - base) / base };
}
