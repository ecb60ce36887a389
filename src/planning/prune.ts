import type { DemandClass } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Option, Problem } from './problem.ts';
import { acceleratorsPerLot, spendPerLot, surviveRoom } from './problem.ts';
import type { Rules } from './rules.ts';

/**
 * The options of every class that an optimal plan may need. An option goes only if an earlier one (cheaper, or as cheap
 * and first in the stated order) counts the same in every row of the model and cannot run out before it: then whatever
 * uses the later could use the earlier, so the answer stays exact. Under caps on spend that asks for the same price too,
 * because a dearer machine elsewhere makes every other share smaller.
 */
export function prunedOptions(problem: Problem, rules: Rules): readonly (readonly Option[])[] {
  return problem.classes.map((demandClass, index) =>
    prunedClass(demandClass, problem.options[index] ?? [], rules, problem.supply),
  );
}

function prunedClass(
  demandClass: DemandClass,
  options: readonly Option[],
  rules: Rules,
  supply: Supply,
): readonly Option[] {
  const exhaustive = new Set<string>();
  return options.filter((option) => {
    const rows = rowSignature(demandClass, option, rules);
    const claims = option.at.claims.map(({ quota, units }) => `${quota}*${units * option.machinesPerLot}`);
    const signature = `${rows} ${claims.join(' ')}`;
    if (exhaustive.has(signature) || exhaustive.has(`${rows} `)) return false;
    if (supply.available(option.at) === null) exhaustive.add(signature);
    return true;
  });
}

/** Equal for options that count alike in every row but those of quotas. */
function rowSignature(demandClass: DemandClass, option: Option, rules: Rules): string {
  const { subjects, provider } = option.at.weight;
  const bySpend = rules.maxConcentration !== null || (rules.caps.length > 0 && rules.measure === 'spend');
  const byAccelerators = rules.caps.length > 0 && rules.measure === 'accelerators';
  const byProvider =
    rules.maxConcentration !== null || rules.minProviders > 1 || surviveRoom(rules, demandClass, provider) !== null;
  return JSON.stringify([
    option.replicasPerLot,
    byProvider ? provider : '',
    rules.caps.map(({ scope }) => subjects[scope]),
    bySpend ? spendPerLot(option) : 0,
    byAccelerators ? acceleratorsPerLot(option) : 0,
  ]);
}
