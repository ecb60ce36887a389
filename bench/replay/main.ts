import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parseUsd } from '../../src/domain/money.ts';
import { readTraceFolder, TRACES_FOLDER } from '../traces/read-folder.ts';
import { measureRow, type RowFigures } from './measure.ts';
import { COMMON, type Row, rowsOf, STANDING_ROWS } from './rows.ts';
import { HEAD, lineOf, totalsOf } from './table.ts';
import type { Settings } from './windows.ts';

/** `npm run bench:replay`; what it measures stands in `bench/README.md`. */

const { values } = parseArgs({
  options: {
    traces: { type: 'string', multiple: true },
    'task-hours': { type: 'string', default: '48' },
    'deadline-factor': { type: 'string', multiple: true },
    'overhead-minutes': { type: 'string', default: '12' },
    'gang-size': { type: 'string', default: '1' },
    'window-every-hours': { type: 'string', default: '24' },
    'on-demand-usd': { type: 'string', default: '3.06' },
    'spot-usd': { type: 'string', default: '0.9731' },
    'egress-usd': { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});

const rows = values.traces === undefined ? await standingRows() : await rowsOfFolders(values.traces);
const figures: RowFigures[] = [];
if (!values.json) process.stdout.write(HEAD);
for (const [index, row] of rows.entries()) {
  const measured = measureRow(row, (done, of) => {
    process.stderr.write(`\r${index + 1}/${rows.length} ${row.trace.name}: window ${done} of ${of}   `);
  });
  process.stderr.write('\r\u001B[K');
  figures.push(measured);
  if (!values.json) process.stdout.write(lineOf(measured));
}
process.stdout.write(values.json ? `${JSON.stringify({ rows: figures }, null, 2)}\n` : totalsOf(figures));
if (figures.some(({ missed }) => missed > 0)) process.exitCode = 1;

async function standingRows(): Promise<readonly Row[]> {
  const found: Row[] = [];
  for (const { folder, trace: name, settings } of STANDING_ROWS) {
    const full = path.join(TRACES_FOLDER, folder);
    if (!existsSync(full)) {
      process.stderr.write(`Left out ${name}: there is no ${full}. Name folders of traces with --traces <folder>.\n`);
      continue;
    }
    const trace = (await readTraceFolder(full)).find((one) => one.name === name);
    if (trace !== undefined) found.push({ trace, settings: { ...COMMON, ...settings } });
  }
  return found;
}

async function rowsOfFolders(folders: readonly string[]): Promise<readonly Row[]> {
  const settings: Settings = {
    taskHours: positive('task-hours', values['task-hours']),
    deadlineFactor: 1,
    overheadMinutes: atLeast('overhead-minutes', values['overhead-minutes'], 0),
    gangSize: positive('gang-size', values['gang-size']),
    windowEveryHours: positive('window-every-hours', values['window-every-hours']),
    onDemandPrice: parseUsd(values['on-demand-usd']),
    spotPrice: parseUsd(values['spot-usd']),
    usesTracePrices: false,
    egress: parseUsd(values['egress-usd']),
  };
  const factors = (values['deadline-factor'] ?? ['1.083', '1.25']).map((factor) => positive('deadline-factor', factor));
  const traces = [];
  for (const folder of folders) {
    if (!existsSync(folder)) {
      process.stderr.write(`No such folder: ${folder}. Name folders of traces with --traces <folder>.\n`);
      process.exit(2);
    }
    traces.push(...(await readTraceFolder(folder)));
  }
  return rowsOf(traces, settings, factors);
}

function positive(name: string, given: string): number {
  return atLeast(name, given, Number.MIN_VALUE);
}

function atLeast(name: string, given: string, least: number): number {
  const value = Number(given);
  if (Number.isFinite(value) && value >= least) return value;
  throw new RangeError(`--${name} must be a number ${least === 0 ? 'of 0 or more' : 'above 0'}, not ${given}`);
}
