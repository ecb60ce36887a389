import { wordsOf } from './acts.ts';
import type { RunResult } from './run.ts';
import { actIds, clockText } from './shrink.ts';
import type { Story } from './story.ts';

/** The story of a seed that failed, shrunk, for people: what was done, what followed, and how to see it again. */
export function tellFailure(story: Story, result: RunResult, original: number): string {
  const { seed, brokers, lagMs, launchMs, removesOrphans, policy, acts, farewell } = story;
  const lines = [
    `seed ${seed}: ${result.violation ?? 'no violation'}`,
    `  ${brokers} broker${brokers === 1 ? '' : 's'}, policy "${policy}", machines start in ${launchMs / 1000} s, reads of aws lag ${lagMs} ms, orphans are ${removesOrphans ? 'removed' : 'only reported'}`,
    `  the story, shrunk from ${original} acts to ${acts.length}:`,
    ...acts.map((act) => `    ${clockText(act.at)}  ${wordsOf(act)}`),
    `    ${clockText(story.endMs)}  all is well again`,
    ...(farewell === null
      ? []
      : [`         then  all is deleted, and a broker dies at the ${farewell.nth}th point of kind ${farewell.point}`]),
    `    ${clockText(result.simulatedMs)}  ${result.violation ?? ''}`,
    `  replay:        npm run simulate -- --seed ${seed}`,
    `  replay shrunk: npm run simulate -- --seed ${seed} --acts ${actIds(story)}`,
    '  with every call and event: add --verbose',
  ];
  return lines.join('\n');
}

export interface Totals {
  seeds: number;
  failed: number;
  simulatedMs: number;
  readonly counts: Map<string, number>;
}

export function emptyTotals(): Totals {
  return { seeds: 0, failed: 0, simulatedMs: 0, counts: new Map() };
}

export function addResult(
  totals: Totals,
  { violation, simulatedMs, counts }: Pick<RunResult, 'violation' | 'simulatedMs' | 'counts'>,
): void {
  totals.seeds += 1;
  if (violation !== null) totals.failed += 1;
  totals.simulatedMs += simulatedMs;
  for (const [what, count] of Object.entries(counts)) totals.counts.set(what, (totals.counts.get(what) ?? 0) + count);
}

/** The sums of many seeds, for people. */
export function tellTotals(totals: Totals, wallMs: number): string {
  const of = (prefix: string): (readonly [string, number])[] =>
    [...totals.counts]
      .filter(([what]) => what.startsWith(prefix))
      .map(([what, count]) => [what.slice(prefix.length), count] as const)
      .toSorted(([, a], [, b]) => b - a);
  const list = (prefix: string): string =>
    of(prefix)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ');
  const sum = (prefix: string): number => of(prefix).reduce((total, [, count]) => total + count, 0);
  return [
    `${totals.seeds} seeds, ${(totals.simulatedMs / 3_600_000).toFixed(1)} simulated hours in ${(wallMs / 1000).toFixed(0)} s of wall time`,
    `${totals.counts.get('launches') ?? 0} launches, ${totals.counts.get('terminations') ?? 0} terminations, ${totals.counts.get('plans') ?? 0} plans, ${totals.counts.get('notices') ?? 0} interruption notices`,
    `${sum('crashes at ')} crashes (before or after: ${list('crashes at ')})`,
    `${sum('fault: ')} faulty calls: ${list('fault: ')}`,
    `${sum('act: ')} acts: ${list('act: ')}`,
    `${totals.failed} violations`,
  ].join('\n');
}
