import { DIVERSIFICATION_RULES, type Policy, type Survive } from '../domain/policy.ts';
import type { ConfigResult } from './config-error.ts';
import { API_VERSION, microUsdOf, usdOf } from './fields.ts';
import type { IssueResult } from './issue.ts';
import { policyContradictions } from './policy-contradictions.ts';
import { type PolicyDocument, policySchema } from './policy-schema.ts';
import { checkDocument } from './schema-issues.ts';
import { parseOneYaml } from './yaml-source.ts';

/** Reads one policy file. Contradictions are looked for once every single value is right. */
export function parsePolicy(file: string, text: string): ConfigResult<Policy> {
  const source = parseOneYaml(file, text);
  if (!source.ok) return source;
  const read = readPolicy(source.value.value);
  return read.ok ? read : { ok: false, errors: source.value.locate(read.issues) };
}

/** Reads a policy document that is already plain data. */
export function readPolicy(document: unknown): IssueResult<Policy> {
  const checked = checkDocument('Policy', policySchema, document);
  if (!checked.ok) return checked;
  const issues = policyContradictions(checked.value);
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: policyFrom(checked.value) };
}

function policyFrom({ metadata, spec }: PolicyDocument): Policy {
  const { diversification, cost, rebalance } = spec;
  return {
    name: metadata.name,
    teams: spec.appliesTo.teams,
    allowedRegions: spec.residency.regions?.allow ?? null,
    allowedProviders: spec.providers.allow,
    allowedMarkets: spec.markets.allow,
    maxSpotShare: spec.markets.maxSpotShare,
    measure: diversification.measure,
    enforceAboveMicroUsdPerHour: microUsdOf(diversification.enforceAbove.usdPerHour),
    minProviders: diversification.minProviders,
    minProviderShare: diversification.minProviderShare,
    maxShare: diversification.maxShare,
    maxConcentration: diversification.maxConcentration,
    survive: surviveFrom(diversification.survive),
    onInfeasible: diversification.onInfeasible,
    relax: diversification.relax,
    maxPremiumShare: cost.maxPremiumShare,
    maxPriceMicroUsdPerHour: cost.maxPricePerMachine === null ? null : microUsdOf(cost.maxPricePerMachine.usdPerHour),
    egressMicroUsdPerGb: microUsdOf(cost.egressUsdPerGb),
    budgets: cost.budgets.map(({ team, period, usd, action }) => ({
      team,
      period,
      limitMicroUsd: microUsdOf(usd),
      action,
    })),
    priceAdjustments: cost.priceAdjustments,
    rebalance: {
      schedule: rebalance.schedule,
      timeZone: rebalance.timeZone,
      mode: rebalance.mode,
      moveCostMicroUsd: microUsdOf(rebalance.moveCost.usd),
      minSavingsMicroUsdPerHour: microUsdOf(rebalance.minSavings.usdPerHour),
      minSavingsShare: rebalance.minSavings.share,
      maxPaybackHours: rebalance.maxPaybackHours,
      cooldownMinutes: rebalance.cooldownMinutes,
      maxConcurrentMoves: rebalance.disruption.maxConcurrentMoves,
      maxShareOfWorkload: rebalance.disruption.maxShareOfWorkload,
    },
  };
}

function surviveFrom(survive: PolicyDocument['spec']['diversification']['survive']): readonly Survive[] {
  if (survive === null) return [];
  return 'loss' in survive ? [survive] : survive;
}

/** The document that reads back as this policy, with every default written out. */
export function policyDocument(policy: Policy): PolicyDocument {
  const { rebalance } = policy;
  return {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: policy.name },
    spec: {
      appliesTo: { teams: [...policy.teams] },
      residency: { regions: policy.allowedRegions === null ? null : { allow: [...policy.allowedRegions] } },
      providers: { allow: policy.allowedProviders === null ? null : [...policy.allowedProviders] },
      markets: { allow: [...policy.allowedMarkets], maxSpotShare: policy.maxSpotShare },
      diversification: diversificationDocument(policy),
      cost: costDocument(policy),
      rebalance: {
        schedule: rebalance.schedule,
        timeZone: rebalance.timeZone,
        mode: rebalance.mode,
        moveCost: { usd: usdOf(rebalance.moveCostMicroUsd) },
        minSavings: { usdPerHour: usdOf(rebalance.minSavingsMicroUsdPerHour), share: rebalance.minSavingsShare },
        maxPaybackHours: rebalance.maxPaybackHours,
        cooldownMinutes: rebalance.cooldownMinutes,
        disruption: {
          maxConcurrentMoves: rebalance.maxConcurrentMoves,
          maxShareOfWorkload: rebalance.maxShareOfWorkload,
          windows: [],
        },
      },
    },
  };
}

function diversificationDocument(policy: Policy): PolicyDocument['spec']['diversification'] {
  return {
    measure: policy.measure,
    enforceAbove: { usdPerHour: usdOf(policy.enforceAboveMicroUsdPerHour) },
    minProviders: policy.minProviders,
    minProviderShare: policy.minProviderShare,
    maxShare: { ...policy.maxShare },
    maxConcentration: policy.maxConcentration,
    survive: surviveDocument(policy),
    onInfeasible: policy.onInfeasible,
    relax: DIVERSIFICATION_RULES.filter((rule) => policy.relax.includes(rule)).toSorted(
      (a, b) => policy.relax.indexOf(a) - policy.relax.indexOf(b),
    ),
  };
}

/** As it is mostly written: one entry by itself, several as a list. */
function surviveDocument({ survive }: Policy): PolicyDocument['spec']['diversification']['survive'] {
  const [first] = survive;
  if (first === undefined) return null;
  return survive.length === 1 ? { ...first } : survive.map((entry) => ({ ...entry }));
}

function costDocument(policy: Policy): PolicyDocument['spec']['cost'] {
  const { maxPriceMicroUsdPerHour: maxPrice } = policy;
  return {
    maxPremiumShare: policy.maxPremiumShare,
    maxPricePerMachine: maxPrice === null ? null : { usdPerHour: usdOf(maxPrice) },
    egressUsdPerGb: usdOf(policy.egressMicroUsdPerGb),
    budgets: policy.budgets.map(({ team, period, limitMicroUsd, action }) => ({
      team,
      period,
      usd: usdOf(limitMicroUsd),
      action,
    })),
    priceAdjustments: policy.priceAdjustments.map((adjustment) => ({ market: null, ...adjustment })),
  };
}
