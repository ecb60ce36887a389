import type { Policy } from '../../src/domain/policy.ts';
import type { World } from '../../src/emulators/world/contract.ts';
import type { Handle } from '../../src/store/open-store.ts';
import { latestPlan } from '../../src/store/plans.ts';
import { policiesInForce } from '../../src/store/policies.ts';
import { OWNER_TAG } from './cloud.ts';
import { type LeaseFact, leaseFacts, serves } from './facts.ts';
import { CLOUDS } from './market.ts';

/** Prices are whole micro-dollars, limits are shares of sums. */
const TOLERANCE = 1e-6;
const MS_PER_HOUR = 3_600_000;

/** Holds the fleet that a plan leads to against the rules in force, by the sentences of docs/policy.md. Null = all are kept. */
export async function judgePlan(state: {
  readonly database: Handle;
  readonly world: World;
  readonly now: number;
  readonly skewMs: number;
}): Promise<string | null> {
  const { database } = state;
  const plan = await latestPlan(database);
  const [inForce] = await policiesInForce(database);
  if (plan === null || inForce === undefined) return null;
  const fleet = (await leaseFacts(database)).filter(serves);
  const kept = fleet.filter(({ planId }) => planId !== plan.id);
  const broken = brokenGang(fleet);
  if (broken !== null) return broken;
  // What a plan releases, or lost since it was made, is not of the fleet that it counted.
  const counted = new Set(plan.plan.keptLeaseIds);
  const isAsPlanned = kept.length === counted.size && kept.every(({ id }) => counted.has(id));
  if (!isAsPlanned || kept.length === fleet.length) return null;
  return brokenCap(inForce.policy, fleet, kept) ?? brokenBudget(inForce.policy, fleet, plan.createdAt, state);
}

/** All machines of a replica, or none; and no machine twice. */
function brokenGang(fleet: readonly LeaseFact[]): string | null {
  const parts = new Map<string, LeaseFact[]>();
  for (const lease of fleet) {
    for (const replica of lease.replicas) {
      const key = `${lease.workloadId}/${replica}`;
      parts.set(key, [...(parts.get(key) ?? []), lease]);
    }
  }
  for (const [replica, leases] of parts) {
    const [first] = leases;
    const numbers = leases.map(({ part }) => part).toSorted((a, b) => a - b);
    if (new Set(numbers).size !== numbers.length)
      return `a replica twice: ${replica} has machines ${numbers.join(', ')}`;
    if (first !== undefined && leases.length !== first.partCount) {
      return `half a gang: replica ${replica} has ${leases.length} of ${first.partCount} machines after a plan`;
    }
  }
  return null;
}

function spendOf(leases: readonly LeaseFact[]): number {
  return leases.reduce((sum, { price }) => sum + price, 0);
}

/** `V(S) ≤ limit × V + max(0, K(S) − limit × K)` for every scope S. */
function brokenCap(policy: Policy, fleet: readonly LeaseFact[], kept: readonly LeaseFact[]): string | null {
  const { provider, region, zone } = policy.maxShare;
  const caps: readonly (readonly [string, number | null, (lease: LeaseFact) => string])[] = [
    ['maxShare.provider', provider, (lease) => lease.provider],
    ['maxShare.region', region, (lease) => `${lease.provider}:${lease.region}`],
    ['maxShare.zone', zone, (lease) => `${lease.provider}:${lease.region}:${lease.zone ?? '*'}`],
    ['maxSpotShare', policy.maxSpotShare, ({ market }) => (market === 'spot' ? 'spot' : '')],
  ];
  for (const [rule, limit, scopeOf] of caps) {
    if (limit === null) continue;
    for (const scope of new Set(fleet.map(scopeOf))) {
      if (scope === '') continue;
      const inScope = (lease: LeaseFact): boolean => scopeOf(lease) === scope;
      const excess = Math.max(0, spendOf(kept.filter(inScope)) - limit * spendOf(kept));
      const amount = spendOf(fleet.filter(inScope));
      if (amount > (limit * spendOf(fleet) + excess) * (1 + TOLERANCE) + 1) {
        return `a cap exceeded: ${rule} ${limit} of ${scope}: ${amount} of ${spendOf(fleet)} micro-dollars an hour after a plan`;
      }
    }
  }
  const providers = new Set(fleet.map((lease) => lease.provider)).size;
  const before = new Set(kept.map((lease) => lease.provider)).size;
  if (kept.length === 0 && fleet.length > 0 && providers < policy.minProviders && before === 0) {
    return `minProviders ${policy.minProviders}: a plan for an empty fleet uses ${providers}`;
  }
  return null;
}

/** What the plan's fleet costs an hour is no more than what is left of the month's money allows; what was spent, the world says. */
function brokenBudget(
  policy: Policy,
  fleet: readonly LeaseFact[],
  plannedAt: number,
  { world, now, skewMs }: { readonly world: World; readonly now: number; readonly skewMs: number },
): string | null {
  const [budget] = policy.budgets.filter(({ action }) => action === 'refuse');
  const month = monthOf(plannedAt);
  if (budget === undefined || month.from !== monthOf(now).from) return null;
  const rate = spendOf(fleet);
  const rest = (month.to - plannedAt) / MS_PER_HOUR;
  const spent = spentIn(world, month.from, now);
  // A clock that is wrong counts wrongly for as long as it is wrong.
  const unsure = (rate * (2 * skewMs + 2_000)) / MS_PER_HOUR;
  if (rate * rest <= budget.limitMicroUsd - spent + unsure) return null;
  return `a budget overdrawn: ${rate} micro-dollars an hour for ${rest} h, with ${spent} of ${budget.limitMicroUsd} spent`;
}

function monthOf(at: number): { readonly from: number; readonly to: number } {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) };
}

/** From each machine's start to its end, at the price it was started at. The world forgets ended machines after an hour. */
function spentIn(world: World, from: number, now: number): number {
  return CLOUDS.flatMap((cloud) => world.machines(cloud))
    .filter(({ tags, failure, details }) => tags[OWNER_TAG] !== undefined && failure === null && 'userData' in details)
    .reduce((sum, machine) => {
      const ms = Math.min(machine.terminatedAt ?? now, now) - Math.max(machine.launchedAt, from);
      return sum + (machine.priceMicroUsdPerHour * Math.max(0, ms)) / MS_PER_HOUR;
    }, 0);
}
