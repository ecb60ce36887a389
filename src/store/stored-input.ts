import type { PlanInput, PlanWorkload } from '../domain/plan.ts';
import type { MaxShare, Policy, RebalanceRules } from '../domain/policy.ts';
import type { WorkloadSpec } from '../domain/workload.ts';

type Older<Whole, Gained extends keyof Whole> = Omit<Whole, Gained> & Partial<Pick<Whole, Gained>>;

/** A policy as plans of before kept it; `survive` was one share, about the loss of a provider. */
type OlderPolicy = Omit<
  Older<Policy, 'minProviderShare' | 'survive' | 'egressMicroUsdPerGb'>,
  'maxShare' | 'rebalance'
> & {
  readonly maxShare: Older<MaxShare, 'market'>;
  readonly rebalance: Older<RebalanceRules, 'moveCostMicroUsd'>;
  readonly surviveKeepShare?: number | null;
};

interface OlderWorkload {
  readonly id: string;
  readonly spec: Older<WorkloadSpec, 'data' | 'isProtected'>;
}

/** The input of a plan as it was packed, by this version or an earlier one: there was one policy, and no budgets of teams. */
export type StoredInput = Omit<Older<PlanInput, 'teamBudgets'>, 'policies' | 'workloads'> & {
  readonly workloads: readonly OlderWorkload[];
  /** Until 0.1 the one policy there was, instead of `policies`. */
  readonly policy?: OlderPolicy;
  readonly policies?: readonly OlderPolicy[];
};

/** The same input in today's words; what could not be said then has the value that says nothing. */
export function currentInput({ policy, ...stored }: StoredInput): PlanInput {
  const policies = stored.policies ?? (policy === undefined ? [] : [policy]);
  return {
    ...stored,
    policies: policies.map(currentPolicy),
    workloads: stored.workloads.map(currentWorkload),
    teamBudgets: stored.teamBudgets ?? [],
  };
}

function currentPolicy({ surviveKeepShare = null, ...policy }: OlderPolicy): Policy {
  return {
    minProviderShare: 0,
    survive: surviveKeepShare === null ? [] : [{ loss: 'provider', keepShare: surviveKeepShare }],
    egressMicroUsdPerGb: 90_000,
    ...policy,
    maxShare: { ...policy.maxShare, market: policy.maxShare.market ?? null },
    relax: policy.relax.map((rule) => (rule === 'survive' ? 'survive.provider' : rule)),
    rebalance: { ...policy.rebalance, moveCostMicroUsd: policy.rebalance.moveCostMicroUsd ?? 500_000 },
  };
}

function currentWorkload({ id, spec }: OlderWorkload): PlanWorkload {
  return { id, spec: { data: null, isProtected: false, ...spec } };
}
