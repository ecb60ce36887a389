import type { MicroUsdPerHour } from '../domain/money.ts';
import type { PlanInput, PlanLease, TeamBudget } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import type { Kept } from './breaches.ts';
import type { Governance } from './governance.ts';
import { governanceOf } from './governance.ts';
import type { Weight } from './ledger.ts';
import { Ledger } from './ledger.ts';
import { compareText } from './market-view.ts';
import { adjustedPrice, egressCost } from './pricing.ts';
import { subjectsOf } from './rules.ts';

/** The machines that one policy governs. */
export interface Fleet {
  readonly policy: Policy;
  /** What runs besides the options of a problem: kept leases, and whatever else is taken as given. */
  readonly base: Ledger;
  readonly kept: Kept;
}

/** What a budgeted team spends already: all its leases, and those that the plan may not move. */
export interface TeamSpend extends TeamBudget {
  readonly keptMicroUsdPerHour: MicroUsdPerHour;
  readonly baseMicroUsdPerHour: MicroUsdPerHour;
}

/** The fleets of all policies, in the order of the policies' names, with all leases as kept. */
export function fleetsOf(input: PlanInput): readonly Fleet[] {
  const governance = governanceOf(input);
  const ledgers = ledgersOf(governance, input.leases);
  return governance.policies.map((policy, index) => {
    const kept = ledgers[index] ?? new Ledger();
    return { policy, base: kept, kept: { staying: kept, present: kept } };
  });
}

/** What the leases amount to, by the policy that governs them; those of nobody's are left out. */
export function ledgersOf(governance: Governance, leases: readonly PlanLease[]): readonly Ledger[] {
  const { policies } = governance;
  const ledgers = policies.map(() => new Ledger());
  for (const lease of leases) {
    const governed = governance.ofWorkload(lease.workloadId);
    if (governed === null) continue;
    const { spec, policy, fleet } = governed;
    ledgers[fleet]?.add(leaseWeight(policies, policy, spec, lease), 1);
  }
  return ledgers;
}

/** What every budgeted team spends: with all its leases, and without the movable ones. */
export function teamSpendsOf(input: PlanInput, movable: ReadonlySet<PlanLease>): readonly TeamSpend[] {
  if (input.teamBudgets.length === 0) return [];
  const governance = governanceOf(input);
  const kept = new Map<string, number>();
  const base = new Map<string, number>();
  for (const lease of input.leases) {
    const team = governance.teamOf(lease.workloadId);
    const spend = adjustedPrice(governance.policies, lease.pool, lease.priceMicroUsdPerHour);
    kept.set(team, (kept.get(team) ?? 0) + spend);
    if (!movable.has(lease)) base.set(team, (base.get(team) ?? 0) + spend);
  }
  return input.teamBudgets
    .toSorted((a, b) => compareText(a.team, b.team) || a.limitMicroUsdPerHour - b.limitMicroUsdPerHour)
    .filter(({ team }, index, all) => index === 0 || all[index - 1]?.team !== team)
    .map((budget) => ({
      ...budget,
      keptMicroUsdPerHour: kept.get(budget.team) ?? 0,
      baseMicroUsdPerHour: base.get(budget.team) ?? 0,
    }));
}

/** What one lease counts: its adjusted price, and for an hour of work that ÷ throughput, and egress. */
export function leaseWeight(policies: readonly Policy[], policy: Policy, spec: WorkloadSpec, lease: PlanLease): Weight {
  const spend = adjustedPrice(policies, lease.pool, lease.priceMicroUsdPerHour);
  const choice = choiceMet(spec, lease.accelerator, lease.acceleratorCount, lease.partCount);
  const throughput = choice?.throughput ?? 1;
  return {
    subjects: subjectsOf(lease.pool),
    provider: lease.pool.provider,
    machines: 1,
    amounts: {
      spend,
      accelerators: lease.acceleratorCount,
      'accelerator-hours': lease.acceleratorCount / throughput,
      'effective-cost': spend / throughput + egressCost(spec, lease.pool, 1, policy),
    },
  };
}

/** The choice of the workload that machines of this kind meet; null where it is none any more. */
export function choiceMet(
  spec: WorkloadSpec,
  accelerator: string,
  perMachine: number,
  partCount: number,
): AcceleratorChoice | null {
  const choices = spec.accelerators.filter(
    (choice) =>
      choice.accelerator === accelerator &&
      (choice.perMachine ?? perMachine) === perMachine &&
      choice.throughput > 0 &&
      choice.throughput < Number.POSITIVE_INFINITY,
  );
  const whole = choices.find(({ count }) => count === perMachine * partCount);
  return whole ?? choices.find(({ count }) => partCount === 1 && count < perMachine) ?? null;
}
