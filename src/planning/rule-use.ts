import { concentrationOf } from '../domain/concentration.ts';
import type { PlanInput, RuleUse } from '../domain/plan.ts';
import type { ShareMeasure } from '../domain/policy.ts';
import type { Pool } from '../domain/pool.ts';
import { regionKey } from '../domain/pool.ts';
import { countedProviders, keptConcentration, keptExcess } from './breaches.ts';
import type { Fleet, TeamSpend } from './fleets.ts';
import type { Governance } from './governance.ts';
import type { Ledger } from './ledger.ts';
import { compareText } from './market-view.ts';
import type { Cap, Loss, RuleBook, Rules } from './rules.ts';
import {
  BUDGET,
  LOSSES,
  MAX_CONCENTRATION,
  MIN_PROVIDERS,
  moneyMeasure,
  ruleNames,
  SURVIVE_RULE,
  surviveLimit,
} from './rules.ts';

/** Where a replica runs: one entry per replica that has a place. */
export interface PlacedReplica {
  readonly replica: number;
  readonly pool: Pool;
}

/** The fleet that a plan leads to, as the rules of its policy see it. */
export interface PlannedFleet {
  readonly input: PlanInput;
  readonly governance: Governance;
  readonly index: number;
  readonly owner: Fleet;
  readonly after: Ledger;
  /** By workload; found when asked for. */
  readonly replicas: () => ReadonlyMap<string, readonly PlacedReplica[]>;
  /** The least that one machine of the fleet counts, by measure; 0 for an empty fleet. */
  readonly smallest: Readonly<Record<ShareMeasure, number>>;
}

/** How every rule of the policy stands; those in `inForce` are enforced, the others only told. */
export function ruleUses(planned: PlannedFleet, all: Rules, inForce: Rules): readonly RuleUse[] {
  const enforced = new Set(ruleNames(inForce));
  const uses = all.caps.flatMap((cap) => capUses(planned, cap, all, enforced.has(cap.rule)));
  if (all.minProviders > 1) uses.push(providerCountUse(planned, all, enforced.has(MIN_PROVIDERS)));
  if (all.maxConcentration !== null) {
    uses.push(concentrationUse(planned, all, all.maxConcentration, enforced.has(MAX_CONCENTRATION)));
  }
  for (const loss of LOSSES) {
    const survive = surviveUse(planned, all, inForce, loss);
    if (survive !== null) uses.push(survive);
  }
  return uses;
}

function capUses(planned: PlannedFleet, cap: Cap, rules: Rules, enforced: boolean): RuleUse[] {
  const { after, owner, smallest } = planned;
  const { measure } = rules;
  const policy = owner.policy.name;
  const total = after.total(measure);
  const unit = smallest[measure];
  const { rule, limit } = cap;
  const subjects = after.subjects(cap.scope);
  if (subjects.length === 0) return [{ policy, rule, subject: '', value: 0, limit, enforced, binding: false }];
  return subjects.map((subject) => {
    const amount = after.amount(cap.scope, subject, measure);
    const allowed = limit * (total + unit) + keptExcess(owner.kept, cap, subject, measure);
    const binding = enforced && amount + unit > allowed;
    return { policy, rule, subject, value: total === 0 ? 0 : amount / total, limit, enforced, binding };
  });
}

function providerCountUse({ after, owner }: PlannedFleet, rules: Rules, enforced: boolean): RuleUse {
  const value = countedProviders(after, rules);
  const binding = enforced && value > 0 && value <= rules.minProviders;
  const policy = owner.policy.name;
  return { policy, rule: MIN_PROVIDERS, subject: '', value, limit: rules.minProviders, enforced, binding };
}

/** Binding: one more of the smallest machine at the largest provider would be too much. */
function concentrationUse(
  { after, owner, smallest }: PlannedFleet,
  rules: Rules,
  limit: number,
  enforced: boolean,
): RuleUse {
  const measure = moneyMeasure(rules);
  const amounts = new Map(after.amounts('provider', measure));
  const value = concentrationOf(amounts);
  const [largest] = [...amounts].toSorted(([a, x], [b, y]) => y - x || compareText(a, b));
  let binding = false;
  if (largest !== undefined) {
    amounts.set(largest[0], largest[1] + smallest[measure]);
    const total = after.total(measure) + smallest[measure];
    const excess = Math.hypot(...amounts.values()) - Math.sqrt(limit) * total;
    binding = enforced && excess > keptConcentration(owner.kept, limit, measure);
  }
  return { policy: owner.policy.name, rule: MAX_CONCENTRATION, subject: '', value, limit, enforced, binding };
}

/**
 * The workload that comes nearest to its limit (ties by id): the share of its replicas that are not at its largest provider
 * (region), against the share to keep. Null where no workload has such a rule.
 */
function surviveUse(
  { input, governance, index, owner, replicas }: PlannedFleet,
  all: Rules,
  inForce: Rules,
  loss: Loss,
): RuleUse | null {
  const stated = all.survive.find((entry) => entry.loss === loss)?.keepShare ?? 0;
  let nearest: RuleUse | null = null;
  for (const { id, spec } of input.workloads) {
    if (governance.fleetOfTeam(spec.team) !== index) continue;
    const mostLost = surviveLimit(all, loss, spec.replicas, spec.keepShare);
    if (mostLost === null) continue;
    const largest = largestPart(replicas().get(id) ?? [], loss);
    const limit = Math.max(stated, loss === 'provider' ? (spec.keepShare ?? 0) : 0);
    const value = 1 - largest / spec.replicas;
    const enforced = surviveLimit(inForce, loss, spec.replicas, spec.keepShare) === mostLost;
    const binding = enforced && largest >= mostLost;
    const rule = SURVIVE_RULE[loss];
    const use = { policy: owner.policy.name, rule, subject: id, value, limit, enforced, binding };
    if (nearest === null || isNearer(use, nearest)) nearest = use;
  }
  return nearest;
}

function isNearer(one: RuleUse, other: RuleUse): boolean {
  const nearer = one.value - one.limit - (other.value - other.limit);
  return nearer < 0 || (nearer === 0 && compareText(one.subject, other.subject) < 0);
}

/** Replicas, of all workloads together, that stand at one provider (region) beyond what `survive` lets it hold. */
export function replicasPastSurvival(
  input: PlanInput,
  governance: Governance,
  inForce: RuleBook,
  replicas: ReadonlyMap<string, readonly PlacedReplica[]>,
): number {
  let past = 0;
  for (const { id, spec } of input.workloads) {
    const rules = inForce[governance.fleetOfTeam(spec.team)];
    if (rules === undefined) continue;
    for (const loss of LOSSES) {
      const most = surviveLimit(rules, loss, spec.replicas, spec.keepShare);
      if (most !== null) past += Math.max(0, largestPart(replicas.get(id) ?? [], loss) - most);
    }
  }
  return past;
}

/** Replicas at the provider (region) that holds most. */
function largestPart(replicas: readonly PlacedReplica[], loss: Loss): number {
  const counts = new Map<string, number>();
  let largest = 0;
  for (const { pool } of replicas) {
    const subject = loss === 'provider' ? pool.provider : regionKey(pool);
    const count = (counts.get(subject) ?? 0) + 1;
    counts.set(subject, count);
    largest = Math.max(largest, count);
  }
  return largest;
}

/** What a team spends, and on its cheapest machine, in micro-dollars per hour; 0 for a team without machines. */
export interface TeamTotal {
  readonly total: number;
  readonly smallest: number;
}

/** How every refusing budget stands: values and limits are micro-dollars per hour. */
export function budgetUses(
  governance: Governance,
  teamSpends: readonly TeamSpend[],
  totalOf: (team: string) => TeamTotal,
): readonly RuleUse[] {
  return teamSpends.map(({ team, limitMicroUsdPerHour: limit }) => {
    const { total: value, smallest } = totalOf(team);
    const policy = governance.policies[governance.fleetOfTeam(team)]?.name ?? '';
    return { policy, rule: BUDGET, subject: team, value, limit, enforced: true, binding: value + smallest > limit };
  });
}
