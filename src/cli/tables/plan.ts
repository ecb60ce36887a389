import type { PlanJson } from '../../api/resources/plans.ts';
import type { Style } from '../terminal.ts';
import { diversity, placeOf, planFacts } from './fleet.ts';
import { renderRules } from './rules.ts';
import { clean, dollarsOf, renderFacts, renderTable } from './table.ts';

/** What a plan would launch, what it costs, and how the rules stand after it. */
export function renderPlan(plan: PlanJson, style: Style): string {
  const held = plan.held.flatMap(({ workloadName, replicas, reasons }) =>
    reasons.map(({ rule, detail }) => {
      const what = replicas.length === 1 ? '1 replica' : `${replicas.length} replicas`;
      return `${style.bad('held')}  ${workloadName} (${what}): ${rule}: ${clean(detail)}\n`;
    }),
  );
  return [
    renderPlannedMachines(plan, style),
    renderFacts([...planFacts(plan), ['concentration', plan.concentration.toFixed(3), diversity(plan.concentration)]]),
    ...(plan.rules.length === 0 ? [] : [renderRules(plan.rules, style)]),
    ...(held.length === 0 ? [] : [held.join('')]),
  ].join('\n');
}

function renderPlannedMachines(plan: PlanJson, style: Style): string {
  const groups = Map.groupBy(plan.machines, ({ workloadName, pool }) => `${workloadName} ${pool.key}`);
  const columns = [
    { title: 'WOULD RUN' },
    { title: 'MACHINES', align: 'right' },
    { title: 'ACCELERATORS' },
    { title: 'WHERE' },
    { title: 'TYPE' },
    { title: 'MARKET' },
    { title: '$/H', align: 'right' },
  ] as const;
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const total = group.reduce((sum, { adjustedPrice }) => sum + adjustedPrice.microUsdPerHour, 0);
    return [
      [
        first.workloadName,
        String(group.length),
        `${first.acceleratorCount} × ${first.accelerator}`,
        placeOf(first.pool),
        first.pool.instanceType,
        first.pool.market,
        dollarsOf(total),
      ],
    ];
  });
  return renderTable(columns, rows, style, 'Nothing to launch.');
}
