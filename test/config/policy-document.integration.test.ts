import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parsePolicy, policyDocument } from '../../src/config/policy.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { DIVERSIFICATION_RULES, SHARE_MEASURES } from '../../src/domain/policy.ts';

const share = fc.integer({ min: 34, max: 100 }).map((value) => value / 100);
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const money = fc.integer({ min: 1, max: 10 ** 12 });

/** Policies without contradictions: three providers, caps of a third or more. */
const policies: fc.Arbitrary<Policy> = fc
  .record({
    name: fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/),
    teams: fc.uniqueArray(fc.stringMatching(/^[a-z0-9*-]{1,12}$/), { minLength: 1, maxLength: 3 }),
    allowedRegions: nullable(fc.constantFrom(['aws:us-*', 'azure:*', 'gcp:us-east4'], ['*'])),
    allowedProviders: nullable(fc.constant(['gcp', 'aws', 'azure'])),
    allowedMarkets: fc.constantFrom(['on-demand', 'spot'] as const, ['reserved', 'on-demand'] as const),
    maxSpotShare: nullable(fc.integer({ min: 0, max: 100 }).map((value) => value / 100)),
    measure: fc.constantFrom(...SHARE_MEASURES),
    enforceAboveMicroUsdPerHour: fc.oneof(fc.constant(0), money),
    minProviders: fc.integer({ min: 1, max: 3 }),
    minProviderShare: fc.integer({ min: 0, max: 33 }).map((value) => value / 100),
    maxShare: fc.record({
      provider: nullable(share),
      region: nullable(share),
      zone: nullable(share),
      pool: nullable(share),
      market: nullable(fc.integer({ min: 50, max: 100 }).map((value) => value / 100)),
    }),
    maxConcentration: nullable(share),
    survive: fc.uniqueArray(
      fc.record({
        loss: fc.constantFrom('provider', 'region'),
        keepShare: fc.integer({ min: 0, max: 66 }).map((value) => value / 100),
      }),
      { maxLength: 2, selector: ({ loss }) => loss },
    ),
    relaxation: fc.uniqueArray(fc.constantFrom(...DIVERSIFICATION_RULES), { maxLength: 4 }),
    maxPremiumShare: nullable(fc.integer({ min: 0, max: 200 }).map((value) => value / 100)),
    maxPriceMicroUsdPerHour: nullable(money),
    egressMicroUsdPerGb: money,
    budgets: fc.uniqueArray(
      fc.record({
        team: fc.stringMatching(/^[a-z]{1,8}$/),
        period: fc.constant('month' as const),
        limitMicroUsd: money,
        action: fc.constantFrom('refuse', 'alert'),
      }),
      { maxLength: 3, selector: ({ team }) => team },
    ),
    priceAdjustments: fc.uniqueArray(
      fc.record({
        match: fc.stringMatching(/^(aws|azure|gcp):[a-z*]{1,5}:[A-Za-z0-9_.*-]{1,8}$/),
        market: fc.constantFrom(null, 'on-demand' as const, 'reserved' as const),
        factor: fc.integer({ min: 1, max: 200 }).map((value) => value / 100),
        reason: fc.string({ minLength: 1, maxLength: 30 }),
      }),
      { maxLength: 3, selector: ({ match }) => match },
    ),
    rebalance: fc.record({
      schedule: nullable(fc.constantFrom('0 */6 * * *', '15,45 8-18 * jan-mar mon', '* * 1 * 7')),
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
      mode: fc.constantFrom('propose', 'automatic', 'off'),
      moveCostMicroUsd: money,
      minSavingsMicroUsdPerHour: money,
      minSavingsShare: share,
      maxPaybackHours: fc.integer({ min: 0, max: 8760 }),
      cooldownMinutes: fc.integer({ min: 0, max: 10_000 }),
      maxConcurrentMoves: fc.integer({ min: 1, max: 100 }),
      maxShareOfWorkload: share,
    }),
  })
  .map(({ relaxation, ...policy }) => ({
    ...policy,
    onInfeasible: relaxation.length > 0 ? 'relax' : 'hold',
    relax: relaxation,
  }));

describe('policyDocument', () => {
  it('reads back as the same policy, whatever the policy', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const parsed = parsePolicy('p.yaml', stringify(policyDocument(policy)));
        expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([]);
        expect(parsed.ok && parsed.value).toEqual(policy);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
