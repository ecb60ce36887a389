import { type MicroUsdPerHour, parseUsd } from '../../src/domain/money.ts';
import type { Trace, TraceZone } from './trace.ts';

const AVAILABLE = '_avail';
const PRICE = '_spot_usd';

/**
 * The CSV shape: a column `ts` (RFC 3339), and for each zone `<zone>_avail` (machines, or 1 for "some") and, where known,
 * `<zone>_spot_usd` (dollars an hour of one machine; an empty cell repeats the last price). The tick is the median time between rows.
 * Throws an Error that names the file, and row and column where a cell cannot be read.
 */
export function parseCsvTrace(name: string, file: string, text: string): Trace {
  const [head = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const columns = head.split(',');
  const zones = columns
    .filter((column) => column.endsWith(AVAILABLE))
    .map((column) => column.slice(0, -AVAILABLE.length));
  const timeColumn = columns.indexOf('ts');
  if (timeColumn < 0 || zones.length === 0 || lines.length < 2) {
    throw new Error(
      `${file}: a trace has a column ts, a column <zone>${AVAILABLE} for each zone, and two rows or more`,
    );
  }
  const rows = lines.map((line) => line.split(','));
  return {
    name,
    tickSeconds: medianGapSeconds(
      file,
      rows.map((row) => row[timeColumn] ?? ''),
    ),
    tickCount: rows.length,
    zones: zones.map((zone) => readZone(file, zone, columns, rows)),
  };
}

function readZone(
  file: string,
  zone: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): TraceZone {
  const available = columns.indexOf(zone + AVAILABLE);
  const price = columns.indexOf(zone + PRICE);
  const nodes = rows.map((row, index) => {
    const count = Number(row[available] || Number.NaN);
    if (count >= 0 && count <= 65_535) return Math.floor(count);
    throw new Error(
      `${file}: row ${index + 2}: ${zone}${AVAILABLE} must be a number of machines, not "${row[available]}"`,
    );
  });
  const cells = rows.map((row) => row[price] ?? '');
  return { name: zone, nodes: Uint16Array.from(nodes), spotPrices: price < 0 ? null : readPrices(file, zone, cells) };
}

function readPrices(file: string, zone: string, cells: readonly string[]): MicroUsdPerHour[] | null {
  const first = cells.find((cell) => cell !== '');
  if (first === undefined) return null;
  let last = first;
  return cells.map((cell, index) => {
    if (cell !== '') last = cell;
    try {
      return parseUsd(last);
    } catch (cause) {
      throw new Error(`${file}: row ${index + 2}: ${zone}${PRICE} must be dollars an hour, not "${last}"`, { cause });
    }
  });
}

/** Recorders jitter by a second or two and stop now and then; the median is the tick they meant. */
function medianGapSeconds(file: string, stamps: readonly string[]): number {
  const times = stamps.map((stamp) => Date.parse(stamp));
  const bad = times.findIndex((time) => Number.isNaN(time));
  if (bad >= 0) throw new Error(`${file}: row ${bad + 2}: ts must be a time such as 2023-02-15T22:08:16Z`);
  const gaps = times.slice(1).map((time, index) => (time - (times[index] ?? time)) / 1000);
  const median = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  if (median > 0) return median;
  throw new Error(`${file}: the times of the column ts must rise`);
}
