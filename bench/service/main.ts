import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { aligned } from '../support/table.ts';
import { readTraceFolder, TRACES_FOLDER } from '../traces/read-folder.ts';
import { type RunOptions, runService, type ServiceRow, type TraceReport } from './run-service.ts';
import { worldOf } from './world.ts';

/** `npm run bench:service`; what it measures stands in `bench/README.md`. */

const { values } = parseArgs({
  options: {
    traces: { type: 'string', multiple: true },
    replicas: { type: 'string', default: '3,4' },
    over: { type: 'string', default: '0,1,2' },
    weights: { type: 'string', default: '60' },
    'min-available': { type: 'string' },
    'max-zone-share': { type: 'string', default: '0.5' },
    'cold-start': { type: 'string', default: '120' },
    step: { type: 'string', default: '30' },
    'on-demand-zones': { type: 'string', default: '2' },
    'spot-share': { type: 'string', default: String(1 / 3) },
    prices: { type: 'string', default: 'flat' },
    gang: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '3' },
    'no-optimum': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const folders =
  values.traces ??
  ['aws-v100-4node-2023', 'aws-2az-2022', 'aws-v100-9az-2023'].map((name) => path.join(TRACES_FOLDER, name));
const missing = folders.filter((folder) => !existsSync(folder));
if (missing.length > 0) {
  process.stderr.write(`No such folder: ${missing.join(', ')}. Name folders of traces with --traces <folder>.\n`);
  process.exit(values.traces === undefined ? 0 : 2);
}
if (values.prices !== 'flat' && values.prices !== 'trace') {
  throw new RangeError(`--prices must be "flat" or "trace", not ${values.prices}`);
}
const worldOptions = {
  stepSeconds: numberFrom('step', values.step, 1, 3600),
  onDemandZones: numberFrom('on-demand-zones', values['on-demand-zones'], 0, 100),
  spotShare: numberFrom('spot-share', values['spot-share'], 0.001, 1),
  tracePrices: values.prices === 'trace',
  gangSize: numberFrom('gang', values.gang, 1, 65_535),
};
const reports: TraceReport[] = [];
for (const folder of folders) {
  for (const trace of await readTraceFolder(folder)) {
    for (const replicas of listFrom('replicas', values.replicas, 1)) {
      const report = await runService(worldOf(trace, worldOptions), optionsFor(replicas));
      reports.push(report);
      if (!values.json) process.stdout.write(tableOf(report));
    }
  }
}
if (values.json) process.stdout.write(`${JSON.stringify({ world: worldOptions, reports }, null, 2)}\n`);

function optionsFor(replicas: number): RunOptions {
  const least = values['min-available'];
  return {
    replicas,
    minAvailable: least === undefined ? replicas : Math.min(replicas, numberFrom('min-available', least, 0, 1e6)),
    maxZoneShare: numberFrom('max-zone-share', values['max-zone-share'], 0.01, 1),
    coldStartSeconds: numberFrom('cold-start', values['cold-start'], 0, 86_400),
    weights: listFrom('weights', values.weights, 0),
    overs: listFrom('over', values.over, 0),
    seeds: numberFrom('seeds', values.seeds, 1, 1000),
    withOptimum: !values['no-optimum'],
  };
}

function listFrom(name: string, given: string, least: number): readonly number[] {
  return given.split(',').map((part) => numberFrom(name, part, least, 1e6));
}

function numberFrom(name: string, given: string, least: number, most: number): number {
  const value = Number(given === '' ? Number.NaN : given);
  if (value >= least && value <= most) return value;
  throw new RangeError(`--${name} must be a number from ${least} to ${most}, not "${given}"`);
}

function tableOf({ trace, days, options, rows }: TraceReport): string {
  const title = `\n${trace}: ${options.replicas} replicas for ${days.toFixed(1)} days, cold start ${options.coldStartSeconds} s`;
  const head = ['policy', 'available', 'cost', 'worst loss', 'largest zone', 'counted', 'launches', 'losses'];
  return `${[title, ...aligned([head, ...rows.map(cellsOf)])].join('\n')}\n`;
}

function cellsOf({ name, figures }: ServiceRow): readonly string[] {
  const start = [name, figures.availability.toFixed(4), figures.costShare.toFixed(3)];
  if (!('worstLossShare' in figures)) return [...start, '-', '-', '-', '-', '-'];
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return [
    ...start,
    percent(figures.worstLossShare),
    percent(figures.largestZoneShare),
    percent(figures.largestCountedShare),
    (figures.launches - figures.refusals).toFixed(0),
    figures.losses.toFixed(0),
  ];
}
