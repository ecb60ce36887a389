import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Selectable } from 'kysely';
import type { Plan, PlanInput, PolicyRef } from '../domain/plan.ts';
import type { EpochMs } from '../domain/time.ts';
import { epochMs, json, time } from './columns.ts';
import type { PlansTable } from './fleet-tables.ts';
import { type Page, type PageQuery, pageOf } from './paging.ts';
import type { Handle } from './schema.ts';
import { currentInput, type StoredInput } from './stored-input.ts';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

export interface NewPlan {
  readonly id: string;
  readonly at: EpochMs;
  /** What asked for it: `placing`, `rebalance` … */
  readonly trigger: string;
  /** Those it was made under, in the order of their names. */
  readonly policies: readonly PolicyRef[];
  readonly elapsedMs: number;
  /** Kept whole, so that the decision can be explained and made again. */
  readonly input: PlanInput;
  readonly plan: Plan;
  /** What made it: program, solver, meaning of planning. */
  readonly plannerVersion: string;
  /** The solver's random seed. */
  readonly seed: number;
  /** Workload ids → names, so that a plan can be read alone. */
  readonly workloadNames: Readonly<Record<string, string>>;
  /** False for a plan that waits for somebody's approval; true by default. */
  readonly carriedOut?: boolean;
}

export interface PlanRow extends Omit<NewPlan, 'at' | 'input' | 'carriedOut' | 'plannerVersion'> {
  /** Null for plans stored before versions were kept. */
  readonly plannerVersion: string | null;
  readonly createdAt: EpochMs;
  readonly carriedOut: boolean;
}

export async function insertPlan(transaction: Handle, plan: NewPlan): Promise<void> {
  await transaction
    .insertInto('plans')
    .values({
      id: plan.id,
      created_at: time(plan.at),
      trigger: plan.trigger,
      policies: json(plan.policies),
      elapsed_ms: plan.elapsedMs,
      // Level 1: a tenth of the time of the default for a fifth more bytes, and a transaction is open.
      packed_input: await pack(json(plan.input), { level: 1 }),
      plan: json(plan.plan),
      workload_names: json(plan.workloadNames),
      carried_out: plan.carriedOut ?? true,
      planner_version: plan.plannerVersion,
      seed: plan.seed,
    })
    .execute();
}

/** Returns false where it was carried out before, or was never there. */
export async function markCarriedOut(transaction: Handle, id: string): Promise<boolean> {
  const marked = await transaction
    .updateTable('plans')
    .set({ carried_out: true })
    .where('id', '=', id)
    .where('carried_out', '=', false)
    .returning('id')
    .execute();
  return marked.length > 0;
}

/** Everything but the packed input, which is read only for explaining and replaying. */
function plansOf(handle: Handle) {
  return handle
    .selectFrom('plans')
    .select([
      'id',
      'created_at',
      'trigger',
      'policies',
      'elapsed_ms',
      'plan',
      'workload_names',
      'carried_out',
      'planner_version',
      'seed',
    ]);
}

export async function getPlan(handle: Handle, id: string): Promise<PlanRow | null> {
  const row = await plansOf(handle).where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : planOf(row);
}

/** The whole input of a plan, in today's words whichever version packed it; null where the plan is unknown. */
export async function getPlanInput(handle: Handle, id: string): Promise<PlanInput | null> {
  const row = await handle.selectFrom('plans').select('packed_input').where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const text = (await unpack(row.packed_input)).toString('utf8');
  const stored: StoredInput = JSON.parse(text);
  return currentInput(stored);
}

/** The newest plan that was carried out; null before the first. */
export async function latestPlan(handle: Handle): Promise<PlanRow | null> {
  const row = await plansOf(handle).where('carried_out', '=', true).orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row === undefined ? null : planOf(row);
}

/** Newest first. */
export async function listPlans(handle: Handle, page: PageQuery): Promise<Page<PlanRow>> {
  let query = plansOf(handle)
    .orderBy('id', 'desc')
    .limit(page.limit + 1);
  if (page.cursor !== null) query = query.where('id', '<', page.cursor);
  const rows = await query.execute();
  return pageOf(rows.map(planOf), page.limit, ({ id }) => id);
}

function planOf(row: Omit<Selectable<PlansTable>, 'packed_input'>): PlanRow {
  return {
    id: row.id,
    createdAt: epochMs(row.created_at),
    trigger: row.trigger,
    policies: row.policies,
    elapsedMs: row.elapsed_ms,
    plan: row.plan,
    workloadNames: row.workload_names,
    carriedOut: row.carried_out,
    plannerVersion: row.planner_version,
    seed: row.seed,
  };
}
