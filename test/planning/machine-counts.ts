/** How many machines a plan puts where. */
import type { Plan } from '../../src/domain/plan.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { poolKey } from '../../src/domain/pool.ts';

function countsBy({ machines }: Plan, place: (pool: Pool) => string): Readonly<Record<string, number>> {
  const places = Map.groupBy(machines, ({ pool }) => place(pool));
  return Object.fromEntries([...places].map(([name, there]) => [name, there.length]));
}

export function poolsOf(plan: Plan): Readonly<Record<string, number>> {
  return countsBy(plan, poolKey);
}

export function providersOf(plan: Plan): Readonly<Record<string, number>> {
  return countsBy(plan, ({ provider }) => provider);
}
