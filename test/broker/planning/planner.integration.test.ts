import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Planner } from '../../../src/broker/planning/planner.ts';
import { createPlanner, GivenUp } from '../../../src/broker/planning/planner.ts';
import type { PlanInput } from '../../../src/domain/plan.ts';
import { planFleet } from '../../../src/planning/plan-fleet.ts';
import { explainPolicy } from '../../../src/planning/policy-explanation.ts';
import { premiumCurve } from '../../../src/planning/premium-curve.ts';
import { rebalanceOffer } from '../../../src/planning/rebalance.ts';
import { inputWith, leaseAt, offerAt, policyWith, workload } from '../../planning/market-builders.ts';
import { diceFrom, randomInput } from '../../planning/random-instances.ts';

/** Few large gangs under a limit on the concentration: the first good answer is not proved yet. */
function lumpy(): PlanInput {
  const dice = diceFrom(9);
  const offers = ['aws', 'azure', 'gcp'].flatMap((provider, place) =>
    [1, 2, 3, 4, 5].map((region) =>
      offerAt(`${provider}/r${region}/a/t${region}/on-demand`, 7 + place * 3 + dice.count(0, 500) / 100),
    ),
  );
  const workloads = Array.from({ length: 12 }, (_, index) => {
    const replicas = dice.count(1, 3);
    const count = 8 * dice.count(1, 6);
    const throughput = 1 + dice.count(0, 50) / 100;
    const accelerators = [{ accelerator: 'H100-80GB-SXM', count, perMachine: null, throughput }];
    return workload(`w${index}`, { replicas, accelerators });
  });
  const policy = policyWith({ maxConcentration: 0.36, measure: 'effective-cost' });
  return inputWith({ offers, workloads, policy });
}

/** A machine that runs for 10 $/h, and an offer elsewhere. */
function running(dollars: number): PlanInput {
  const leases = [leaseAt('l', 'w', 'aws/r1/a/p5/on-demand', 10)];
  return inputWith({ workloads: [workload('w')], leases, offers: [offerAt('gcp/r1/a/a3/on-demand', dollars)] });
}

describe('the planner in its thread', () => {
  let planner: Planner;
  beforeEach(() => {
    planner = createPlanner();
  });
  afterEach(() => planner.close());

  it('answers as the planner itself does, each caller its own plan', async () => {
    const inputs = [1, 2, 3, 4].map((seed) =>
      randomInput(seed, { offers: 12, workloads: 4, replicas: 3, leases: true }),
    );
    const plans = await Promise.all(inputs.map((input) => planner.plan(input)));
    expect(plans).toEqual(await Promise.all(inputs.map((input) => planFleet(input))));
  });

  it('gives the first good answer with its bound where the deadline comes before the proof, and goes on in a new thread', async () => {
    const input = lumpy();
    const quick = await planFleet(input, { effort: 'quick' });
    const full = await planFleet(input);
    expect([quick.effort, quick.status, full.effort, full.status]).toEqual(['quick', 'feasible', 'full', 'optimal']);
    expect(quick.effectiveCostMicroUsdPerHour).toBeGreaterThanOrEqual(full.effectiveBoundMicroUsdPerHour);
    expect(await planner.plan(input, undefined, { deadlineMs: 0 })).toEqual(quick);
    expect(await planner.plan(input, undefined, { deadlineMs: 600_000 })).toEqual(full);
    expect(await planner.plan(input, undefined, { effort: 'quick' })).toEqual(quick);
  });

  it('answers analyses between plans as the planner itself does', async () => {
    const input = randomInput(5, { offers: 12, workloads: 4, replicas: 3, leases: true });
    const question = { policy: 'default', rule: 'maxShare.provider', limits: [0.4, 0.7] } as const;
    const [plan, explanation, curve] = await Promise.all([
      planner.plan(input),
      planner.explainPolicy(input, {}),
      planner.premiumCurve(input, question, { keepLeases: true }),
    ]);
    expect(plan).toEqual(await planFleet(input));
    expect(explanation).toEqual(await explainPolicy(input));
    expect(curve).toEqual(await premiumCurve(input, question, { keepLeases: true }));
    const unknown = planner.explainPolicy(input, { policies: ['other'] });
    await expect(unknown).rejects.toThrow('no policy is named "other"');
  });

  it('gives up an analysis as it does a plan', async () => {
    const input = inputWith({ workloads: [workload('w')], offers: [offerAt('aws/r1/a/p5/on-demand', 10)] });
    const running = new AbortController();
    const curve = planner.premiumCurve(
      input,
      { policy: 'default', rule: 'maxShare.provider', limits: null },
      {},
      running.signal,
    );
    const plan = planner.plan(input);
    const reason = new Error('no longer wanted');
    running.abort(reason);
    await expect(curve).rejects.toBe(reason);
    expect((await plan).machines).toHaveLength(1);
  });

  it('gives up the moment it is asked to, and plans on in a new thread', async () => {
    const input = inputWith({ workloads: [workload('w')], offers: [offerAt('aws/r1/a/p5/on-demand', 10)] });
    const running = new AbortController();
    const waiting = new AbortController();
    const first = planner.plan(input, running.signal);
    const second = planner.plan(input, waiting.signal);
    const third = planner.plan(input);
    const reasons = [new Error('no longer wanted'), new Error('deadline')];
    waiting.abort(reasons[1]);
    running.abort(reasons[0]);
    await expect(first).rejects.toBe(reasons[0]);
    await expect(second).rejects.toBe(reasons[1]);
    expect((await third).machines).toHaveLength(1);
    await expect(planner.plan(input, AbortSignal.abort(reasons[0]))).rejects.toBe(reasons[0]);
  });

  it('looks for a rebalance as the planner itself does', async () => {
    const input = running(4);
    const offer = await planner.rebalance(input);
    expect(offer).toEqual(await rebalanceOffer(input));
    expect(offer?.moves).toMatchObject([{ workloadId: 'w', leaseIds: ['l'] }]);
    expect(await planner.rebalance(running(12))).toBeNull();
  });

  it('gives background work up for what somebody waits for, and lets it wait behind that', async () => {
    const order: string[] = [];
    const note = async <Answer>(name: string, asked: Promise<Answer>): Promise<Answer> => {
      const answer = await asked;
      order.push(name);
      return answer;
    };
    const background = { isBackground: true };
    const first = planner.rebalance(running(4), undefined, background);
    const waiting = note('background', planner.rebalance(running(4), undefined, background));
    const plans = [1, 2].map((name) => note(`plan ${name}`, planner.plan(running(4))));
    await expect(first).rejects.toBeInstanceOf(GivenUp);
    expect((await Promise.all(plans)).map(({ keptLeaseIds }) => keptLeaseIds)).toEqual([['l'], ['l']]);
    expect((await waiting)?.pays).toBe(true);
    expect(order).toEqual(['plan 1', 'plan 2', 'background']);
  });

  it('gives up no rebalance that somebody waits for', async () => {
    const [offer, plan] = await Promise.all([planner.rebalance(running(4)), planner.plan(running(4))]);
    expect(offer?.moves).toHaveLength(1);
    expect(plan.keptLeaseIds).toEqual(['l']);
  });

  it('tells a failure to its caller alone', async () => {
    const good = inputWith({ workloads: [workload('w')], offers: [offerAt('aws/r1/a/p5/on-demand', 10)] });
    const priceAdjustments = [{ match: '*', factor: Number.MAX_VALUE, reason: 'nonsense' }];
    const failing = planner.plan({ ...good, policies: [policyWith({ priceAdjustments })] });
    const working = planner.plan(good);
    await expect(failing).rejects.toThrow('planning failed: a scaled amount must be a whole number');
    expect((await working).machines).toHaveLength(1);
  });

  it('rejects what is left when it is closed', async () => {
    const input = inputWith({ workloads: [workload('w')] });
    const plans = [planner.plan(input), planner.plan(input)];
    const settled = Promise.allSettled(plans);
    await planner.close();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(planner.plan(input)).rejects.toThrow('the planner is closed');
  });
});
