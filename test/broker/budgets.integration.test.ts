import { afterEach, expect, it } from 'vitest';
import { readTeamBudgets, watchBudgets } from '../../src/broker/budgets.ts';
import type { BrokerContext } from '../../src/broker/context.ts';
import type { LeaseState } from '../../src/domain/lease.ts';
import type { Budget } from '../../src/domain/policy.ts';
import { listEvents } from '../../src/store/events.ts';
import type { AttemptState } from '../../src/store/fleet-tables.ts';
import { insertLeases } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/open-store.ts';
import { replacePolicies } from '../../src/store/policies.ts';
import { listTeamUse } from '../../src/store/team-use.ts';
import { upsertWorkload } from '../../src/store/workloads.ts';
import { describeStore } from '../store/engines.ts';
import { leaseOf, POOL, policyOf, specOf } from '../store/samples.ts';
import { type BrokerRig, permissivePolicy, startBrokerRig } from '../support/broker-rig.ts';

const HOUR = 3_600_000;
const USD = 1_000_000;
const AT = Date.parse('2026-11-21T00:00:00Z');
const START = Date.parse('2026-11-01T00:00:00Z');

interface Life {
  readonly workload?: string;
  readonly state?: LeaseState;
  readonly goneAt?: number;
  readonly wanted?: boolean;
  /** The launches of the lease: state, and when each was sent. */
  readonly attempts?: readonly (readonly [AttemptState, number | null])[];
}

/** Workload `w1` of research and `w2` of serving, and these leases at 2 $/h. */
async function seed(store: Store, lives: Readonly<Record<string, Life>>): Promise<void> {
  await store.transaction(async (transaction) => {
    await upsertWorkload(transaction, { id: 'w1', spec: specOf(), at: START });
    await upsertWorkload(transaction, { id: 'w2', spec: specOf({ team: 'serving' }), at: START });
    for (const [id, { workload = 'w1', state = 'ready', goneAt, wanted = true, attempts = [] }] of Object.entries(
      lives,
    )) {
      const price = { priceMicroUsdPerHour: 9 * USD, adjustedPriceMicroUsdPerHour: 2 * USD };
      await insertLeases(transaction, [leaseOf(id, { ...price, workloadId: workload, at: START })]);
      await transaction
        .updateTable('leases')
        .set({ state, wanted, gone_at: goneAt === undefined ? null : new Date(goneAt) })
        .where('id', '=', id)
        .execute();
      for (const [index, [attemptState, sentAt]] of attempts.entries()) {
        await transaction
          .insertInto('attempts')
          .values({
            ...{ id: `${id}-${index}`, lease_id: id, number: index + 1, price_micro_usd_per_hour: 1, parameters: '{}' },
            ...{ provider: POOL.provider, region: POOL.region, zone: POOL.zone, instance_type: POOL.instanceType },
            ...{ market: POOL.market, reservation: null, state: attemptState, created_at: new Date(START) },
            ...{ sent_at: sentAt === null ? null : new Date(sentAt), settled_at: null, refusal: null, error: null },
          })
          .execute();
      }
    }
  });
}

function budget(team: string, usd: number, action: Budget['action']): Budget {
  return { team, period: 'month', limitMicroUsd: usd * USD, action };
}

describeStore('budgets', (engine) => {
  it('count each lease of the team from the launch that made its machine until it was gone', async () => {
    const store = await engine.open();
    await seed(store, {
      runs: { attempts: [['accepted', AT - 10 * HOUR]] },
      unknown: { state: 'launching', attempts: [['sent', AT - HOUR]] },
      second: {
        attempts: [
          ['refused', AT - 90 * HOUR],
          ['accepted', AT - 5 * HOUR],
        ],
      },
      ended: { state: 'gone', wanted: false, goneAt: AT - 2 * HOUR, attempts: [['accepted', START - HOUR]] },
      unproven: { state: 'terminating', attempts: [['failed', AT - 3 * HOUR]] },
      refused: { state: 'failed', goneAt: AT - HOUR, attempts: [['refused', AT - 2 * HOUR]] },
      nothing: { state: 'failed', goneAt: AT - HOUR, attempts: [['failed', AT - 2 * HOUR]] },
      planned: { state: 'planned', attempts: [['written', null]] },
      before: { state: 'gone', goneAt: START, attempts: [['accepted', START - 9 * HOUR]] },
      theirs: { workload: 'w2', attempts: [['accepted', AT - 10 * HOUR]] },
    });
    const uses = await listTeamUse(store.database, ['research'], START);
    const price = { team: 'research', adjustedPriceMicroUsdPerHour: 2 * USD };
    expect(uses).toEqual([
      { ...price, launchedAt: START - HOUR, goneAt: AT - 2 * HOUR, wanted: false },
      { ...price, launchedAt: null, goneAt: AT - HOUR, wanted: true },
      { ...price, launchedAt: null, goneAt: null, wanted: true },
      { ...price, launchedAt: null, goneAt: AT - HOUR, wanted: true },
      { ...price, launchedAt: AT - 10 * HOUR, goneAt: null, wanted: true },
      { ...price, launchedAt: AT - 5 * HOUR, goneAt: null, wanted: true },
      { ...price, launchedAt: AT - HOUR, goneAt: null, wanted: true },
      { ...price, launchedAt: AT - 3 * HOUR, goneAt: null, wanted: true },
    ]);
    // 2 $/h for 478 + 10 + 5 + 1 + 3 hours are 994 $; 240 hours are left.
    const policies = [
      { ...policyOf('a'), budgets: [budget('research', 1594, 'refuse'), budget('serving', 1, 'alert')] },
      { ...policyOf('b'), budgets: [budget('research', 9999, 'refuse'), budget('nobody', 24, 'refuse')] },
    ];
    expect(await readTeamBudgets(store.database, policies, AT)).toEqual([
      { team: 'nobody', limitMicroUsdPerHour: 0.1 * USD },
      { team: 'research', limitMicroUsdPerHour: 2.5 * USD },
    ]);
  });

  it('tell once a month of a team whose money will not last', async () => {
    const store = await engine.open();
    await seed(store, {
      runs: { attempts: [['accepted', AT - 10 * HOUR]] },
      theirs: { workload: 'w2', attempts: [['accepted', AT - 10 * HOUR]] },
    });
    // Each team will have spent 20 + 240 × 2 = 500 $.
    const budgets = [budget('research', 499.999999, 'alert'), budget('serving', 500, 'alert')];
    await store.transaction((transaction) =>
      replacePolicies(transaction, [{ policy: { ...policyOf('a'), budgets }, source: 'a' }], AT),
    );
    const watchAt = (at: number) => watchBudgets({ store, clock: { now: () => at } } as unknown as BrokerContext);
    const told = async () => {
      const { items } = await listEvents(store.database, { workloadId: null }, { cursor: null, limit: 100 });
      return items.filter(({ type }) => type === 'budget.exceeded');
    };
    await watchAt(AT);
    await watchAt(AT + HOUR);
    expect((await told()).map(({ message }) => message)).toEqual([
      'Team research will have spent 500.00 $ by the end of the month, past its budget of 499.999999 $: 20.00 $ are spent, and what runs goes on',
    ]);
    const december = Date.parse('2026-12-01T00:00:00Z');
    await watchAt(december);
    expect((await told()).map(({ data }) => [data['team'], data['month']])).toEqual([
      ['research', START],
      ['research', december],
      ['serving', december],
    ]);
  });
});

let rig: BrokerRig | null = null;
afterEach(() => rig?.close());

it('a refusing budget holds what its money does not allow, and each team is held to its own policy', async () => {
  const none = {
    ...permissivePolicy(),
    name: 'a-none',
    teams: ['research'],
    budgets: [budget('research', 1, 'refuse')],
  };
  rig = await startBrokerRig({
    clouds: ['aws'],
    policies: [{ ...permissivePolicy(), name: 'b', teams: ['serving'] }, none],
  });
  const spec = specOf({
    replicas: 1,
    accelerators: [{ accelerator: 'L4', count: 1, throughput: 1, perMachine: null }],
  });
  await rig.service.applyWorkload({ ...spec, name: 'poor' });
  await rig.service.applyWorkload({ ...spec, name: 'rich', team: 'serving' });
  await rig.service.applyWorkload({ ...spec, name: 'lawless', team: 'other' });
  await rig.untilReady('rich');
  const reasons = async (name: string) =>
    (await rig?.service.getWorkload(name))?.holdReasons.map(({ rule }) => rule) ?? [];
  expect(await reasons('poor')).toContain('budget');
  expect(await reasons('lawless')).toEqual(['no-policy']);
  const [plan] = (await rig.service.listPlans({ cursor: null, limit: 10 })).items;
  expect(plan?.policies).toEqual([
    { name: 'a-none', version: 1 },
    { name: 'b', version: 1 },
  ]);
});
