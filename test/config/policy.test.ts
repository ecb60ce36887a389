import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/config/policy.ts';
import { errorsOf, FULL } from './full-policy.ts';

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
