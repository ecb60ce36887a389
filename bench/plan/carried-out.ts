import type { Plan, PlanInput, PlanLease } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';

/** The input as it stands once the plan's machines run: leases for them, and their use in the quotas. */
export function carriedOut(input: PlanInput, plan: Plan): PlanInput {
  const leases = plan.machines.map(
    ({ adjustedPriceMicroUsdPerHour: _, ...machine }, index): PlanLease => ({ ...machine, id: `l${index}` }),
  );
  const offers = new Map(input.offers.map((offer) => [poolKey(offer.pool), offer]));
  const used = new Map<string, number>();
  for (const { pool } of plan.machines) {
    for (const { quota, units } of offers.get(poolKey(pool))?.quotaClaims ?? []) {
      const key = `${pool.provider} ${pool.region} ${quota}`;
      used.set(key, (used.get(key) ?? 0) + units);
    }
  }
  const quotas = input.quotas.map((quota) => ({
    ...quota,
    usage: (quota.usage ?? 0) + (used.get(`${quota.provider} ${quota.region} ${quota.name}`) ?? 0),
  }));
  return { ...input, leases: [...input.leases, ...leases], quotas };
}
