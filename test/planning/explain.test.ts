import { describe, expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { explainWorkload } from '../../src/planning/explain.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { caps, inputWith, leaseAt, NOW, offerAt, policyWith, poolAt, usd, workload } from './market-builders.ts';

async function told(input: PlanInput, id = 'w'): Promise<readonly (readonly [string, string, string])[]> {
  const { alternatives } = explainWorkload(input, await planFleet(input), id);
  return alternatives.map(({ pool, verdict, detail }) => [poolKey(pool), verdict, detail]);
}

describe('an explanation', () => {
  it('gives every offer its verdict, cheapest first', async () => {
    const input = inputWith({
      workloads: [workload('w', { regions: ['*:r1'], maxPriceMicroUsdPerHour: usd(40) })],
      policy: policyWith({ allowedMarkets: ['on-demand'], allowedProviders: ['aws', 'azure'] }),
      offers: [
        offerAt('aws/r1/a/p5/on-demand', 10),
        offerAt('aws/r1/b/p5/on-demand', 10),
        offerAt('azure/r1/*/nd/on-demand', 12.5),
        offerAt('azure/r1/*/nd/spot', 2),
        offerAt('gcp/r1/a/a3/on-demand', 1),
        offerAt('aws/r2/a/p5/on-demand', 3),
        offerAt('aws/r1/a/p5arm/on-demand', 4, { architecture: 'arm64' }),
        offerAt('aws/r1/a/p5x/on-demand', 5, { availability: 'restricted' }),
        offerAt('aws/r1/c/p5/on-demand', 6),
        offerAt('aws/r1/a/p5y/on-demand', 50),
        offerAt('aws/r1/a/p5z/on-demand', 7, { acceleratorCount: 3 }),
        offerAt('aws/r1/a/g6/on-demand', 1, { accelerator: 'L4' }),
      ],
      soldOut: [
        {
          scope: { ...poolAt('aws/r1/c/p5/on-demand'), quota: null },
          until: NOW + 60_000,
          reason: 'no capacity',
          strikes: 1,
        },
      ],
    });
    expect(await told(input)).toEqual([
      ['gcp/r1/a/a3/on-demand', 'provider-not-allowed', 'the policy does not allow gcp'],
      ['azure/r1/*/nd/spot', 'market-not-allowed', 'the policy does not allow spot'],
      ['aws/r2/a/p5/on-demand', 'outside-residency', "aws:r2 is outside the workload's regions"],
      ['aws/r1/a/p5arm/on-demand', 'wrong-architecture', 'the machine is arm64, the workload x86_64'],
      ['aws/r1/a/p5x/on-demand', 'restricted', 'the cloud does not sell it to this account'],
      ['aws/r1/c/p5/on-demand', 'sold-out', 'sold out until 2026-11-03T12:01:00Z: no capacity'],
      ['aws/r1/a/p5/on-demand', 'chosen', 'takes 1 replica'],
      ['aws/r1/b/p5/on-demand', 'dearer', 'costs the same; the first in the stated order is taken'],
      ['azure/r1/*/nd/on-demand', 'dearer', 'dearer by 2.50 $/h a replica'],
      ['aws/r1/a/p5y/on-demand', 'over-price-limit', "a replica costs 50.00 $/h, the workload's limit is 40.00 $/h"],
      ['aws/r1/a/p5z/on-demand', 'does-not-fit', '8 accelerators are not a whole number of machines with 3'],
    ]);
    const { otherAcceleratorCount } = explainWorkload(input, await planFleet(input), 'w');
    expect(otherAcceleratorCount).toBe(1);
  });

  it('names the cap that a cheaper place would break', async () => {
    const input = inputWith({
      workloads: [workload('w', { replicas: 2 })],
      policy: policyWith({ maxShare: caps({ provider: 0.5 }), measure: 'accelerators' }),
      offers: [
        offerAt('aws/r1/a/p5/on-demand', 10),
        offerAt('aws/r1/b/p5/on-demand', 11),
        offerAt('gcp/r1/a/a3/on-demand', 15),
      ],
    });
    expect(await told(input)).toEqual([
      ['aws/r1/a/p5/on-demand', 'chosen', 'takes 1 replica'],
      [
        'aws/r1/b/p5/on-demand',
        'over-cap',
        'maxShare.provider: aws would hold 100 % of accelerators, at most 50 % is allowed',
      ],
      ['gcp/r1/a/a3/on-demand', 'chosen', 'takes 1 replica'],
    ]);
  });

  it('names survive and used-up quotas', async () => {
    const quotaClaims = [{ quota: 'P', scope: 'region', units: 1 } as const];
    const quotas = [{ provider: 'gcp', region: 'r1', name: 'P', unit: 'machines', limit: 1, usage: 0 } as const];
    const input = inputWith({
      workloads: [workload('w', { replicas: 4 })],
      policy: policyWith({ survive: [{ loss: 'provider', keepShare: 0.5 }] }),
      offers: [
        offerAt('aws/r1/a/p5/on-demand', 10),
        offerAt('aws/r1/b/p5/on-demand', 11),
        offerAt('gcp/r1/a/a3/on-demand', 12, { quotaClaims }),
        offerAt('gcp/r1/b/a3/on-demand', 13, { quotaClaims }),
        offerAt('azure/r1/*/nd/on-demand', 15),
      ],
      quotas,
    });
    expect(await told(input)).toEqual([
      ['aws/r1/a/p5/on-demand', 'chosen', 'takes 2 replicas'],
      [
        'aws/r1/b/p5/on-demand',
        'over-cap',
        'survive.provider: aws would hold 3 of 4 replicas, at most 2 may be lost with one provider',
      ],
      ['gcp/r1/a/a3/on-demand', 'chosen', 'takes 1 replica'],
      ['gcp/r1/b/a3/on-demand', 'no-headroom', 'quota gcp/r1/P: this plan leaves 0, a replica takes 1'],
      ['azure/r1/*/nd/on-demand', 'chosen', 'takes 1 replica'],
    ]);
  });

  it('tells that what runs is not moved', async () => {
    const input = inputWith({
      workloads: [workload('w')],
      leases: [leaseAt('l', 'w', 'aws/r1/a/p5/on-demand', 10)],
      offers: [offerAt('aws/r1/a/p5/on-demand', 10), offerAt('gcp/r1/a/a3/on-demand', 4)],
    });
    expect(await told(input)).toEqual([
      [
        'gcp/r1/a/a3/on-demand',
        'dearer',
        'cheaper by 6.00 $/h a replica than what runs; running leases are moved by a rebalance only',
      ],
      ['aws/r1/a/p5/on-demand', 'chosen', 'runs here already'],
    ]);
  });

  it('tells a better price apart from a better chance', async () => {
    const input = inputWith({
      workloads: [workload('w')],
      offers: [offerAt('aws/r1/a/p5/on-demand', 10, { successProbability: 0.5 }), offerAt('gcp/r1/a/a3/on-demand', 15)],
    });
    expect((await told(input))[0]?.[2]).toBe(
      'dearer by 5.00 $/h a replica once chance of success, interruptions and egress are counted',
    );
  });

  it('carries the reasons of a hold, and knows its workload', async () => {
    const input = inputWith({
      workloads: [workload('w')],
      offers: [offerAt('aws/r1/a/p5/on-demand', 10)],
      policy: policyWith({ minProviders: 2 }),
    });
    const plan = await planFleet(input);
    const { held, alternatives } = explainWorkload(input, plan, 'w');
    expect(held).toEqual(plan.held[0]?.reasons);
    expect(alternatives.map(({ verdict, detail }) => [verdict, detail])).toEqual([
      ['over-cap', 'minProviders: the fleet would stand at 1 provider, 2 are required'],
    ]);
    expect(() => explainWorkload(input, plan, 'x')).toThrow(RangeError);
  });
});
