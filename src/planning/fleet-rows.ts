import type { ShareMeasure } from '../domain/policy.ts';
import { moveCostPerHour, runningReplicas } from './allocation.ts';
import type { Candidate } from './candidates.ts';
import { keyOf, totalsNeeded } from './candidates.ts';
import type { Ledger } from './ledger.ts';
import type { ModelDraft } from './model-draft.ts';
import type { ModelUnits } from './model-units.ts';
import type { Problem } from './option.ts';
import type { Rules } from './rules.ts';
import { moneyMeasure } from './rules.ts';

const NONE = Number.NEGATIVE_INFINITY;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Replicas that run and are not kept where they are: a move each. */
export function addMoved(draft: ModelDraft, problem: Problem, classIndex: number): void {
  const running = runningReplicas(problem, classIndex);
  if (running === 0) return;
  const fleet = problem.fleets[problem.classes[classIndex]?.fleet ?? -1];
  const bounds = { lower: running, upper: UNLIMITED };
  const row = draft.rowNamed(keyOf.moved(classIndex), () => bounds);
  draft.addColumn(0, running, false, draft.units.money(moveCostPerHour(fleet)), [[row, 1]]);
}

/** Totals, money by provider and the number of providers, as far as the fleet's rules need them. */
export function addFleet(
  draft: ModelDraft,
  problem: Problem,
  candidates: readonly (readonly Candidate[])[],
  fleet: number,
  rules: Rules,
  required: number,
): void {
  const base = problem.fleets[fleet]?.base;
  if (base === undefined) return;
  for (const measure of totalsNeeded(rules)) {
    const amount = draft.units.amount(measure, base.total(measure));
    draft.addSum(keyOf.total(fleet, measure), amount);
  }
  const providers = new Set(base.subjects('provider'));
  for (const candidate of candidates.flat()) {
    if (candidate.fleet === fleet) providers.add(candidate.option.at.offer.pool.provider);
  }
  const sorted = [...providers].toSorted();
  if (rules.maxConcentration !== null) {
    const measure = moneyMeasure(rules);
    for (const provider of sorted) {
      draft.addSum(
        keyOf.money(fleet, provider),
        draft.units.amount(measure, base.amount('provider', provider, measure)),
      );
    }
  }
  if (required > 1) addProviderCount(draft, problem, candidates, fleet, rules, required, sorted);
}

/** One binary per provider: whether it counts; an empty fleet needs no providers. */
function addProviderCount(
  draft: ModelDraft,
  problem: Problem,
  candidates: readonly (readonly Candidate[])[],
  fleet: number,
  rules: Rules,
  required: number,
  providers: readonly string[],
): void {
  const base = problem.fleets[fleet]?.base;
  if (base === undefined) return;
  const demand = problem.classes.reduce((sum, entry) => sum + (entry.fleet === fleet ? entry.demand : 0), 0);
  const nothing = draft.rowNamed(keyOf.anything(fleet), () => ({ lower: NONE, upper: 0 }));
  const anything = draft.addColumn(base.machineCount > 0 ? 1 : 0, 1, true, 0, [[nothing, -demand]]);
  const enough = draft.rowNamed(`providers ${fleet}`, () => ({ lower: 0, upper: UNLIMITED }));
  draft.enterSpecial(anything, enough, -required);
  const mostAdded = rules.minProviderShare > 0 ? mostAmount(draft.units, candidates, fleet, rules.measure) : 0;
  for (const provider of providers) {
    const counts = rules.minProviderShare === 0 && base.machinesAt(provider) > 0;
    const counted = draft.addColumn(counts ? 1 : 0, 1, true, 0, [[enough, 1]]);
    if (rules.minProviderShare > 0) addShareCount(draft, fleet, base, rules, mostAdded, provider, counted);
    else if (base.machinesAt(provider) === 0) {
      const row = draft.rowNamed(keyOf.used(fleet, provider), () => ({ lower: 0, upper: UNLIMITED }));
      draft.enterSpecial(counted, row, -1);
    }
  }
}

/** V(provider) ≥ share × V where the provider counts: `most` bounds what the row may lack where it does not. */
function addShareCount(
  draft: ModelDraft,
  fleet: number,
  base: Ledger,
  { measure, minProviderShare: share }: Rules,
  mostAdded: number,
  provider: string,
  counted: number,
): void {
  const total = draft.columnOf(keyOf.total(fleet, measure));
  if (total === null) return;
  const most = share * (draft.units.amount(measure, base.total(measure)) + mostAdded) + 1;
  const lower = -most - draft.units.amount(measure, base.amount('provider', provider, measure));
  const row = draft.rowNamed(keyOf.used(fleet, provider), () => ({ lower, upper: UNLIMITED }));
  draft.enterSpecial(total, row, -share);
  draft.enterSpecial(counted, row, -most);
}

/** No answer adds more to the fleet's measure: every replica on the option that counts most. */
function mostAmount(
  units: ModelUnits,
  candidates: readonly (readonly Candidate[])[],
  fleet: number,
  measure: ShareMeasure,
): number {
  let sum = 0;
  for (const own of candidates) {
    let most = 0;
    for (const { option, fleet: owner, fill } of own) {
      if (owner !== fleet) continue;
      most = Math.max(most, units.amount(measure, option.weight.amounts[measure]) / (fill ?? 1));
    }
    sum += most * (own[0]?.demand ?? 0);
  }
  return sum;
}
