import { expect, it, onTestFinished } from 'vitest';
import type { BrokerContext, BrokerSettings } from '../../src/broker/context.ts';
import { createPlanner, GivenUp } from '../../src/broker/planning/planner.ts';
import { lookForRebalance, type RebalancePlanner } from '../../src/broker/rebalancing.ts';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { rebalanceOffer } from '../../src/planning/rebalance.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { listEvents } from '../../src/store/events.ts';
import { raiseFleetRevision } from '../../src/store/fleet.ts';
import { insertLeases } from '../../src/store/leases.ts';
import { replaceRegionOffers } from '../../src/store/offers.ts';
import type { Store } from '../../src/store/open-store.ts';
import { replacePolicies } from '../../src/store/policies.ts';
import { listRebalances } from '../../src/store/rebalances.ts';
import { setWorkloadState, upsertWorkload } from '../../src/store/workloads.ts';
import { policyWith, usd } from '../planning/market-builders.ts';
import { describePostgres, describeStore, type Engine } from '../store/engines.ts';
import { leaseOf, NOW, offerOf, POOL, specOf } from '../store/samples.ts';

const SETTINGS: BrokerSettings = {
  ...{ owner: 'test', offersSeconds: 60, quotasSeconds: 60, concurrency: new Map(), reconcileSeconds: 5 },
  ...{ sweepSeconds: 60, interruptionsSeconds: 5, attemptTimeoutSeconds: 60, visibilitySeconds: 5 },
  ...{ orphanGraceSeconds: 60, removeOrphans: false, rebalanceSeconds: 600 },
};
const INTERVAL = 600_000;
const OTHER = { ...POOL, region: 'r2', zone: 'r2-a' };
/** Nobody gives it up. */
const WANTED = new AbortController().signal;

/** Plans in this thread and counts. */
class CountingPlanner implements RebalancePlanner {
  inputs: PlanInput[] = [];
  /** Runs while a rebalance is planned. */
  meanwhile: () => Promise<void> = async () => {};

  async rebalance(input: PlanInput) {
    this.inputs.push(input);
    await this.meanwhile();
    return rebalanceOffer(input);
  }
}

interface Fixture {
  readonly store: Store;
  readonly planner: CountingPlanner;
  now: number;
  look(): Promise<string>;
  /** What the other region asks; a change of the market. */
  setPrice(dollars: number): Promise<void>;
}

let ids = 0;

function nextId(): string {
  ids += 1;
  return `id-${String(ids).padStart(6, '0')}`;
}

function contextOf(store: Store, now: () => number, signal = WANTED): BrokerContext {
  const nothing = (): void => {};
  const provider: Partial<Provider> = { id: 'north' };
  return {
    ...{ store, random: () => 0.5, newToken: () => 'token', callbackUrl: () => null, settings: SETTINGS, signal },
    clock: { now, sleep: () => Promise.reject(new Error('nothing waits here')) },
    newId: nextId,
    providers: new Map([['north', provider as Provider]]),
    regions: new Map([['north', ['r1', 'r2']]]),
    logger: { info: nothing, warn: nothing, error: nothing },
    ...{ holder: 'test', wakePlacing: nothing, wakeLeases: nothing },
  };
}

/** Two ready machines of a placed workload in r1 for 30 $/h, and an offer in r2. */
async function fleet(engine: Engine, dollars: number, policies: readonly Policy[] = [policyWith()]): Promise<Fixture> {
  const store = await engine.open();
  const planner = new CountingPlanner();
  const fixture: Fixture = {
    ...{ store, planner, now: NOW },
    look: () =>
      lookForRebalance(
        contextOf(store, () => fixture.now),
        planner,
        WANTED,
      ),
    setPrice: async (price) => {
      const offer = offerOf(OTHER, { priceMicroUsdPerHour: usd(price), quotaClaims: [], interruptionsPerHour: 0 });
      await store.transaction((transaction) => replaceRegionOffers(transaction, 'north', 'r2', [offer]));
    },
  };
  await store.transaction(async (transaction) => {
    const sourced = policies.map((policy) => ({ policy, source: JSON.stringify(policy) }));
    await replacePolicies(transaction, sourced, NOW);
    await addWorkload(transaction, 'w1', 'research');
  });
  await fixture.setPrice(dollars);
  return fixture;
}

type Transaction = Parameters<Parameters<Store['transaction']>[0]>[0];

async function addWorkload(transaction: Transaction, id: string, team: string): Promise<void> {
  await upsertWorkload(transaction, { id, spec: specOf({ name: id, team }), at: NOW });
  await setWorkloadState(transaction, { id, state: 'placed', holdReasons: [], at: NOW });
  const leases = [0, 1].map((replica) => leaseOf(`${id}-l${replica}`, { workloadId: id, replicas: [replica] }));
  await insertLeases(transaction, leases);
  await transaction.updateTable('leases').set({ state: 'ready' }).where('workload_id', '=', id).execute();
}

async function states(store: Store): Promise<readonly string[]> {
  const { items } = await listRebalances(store.database, { state: null }, { cursor: null, limit: 100 });
  return items.map(({ state, rebalance }) => `${state} ${rebalance.after.costMicroUsdPerHour / 1e6}`);
}

async function told(store: Store): Promise<readonly string[]> {
  const { items } = await listEvents(store.database, { workloadId: null }, { cursor: null, limit: 100 });
  return items.map(({ type }) => type).filter((type) => type.startsWith('rebalance.'));
}

describeStore('a look for a rebalance', (engine) => {
  it('is made once an interval, and plans only after something has changed', async () => {
    const fixture = await fleet(engine, 20);
    expect(await fixture.look()).toBe('proposed');
    expect(await states(fixture.store)).toEqual(['proposed 40']);
    fixture.now += INTERVAL - 1;
    await fixture.setPrice(15);
    expect(await fixture.look()).toBe('waiting');
    fixture.now += 1;
    expect(await fixture.look()).toBe('proposed');
    expect(await states(fixture.store)).toEqual(['proposed 30', 'superseded 40']);
    fixture.now += INTERVAL;
    expect(await fixture.look()).toBe('unchanged');
    const { items } = await listRebalances(fixture.store.database, { state: 'proposed' }, { cursor: null, limit: 1 });
    expect(items[0]).toMatchObject({ confirmedAt: fixture.now, expiresAt: fixture.now + 4 * INTERVAL });
    expect(fixture.planner.inputs).toHaveLength(2);
    fixture.now += INTERVAL;
    await fixture.store.transaction(raiseFleetRevision);
    expect(await fixture.look()).toBe('confirmed');
    fixture.now += INTERVAL;
    await fixture.setPrice(40);
    expect(await fixture.look()).toBe('nothing-pays');
    expect(fixture.planner.inputs).toHaveLength(4);
    expect(await states(fixture.store)).toEqual(['superseded 30', 'superseded 40']);
    expect(await told(fixture.store)).toEqual(['rebalance.proposed', 'rebalance.proposed', 'rebalance.superseded']);
  });

  it('waits until everything is placed and ready; what is held does not hold it up', async () => {
    const { store, planner, ...fixture } = await fleet(engine, 20);
    const lease = (state: 'ready' | 'starting') =>
      store.database.updateTable('leases').set({ state }).where('id', '=', 'w1-l1').execute();
    const workload = (state: 'placed' | 'pending' | 'held') =>
      store.database.updateTable('workloads').set({ state }).where('id', '=', 'w1').execute();
    await lease('starting');
    expect(await fixture.look()).toBe('waiting');
    await lease('ready');
    await workload('pending');
    expect(await fixture.look()).toBe('waiting');
    await workload('placed');
    await store.database.updateTable('leases').set({ wanted: false }).where('id', '=', 'w1-l1').execute();
    expect(await fixture.look()).toBe('waiting');
    expect(planner.inputs).toHaveLength(0);
    await workload('held');
    expect(await fixture.look()).toBe('proposed');
  });

  it('expires what nothing has confirmed for four intervals', async () => {
    const fixture = await fleet(engine, 20);
    await fixture.look();
    await fixture.store.database.updateTable('workloads').set({ state: 'pending' }).execute();
    fixture.now += 4 * INTERVAL - 1;
    expect(await fixture.look()).toBe('waiting');
    expect(await states(fixture.store)).toEqual(['proposed 40']);
    fixture.now += 1;
    expect(await fixture.look()).toBe('waiting');
    expect(await states(fixture.store)).toEqual(['expired 40']);
    expect(await told(fixture.store)).toEqual(['rebalance.proposed', 'rebalance.expired']);
  });

  it('leaves the fleets of policies with mode off where they are', async () => {
    const off = policyWith({ name: 'off', teams: ['other'], rebalance: { ...policyWith().rebalance, mode: 'off' } });
    const fixture = await fleet(engine, 20, [policyWith({ teams: ['research'] }), off]);
    await fixture.store.transaction((transaction) => addWorkload(transaction, 'w2', 'other'));
    expect(await fixture.look()).toBe('proposed');
    const { items } = await listRebalances(fixture.store.database, { state: null }, { cursor: null, limit: 9 });
    expect(items[0]?.rebalance.moves.map(({ from }) => from[0]?.leaseId)).toEqual(['w1-l0', 'w1-l1']);
    expect(items[0]?.rebalance.now.costMicroUsdPerHour).toBe(usd(4 * 31));

    fixture.now += INTERVAL;
    const sourced = [{ policy: { ...off, teams: ['*'] }, source: 'off' }];
    await fixture.store.transaction((transaction) => replacePolicies(transaction, sourced, NOW));
    expect(await fixture.look()).toBe('nothing-pays');
    expect(fixture.planner.inputs).toHaveLength(1);
  });

  it('proposes nothing that does not pay, and ends what paid before', async () => {
    const rebalance = { ...policyWith().rebalance, minSavingsMicroUsdPerHour: usd(5) };
    const fixture = await fleet(engine, 20, [policyWith({ rebalance })]);
    expect(await fixture.look()).toBe('proposed');
    fixture.now += INTERVAL;
    await fixture.setPrice(26);
    expect(await fixture.look()).toBe('nothing-pays');
    const { items } = await listRebalances(fixture.store.database, { state: null }, { cursor: null, limit: 9 });
    expect(items).toMatchObject([
      { state: 'superseded', stateReason: expect.stringContaining('less than the 5.00 $/h') },
    ]);
  });

  it('tells nothing of a fleet that changed while it planned, and is due again at once', async () => {
    const fixture = await fleet(engine, 20);
    fixture.planner.meanwhile = () => fixture.store.transaction(raiseFleetRevision);
    expect(await fixture.look()).toBe('stale');
    expect(await states(fixture.store)).toEqual([]);
    fixture.planner.meanwhile = async () => {};
    expect(await fixture.look()).toBe('proposed');
  });

  it('is due again at once when it was given up, and after the interval when it failed', async () => {
    const fixture = await fleet(engine, 20);
    fixture.planner.meanwhile = () => Promise.reject(new GivenUp());
    expect(await fixture.look()).toBe('given-up');
    fixture.planner.meanwhile = () => Promise.reject(new Error('broken'));
    await expect(fixture.look()).rejects.toThrow('broken');
    fixture.planner.meanwhile = async () => {};
    expect(await fixture.look()).toBe('waiting');
    fixture.now += INTERVAL;
    expect(await fixture.look()).toBe('proposed');
  });
});

describeStore('a look in the planner’s thread', (engine) => {
  it('is given up when the fleet changes, and when somebody waits for the thread', async () => {
    const { store } = await fleet(engine, 20);
    const planner = createPlanner();
    onTestFinished(() => planner.close());
    const context = contextOf(store, () => NOW);
    const changed = new AbortController();
    changed.abort(new GivenUp());
    expect(await lookForRebalance(context, planner, changed.signal)).toBe('given-up');
    const asked = Promise.withResolvers<PlanInput>();
    const busy: RebalancePlanner = {
      rebalance: (input, signal, options) => {
        const looking = planner.rebalance(input, signal, options);
        asked.resolve(input);
        return looking;
      },
    };
    const look = lookForRebalance(context, busy, WANTED);
    const plan = planner.plan(await asked.promise);
    expect(await look).toBe('given-up');
    expect((await plan).keptLeaseIds).toEqual(['w1-l0', 'w1-l1']);
    expect(await lookForRebalance(context, planner, WANTED)).toBe('proposed');
  });
});

describePostgres('looks of two brokers', (engine) => {
  it('propose once', async () => {
    const { store } = await fleet(engine, 20);
    const contexts = [store, await engine.open(), await engine.open()].map((one) => contextOf(one, () => NOW));
    const planner = new CountingPlanner();
    const outcomes = await Promise.all(contexts.map((context) => lookForRebalance(context, planner, WANTED)));
    expect(outcomes.toSorted()).toEqual(['proposed', 'waiting', 'waiting']);
    expect(planner.inputs).toHaveLength(1);
    expect(await states(store)).toEqual(['proposed 40']);
    expect(await told(store)).toEqual(['rebalance.proposed']);
  });
});
