import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A real recording, kept beside the project and never in it: p3.2xlarge spot in nine zones, a tick every 195 s (2023). */
export const RECORDING = path.resolve(
  import.meta.dirname,
  '../../../shared/data/traces/aws-v100-9az-2023/availability_and_price.csv.gz',
);

export const hasRecording = existsSync(RECORDING);

export interface Tick {
  readonly at: number;
  readonly zones: ReadonlyMap<string, { readonly available: boolean; readonly usd: string }>;
}

/** Empty cells (no observation) are left out. */
export function readRecording(): readonly Tick[] {
  const text = gunzipSync(readFileSync(RECORDING)).toString('utf8');
  const [header = '', ...lines] = text.trim().split('\n');
  const columns = header.trim().split(',');
  const zones = columns
    .filter((name) => name.endsWith('_avail'))
    .map((name) => name.replace('_avail', ''))
    .map((zone) => [zone, columns.indexOf(`${zone}_avail`), columns.indexOf(`${zone}_spot_usd`)] as const);
  return lines.map((line) => {
    const cells = line.trim().split(',');
    const seen = zones.map(
      ([zone, avail, usd]) => [zone, { available: cells[avail] === '1', usd: cells[usd] ?? '' }] as const,
    );
    return { at: Date.parse(cells[0] ?? ''), zones: new Map(seen.filter(([, { usd }]) => usd !== '')) };
  });
}

/** The recording in our own format, for the zones wanted: a line per change, blank what did not. An available zone has room for `room` machines. */
export function asTrace(ticks: readonly Tick[], wanted: readonly string[], room: number): string {
  const lines = wanted.flatMap((zone) => changesIn(ticks, zone, room));
  return `time,cloud,region,zone,instance_type,market,free,price_usd\n${lines.join('\n')}\n`;
}

function changesIn(ticks: readonly Tick[], zone: string, room: number): readonly string[] {
  let before: { readonly free: string; readonly usd: string } = { free: '', usd: '' };
  const lines: string[] = [];
  for (const { at, zones } of ticks) {
    const seen = zones.get(zone);
    if (seen === undefined) continue;
    const now = { free: String(seen.available ? room : 0), usd: seen.usd };
    const [free, usd] = [now.free === before.free ? '' : now.free, now.usd === before.usd ? '' : now.usd];
    const place = `${new Date(at).toISOString()},aws,${zone.slice(0, -1)},${zone},p3.2xlarge,spot`;
    if (free !== '' || usd !== '') lines.push(`${place},${free},${usd}`);
    before = now;
  }
  return lines;
}
