import type { RowFigures } from './measure.ts';

const COLUMNS = [
  'D/P',
  'prices',
  'gang',
  'windows',
  'greedy 1',
  'UP 1',
  'greedy',
  'UP',
  'optimum',
  'ours',
  'unwatched',
  'excess/UP',
  'unwatched',
  'missed',
  's',
];

export const HEAD = `cost / on-demand; 1 = one zone, else all zones\n${line('trace', COLUMNS)}`;

export function lineOf(row: RowFigures): string {
  const shares = [
    row.greedyOneZone,
    row.uniformOneZone,
    row.greedy,
    row.uniform,
    row.optimum,
    row.ours,
    row.oursUnwatched,
  ];
  return line(row.trace, [
    ...[String(row.deadlineFactor), row.prices, String(row.gangSize), String(row.windows)],
    ...shares.map((share) => share.toFixed(3)),
    ...[row.excessShare, row.excessShareUnwatched].map((share) => (Number.isFinite(share) ? share.toFixed(2) : '–')),
    ...[String(row.missed), row.seconds.toFixed(1)],
  ]);
}

export function totalsOf(rows: readonly RowFigures[]): string {
  const missed = rows.reduce((sum, row) => sum + row.missed, 0);
  const baselines = rows.reduce((sum, row) => sum + row.missedByBaselines, 0);
  const windows = rows.reduce((sum, row) => sum + row.windows, 0);
  return `deadlines missed: ${missed} of ${2 * windows} by ours, ${baselines} by the baselines\n`;
}

function line(name: string, cells: readonly string[]): string {
  return `${name.padEnd(27)}${cells.map((cell, index) => cell.padStart(Math.max((COLUMNS[index]?.length ?? 0) + 2, 7))).join('')}\n`;
}
