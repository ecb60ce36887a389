import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../support/options.ts';
import { inOwnProcess } from '../support/own-process.ts';
import { aligned } from '../support/table.ts';
import type { Latencies } from './incremental.ts';
import { STEPS } from './measure.ts';
import type { FleetFigures, FleetOptions, RowFigures } from './run-fleet.ts';

/** `npm run bench:plan`; what it measures stands in `bench/README.md`. */

/** As an operator holds a small container to what it may use: by itself V8 rather grows than collects. In megabytes. */
const HEAP = ['--max-semi-space-size=16', '--max-old-space-size=240'];
const RUN_FLEET = path.join(import.meta.dirname, 'run-fleet.ts');
const DEFAULT_FOLDER = path.join(import.meta.dirname, '../../../shared/data/placement');

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    sizes: { type: 'string' },
    runs: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const files = values.data ?? ['W200', 'W1000'].map((name) => path.join(DEFAULT_FOLDER, `${name}.json.gz`));
const missing = files.filter((file) => !existsSync(file));
if (missing.length > 0) {
  process.stderr.write(`No such file: ${missing.join(', ')}. Name placement files with --data <file>.\n`);
  process.exit(2);
}
const runs = wholeNumber('runs', values.runs);
// By default the larger sizes are grown from the last file when no file was named.
const sizes = (values.sizes ?? (values.data === undefined ? '5000,50000' : ''))
  .split(',')
  .filter((size) => size !== '');
const last = files.at(-1) ?? '';
const work: FleetOptions[] = [
  ...files.map((file) => ({ file, workloads: null, runs, fullRowOnly: false })),
  ...sizes.map((size) => ({ file: last, workloads: wholeNumber('sizes', size), runs, fullRowOnly: true })),
];
const figures: FleetFigures[] = [];
for (const options of work) {
  const measured = await inOwnProcess<FleetFigures>(RUN_FLEET, options, HEAP);
  figures.push(measured);
  if (!values.json) process.stdout.write(tableOf(measured));
}
if (values.json) process.stdout.write(`${JSON.stringify({ runs, fleets: figures }, null, 2)}\n`);

function tableOf(figures: FleetFigures): string {
  const { fleet, workloads, cheapestFirstUsdPerHour: baseline, cheapestFirstMs, rows, peakMegabytes } = figures;
  const head = [
    'rules',
    'exact $/h',
    'planned $/h',
    'bound $/h',
    'gap',
    'off exact',
    'saved',
    'ms',
    ...STEPS,
    'first ms',
    'first gap',
    'quick ms',
    'quick gap',
  ];
  const lines = rows.map((row) => [
    row.row,
    row.exactUsdPerHour === null ? '-' : row.exactUsdPerHour.toFixed(3),
    row.usdPerHour.toFixed(3),
    row.boundUsdPerHour.toFixed(3),
    row.gapShare.toExponential(1),
    offExact(row),
    `${((1 - row.usdPerHour / baseline) * 100).toFixed(2)} %`,
    row.ms.toFixed(0),
    ...STEPS.map((step) => row.steps[step].toFixed(0)),
    row.firstAnswerMs.toFixed(0),
    row.firstAnswerGapShare.toExponential(1),
    row.quickMs.toFixed(0),
    row.quickGapShare.toExponential(1),
  ]);
  const title = `\n${fleet}: ${workloads} workloads; cheapest-first ${baseline.toFixed(2)} $/h in ${cheapestFirstMs.toFixed(0)} ms; peak memory ${peakMegabytes.toFixed(0)} MB`;
  return `${[title, ...aligned([head, ...lines]), ...incrementalLines(figures)].join('\n')}\n`;
}

function incrementalLines({ incremental }: FleetFigures): readonly string[] {
  if (incremental === null) return [];
  const line = (what: string, { count, p50Ms, p99Ms, heldCount }: Latencies): string =>
    `${what}: ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (${count} times, ${heldCount} without a place)`;
  return [line('one workload more', incremental.added), line('a pool sold out', incremental.soldOut)];
}

function offExact({ exactUsdPerHour: exact, usdPerHour }: RowFigures): string {
  return exact === null ? '-' : ((usdPerHour - exact) / exact).toExponential(1);
}
