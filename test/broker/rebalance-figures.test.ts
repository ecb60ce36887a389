import { describe, expect, it } from 'vitest';
import { rebalanceOf } from '../../src/broker/rebalance-figures.ts';
import { reasonText, rebalanceText } from '../../src/broker/rebalance-words.ts';
import type { PlanInput, PlannedMachine } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import type { Rebalance } from '../../src/domain/rebalance.ts';
import { rebalanceOffer } from '../../src/planning/rebalance.ts';
import { caps, inputWith, leaseAt, offerAt, policyWith, usd, workload } from '../planning/market-builders.ts';
import { randomInput } from '../planning/random-instances.ts';

const AWS = 'aws/r1/a/p5/on-demand';
const GCP = 'gcp/r1/a/a3/on-demand';
const HALF = [{ accelerator: 'H100-80GB-SXM', count: 4, perMachine: null, throughput: 1 }];

/** Machines at aws for 10 $/h, one a replica, and what else is offered. */
function running(dollars: number, replicas: number, policy: Partial<Policy> = {}): PlanInput {
  return inputWith({
    offers: [offerAt(AWS, 10), offerAt(GCP, dollars)],
    workloads: [workload('w', { name: 'train', replicas })],
    leases: Array.from({ length: replicas }, (_, replica) =>
      leaseAt(`l${replica}`, 'w', AWS, 10, { replicas: [replica] }),
    ),
    policy: policyWith(policy),
  });
}

async function rebalanceFrom(input: PlanInput): Promise<{ readonly rebalance: Rebalance; readonly reason: string }> {
  const offer = await rebalanceOffer(input);
  if (offer === null) throw new Error('nothing would move');
  return { rebalance: rebalanceOf(input, offer), reason: reasonText(offer, input.workloads) };
}

describe('the moves of a rebalance', () => {
  it('name leases and machines at adjusted prices, a gang as one', async () => {
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count: 16, perMachine: null, throughput: 1 }];
    const input = inputWith({
      ...{ offers: [offerAt(AWS, 10), offerAt(GCP, 9)], workloads: [workload('w', { accelerators })] },
      leases: [0, 1].map((part) => leaseAt(`l${part}`, 'w', AWS, 10, { part, partCount: 2 })),
      policy: policyWith({ priceAdjustments: [{ match: 'gcp:*', factor: 0.5, reason: 'agreement' }] }),
    });
    const { rebalance } = await rebalanceFrom(input);
    expect(rebalance.moves).toMatchObject([
      {
        ...{ workloadId: 'w', replicas: [0], costNowMicroUsdPerHour: usd(20), costAfterMicroUsdPerHour: usd(9) },
        from: [{ leaseId: 'l0', adjustedPriceMicroUsdPerHour: usd(10) }, { leaseId: 'l1' }],
        to: [
          { priceMicroUsdPerHour: usd(9), adjustedPriceMicroUsdPerHour: usd(4.5) },
          { part: 1, partCount: 2 },
        ],
        why: { cause: 'cheaper', detail: '11.00 $/h less' },
      },
    ]);
    expect(rebalance.moves).toHaveLength(1);
  });

  it('are one where replicas will share a machine', async () => {
    const input = { ...running(6, 2), workloads: [workload('w', { replicas: 2, accelerators: HALF })] };
    const { rebalance } = await rebalanceFrom(input);
    expect(rebalance.moves).toMatchObject([
      { replicas: [0, 1], from: [{ leaseId: 'l0' }, { leaseId: 'l1' }], to: [{ replicas: [0, 1] }] },
    ]);
    expect(rebalance.moves[0]).toMatchObject({ costNowMicroUsdPerHour: usd(20), costAfterMicroUsdPerHour: usd(6) });
  });

  it('are one along a chain of shared machines, before and after', async () => {
    const input = { ...running(6, 3), workloads: [workload('w', { replicas: 3, accelerators: HALF })] };
    const shared = [leaseAt('l0', 'w', AWS, 10, { replicas: [0, 1] }), leaseAt('l1', 'w', AWS, 10, { replicas: [2] })];
    const offer = await rebalanceOffer({ ...input, leases: shared });
    const [machine] = offer?.moving.machines ?? [];
    if (offer === null || machine === undefined) throw new Error('nothing would move');
    const machines = [[0], [1, 2]].map((replicas) => ({ ...machine, replicas }));
    const dealt = { ...offer, moving: { ...offer.moving, machines } };
    const { moves, added } = rebalanceOf({ ...input, leases: shared }, dealt);
    expect(added).toEqual([]);
    expect(moves.map(({ replicas, from, to }) => [replicas, from.length, to])).toEqual([[[0, 1, 2], 2, machines]]);
  });

  it('say which rule of the fleet they mend', async () => {
    const input = running(12, 4, { measure: 'accelerators', maxShare: caps({ provider: 0.5 }) });
    const { rebalance, reason } = await rebalanceFrom(input);
    const mended = 'maxShare.provider of aws (100 % → 50 %; limit 50 %)';
    expect(rebalance).toMatchObject({ cause: 'mends', paybackHours: null, savedMicroUsdPerHour: usd(-4) });
    expect(rebalance.moves.map(({ why }) => why)).toEqual(Array(2).fill({ cause: 'mends', detail: `keeps ${mended}` }));
    expect(reason).toBe(`It pays: it mends ${mended}`);
  });

  it('say which workload a mended rule is about, and count providers', async () => {
    const survive = [{ loss: 'provider', keepShare: 0.5 }] as const;
    const { reason } = await rebalanceFrom(
      running(12, 2, { survive, minProviders: 2, maxShare: caps({ provider: 0.6 }) }),
    );
    expect(reason).toContain('survive.provider of train (0 % → 50 %; limit 50 %)');
    expect(reason).toContain('minProviders (1 → 2; limit 2)');
  });

  it('say that a machine may be there no more', async () => {
    const { rebalance, reason } = await rebalanceFrom(running(12, 1, { allowedProviders: ['gcp'] }));
    expect(rebalance.moves[0]?.why.cause).toBe('not-allowed');
    expect(reason).toBe('It pays: machines leave places where the rules allow none any more');
  });

  it('make room for replicas without a place, which come with them', async () => {
    // Only aws may serve the second workload, and it has one machine, which the first could leave.
    const policy = policyWith({ maxShare: caps({ pool: 0.5 }), measure: 'accelerators' });
    const input = inputWith({
      offers: [offerAt(AWS, 10), offerAt(GCP, 12)],
      workloads: [workload('w', { name: 'train' }), workload('v', { name: 'web', providers: ['aws'] })],
      ...{ leases: [leaseAt('l0', 'w', AWS, 10)], policy },
    });
    const { rebalance, reason } = await rebalanceFrom(input);
    expect(rebalance).toMatchObject({
      ...{ cause: 'places', added: [{ workloadId: 'v', pool: { provider: 'aws' } }] },
      moves: [{ workloadId: 'w', why: { cause: 'makes-room', detail: 'makes room: 1 more replica placed' } }],
    });
    expect(reason).toBe('It pays: 1 replica without a place would get one');
  });

  it.each([2, 4, 12, 15])('add up, and name each lease and machine once: %i', async (seed) => {
    const input = randomInput(seed, { offers: 8, workloads: 3, replicas: 3, leases: true });
    const offer = await rebalanceOffer(input);
    if (offer === null) throw new Error('nothing would move');
    const { moves, added, now, after } = rebalanceOf(input, offer);
    const price = (machines: readonly PlannedMachine[]) =>
      machines.reduce((sum, { adjustedPriceMicroUsdPerHour }) => sum + adjustedPriceMicroUsdPerHour, 0);
    const change = moves.reduce((sum, move) => sum + move.costAfterMicroUsdPerHour - move.costNowMicroUsdPerHour, 0);
    const placedAnyway = price(offer.staying.machines);
    expect(change + price(added) - placedAnyway).toBe(after.costMicroUsdPerHour - now.costMicroUsdPerHour);
    const from = moves.flatMap((move) => move.from.map(({ leaseId }) => leaseId));
    expect(from.toSorted()).toEqual([...offer.moving.releasedLeaseIds]);
    const to = [...moves.flatMap((move) => move.to), ...added];
    expect(to).toHaveLength(offer.moving.machines.length);
    expect(new Set(to)).toEqual(new Set(offer.moving.machines));
  });
});

describe('the words', () => {
  it('tell why nothing would move, or why it does not pay, each threshold by itself', async () => {
    expect(reasonText(null, [])).toContain('Nothing would move');
    const rebalance = { ...policyWith().rebalance, minSavingsMicroUsdPerHour: usd(3), minSavingsShare: 0.2 };
    const shy = { ...rebalance, moveCostMicroUsd: usd(0.5), maxPaybackHours: 0.25 };
    expect((await rebalanceFrom(running(9, 1, { rebalance: shy }))).reason).toBe(
      'It does not pay: it saves 1.00 $/h, less than the 3.00 $/h of minSavings of policy default; ' +
        'it saves 10 % of the cost, less than the 20 % of minSavings of policy default; ' +
        'the moves are paid back in 0.5 h, later than the 0.25 h of maxPaybackHours of policy default',
    );
  });

  it('tell the routes, the first few, and the cost before and after', async () => {
    const rebalance = { ...policyWith().rebalance, moveCostMicroUsd: usd(6) };
    const found = (await rebalanceFrom(running(6, 2, { rebalance }))).rebalance;
    expect(rebalanceText(found, { w: 'train' })).toBe(
      `2 replicas of train from ${AWS} to ${GCP}; the fleet would cost 12.00 $/h instead of 20.00 $/h, paid back in 1.5 h`,
    );
    const [move] = found.moves;
    if (move === undefined) throw new Error('nothing moves');
    const many = ['a', 'b', 'c', 'd', 'e'].map((workloadId) => ({ ...move, workloadId }));
    expect(rebalanceText({ ...found, moves: many, paybackHours: null }, {})).toMatch(
      /^1 replica of a from .*, 1 replica of c from .*, and 2 more routes; the fleet would cost 12.00 \$\/h instead of 20.00 \$\/h$/,
    );
  });
});
