import type { RuleUseJson } from '../../api/resources/plans.ts';
import { isLeastRule } from '../../domain/policy.ts';
import type { Style } from '../terminal.ts';
import { percent, renderTable } from './table.ts';

/** How each rule stands against its limit, the tightest first; policy by policy where several state rules. */
export function renderRules(rules: readonly RuleUseJson[], style: Style): string {
  const byPolicy = [...Map.groupBy(rules, ({ policy }) => policy)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (byPolicy.length <= 1) return renderRulesOfOne(rules, style);
  return byPolicy
    .map(([policy, own]) => `${style.strong(`POLICY ${policy}`)}\n${renderRulesOfOne(own, style)}`)
    .join('\n');
}

function renderRulesOfOne(rules: readonly RuleUseJson[], style: Style): string {
  const columns = [
    { title: 'RULE' },
    { title: 'OF' },
    { title: 'NOW', align: 'right' },
    { title: 'LIMIT', align: 'right' },
    { title: '' },
  ] as const;
  const rows = rules
    .toSorted((a, b) => tightness(b) - tightness(a) || Number(b.binding) - Number(a.binding))
    .map((use) => [use.rule, use.subject, figure(use, use.value), figure(use, use.limit), standing(use, style)]);
  return renderTable(columns, rows, style, 'No rule applies.');
}

/** 1 at the limit, more when it is exceeded. */
function tightness({ rule, value, limit }: RuleUseJson): number {
  if (isLeastRule(rule)) return value === 0 ? Number.MAX_VALUE : limit / value;
  return limit === 0 ? Number(value > 0) * Number.MAX_VALUE : value / limit;
}

/** Counts and indices are numbers; everything else a rule measures is a share. */
function figure({ rule }: RuleUseJson, value: number): string {
  if (rule.startsWith('min')) return String(value);
  return rule === 'maxConcentration' ? value.toFixed(3) : percent(value);
}

function standing({ enforced, binding, rule, value, limit }: RuleUseJson, style: Style): string {
  const isBroken = isLeastRule(rule) ? value < limit : value > limit + 1e-6;
  if (!enforced) return style.dim(isBroken ? 'exceeded; reported only' : 'reported only');
  if (isBroken) return style.bad('exceeded');
  return binding ? style.warning('at its limit') : style.good('kept');
}
