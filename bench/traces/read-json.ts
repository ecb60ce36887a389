import type { TraceZone } from './trace.ts';

/** One file of the JSON shape: `{"metadata":{"gap_seconds":600},"data":[0,1,4,…]}`, machines that could be had at each tick of one zone. */
export interface JsonSeries {
  readonly tickSeconds: number;
  readonly nodes: Uint16Array;
}

/** Throws an Error that names the file and the field where the text has another shape. */
export function parseJsonSeries(file: string, text: string): JsonSeries {
  const parsed: unknown = JSON.parse(text);
  const tickSeconds = field(field(parsed, 'metadata'), 'gap_seconds');
  if (typeof tickSeconds !== 'number' || !(tickSeconds > 0)) {
    throw new Error(`${file}: metadata.gap_seconds must be a number of seconds above 0`);
  }
  const data = field(parsed, 'data');
  if (!Array.isArray(data) || data.length === 0) throw new Error(`${file}: data must be a list of machine counts`);
  const nodes = data.map((count: unknown, index) => {
    if (typeof count === 'number' && count >= 0 && count <= 65_535) return Math.floor(count);
    throw new Error(`${file}: data[${index}] must be a number of machines from 0 to 65535, not ${String(count)}`);
  });
  return { tickSeconds, nodes: Uint16Array.from(nodes) };
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

/** `us-west-2a_v100_8.json` → zone `us-west-2a` of the shape `v100_8`; without such an ending the whole name is the zone. */
export function zoneAndShape(file: string): { readonly zone: string; readonly shape: string } {
  const stem = file.replace(/\.json(\.gz)?$/, '');
  const match = /^(.+?)_([^_]+_\d+)$/.exec(stem);
  return match === null ? { zone: stem, shape: '' } : { zone: match[1] ?? stem, shape: match[2] ?? '' };
}

/** Throws an Error where the zones of one shape have ticks of different lengths: they could not be seen side by side. */
export function commonTickSeconds(name: string, series: readonly JsonSeries[]): number {
  const lengths = [...new Set(series.map(({ tickSeconds }) => tickSeconds))];
  if (lengths.length === 1 && lengths[0] !== undefined) return lengths[0];
  throw new Error(`${name}: all zones must have the same gap_seconds, not ${lengths.join(' and ')}`);
}

export function zoneOfSeries(name: string, { nodes }: JsonSeries, tickCount: number): TraceZone {
  return { name, nodes: nodes.subarray(0, tickCount), spotPrices: null };
}
