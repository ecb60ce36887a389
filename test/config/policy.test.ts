import { describe, expect, it } from 'vitest';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parsePolicy } from '../../src/config/policy.ts';
import { RELAXABLE_RULES } from '../../src/config/policy-schema.ts';

const FULL = `apiVersion: gpu-broker/v1
kind: Policy
metadata: { name: default }
spec:
  residency: { regions: { allow: ["aws:us-*", "gcp:us-*"] } }
  providers: { allow: [aws, azure, gcp] }
  markets: { allow: [on-demand, spot], maxSpotShare: 0.6 }
  diversification:
    minProviders: 2
    maxShare: { provider: 0.6, region: 0.5 }
    maxConcentration: 0.5
    survive: { loss: provider, keepShare: 0.5 }
    onInfeasible: relax
    relax: [maxShare.region, survive]
  cost:
    budgets: [{ team: research, period: month, usd: 50000, action: refuse }]
    priceAdjustments: [{ match: "aws:*:p5*", factor: 0.72, reason: agreement }]
  rebalance: { schedule: "0 */6 * * *", timeZone: UTC }
`;

function errorsOf(text: string): string[] {
  const parsed = parsePolicy('p.yaml', text);
  return parsed.ok ? [] : parsed.errors.map(formatConfigError);
}

/** The errors of the full policy with one place changed. */
function errorsWith(written: string, instead: string): string[] {
  expect(FULL).toContain(written);
  return errorsOf(FULL.replace(written, instead));
}

describe('parsePolicy', () => {
  it('reads every rule', () => {
    expect(parsePolicy('p.yaml', FULL)).toEqual({
      ok: true,
      value: {
        name: 'default',
        teams: ['*'],
        allowedRegions: ['aws:us-*', 'gcp:us-*'],
        allowedProviders: ['aws', 'azure', 'gcp'],
        allowedMarkets: ['on-demand', 'spot'],
        maxSpotShare: 0.6,
        measure: 'spend',
        enforceAboveMicroUsdPerHour: 0,
        minProviders: 2,
        maxShare: { provider: 0.6, region: 0.5, zone: null, pool: null },
        maxConcentration: 0.5,
        surviveKeepShare: 0.5,
        onInfeasible: 'relax',
        relax: ['maxShare.region', 'survive'],
        maxPremiumShare: null,
        maxPriceMicroUsdPerHour: null,
        budgets: [{ team: 'research', period: 'month', limitMicroUsd: 50_000_000_000, action: 'refuse' }],
        priceAdjustments: [{ match: 'aws:*:p5*', market: null, factor: 0.72, reason: 'agreement' }],
        rebalance: {
          schedule: '0 */6 * * *',
          timeZone: 'UTC',
          mode: 'propose',
          minSavingsMicroUsdPerHour: 1_000_000,
          minSavingsShare: 0.05,
          maxPaybackHours: 24,
          cooldownMinutes: 60,
          maxConcurrentMoves: 2,
          maxShareOfWorkload: 0.25,
        },
      },
    });
  });

  it('fills in every default', () => {
    const parsed = parsePolicy('p.yaml', 'apiVersion: gpu-broker/v1\nkind: Policy\nmetadata: { name: bare }\n');
    expect(parsed).toMatchObject({
      ok: true,
      value: { teams: ['*'], minProviders: 1, allowedProviders: null, maxSpotShare: null, onInfeasible: 'hold' },
    });
  });

  it('reads prices without binary fractions', () => {
    const parsed = parsePolicy(
      'p.yaml',
      FULL.replace('cost:', 'cost:\n    maxPricePerMachine: { usdPerHour: 0.7068 }'),
    );
    expect(parsed).toMatchObject({ ok: true, value: { maxPriceMicroUsdPerHour: 706_800 } });
  });
});

describe('a mistake in a policy', () => {
  it.each([
    [
      'wrong key',
      'provider: 0.6',
      'provder: 0.6',
      '10:17 spec.diversification.maxShare.provder: unknown key; allowed: provider, region, zone, pool; did you mean provider?',
    ],
    [
      'share of 1.5',
      'provider: 0.6',
      'provider: 1.5',
      '10:27 spec.diversification.maxShare.provider: 1.5 is too large; allowed: a share above 0, up to 1',
    ],
    [
      'share of 1.5 (others)',
      'maxSpotShare: 0.6',
      'maxSpotShare: 1.5',
      '7:54 spec.markets.maxSpotShare: 1.5 is too large; allowed: a share from 0 to 1',
    ],
    [
      'share of 0',
      'region: 0.5',
      'pool: 0',
      '10:38 spec.diversification.maxShare.pool: 0 is too small; allowed: a share above 0, up to 1',
    ],
    [
      'unknown provider',
      'aws, azure, gcp',
      'aws, azur, gcp',
      '6:29 spec.providers.allow[1]: "azur" is unknown; allowed: aws, azure, gcp, lambda; did you mean azure?',
    ],
    [
      'unknown market',
      '[on-demand, spot]',
      '[on-demand, spott]',
      '7:33 spec.markets.allow[1]: "spott" is unknown; allowed: on-demand, spot, reserved; did you mean spot?',
    ],
    ['provider twice', 'aws, azure, gcp', 'aws, azure, aws', '6:36 spec.providers.allow[2]: "aws" is listed twice'],
    [
      'empty list',
      '[aws, azure, gcp]',
      '[]',
      '6:23 spec.providers.allow: the list is empty; allowed: a list of aws, azure, gcp, lambda',
    ],
    [
      'unknown provider of a region',
      '"gcp:us-*"',
      '"gpc:us-*"',
      '5:47 spec.residency.regions.allow[1]: "gpc" is no known provider; allowed: aws, azure, gcp, lambda; did you mean gcp?',
    ],
    [
      'no region',
      '"gcp:us-*"',
      'us-east-1',
      '5:47 spec.residency.regions.allow[1]: "us-east-1" is not a region pattern; allowed: provider:region with *, such as aws:us-*',
    ],
    [
      'text for a number',
      'minProviders: 2',
      'minProviders: two',
      '9:19 spec.diversification.minProviders: "two" is a text; allowed: a whole number from 1 to 20',
    ],
    [
      'fraction for a count',
      'minProviders: 2',
      'minProviders: 1.5',
      '9:19 spec.diversification.minProviders: 1.5 is a number; allowed: a whole number from 1 to 20',
    ],
    [
      'number for a mapping',
      'maxShare: { provider: 0.6, region: 0.5 }',
      'maxShare: 0.5',
      '10:15 spec.diversification.maxShare: 0.5 is a number; allowed: a mapping with provider, region, zone, pool',
    ],
    [
      'nothing for a mapping',
      'survive: { loss: provider, keepShare: 0.5 }',
      'survive: {}',
      '12:14 spec.diversification.survive.keepShare: missing; allowed: a share from 0 to 1',
    ],
    [
      'bad cron',
      '"0 */6 * * *"',
      '"0 */6 * *"',
      '18:26 spec.rebalance.schedule: a cron expression has five fields (minute, hour, day of month, month, day of week), not 4',
    ],
    [
      'bad hour',
      '"0 */6 * * *"',
      '"0 24 * * *"',
      '18:26 spec.rebalance.schedule: "24" is not a cron hour; allowed: *, numbers from 0 to 23, a-b, a,b, */n',
    ],
    [
      'bad time zone',
      'timeZone: UTC',
      'timeZone: Mars/Base',
      '18:51 spec.rebalance.timeZone: not a known time zone; allowed: an IANA name such as UTC or Europe/Berlin',
    ],
    [
      'bad money',
      'usd: 50000',
      'usd: lots',
      '16:53 spec.cost.budgets[0].usd: "lots" does not have the right form; allowed: an amount in US dollars such as 12.50',
    ],
    [
      'negative money',
      'usd: 50000',
      'usd: -1',
      '16:53 spec.cost.budgets[0].usd: -1 is too small; allowed: an amount in US dollars such as 12.50',
    ],
    [
      'unknown rule to relax',
      'survive]',
      'surviv]',
      `14:30 spec.diversification.relax[1]: "surviv" is unknown; allowed: ${RELAXABLE_RULES.join(', ')}; did you mean survive?`,
    ],
    [
      'other kind',
      'kind: Policy',
      'kind: Workload',
      '2:7 kind: "Workload" is not the kind of document that belongs here; allowed: Policy',
    ],
    [
      'bad name',
      'name: default',
      'name: My_Policy',
      '3:19 metadata.name: "My_Policy" does not have the right form; allowed: up to 63 lower-case letters, digits and dashes, not starting or ending with a dash',
    ],
    ['no metadata', 'metadata: { name: default }\n', '', '1:1 metadata: missing; allowed: a mapping with name'],
    [
      'key twice',
      'minProviders: 2',
      'minProviders: 2\n    minProviders: 3',
      '10:5 the key "minProviders" stands here twice',
    ],
  ])('%s', (_title, written, instead, expected) => {
    expect(errorsWith(written, instead)).toEqual([`p.yaml:${expected}`]);
  });

  it('does not hide another', () => {
    const errors = errorsOf(
      FULL.replace('provider: 0.6', 'provder: 1').replace('minProviders: 2', 'minProviders: two'),
    );
    expect(errors.map((error) => error.split(' ')[1])).toEqual([
      'spec.diversification.minProviders:',
      'spec.diversification.maxShare.provder:',
    ]);
  });
});

describe('a contradiction in a policy', () => {
  it.each([
    [
      'more providers than allowed',
      'minProviders: 2',
      'minProviders: 3',
      '9:19 spec.diversification.minProviders: 3 cannot be kept: only 2 providers are allowed by providers and residency',
    ],
    [
      'caps below the whole',
      'provider: 0.6',
      'provider: 0.49',
      '10:27 spec.diversification.maxShare.provider: 0.49 cannot be kept: 2 providers are allowed by providers and residency, so at least 0.5 is needed',
    ],
    [
      'concentration below equal shares',
      'maxConcentration: 0.5',
      'maxConcentration: 0.4',
      '11:23 spec.diversification.maxConcentration: 0.4 cannot be kept: 2 providers are allowed by providers and residency, and equal shares make 0.5',
    ],
    [
      'more kept than can be',
      'keepShare: 0.5',
      'keepShare: 0.6',
      '12:43 spec.diversification.survive.keepShare: 0.6 cannot be kept: 2 providers are allowed by providers and residency, so at most 0.5 outlives the loss of one',
    ],
    [
      'spot only, but capped',
      '[on-demand, spot]',
      '[spot]',
      '7:43 spec.markets.maxSpotShare: 0.6 cannot be kept: spot is the only market allowed',
    ],
    [
      'residency outside the providers',
      'aws, azure, gcp',
      'azure',
      '5:34 spec.residency.regions.allow: denies every region: no pattern names a region of an allowed provider (azure)',
    ],
    [
      'cycle in relax',
      'survive]',
      'maxShare.region]',
      '14:30 spec.diversification.relax[1]: maxShare.region is a cycle: it was given up already at position 1',
    ],
    [
      'relax while holding',
      'onInfeasible: relax',
      'onInfeasible: hold',
      '14:12 spec.diversification.relax: has no effect while onInfeasible is hold; set onInfeasible to relax or leave this out',
    ],
    [
      'nothing to relax',
      'relax: [maxShare.region, survive]',
      'relax: []',
      '14:12 spec.diversification.relax: onInfeasible is relax, but no rule is named to relax',
    ],
    [
      'two budgets',
      'action: refuse }',
      'action: refuse }, { team: research, usd: 1 }',
      '16:86 spec.cost.budgets[1].team: has a budget for this period already',
    ],
    [
      'adjustment never reached',
      'reason: agreement }',
      'reason: agreement }, { match: "aws:*:p5*", factor: 1, reason: x }',
      '17:90 spec.cost.priceAdjustments[1].match: is matched already above; this entry never applies',
    ],
    [
      'adjustment of a market that one of all markets leaves nothing',
      'reason: agreement }',
      'reason: agreement }, { match: "aws:*:p5*", market: reserved, factor: 1, reason: x }',
      '17:90 spec.cost.priceAdjustments[1].match: is matched already above; this entry never applies',
    ],
  ])('%s', (_title, written, instead, expected) => {
    expect(errorsWith(written, instead)).toEqual([`p.yaml:${expected}`]);
  });

  it('is not seen in shares that just fill the whole', () => {
    expect(errorsWith('provider: 0.6', 'provider: 0.5')).toEqual([]);
    const thirds =
      'apiVersion: gpu-broker/v1\nkind: Policy\nmetadata: { name: x }\nspec: { diversification: { minProviders: 3, maxConcentration: 0.3333333334, maxShare: { provider: 0.3333333334 } } }\n';
    expect(errorsOf(thirds)).toEqual([]);
  });

  it('between survival and a single provider is told', () => {
    const text = FULL.replace('aws, azure, gcp', 'gcp').replace('minProviders: 2', 'minProviders: 1');
    expect(errorsOf(text)).toContain(
      'p.yaml:12:43 spec.diversification.survive.keepShare: 0.5 cannot be kept: 1 provider is allowed by providers and residency, so nothing outlives its loss',
    );
  });
});
