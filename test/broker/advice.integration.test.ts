import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askForAdvice, finalistsOf } from '../../src/broker/advice.ts';
import type { BrokerContext } from '../../src/broker/context.ts';
import { planOffers } from '../../src/broker/plan-offers.ts';
import type { PlanInput } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { type AdviceQuery, type CapacityAdvice, type Provider, ProviderError } from '../../src/providers/provider.ts';
import { openStore, type Store } from '../../src/store/open-store.ts';
import { insertPlan } from '../../src/store/plans.ts';
import { inputWith, NOW, offerAt, policyWith, workload } from '../planning/market-builders.ts';

const MINUTE = 60_000;
const FAILURE = {
  ...{ kind: 'unavailable' as const, provider: 'two', operation: 'adviseCapacity' },
  ...{ code: 'Busy', message: 'come back' },
};

const input: PlanInput = inputWith({
  policy: policyWith({ allowedProviders: ['one', 'two'] }),
  offers: [
    ...Array.from({ length: 10 }, (_, index) => offerAt(`one/r${index}/a/p5/spot`, 10 + index)),
    offerAt('two/r1/a/nd/spot', 12, { interruptionsPerHour: 0.05 }),
    offerAt('three/r1/a/nd/spot', 1),
  ],
  workloads: [
    workload('small'),
    workload('gang', { accelerators: [{ accelerator: 'H100-80GB-SXM', count: 32, perMachine: null, throughput: 1 }] }),
  ],
});

let store: Store;
beforeEach(async () => {
  store = await openStore({ kind: 'memory' });
  const plan = await planFleet(input);
  const names = { plannerVersion: 'test', seed: 0, policyName: 'default', policyVersion: 1, workloadNames: {} };
  await store.transaction((transaction) =>
    insertPlan(transaction, { id: 'p1', at: NOW, trigger: 'admission', elapsedMs: 1, input, plan, ...names }),
  );
});
afterEach(() => store.close());

type Adviser = (query: AdviceQuery) => Promise<readonly CapacityAdvice[]>;

/** A broker of which only what the advice needs exists. */
function brokerWith(advisers: Readonly<Record<string, Adviser | undefined>>) {
  const clock = createManualClock(NOW);
  const asked: AdviceQuery[] = [];
  const providers = new Map(
    Object.entries(advisers).map(([id, adviser]) => {
      const adviseCapacity = async (query: AdviceQuery) => {
        asked.push(query);
        return (await adviser?.(query)) ?? [];
      };
      return [id, { id, ...(adviser === undefined ? {} : { adviseCapacity }) } as unknown as Provider];
    }),
  );
  const context = {
    ...{ store, clock, providers, random: () => 0.5, signal: new AbortController().signal },
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  } as unknown as BrokerContext;
  return { clock, asked, context };
}

const score = (query: AdviceQuery): Promise<CapacityAdvice[]> =>
  Promise.resolve(
    query.pools.map(({ pool }) => ({
      ...{ pool, obtainability: 0.1, interruptionsPerHour: 0.3, words: 'placement score 1 of 10', observedAt: NOW },
    })),
  );

describe('advice on capacity', () => {
  it('is asked for where workloads are or may go next, cheapest first, never where a rule forbids', async () => {
    const finalists = finalistsOf(input, await planFleet(input));
    const keys = finalists.map(({ pool }) => poolKey(pool));
    expect(keys).toEqual([
      ...['one/r0/a/p5/spot', 'one/r1/a/p5/spot', 'one/r2/a/p5/spot'],
      ...['two/r1/a/nd/spot', 'one/r3/a/p5/spot', 'one/r4/a/p5/spot'],
    ]);
    expect(new Set(finalists.map(({ count }) => count)), 'as many as the largest replica takes').toEqual(new Set([4]));
  });

  it('is one call a cloud, repeated per pool after half an hour at the earliest, failures included', async () => {
    const failing = () => Promise.reject(new ProviderError(FAILURE));
    const { clock, asked, context } = brokerWith({ one: score, two: failing, silent: undefined });
    expect(await askForAdvice(context)).toBe(6);
    expect(asked.map(({ pools }) => pools.length)).toEqual([5, 1]);
    await clock.advance(29 * MINUTE);
    expect(await askForAdvice(context)).toBe(0);
    await clock.advance(MINUTE);
    expect(await askForAdvice(context)).toBe(6);
  });

  it('weighs in the chance of success and replaces the assumed interruptions, less as it ages, then not at all', async () => {
    const { context } = brokerWith({ one: score, two: score });
    await askForAdvice(context);
    const at = async (ms: number) => {
      const offers = await planOffers(store.database, input.offers, NOW + ms);
      return offers.find(({ pool }) => pool.provider === 'two');
    };
    expect(await at(0)).toMatchObject({ successProbability: (9 + 1) / 20, interruptionsPerHour: 0.3 });
    expect((await at(60 * MINUTE))?.successProbability).toBeCloseTo((9 + 0.5) / 15, 9);
    expect(await at(360 * MINUTE)).toMatchObject({ successProbability: 0.9, interruptionsPerHour: 0.05 });
    const [unasked] = (await planOffers(store.database, input.offers, NOW)).filter(
      ({ pool }) => pool.provider === 'three',
    );
    expect(unasked?.successProbability).toBe(0.9);
  });
});
