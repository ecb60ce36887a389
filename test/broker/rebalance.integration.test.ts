import { afterEach, describe, expect, it } from 'vitest';
import type { OfferView } from '../../src/broker/service.ts';
import type { RebalanceRules } from '../../src/domain/policy.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { RESTART_LOSS_HOURS } from '../../src/planning/pricing.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

const H100 = [{ accelerator: 'H100-80GB-SXM', count: 8, perMachine: 8, throughput: 1 }];
const CALLER = new AbortController().signal;
const PAGE = { cursor: null, limit: 10 };
/** Long after the price of the rig's other cloud has been read. */
const LONG = 300;

let rig: BrokerRig;
afterEach(() => rig.close());

function policyWith(rebalance: Partial<RebalanceRules>) {
  const policy = permissivePolicy();
  return { ...policy, rebalance: { ...policy.rebalance, ...rebalance } };
}

async function start(rebalance: Partial<RebalanceRules> = {}): Promise<void> {
  rig = await startBrokerRig({
    policy: policyWith(rebalance),
    settings: { offersSeconds: 10, rebalanceSeconds: 20 },
  });
}

/** Two machines at aws, which is cheaper, until azure's price falls well below. */
async function placeThenCheapen(): Promise<void> {
  await rig.service.applyWorkload(aWorkload({ name: 'train', replicas: 2, accelerators: H100, markets: ['spot'] }));
  const { leases } = await rig.untilReady('train');
  expect(leases.map(({ pool }) => pool.provider)).toEqual(['aws', 'aws']);
  setAzurePrice(18);
}

function setAzurePrice(dollars: number): void {
  rig.clouds.control.setSpotPrice(
    { cloud: 'azure', region: null, zone: null, instanceType: null, accelerator: 'H100-80GB-SXM', market: 'spot' },
    dollars * 1_000_000,
  );
}

async function proposals() {
  return (await rig.service.listRebalances({ state: 'proposed' }, PAGE)).items;
}

async function all() {
  return (await rig.service.listRebalances({ state: null }, PAGE)).items;
}

/** The one place that all machines of the first proposal go to, as it is offered. */
async function offerAt(key: string): Promise<OfferView> {
  const filter = { provider: 'azure', region: null, accelerator: 'H100-80GB-SXM', market: 'spot' } as const;
  const { items } = await rig.service.listOffers(filter, { cursor: null, limit: 500 });
  const offer = items.find(({ pool }) => poolKey(pool) === key);
  if (offer === undefined) throw new Error(`no offer at ${key}`);
  return offer;
}

describe('a settled fleet', () => {
  it('is proposed a rebalance when another cloud becomes cheaper, with the right move and figures', async () => {
    await start();
    await placeThenCheapen();
    expect(await all()).toEqual([]);
    await rig.until('a rebalance is proposed', async () => (await proposals()).length === 1, LONG);
    const { leases, id: workloadId } = await rig.service.getWorkload('train');
    const [proposed] = await proposals();
    const { rebalance } = proposed ?? {};
    if (proposed === undefined || rebalance === undefined) throw new Error('nothing is proposed');
    expect(proposed).toMatchObject({
      state: 'proposed',
      stateReason: null,
      policies: [{ name: 'default', version: 1 }],
    });
    expect(rebalance.cause).toBe('saves');
    expect(rebalance.added).toEqual([]);
    expect(rebalance.moves.map(({ from }) => from.map(({ leaseId }) => leaseId))).toEqual(leases.map(({ id }) => [id]));
    const now = leases.reduce((sum, { priceMicroUsdPerHour }) => sum + priceMicroUsdPerHour, 0);
    const [first] = rebalance.moves;
    const to = first?.to[0]?.pool;
    if (to === undefined) throw new Error('no place to move to');
    expect(first).toMatchObject({
      ...{ workloadId, replicas: [0], costNowMicroUsdPerHour: now / 2, costAfterMicroUsdPerHour: 18_000_000 },
      why: { cause: 'cheaper', detail: `${(now / 2 - 18_000_000) / 1_000_000} $/h less` },
      from: [{ pool: { provider: 'aws' } }],
      to: [{ pool: { provider: 'azure', market: 'spot' }, priceMicroUsdPerHour: 18_000_000 }],
    });
    expect([rebalance.now.costMicroUsdPerHour, rebalance.after.costMicroUsdPerHour]).toEqual([now, 36_000_000]);
    expect([rebalance.now.shares.provider, rebalance.after.shares.provider]).toEqual([{ aws: 1 }, { azure: 1 }]);
    expect(rebalance.moveCostMicroUsd).toBe(2 * policyWith({}).rebalance.moveCostMicroUsd);
    // docs/policy.md: what an hour of work costs there, failures and interruptions expected.
    const { successProbability, interruptionsPerHour } = await offerAt(poolKey(to));
    const work = (36_000_000 / successProbability) * (1 + interruptionsPerHour * RESTART_LOSS_HOURS);
    expect(rebalance.savedMicroUsdPerHour / 1000).toBeCloseTo((now - work) / 1000, 0);
    expect(rebalance.paybackHours).toBeCloseTo(rebalance.moveCostMicroUsd / (now - work), 4);
    const [event, ...more] = await rig.events('rebalance.proposed');
    expect(more).toEqual([]);
    expect(event?.data).toMatchObject({
      ...{ rebalanceId: proposed.id, moves: 2, costNowMicroUsdPerHour: now, costAfterMicroUsdPerHour: 36_000_000 },
      ...{ savedMicroUsdPerHour: rebalance.savedMicroUsdPerHour, paybackHours: rebalance.paybackHours },
    });
    expect(event?.message).toContain('2 replicas of train from aws/');

    // Nothing has moved, and the same is not proposed twice.
    const { confirmedAt } = proposed;
    await rig.until('it is confirmed', async () => ((await proposals())[0]?.confirmedAt ?? 0) > confirmedAt, LONG);
    expect((await all()).map(({ id }) => id)).toEqual([proposed.id]);
    expect((await proposals())[0]?.rebalance.moves).toEqual(rebalance.moves);
    expect(rig.machines('azure')).toEqual([]);

    // Another price is another proposal, and none that pays ends it.
    setAzurePrice(16);
    await rig.until('the next is proposed', async () => (await all()).length === 2, LONG);
    const [second] = await proposals();
    expect(second?.rebalance.after.costMicroUsdPerHour).toBe(32_000_000);
    expect(await rig.service.getRebalance(proposed.id)).toMatchObject({
      ...{ state: 'superseded', stateReason: `Rebalance ${second?.id} took its place` },
    });
    await rig.keeper.accept([{ policy: policyWith({ mode: 'off' }), source: 'off' }]);
    await rig.until('nothing is proposed', async () => (await proposals()).length === 0, LONG);
    expect((await all())[0]).toMatchObject({
      state: 'superseded',
      stateReason: expect.stringContaining('mode is off'),
    });
    expect(await rig.events('rebalance.superseded')).toHaveLength(1);
  });

  it.each([
    // Below an hour the plan spreads the cost over a whole one; each move saves some 7.7 $/h.
    [
      'payback takes too long',
      { moveCostMicroUsd: 6_000_000, maxPaybackHours: 0.5 },
      'later than the 0.5 h of maxPaybackHours',
    ],
    [
      'the move costs more than it saves in time',
      { moveCostMicroUsd: 900_000_000, maxPaybackHours: 24 },
      'Nothing would move',
    ],
    ['the savings are too small', { minSavingsShare: 0.95 }, 'less than the 95 % of minSavings of policy default'],
    ['the policy’s mode is off', { mode: 'off' }, 'rebalance.mode is off in all of them'],
  ] as const)('is proposed nothing where %s, and a dry run says so', async (_, rebalance, words) => {
    await start(rebalance);
    await placeThenCheapen();
    const settledAt = rig.clock.now();
    const looked = () => rig.store.database.selectFrom('rebalance_looks').select('looked_at').executeTakeFirstOrThrow();
    const cheapSeen = async () => (await looked()).looked_at !== null;
    await rig.until('the broker looked', cheapSeen, LONG);
    await rig.until(
      'it looked again',
      async () => ((await looked()).looked_at?.getTime() ?? 0) > settledAt + 30_000,
      LONG,
    );
    expect(await all()).toEqual([]);
    expect(await rig.events('rebalance.proposed')).toEqual([]);
    const look = await rig.service.lookForRebalance(CALLER);
    expect(look).toMatchObject({ pays: false, isSettled: true });
    expect(look.reason).toContain(words);
  });
});
