import { describe, expect, it } from 'vitest';
import { errorsOf, errorsWith, FULL } from './full-policy.ts';

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
