/** Every rule on a fleet, as docs/policy.md states it. Shares no code with `src/planning`. */
import type { Plan, PlanInput } from '../../src/domain/plan.ts';
import type { Policy, ShareMeasure, Survive } from '../../src/domain/policy.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { poolKey, regionKey, zoneKey } from '../../src/domain/pool.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import type { Machine } from './fleet-arithmetic.ts';
import { total } from './fleet-arithmetic.ts';

/** Sums of shares and of money meet their limits exactly in many instances: what a float loses is no breach. */
const TOLERANCE = 1e-6;

/** A replica with a place. Replicas that leases hold, whole or in part, are not new. */
export interface Place {
  readonly workloadId: string;
  readonly pool: Pool;
  readonly isNew: boolean;
}

export const CAP_SUBJECT = {
  'maxShare.provider': ({ provider }: Pool) => provider,
  'maxShare.region': regionKey,
  'maxShare.zone': zoneKey,
  'maxShare.pool': poolKey,
  'maxShare.market': ({ market }: Pool) => market,
  maxSpotShare: ({ market }: Pool) => (market === 'spot' ? 'spot' : null),
} as const satisfies Record<string, (pool: Pool) => string | null>;

export type CapRule = keyof typeof CAP_SUBJECT;
export const CAP_RULES: readonly CapRule[] = [
  'maxShare.provider',
  'maxShare.region',
  'maxShare.zone',
  'maxShare.pool',
  'maxShare.market',
  'maxSpotShare',
];

/** The limit of a cap, or null where the policy states none. */
export function capLimit({ maxShare, maxSpotShare }: Policy, rule: CapRule): number | null {
  const limits: Readonly<Record<CapRule, number | null>> = {
    'maxShare.provider': maxShare.provider,
    'maxShare.region': maxShare.region,
    'maxShare.zone': maxShare.zone,
    'maxShare.pool': maxShare.pool,
    'maxShare.market': maxShare.market,
    maxSpotShare,
  };
  return limits[rule];
}

export function sums(
  machines: readonly Machine[],
  subject: (pool: Pool) => string | null,
  measure: ShareMeasure,
): ReadonlyMap<string, number> {
  const amounts = new Map<string, number>();
  for (const machine of machines) {
    const key = subject(machine.pool);
    if (key !== null) amounts.set(key, (amounts.get(key) ?? 0) + machine[measure]);
  }
  return amounts;
}

/** V(S) ≤ limit × V + max(0, K(S) − limit × K) for every subject S. */
function keepsCap(policy: Policy, rule: CapRule, before: readonly Machine[], after: readonly Machine[]): boolean {
  const limit = capLimit(policy, rule);
  if (limit === null) return true;
  const was = sums(before, CAP_SUBJECT[rule], policy.measure);
  const allowed = limit * total(after, policy.measure);
  const keptAllowed = limit * total(before, policy.measure);
  return [...sums(after, CAP_SUBJECT[rule], policy.measure)].every(
    ([subject, amount]) => amount <= allowed + Math.max(0, (was.get(subject) ?? 0) - keptAllowed) + TOLERANCE,
  );
}

/** √(Σ x²) − √limit × Σ x over the providers: above 0 the rule is broken. */
function concentrationExcess(policy: Policy, limit: number, machines: readonly Machine[]): number {
  const measure = policy.measure === 'effective-cost' ? 'effective-cost' : 'spend';
  const amounts = [...sums(machines, CAP_SUBJECT['maxShare.provider'], measure).values()];
  return Math.hypot(...amounts) - Math.sqrt(limit) * amounts.reduce((sum, amount) => sum + amount, 0);
}

function keepsConcentration(policy: Policy, before: readonly Machine[], after: readonly Machine[]): boolean {
  if (policy.maxConcentration === null) return true;
  const allowed = Math.max(0, concentrationExcess(policy, policy.maxConcentration, before));
  return concentrationExcess(policy, policy.maxConcentration, after) <= allowed + TOLERANCE * 10;
}

/** How many providers count for `minProviders`. */
export function countingProviders(policy: Policy, machines: readonly Machine[]): number {
  const least = policy.minProviderShare * total(machines, policy.measure) - TOLERANCE;
  return [...sums(machines, CAP_SUBJECT['maxShare.provider'], policy.measure).values()].filter((held) => held >= least)
    .length;
}

/** What of a policy is in force. */
export interface Force {
  /** Rules given up, or not enforced because the fleet is small. */
  readonly lifted: ReadonlySet<string>;
  /** Providers that must count; less than the policy's where the kept leases have fewer and more would hold replicas. */
  readonly providers: number;
}

/** Rules on the fleet that it breaks: names of docs/policy.md. `before` are the kept machines of the fleet, `after` all. */
export function brokenRules(
  policy: Policy,
  { lifted, providers }: Force,
  before: readonly Machine[],
  after: readonly Machine[],
): string[] {
  const broken: string[] = CAP_RULES.filter((rule) => !lifted.has(rule) && !keepsCap(policy, rule, before, after));
  if (!lifted.has('maxConcentration') && !keepsConcentration(policy, before, after)) broken.push('maxConcentration');
  if (!lifted.has('minProviders') && after.length > 0 && countingProviders(policy, after) < providers) {
    broken.push('minProviders');
  }
  return broken;
}

/** Most replicas that one provider (region) may hold; null = no limit. */
export function survivalLimit(
  policy: Policy | null,
  lifted: ReadonlySet<string>,
  spec: WorkloadSpec,
  loss: Survive['loss'],
): number | null {
  if (spec.replicas < 2) return null;
  const stated = policy?.survive.find((survive) => survive.loss === loss)?.keepShare ?? 0;
  const byPolicy = lifted.has(`survive.${loss}`) ? 0 : stated;
  const keepShare = Math.max(byPolicy, loss === 'provider' ? (spec.keepShare ?? 0) : 0);
  return keepShare === 0 ? null : Math.floor((1 - keepShare) * spec.replicas + 1e-9);
}

/** Whether no place that gets a new replica of the workload holds more than its limit. */
export function survives(limit: number | null, loss: Survive['loss'], places: readonly Place[]): boolean {
  if (limit === null) return true;
  const held = Map.groupBy(places, ({ pool }) => (loss === 'provider' ? pool.provider : regionKey(pool)));
  return [...held.values()].every((here) => here.length <= limit || !here.some(({ isNew }) => isNew));
}

/** Where replicas stand: those of kept leases, of broken gangs too, and new ones. */
export function placesOf(input: PlanInput, plan: Plan | null): Place[] {
  const places: Place[] = [];
  for (const { id, spec } of input.workloads) {
    for (let replica = 0; replica < spec.replicas; replica += 1) {
      const serves = (machine: { workloadId: string; replicas: readonly number[] }): boolean =>
        machine.workloadId === id && machine.replicas.includes(replica);
      const kept = input.leases.find(serves);
      const fresh = plan?.machines.find(serves);
      if (kept !== undefined) places.push({ workloadId: id, pool: kept.pool, isNew: false });
      else if (fresh !== undefined) places.push({ workloadId: id, pool: fresh.pool, isNew: true });
    }
  }
  return places;
}
