import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startCloudsChild } from '../../src/main/emulated-clouds.ts';
import { wholeNumber } from '../support/options.ts';
import { inOwnProcess } from '../support/own-process.ts';
import type { RunFigures } from './measure.ts';

/** `npm run bench:market`; what it measures stands in `bench/README.md`. */

const RUN_ONE = path.join(import.meta.dirname, 'run-one.ts');

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: '4' },
  },
});
const concurrency = wholeNumber('concurrency', values.concurrency);
const seed = wholeNumber('seed', values.seed);

const directory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-bench-'));
const { child, place } = await startCloudsChild(seed, path.join(directory, 'clouds.log'));
try {
  const sequential = await inOwnProcess<RunFigures>(RUN_ONE, { place, concurrency: 1, together: false });
  const concurrent = await inOwnProcess<RunFigures>(RUN_ONE, { place, concurrency, together: true });
  const ratio = sequential.seconds / concurrent.seconds;
  const report = { seed, concurrency, sequential, concurrent, sequentialOverConcurrent: ratio };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : tableOf(report));
} finally {
  await child.stop();
  await rm(directory, { recursive: true, force: true });
}

interface Report {
  readonly concurrency: number;
  readonly sequential: RunFigures;
  readonly concurrent: RunFigures;
  readonly sequentialOverConcurrent: number;
}

function tableOf({ concurrency: limit, sequential, concurrent, sequentialOverConcurrent }: Report): string {
  const lines = concurrent.providers.flatMap((one) => [
    `${one.provider.padEnd(6)} ${one.regions} regions (${one.failedRegions} failed)  ${one.offers} offers  ` +
      `${one.quarantined} quarantined  ${one.requestCount} requests  ${one.seconds.toFixed(2)} s`,
    ...Object.entries(one.requests).map(([operation, count]) => `       ${String(count).padStart(6)}  ${operation}`),
  ]);
  return [
    ...lines,
    '',
    totals(`concurrency ${limit}`, concurrent),
    totals('sequential', sequential),
    `sequential takes ${sequentialOverConcurrent.toFixed(2)} times as long`,
    '',
  ].join('\n');
}

function totals(name: string, run: RunFigures): string {
  return (
    `${name.padEnd(14)} ${run.seconds.toFixed(2)} s  ${run.requestCount} requests  ${run.offers} offers  ` +
    `${run.offersPerSecond.toFixed(0)} offers/s  peak ${run.peakMemoryMiB.toFixed(0)} MiB`
  );
}
