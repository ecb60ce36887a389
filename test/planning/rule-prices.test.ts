import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/domain/policy.ts';
import { relaxedOptimum } from '../../src/planning/optimise.ts';
import { problemOf } from '../../src/planning/problem.ts';
import { rulePrices } from '../../src/planning/rule-prices.ts';
import { rulesOf } from '../../src/planning/rules.ts';
import { caps, inputWith, offerAt, policyWith, workload } from './market-builders.ts';

const OFFERS = [
  offerAt('aws/r1/a/p5/on-demand', 10),
  offerAt('aws/r2/a/p5/spot', 6),
  offerAt('azure/r1/a/nd/on-demand', 13),
  offerAt('azure/r1/a/nd/spot', 9),
  offerAt('gcp/r1/a/a3/on-demand', 17),
];

function inputUnder(changes: Partial<Policy>) {
  return inputWith({ offers: OFFERS, workloads: [workload('w', { replicas: 40 })], policy: policyWith(changes) });
}

/** The relaxation's optimum under the policy, in micro-dollars an hour. */
async function relaxedCost(changes: Partial<Policy>): Promise<number> {
  const problem = problemOf(inputUnder(changes));
  const relaxed = await relaxedOptimum(problem, [rulesOf(policyWith(changes))], [1]);
  return relaxed?.bound ?? Number.NaN;
}

describe('the price of a limit', () => {
  const cases: readonly (readonly [
    name: string,
    rule: string,
    at: (limit: number) => Partial<Policy>,
    limit: number,
  ])[] = [
    [
      'a provider cap on accelerators',
      'maxShare.provider',
      (provider) => ({ measure: 'accelerators', maxShare: caps({ provider }) }),
      0.6,
    ],
    ['a provider cap on spend', 'maxShare.provider', (provider) => ({ maxShare: caps({ provider }) }), 0.45],
    ['a region cap', 'maxShare.region', (region) => ({ measure: 'accelerators', maxShare: caps({ region }) }), 0.4],
    ['the spot share', 'maxSpotShare', (maxSpotShare) => ({ measure: 'accelerators', maxSpotShare }), 0.3],
    ['a market cap', 'maxShare.market', (market) => ({ measure: 'accelerators', maxShare: caps({ market }) }), 0.6],
    ['the concentration', 'maxConcentration', (maxConcentration) => ({ maxConcentration }), 0.45],
    [
      'the concentration of effective cost',
      'maxConcentration',
      (maxConcentration) => ({ measure: 'effective-cost', maxConcentration }),
      0.4,
    ],
  ];
  for (const [name, rule, at, limit] of cases) {
    it(`is what finite differences of the relaxation say: ${name}`, async () => {
      const step = 1e-4;
      const slope = ((await relaxedCost(at(limit + step))) - (await relaxedCost(at(limit - step)))) / (2 * step);
      const prices = await rulePrices(inputUnder(at(limit)));
      const price = prices
        .filter((entry) => entry.rule === rule)
        .reduce((sum, { savedMicroUsdPerHourPerPoint: saved }) => sum + saved, 0);
      expect(price).toBeGreaterThan(10_000);
      expect(Math.abs(price / (-slope * 0.01) - 1)).toBeLessThan(0.01);
    });
  }

  it('is told for the subject at its limit alone, and not at all where the limit costs nothing', async () => {
    const prices = await rulePrices(
      inputUnder({ measure: 'accelerators', maxShare: caps({ provider: 0.5, region: 1 }) }),
    );
    expect(prices.map(({ rule, subject }) => [rule, subject])).toEqual([['maxShare.provider', 'aws']]);
    expect(await rulePrices(inputUnder({}))).toEqual([]);
  });
});
