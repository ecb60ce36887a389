import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseCsvTrace } from './read-csv.ts';
import { commonTickSeconds, type JsonSeries, parseJsonSeries, zoneAndShape, zoneOfSeries } from './read-json.ts';
import type { Trace } from './trace.ts';

/** Where the recorded traces lie beside the project; they are never part of it. */
export const TRACES_FOLDER = path.join(import.meta.dirname, '../../../shared/data/traces');

/**
 * Every trace of a folder, by name: each `*.csv` or `*.csv.gz` is one ({@link parseCsvTrace}); the `<zone>_<gpu>_<count>.json` files (or
 * `.json.gz`) of one GPU and count are one together, cut to the ticks that all of its zones have. Throws an Error where there is none.
 */
export async function readTraceFolder(folder: string): Promise<readonly Trace[]> {
  const base = path.basename(path.resolve(folder));
  const files = (await readdir(folder)).toSorted();
  const tables = files.filter((file) => /\.csv(\.gz)?$/.test(file));
  const traces: Trace[] = [];
  for (const file of tables) {
    const name = tables.length === 1 ? base : `${base}/${file.replace(/\.csv(\.gz)?$/, '')}`;
    traces.push(parseCsvTrace(name, path.join(folder, file), await readText(path.join(folder, file))));
  }
  const series = files.filter((file) => /\.json(\.gz)?$/.test(file));
  for (const [shape, ofShape] of Map.groupBy(series, (file) => zoneAndShape(file).shape)) {
    traces.push(await readJsonTrace(shape === '' ? base : `${base}/${shape}`, folder, ofShape));
  }
  if (traces.length > 0) return traces;
  throw new Error(`${folder} has no traces: it must have *.csv, *.csv.gz or <zone>_<gpu>_<count>.json files`);
}

async function readJsonTrace(name: string, folder: string, files: readonly string[]): Promise<Trace> {
  const zones: { readonly zone: string; readonly series: JsonSeries }[] = [];
  for (const file of files) {
    const full = path.join(folder, file);
    zones.push({ zone: zoneAndShape(file).zone, series: parseJsonSeries(full, await readText(full)) });
  }
  const all = zones.map(({ series }) => series);
  const tickCount = Math.min(...all.map(({ nodes }) => nodes.length));
  return {
    name,
    tickSeconds: commonTickSeconds(name, all),
    tickCount,
    zones: zones.map(({ zone, series }) => zoneOfSeries(zone, series, tickCount)),
  };
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}
