import { concentrationOf } from '../domain/concentration.ts';
import type { PlanInput, RuleUse } from '../domain/plan.ts';
import { concentrationExcess, keptExcess } from './breaches.ts';
import type { Ledger } from './ledger.ts';
import { compareText } from './market-view.ts';
import type { Cap, Rules } from './rules.ts';
import { MAX_CONCENTRATION, MIN_PROVIDERS, ruleNames, SURVIVE, surviveLimit } from './rules.ts';

/** Where a replica runs: one entry per replica that has a place. */
export interface PlacedReplica {
  readonly workloadId: string;
  readonly replica: number;
  readonly provider: string;
}

/** The fleet that a plan leads to, as the rules see it. */
export interface PlannedFleet {
  readonly input: PlanInput;
  readonly fleet: Ledger;
  readonly kept: Ledger;
  readonly replicas: readonly PlacedReplica[];
  /** The least that one machine of the fleet counts, by measure; 0 for an empty fleet. */
  readonly smallest: { readonly spend: number; readonly accelerators: number };
}

/** How every rule of the policy stands; those in `inForce` are enforced, the others only told. */
export function ruleUses(planned: PlannedFleet, all: Rules, inForce: Rules): readonly RuleUse[] {
  const enforced = new Set(ruleNames(inForce));
  const uses = all.caps.flatMap((cap) => capUses(planned, cap, all, enforced.has(cap.rule)));
  if (all.minProviders > 1) uses.push(providerCountUse(planned, all, enforced.has(MIN_PROVIDERS)));
  if (all.maxConcentration !== null) {
    uses.push(concentrationUse(planned, all.maxConcentration, enforced.has(MAX_CONCENTRATION)));
  }
  const survive = surviveUse(planned, all, inForce);
  if (survive !== null) uses.push(survive);
  return uses;
}

function capUses({ fleet, kept, smallest }: PlannedFleet, cap: Cap, rules: Rules, enforced: boolean): RuleUse[] {
  const { measure } = rules;
  const total = fleet.total(measure);
  const unit = smallest[measure === 'spend' ? 'spend' : 'accelerators'];
  const { rule, limit } = cap;
  const subjects = fleet.subjects(cap.scope);
  if (subjects.length === 0) return [{ rule, subject: '', value: 0, limit, enforced, binding: false }];
  return subjects.map((subject) => {
    const amount = fleet.amount(cap.scope, subject, measure);
    const allowed = limit * (total + unit) + keptExcess(kept, cap, subject, measure);
    const binding = enforced && amount + unit > allowed;
    return { rule, subject, value: total === 0 ? 0 : amount / total, limit, enforced, binding };
  });
}

function providerCountUse({ fleet }: PlannedFleet, rules: Rules, enforced: boolean): RuleUse {
  const value = fleet.providerCount;
  const binding = enforced && value > 0 && value <= rules.minProviders;
  return { rule: MIN_PROVIDERS, subject: '', value, limit: rules.minProviders, enforced, binding };
}

/** Binding: one more of the smallest machine at the largest provider would be too much. */
function concentrationUse({ fleet, kept, smallest }: PlannedFleet, limit: number, enforced: boolean): RuleUse {
  const amounts = new Map(fleet.amounts('provider', 'spend'));
  const value = concentrationOf(amounts);
  const [largest] = [...amounts].toSorted(([a, x], [b, y]) => y - x || compareText(a, b));
  let binding = false;
  if (largest !== undefined) {
    amounts.set(largest[0], largest[1] + smallest.spend);
    const total = fleet.total('spend') + smallest.spend;
    const excess = Math.hypot(...amounts.values()) - Math.sqrt(limit) * total;
    binding = enforced && excess > Math.max(0, concentrationExcess(kept, limit));
  }
  return { rule: MAX_CONCENTRATION, subject: '', value, limit, enforced, binding };
}

/**
 * The workload that comes nearest to its limit (ties by id): the share of its replicas that are not on its largest provider,
 * against the share to keep. Null where no workload has such a rule.
 */
function surviveUse({ input, replicas }: PlannedFleet, all: Rules, inForce: Rules): RuleUse | null {
  const placed = Map.groupBy(replicas, ({ workloadId }) => workloadId);
  let nearest: RuleUse | null = null;
  for (const { id, spec } of input.workloads.toSorted((a, b) => compareText(a.id, b.id))) {
    const mostLost = surviveLimit(all, spec.replicas, spec.keepShare);
    if (mostLost === null) continue;
    const counts = Map.groupBy(placed.get(id) ?? [], ({ provider }) => provider);
    const largest = Math.max(0, ...[...counts.values()].map((held) => held.length));
    const limit = Math.max(all.keepShare ?? 0, spec.keepShare ?? 0);
    const value = 1 - largest / spec.replicas;
    const enforced = surviveLimit(inForce, spec.replicas, spec.keepShare) === mostLost;
    const use = { rule: SURVIVE, subject: id, value, limit, enforced, binding: enforced && largest >= mostLost };
    if (nearest === null || value - limit < nearest.value - nearest.limit) nearest = use;
  }
  return nearest;
}
