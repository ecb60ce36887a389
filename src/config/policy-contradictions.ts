import { KNOWN_PROVIDERS } from '../providers/registry.ts';
import { providersMeant } from './fields.ts';
import { type Issue, valueIssue } from './issue.ts';
import type { PolicyDocument } from './policy-schema.ts';

type Spec = PolicyDocument['spec'];

/** Room for the rounding of sums such as 0.6 + 0.4, in shares. */
const ROUNDING = 1e-9;

/** Rules that no fleet can keep, whatever the clouds offer. Each names the value to change. */
export function policyContradictions({ spec }: PolicyDocument): Issue[] {
  return [
    ...unreachableResidency(spec),
    ...tooFewProviders(spec),
    ...countingShare(spec),
    ...marketsBelowTheWhole(spec),
    ...spotOnly(spec),
    ...relaxOrder(spec),
    ...repeatedEntries(spec),
    ...repeatedLosses(spec),
  ];
}

/** Providers that both the allow-list and the residency rule leave. */
function reachableProviders(spec: Spec): readonly string[] {
  const patterns = spec.residency.regions?.allow ?? null;
  const resident = patterns === null ? KNOWN_PROVIDERS : patterns.flatMap((pattern) => [...providersMeant(pattern)]);
  const allowed = spec.providers.allow ?? KNOWN_PROVIDERS;
  return allowed.filter((id) => resident.includes(id));
}

function unreachableResidency(spec: Spec): Issue[] {
  if (reachableProviders(spec).length > 0) return [];
  const allowed = (spec.providers.allow ?? KNOWN_PROVIDERS).join(', ');
  return [
    valueIssue(
      ['spec', 'residency', 'regions', 'allow'],
      `denies every region: no pattern names a region of an allowed provider (${allowed})`,
    ),
  ];
}

function tooFewProviders(spec: Spec): Issue[] {
  const count = reachableProviders(spec).length;
  if (count === 0) return [];
  const { minProviders, maxShare, maxConcentration } = spec.diversification;
  const reachable = `${count} provider${count === 1 ? ' is' : 's are'} allowed by providers and residency`;
  const path = ['spec', 'diversification'];
  const issues: Issue[] = [];
  if (minProviders > count) {
    issues.push(valueIssue([...path, 'minProviders'], `${minProviders} cannot be kept: only ${reachable}`));
  }
  if (maxShare.provider !== null && maxShare.provider * count < 1 - ROUNDING) {
    const least = `at least ${roundUp(1 / count)} is needed`;
    issues.push(
      valueIssue([...path, 'maxShare', 'provider'], `${maxShare.provider} cannot be kept: ${reachable}, so ${least}`),
    );
  }
  if (maxConcentration !== null && maxConcentration * count < 1 - ROUNDING) {
    const least = `equal shares make ${roundUp(1 / count)}`;
    issues.push(
      valueIssue([...path, 'maxConcentration'], `${maxConcentration} cannot be kept: ${reachable}, and ${least}`),
    );
  }
  return [...issues, ...tooMuchToKeep(spec, count, reachable)];
}

/** What `survive` asks to keep, where the loss of one of so few leaves less. */
function tooMuchToKeep(spec: Spec, count: number, reachable: string): Issue[] {
  return surviveEntries(spec.diversification.survive).flatMap(({ entry: { loss, keepShare }, at }) => {
    const path = ['spec', 'diversification', ...at, 'keepShare'];
    if (loss === 'region') {
      if (keepShare < 1) return [];
      return [valueIssue(path, '1 cannot be kept: every replica is in some region, so less than 1 outlives its loss')];
    }
    if (keepShare <= 1 - 1 / count + ROUNDING) return [];
    const most =
      count === 1 ? 'nothing outlives its loss' : `at most ${roundDown(1 - 1 / count)} outlives the loss of one`;
    return [valueIssue(path, `${keepShare} cannot be kept: ${reachable}, so ${most}`)];
  });
}

/** A share to count from that so many providers cannot all hold, or that none may hold. */
function countingShare({ diversification: { minProviders, minProviderShare, maxShare } }: Spec): Issue[] {
  const path = ['spec', 'diversification', 'minProviderShare'];
  if (minProviderShare * minProviders > 1 + ROUNDING) {
    const most = `${minProviders} providers can hold at most ${roundDown(1 / minProviders)} each`;
    return [valueIssue(path, `${minProviderShare} cannot be kept: ${most}`)];
  }
  if (maxShare.provider === null || minProviderShare <= maxShare.provider) return [];
  return [
    valueIssue(
      path,
      `${minProviderShare} cannot be kept: maxShare.provider allows none more than ${maxShare.provider}`,
    ),
  ];
}

function marketsBelowTheWhole(spec: Spec): Issue[] {
  const { market } = spec.diversification.maxShare;
  const count = spec.markets.allow.length;
  if (market === null || market * count >= 1 - ROUNDING) return [];
  const allowed = `${count} market${count === 1 ? ' is' : 's are'} allowed by markets`;
  return [
    valueIssue(
      ['spec', 'diversification', 'maxShare', 'market'],
      `${market} cannot be kept: ${allowed}, so at least ${roundUp(1 / count)} is needed`,
    ),
  ];
}

type SurviveEntry = { readonly loss: 'provider' | 'region'; readonly keepShare: number };

/** Each entry with where it stands in the document. */
function surviveEntries(
  survive: Spec['diversification']['survive'],
): readonly { readonly entry: SurviveEntry; readonly at: readonly PropertyKey[] }[] {
  if (survive === null) return [];
  if ('loss' in survive) return [{ entry: survive, at: ['survive'] }];
  return survive.map((entry, index) => ({ entry, at: ['survive', index] }));
}

function repeatedLosses({ diversification: { survive } }: Spec): Issue[] {
  const entries = surviveEntries(survive);
  return repeats(entries.map(({ entry }) => entry.loss)).map((index) =>
    valueIssue(
      ['spec', 'diversification', ...(entries[index]?.at ?? []), 'loss'],
      'stands in this list already; one entry for each kind of loss',
    ),
  );
}

function roundUp(value: number): number {
  return Math.ceil(value * 1000 - ROUNDING) / 1000;
}

function roundDown(value: number): number {
  return Math.floor(value * 1000 + ROUNDING) / 1000;
}

function spotOnly(spec: Spec): Issue[] {
  const { allow, maxSpotShare } = spec.markets;
  if (maxSpotShare === null || maxSpotShare === 1 || allow.some((market) => market !== 'spot')) return [];
  return [
    valueIssue(['spec', 'markets', 'maxSpotShare'], `${maxSpotShare} cannot be kept: spot is the only market allowed`),
  ];
}

function relaxOrder(spec: Spec): Issue[] {
  const { relax, onInfeasible } = spec.diversification;
  const path = ['spec', 'diversification', 'relax'];
  if (onInfeasible === 'hold' && relax.length > 0) {
    return [valueIssue(path, 'has no effect while onInfeasible is hold; set onInfeasible to relax or leave this out')];
  }
  if (onInfeasible === 'relax' && relax.length === 0) {
    return [valueIssue(path, 'onInfeasible is relax, but no rule is named to relax')];
  }
  return relax.flatMap((rule, index) => {
    const first = relax.indexOf(rule);
    return first === index
      ? []
      : [valueIssue([...path, index], `${rule} is a cycle: it was given up already at position ${first + 1}`)];
  });
}

function repeatedEntries(spec: Spec): Issue[] {
  const budgets = repeats(spec.cost.budgets.map(({ team, period }) => `${team} per ${period}`)).map((index) =>
    valueIssue(['spec', 'cost', 'budgets', index, 'team'], 'has a budget for this period already'),
  );
  const adjustments = neverApplied(spec.cost.priceAdjustments).map((index) =>
    valueIssue(
      ['spec', 'cost', 'priceAdjustments', index, 'match'],
      'is matched already above; this entry never applies',
    ),
  );
  return [...budgets, ...adjustments];
}

/** Those that an earlier entry of the same pattern, for the same market or for all, leaves nothing. */
function neverApplied(adjustments: PolicyDocument['spec']['cost']['priceAdjustments']): number[] {
  return adjustments.flatMap(({ match, market }, index) => {
    const earlier = adjustments.slice(0, index).filter((one) => one.match === match);
    return earlier.some((one) => one.market === null || one.market === market) ? [index] : [];
  });
}

function repeats(keys: readonly string[]): number[] {
  return keys.flatMap((key, index) => (keys.indexOf(key) < index ? [index] : []));
}
