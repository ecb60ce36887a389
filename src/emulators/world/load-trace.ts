import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseUsd } from '../../domain/money.ts';
import type { MarketTrace, PoolPattern, TracePoint } from './control-contract.ts';
import { CLOUD_IDS } from './market-facts.ts';

/**
 * A recorded market as CSV (docs/emulated-clouds.md, "Traces"): one line per point. A blank place or type matches anything; a blank
 * `free` or `price_usd` leaves it as it was. No quotes: nothing in it has a comma.
 */
const COLUMNS = [
  ...(['offset_seconds', 'time', 'cloud', 'region', 'zone', 'instance_type', 'accelerator'] as const),
  ...(['market', 'free', 'price_usd'] as const),
];
type Column = (typeof COLUMNS)[number];

const MARKETS = ['on-demand', 'spot'] as const;

/** The file is wrong; the message names file, line and column, and what is allowed there. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

export interface TraceOptions {
  /** Recorded seconds per second of world time, > 0; default 1. */
  readonly speed?: number;
}

/** Reads a `.csv` or `.csv.gz` file. Rejects with {@link TraceError}, or as `readFile` does. */
export async function loadTrace(file: string, options: TraceOptions = {}): Promise<MarketTrace> {
  const bytes = await readFile(file);
  if (!file.endsWith('.gz')) return parseTrace(bytes.toString('utf8'), file, options);
  const unpacked = await promisify(gunzip)(bytes).catch((cause: unknown) => {
    throw new TraceError(`${file} is not a gzip file`, { cause });
  });
  return parseTrace(unpacked.toString('utf8'), file, options);
}

interface Row {
  /** `file:line`. */
  readonly place: string;
  /** Empty where the file has no such column. */
  cell(column: Column): string;
}

/** `name` stands for the file in errors. Points are in the order of the file; `time` counts from the earliest in it. */
export function parseTrace(text: string, name: string, options: TraceOptions = {}): MarketTrace {
  const { speed = 1 } = options;
  if (!(Number.isFinite(speed) && speed > 0)) throw new RangeError(`the speed of a trace must be > 0, not ${speed}`);
  const rows = rowsOf(text.replace(/^\uFEFF/, ''), name);
  const known: Known = { times: new Map(), patterns: new Map(), prices: new Map() };
  const points = rows.map((row) => readPoint(row, known));
  const isOffset = rows[0]?.cell('offset_seconds') !== '';
  const start = isOffset ? 0 : points.reduce((earliest, { at }) => Math.min(earliest, at), Number.POSITIVE_INFINITY);
  return { points: points.map(({ at, ...point }) => ({ ...point, offsetMs: (at - start) / speed })) };
}

function rowsOf(text: string, name: string): readonly Row[] {
  const [header = '', ...lines] = text.split(/\r?\n/);
  const columns = readHeader(header, `${name}:1`);
  const width = columns.size;
  return lines.flatMap((line, index): readonly Row[] => {
    if (line.trim() === '') return [];
    const place = `${name}:${index + 2}`;
    const cells = line.split(',');
    if (cells.length !== width)
      throw new TraceError(`${place}: ${cells.length} fields where the first line names ${width} columns`);
    return [{ place, cell: (column) => cells[columns.get(column) ?? -1]?.trim() ?? '' }];
  });
}

function readHeader(header: string, place: string): ReadonlyMap<string, number> {
  const names = header.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !COLUMNS.some((column) => column === name));
  if (unknown !== undefined)
    throw new TraceError(`${place}: no column is called "${unknown}"; there are ${COLUMNS.join(', ')}`);
  const columns = new Map(names.map((name, index) => [name, index]));
  if (columns.size !== names.length) throw new TraceError(`${place}: a column is named twice`);
  if (columns.has('offset_seconds') === columns.has('time'))
    throw new TraceError(`${place}: name one of the columns offset_seconds and time`);
  if (!columns.has('cloud')) throw new TraceError(`${place}: the column cloud is missing`);
  if (!columns.has('free') && !columns.has('price_usd'))
    throw new TraceError(`${place}: name at least one of the columns free and price_usd`);
  return columns;
}

function wrong(row: Row, column: Column, allowed: string): TraceError {
  return new TraceError(`${row.place}: column ${column} must be ${allowed}, not "${row.cell(column)}"`);
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds: from the start of the trace, or since 1970. */
function readTime(row: Row): number {
  const offset = row.cell('offset_seconds');
  if (offset !== '') {
    if (!/^\d+(?:\.\d+)?$/.test(offset)) throw wrong(row, 'offset_seconds', 'a number of seconds ≥ 0');
    return Number(offset) * 1000;
  }
  const time = row.cell('time');
  const at = RFC_3339.test(time) ? Date.parse(time) : Number.NaN;
  // An empty cell of the one column is told of as that column.
  if (Number.isNaN(at)) throw wrong(row, 'time', 'a time such as 2026-01-05T00:00:00Z (or offset_seconds a number)');
  return at;
}

/** What was read before, by its text: a recording says the same things many times. */
interface Known {
  readonly times: Map<string, number>;
  readonly patterns: Map<string, PoolPattern>;
  readonly prices: Map<string, number | null>;
}

function remembered<V>(known: Map<string, V>, text: string, readAnew: () => V): V {
  const value = known.get(text) ?? readAnew();
  known.set(text, value);
  return value;
}

interface TimedPoint extends Omit<TracePoint, 'offsetMs'> {
  readonly at: number;
}

/** Rows of one place share one pattern object, whose pools the world then finds once. */
function readPoint(row: Row, known: Known): TimedPoint {
  const { cell } = row;
  const market = cell('market');
  const place = `${cell('cloud')},${cell('region')},${cell('zone')},${cell('instance_type')},${cell('accelerator')}`;
  return {
    at: remembered(known.times, `${cell('offset_seconds')},${cell('time')}`, () => readTime(row)),
    pattern: remembered(known.patterns, `${place},${market}`, () => readPattern(row)),
    free: readFree(row),
    priceMicroUsdPerHour: remembered(known.prices, `${cell('price_usd')},${market}`, () => readPrice(row)),
  };
}

function readPattern(row: Row): PoolPattern {
  const cloud = CLOUD_IDS.find((id) => id === row.cell('cloud'));
  if (cloud === undefined) throw wrong(row, 'cloud', CLOUD_IDS.join(', '));
  const market = MARKETS.find((name) => name === row.cell('market'));
  if (market === undefined && row.cell('market') !== '') throw wrong(row, 'market', `${MARKETS.join(', ')} or blank`);
  return {
    cloud,
    region: row.cell('region') || null,
    zone: row.cell('zone') || null,
    instanceType: row.cell('instance_type') || null,
    accelerator: row.cell('accelerator') || null,
    market: market ?? null,
  };
}

function readFree(row: Row): number | null {
  const text = row.cell('free');
  if (text === '') return null;
  if (!/^\d{1,9}$/.test(text)) throw wrong(row, 'free', 'a whole number of machines ≥ 0, or blank');
  return Number(text);
}

function readPrice(row: Row): number | null {
  const text = row.cell('price_usd');
  if (text === '') return null;
  const price = /^\d+(?:\.\d+)?$/.test(text) ? parseUsd(text) : 0;
  if (price <= 0) throw wrong(row, 'price_usd', 'US dollars per hour above 0, such as 0.918, or blank');
  if (row.cell('market') === 'on-demand')
    throw wrong(row, 'price_usd', 'blank where market is on-demand: only spot prices move');
  return price;
}
