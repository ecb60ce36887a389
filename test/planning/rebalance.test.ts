import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { rebalanceOffer } from '../../src/planning/rebalance.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';

const AWS = 'aws/r1/a/p5/on-demand';
const GCP = 'gcp/r1/a/a3/on-demand';

function rules(changes: Partial<Policy['rebalance']>): Policy['rebalance'] {
  return { ...policyWith().rebalance, moveCostMicroUsd: usd(2), ...changes };
}

/** Two machines that run at aws for 10 $/h each, and offers of gcp. */
function fleet(dollars: number, rebalance: Partial<Policy['rebalance']>, policy: Partial<Policy> = {}): PlanInput {
  return inputWith({
    offers: [offerAt(AWS, 10), offerAt(GCP, dollars)],
    workloads: [workload('w', { replicas: 2 })],
    leases: [0, 1].map((replica) => leaseAt(`l${replica}`, 'w', AWS, 10, { replicas: [replica] })),
    policy: policyWith({ rebalance: rules(rebalance), ...policy }),
  });
}

describe('a rebalance', () => {
  it('tells what moves, what it saves, what it costs once, and when that is paid back', async () => {
    const offer = await rebalanceOffer(fleet(6, {}));
    expect(offer).toMatchObject({
      ...{ because: 'saves', pays: true, shortfalls: [], savedMicroUsdPerHour: usd(8), moveCostMicroUsd: usd(4) },
      ...{ paybackHours: 0.5, staying: { costMicroUsdPerHour: usd(20) }, moving: { costMicroUsdPerHour: usd(12) } },
    });
    expect(offer?.moves.map(({ leaseIds }) => leaseIds)).toEqual([['l0'], ['l1']]);
  });

  it('is none where nothing saves more than its move costs within the payback time', async () => {
    // 2 $ in 24 hours: 0.0833 $/h each.
    expect(await rebalanceOffer(fleet(9.93, {}))).toBeNull();
    expect(await rebalanceOffer(fleet(9.9, {}))).toMatchObject({ pays: true });
  });

  it.each([
    [
      'dollars',
      { minSavingsMicroUsdPerHour: usd(2.5) },
      { rule: 'minSavings.usdPerHour', value: usd(2), limit: usd(2.5) },
    ],
    ['a share', { minSavingsShare: 0.11 }, { rule: 'minSavings.share', value: 0.1, limit: 0.11 }],
    // Below an hour the plan spreads the cost over a whole one.
    ['time', { maxPaybackHours: 0.5, moveCostMicroUsd: usd(0.9) }, { rule: 'maxPaybackHours', value: 0.9, limit: 0.5 }],
  ] as const)('does not pay below the policy’s threshold in %s', async (_, rebalance, shortfall) => {
    const offer = await rebalanceOffer(fleet(9, rebalance));
    expect(offer).toMatchObject({ pays: false, because: 'saves', shortfalls: [{ policy: 'default', ...shortfall }] });
    expect(offer?.shortfalls).toHaveLength(1);
  });

  it.each([
    ['minProviders', { minProviders: 2 }],
    ['survive', { survive: [{ loss: 'provider', keepShare: 0.5 }] }],
  ] as const)('mends %s, whatever that costs', async (_, policy) => {
    const offer = await rebalanceOffer(fleet(15, {}, policy));
    expect(offer).toMatchObject({ because: 'mends', pays: true, savedMicroUsdPerHour: usd(-5) });
    expect(offer?.moves).toHaveLength(1);
    // Nowhere else to go.
    const { offers, ...rest } = fleet(15, {}, policy);
    expect(await rebalanceOffer({ ...rest, offers: offers.slice(0, 1) })).toBeNull();
  });

  it('pays whatever it saves where it mends a rule', async () => {
    const never = { minSavingsMicroUsdPerHour: usd(1000), maxPaybackHours: 0 };
    const policy = { maxShare: caps({ provider: 0.5 }), measure: 'accelerators' } as const;
    const offer = await rebalanceOffer(fleet(15, never, policy));
    expect(offer).toMatchObject({ because: 'mends', pays: true, shortfalls: [], savedMicroUsdPerHour: usd(-5) });
    expect(offer).toMatchObject({ paybackHours: null, moves: [{ replicas: [1] }] });
  });
});
