import { describe, expect, it } from 'vitest';
import { DIVERSIFICATION_RULES } from '../../src/domain/policy.ts';
import { errorsOf, errorsWith, FULL } from './full-policy.ts';

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
