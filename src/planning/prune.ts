import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Option, Problem } from './option.ts';
import { surviveRoom } from './option.ts';
import type { RuleBook, Rules } from './rules.ts';
import { moneyMeasure } from './rules.ts';

/**
 * The options of every class that an optimal plan may need. An option goes only if an earlier one (cheaper, or as cheap
 * and first in the stated order) counts the same in every row of the model and cannot run out before it: then whatever
 * uses the later could use the earlier, so the answer stays exact. Under caps on money that asks for the same money too,
 * because a dearer machine elsewhere makes every other share smaller.
 */
export function prunedOptions(problem: Problem, rules: RuleBook): readonly (readonly Option[])[] {
  const budgeted = new Set(problem.input.teamBudgets.map(({ team }) => team));
  return problem.classes.map((demandClass, index) => {
    const own = rules[demandClass.fleet];
    if (own === undefined) return [];
    const byBudget = own.budgets && budgeted.has(demandClass.spec.team);
    return prunedClass(demandClass, problem.options[index] ?? [], own, problem.supply, byBudget);
  });
}

function prunedClass(
  demandClass: DemandClass,
  options: readonly Option[],
  rules: Rules,
  supply: Supply,
  byBudget: boolean,
): readonly Option[] {
  const exhaustive = new Set<string>();
  return options.filter((option) => {
    // What runs is always an option.
    if (option.running !== null) return true;
    const rows = rowSignature(demandClass, option, rules, byBudget);
    const claims = option.at.claims.map(({ quota, units }) => `${quota}*${units * option.machinesPerLot}`);
    const signature = `${rows} ${claims.join(' ')}`;
    if (exhaustive.has(signature) || exhaustive.has(`${rows} `)) return false;
    if (supply.available(option.at) === null) exhaustive.add(signature);
    return true;
  });
}

/** Equal for options that count alike in every row but those of quotas. */
function rowSignature(demandClass: DemandClass, option: Option, rules: Rules, byBudget: boolean): string {
  const { subjects, provider, amounts } = option.weight;
  const byMoney = rules.maxConcentration !== null;
  const byShare = rules.caps.length > 0 || (rules.minProviders > 1 && rules.minProviderShare > 0);
  const survives = (loss: 'provider' | 'region'): boolean =>
    surviveRoom(rules, demandClass, loss, subjects[loss] ?? '') !== null;
  const byProvider = byMoney || rules.minProviders > 1 || survives('provider');
  const parts: (string | number | null)[] = [option.replicasPerLot, byProvider ? provider : ''];
  if (survives('region')) parts.push(subjects.region);
  // "No subject" and the subject "" of spot machines are two things.
  for (const { scope } of rules.caps) parts.push(subjects[scope] === null ? 'none' : `=${subjects[scope]}`);
  if (byMoney) parts.push(amounts[moneyMeasure(rules)]);
  if (byShare) parts.push(amounts[rules.measure]);
  if (byBudget) parts.push(amounts.spend);
  return parts.join('|');
}
