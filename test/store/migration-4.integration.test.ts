import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { PlanInput } from '../../src/domain/plan.ts';
import { readMigrations } from '../../src/store/migrate.ts';
import { getPlan, getPlanInput, insertPlan } from '../../src/store/plans.ts';
import { policiesInForce } from '../../src/store/policies.ts';
import type { Handle } from '../../src/store/schema.ts';
import { currentInput, type StoredInput } from '../../src/store/stored-input.ts';
import { getWorkload, upsertWorkload } from '../../src/store/workloads.ts';
import { describeStore } from './engines.ts';
import { NOW, policyOf, specOf } from './samples.ts';

/** A policy of before: without the words that came later, and with survival as one share. */
function olderPolicy(name: string, surviveKeepShare: number | null, relax: readonly string[]) {
  const { minProviderShare: _share, survive: _survive, egressMicroUsdPerGb: _egress, ...kept } = policyOf(name);
  const { market: _market, ...maxShare } = kept.maxShare;
  const { moveCostMicroUsd: _cost, ...rebalance } = kept.rebalance;
  return { ...kept, maxShare, rebalance, relax, surviveKeepShare };
}

function currentPolicy(name: string) {
  const policy = policyOf(name);
  return { ...policy, egressMicroUsdPerGb: 90_000, rebalance: { ...policy.rebalance, moveCostMicroUsd: 500_000 } };
}

function olderSpec() {
  const { data: _data, isProtected: _protected, ...spec } = specOf();
  return spec;
}

const OLDER_PLAN = {
  machines: [],
  keptLeaseIds: [],
  costMicroUsdPerHour: 20,
  lowerBoundMicroUsdPerHour: 19,
  rules: [
    { rule: 'minProviders', subject: '', value: 2, limit: 2, enforced: true, binding: true },
    { rule: 'survive', subject: 'w1', value: 0.5, limit: 0.5, enforced: true, binding: true },
  ],
};

/** Undoes migration 4 on an empty store, so that rows of before can be written. */
async function goBack(handle: Handle): Promise<void> {
  for (const statement of [
    'drop table budget_alerts',
    'alter table policy_versions drop column in_force',
    'alter table plans drop column policies',
    'alter table plans add column policy_name text not null, add column policy_version integer not null',
  ])
    await sql.raw(statement).execute(handle);
}

async function migrateAgain(handle: Handle): Promise<void> {
  for (const statement of readMigrations()[3]?.statements ?? []) await sql.raw(statement).execute(handle);
}

describeStore('migration 4', (engine) => {
  it('gives rows of before the words that came since, and leaves the newest policy in force', async () => {
    const store = await engine.open();
    await store.transaction(async (transaction) => {
      await goBack(transaction);
      const policies = [olderPolicy('gone', null, []), olderPolicy('kept', 0.4, ['maxShare.pool', 'survive'])];
      for (const policy of policies) {
        await sql`insert into policy_versions (name, version, source, policy, content_hash, loaded_at)
          values (${policy.name}, 7, 'text', ${JSON.stringify(policy)}::jsonb, 'hash', now())`.execute(transaction);
      }
      await upsertWorkload(transaction, { id: 'w1', spec: specOf(), at: NOW });
      await sql`update workloads set spec = ${JSON.stringify(olderSpec())}::jsonb`.execute(transaction);
      for (const [id, plan] of Object.entries({ p1: OLDER_PLAN, p2: { ...OLDER_PLAN, rules: [] } })) {
        await sql`insert into plans (id, created_at, trigger, policy_name, policy_version, elapsed_ms, packed_input, plan,
            workload_names, carried_out)
          values (${id}, now(), 'repair', 'kept', 7, 1, ''::bytea, ${JSON.stringify(plan)}::jsonb, '{}'::jsonb, true)`.execute(
          transaction,
        );
      }
      await migrateAgain(transaction);
    });
    expect(
      (await policiesInForce(store.database)).map(({ name, version, policy }) => ({ name, version, policy })),
    ).toEqual([
      {
        ...{ name: 'kept', version: 7 },
        policy: {
          ...currentPolicy('kept'),
          survive: [{ loss: 'provider', keepShare: 0.4 }],
          relax: ['maxShare.pool', 'survive.provider'],
        },
      },
    ]);
    const all = await store.database
      .selectFrom('policy_versions')
      .select('policy')
      .where('name', '=', 'gone')
      .execute();
    expect(all).toEqual([{ policy: currentPolicy('gone') }]);
    expect((await getWorkload(store.database, 'w1'))?.spec).toEqual(specOf());
    const again = await store.transaction((transaction) =>
      upsertWorkload(transaction, { id: 'w2', spec: specOf(), at: NOW }),
    );
    expect(again.changed, 'applying the same workload again changes nothing').toBe(false);
    const plan = await getPlan(store.database, 'p1');
    expect(plan?.policies).toEqual([{ name: 'kept', version: 7 }]);
    expect(plan?.plan).toEqual({
      ...OLDER_PLAN,
      releasedLeaseIds: [],
      effectiveCostMicroUsdPerHour: 20,
      effectiveBoundMicroUsdPerHour: 19,
      rules: [
        { ...OLDER_PLAN.rules[0], policy: 'kept' },
        { ...OLDER_PLAN.rules[1], policy: 'kept', rule: 'survive.provider' },
      ],
    });
    expect((await getPlan(store.database, 'p2'))?.plan.rules).toEqual([]);
  });

  it('inputs that were packed before are read in the words of today', async () => {
    const facts = { at: NOW, offers: [], leases: [], quotas: [], soldOut: [] };
    const older: StoredInput = {
      ...facts,
      policy: olderPolicy('kept', 0.4, ['survive']),
      workloads: [{ id: 'w1', spec: olderSpec() }],
    };
    const current: PlanInput = {
      ...facts,
      policies: [
        {
          ...currentPolicy('kept'),
          survive: [{ loss: 'provider', keepShare: 0.4 }],
          relax: ['survive.provider'],
        },
      ],
      workloads: [{ id: 'w1', spec: specOf() }],
      teamBudgets: [],
    };
    expect(currentInput(older)).toEqual(current);
    expect(currentInput(current), 'and those of today as they are').toEqual(current);
    expect(currentInput({ ...older, policy: olderPolicy('kept', null, []) }).policies).toEqual([currentPolicy('kept')]);
    const store = await engine.open();
    await store.transaction((transaction) =>
      insertPlan(transaction, {
        ...{
          id: 'p1',
          at: NOW,
          trigger: 'repair',
          policies: [],
          elapsedMs: 1,
          workloadNames: {},
          plannerVersion: 'test',
          seed: 0,
        },
        input: older as unknown as PlanInput,
        plan: OLDER_PLAN as never,
      }),
    );
    expect(await getPlanInput(store.database, 'p1')).toEqual(current);
  });
});
