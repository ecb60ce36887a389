import { describe, expect, it } from 'vitest';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parsePolicy } from '../../src/config/policy.ts';
import { DIVERSIFICATION_RULES } from '../../src/domain/policy.ts';

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
    relax: [maxShare.region, survive.provider]
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
        minProviderShare: 0,
        maxShare: { provider: 0.6, region: 0.5, zone: null, pool: null, market: null },
        maxConcentration: 0.5,
        survive: [{ loss: 'provider', keepShare: 0.5 }],
        onInfeasible: 'relax',
        relax: ['maxShare.region', 'survive.provider'],
        maxPremiumShare: null,
        maxPriceMicroUsdPerHour: null,
        egressMicroUsdPerGb: 90_000,
        budgets: [{ team: 'research', period: 'month', limitMicroUsd: 50_000_000_000, action: 'refuse' }],
        priceAdjustments: [{ match: 'aws:*:p5*', market: null, factor: 0.72, reason: 'agreement' }],
        rebalance: {
          schedule: '0 */6 * * *',
          timeZone: 'UTC',
          mode: 'propose',
          moveCostMicroUsd: 500_000,
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

  it('reads the loss of a provider and of a region, the counting share, and what data and moves cost', () => {
    const text = FULL.replace(
      '{ loss: provider, keepShare: 0.5 }',
      '[{ keepShare: 0.5 }, { loss: region, keepShare: 0.3 }]',
    )
      .replace('minProviders: 2', 'minProviders: 2\n    minProviderShare: 0.2')
      .replace('region: 0.5', 'market: 0.5')
      .replace('cost:', 'cost:\n    egressUsdPerGb: "0.085"')
      .replace('timeZone: UTC', 'moveCost: { usd: 2.5 }');
    expect(errorsOf(text)).toEqual([]);
    expect(parsePolicy('p.yaml', text)).toMatchObject({
      value: {
        survive: [
          { loss: 'provider', keepShare: 0.5 },
          { loss: 'region', keepShare: 0.3 },
        ],
        minProviderShare: 0.2,
        maxShare: { region: null, market: 0.5 },
        egressMicroUsdPerGb: 85_000,
        rebalance: { moveCostMicroUsd: 2_500_000 },
      },
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
      '10:17 spec.diversification.maxShare.provder: unknown key; allowed: provider, region, zone, pool, market; did you mean provider?',
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
      '10:15 spec.diversification.maxShare: 0.5 is a number; allowed: a mapping with provider, region, zone, pool, market',
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
      'survive.provider]',
      'survive.provder]',
      `14:30 spec.diversification.relax[1]: "survive.provder" is unknown; allowed: ${DIVERSIFICATION_RULES.join(', ')}; did you mean survive.provider?`,
    ],
    [
      'the old name of a rule to relax',
      'survive.provider]',
      'survive]',
      `14:30 spec.diversification.relax[1]: "survive" is unknown; allowed: ${DIVERSIFICATION_RULES.join(', ')}`,
    ],
    [
      'number for what survives',
      'survive: { loss: provider, keepShare: 0.5 }',
      'survive: 0.5',
      '12:14 spec.diversification.survive: 0.5 is a number; allowed: a mapping with loss, keepShare, or a list of at most two, one for each kind of loss',
    ],
    [
      'unknown loss',
      'loss: provider',
      'loss: zone',
      '12:22 spec.diversification.survive.loss: "zone" is unknown; allowed: provider, region',
    ],
    [
      'three losses',
      '{ loss: provider, keepShare: 0.5 }',
      '[{ keepShare: 0.1 }, { loss: region, keepShare: 0.1 }, { keepShare: 0.2 }]',
      '12:14 spec.diversification.survive: the list has 3 entries; allowed: a list of at most two, one for each kind of loss',
    ],
    [
      'nothing kept in a list',
      '{ loss: provider, keepShare: 0.5 }',
      '[{ loss: provider }]',
      '12:15 spec.diversification.survive[0].keepShare: missing; allowed: a share from 0 to 1',
    ],
    [
      'market cap of 0',
      'region: 0.5',
      'market: 0',
      '10:40 spec.diversification.maxShare.market: 0 is too small; allowed: a share above 0, up to 1',
    ],
    [
      'share to count from above 1',
      'minProviders: 2',
      'minProviders: 2\n    minProviderShare: 1.2',
      '10:23 spec.diversification.minProviderShare: 1.2 is too large; allowed: a share from 0 to 1',
    ],
    [
      'unknown measure',
      'minProviders: 2',
      'minProviders: 2\n    measure: accelerator-hour',
      '10:14 spec.diversification.measure: "accelerator-hour" is unknown; allowed: spend, accelerators, accelerator-hours, effective-cost; did you mean accelerator-hours?',
    ],
    [
      'free text for egress',
      'cost:',
      'cost:\n    egressUsdPerGb: dear',
      '16:21 spec.cost.egressUsdPerGb: "dear" does not have the right form; allowed: an amount in US dollars such as 12.50',
    ],
    [
      'negative cost of a move',
      'timeZone: UTC',
      'timeZone: UTC, moveCost: { usd: -1 }',
      '18:73 spec.rebalance.moveCost.usd: -1 is too small; allowed: an amount in US dollars such as 12.50',
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
      'nothing survives its own loss',
      '{ loss: provider, keepShare: 0.5 }',
      '{ loss: region, keepShare: 1 }',
      '12:41 spec.diversification.survive.keepShare: 1 cannot be kept: every replica is in some region, so less than 1 outlives its loss',
    ],
    [
      'more kept than can be, in a list',
      '{ loss: provider, keepShare: 0.5 }',
      '[{ loss: region, keepShare: 0.6 }, { keepShare: 0.6 }]',
      '12:62 spec.diversification.survive[1].keepShare: 0.6 cannot be kept: 2 providers are allowed by providers and residency, so at most 0.5 outlives the loss of one',
    ],
    [
      'one loss twice',
      '{ loss: provider, keepShare: 0.5 }',
      '[{ keepShare: 0.5 }, { loss: provider, keepShare: 0.4 }]',
      '12:43 spec.diversification.survive[1].loss: stands in this list already; one entry for each kind of loss',
    ],
    [
      'a share to count from that not all can hold',
      'minProviders: 2',
      'minProviders: 2\n    minProviderShare: 0.51',
      '10:23 spec.diversification.minProviderShare: 0.51 cannot be kept: 2 providers can hold at most 0.5 each',
    ],
    [
      'a share to count from above the cap',
      'minProviders: 2',
      'minProviderShare: 0.7',
      '9:23 spec.diversification.minProviderShare: 0.7 cannot be kept: maxShare.provider allows none more than 0.6',
    ],
    [
      'market caps below the whole',
      'region: 0.5',
      'market: 0.4',
      '10:40 spec.diversification.maxShare.market: 0.4 cannot be kept: 2 markets are allowed by markets, so at least 0.5 is needed',
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
      'survive.provider]',
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
      'relax: [maxShare.region, survive.provider]',
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
