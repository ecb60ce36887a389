import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadTrace, parseTrace, TraceError } from '../../../src/emulators/world/load-trace.ts';

const ANY = { cloud: 'aws', region: null, zone: null, instanceType: null, accelerator: null, market: null };

describe('a trace file', () => {
  it('has a point per line: blank places match anything, blank values leave things as they are', () => {
    const text = [
      'offset_seconds,cloud,region,zone,instance_type,accelerator,market,free,price_usd',
      '0,aws,us-east-1,us-east-1a,p3.2xlarge,,spot,3,0.918',
      '',
      '195.5,aws,,,,V100-16GB,,,1.6703',
      '60,aws,,,,,,0,',
      '',
    ].join('\r\n');
    expect(parseTrace(text, 'x.csv').points).toEqual([
      {
        offsetMs: 0,
        pattern: { ...ANY, region: 'us-east-1', zone: 'us-east-1a', instanceType: 'p3.2xlarge', market: 'spot' },
        ...{ free: 3, priceMicroUsdPerHour: 918_000 },
      },
      ...[{ offsetMs: 195_500, pattern: { ...ANY, accelerator: 'V100-16GB' }, free: null }].map((point) => ({
        ...point,
        priceMicroUsdPerHour: 1_670_300,
      })),
      { offsetMs: 60_000, pattern: ANY, free: 0, priceMicroUsdPerHour: null },
    ]);
  });

  it('may have its columns in any order and times of day, which count from the earliest, faster if told so', () => {
    const text = 'free,time,cloud\n1,2023-02-15T22:11:30Z,gcp\n2,2023-02-15T23:08:30+01:00,gcp\n';
    const { points } = parseTrace(text, 'x.csv', { speed: 60 });
    expect(points.map(({ offsetMs, free }) => [offsetMs, free])).toEqual([
      [3_000, 1],
      [0, 2],
    ]);
    expect(points[0]?.pattern).toBe(points[1]?.pattern);
    expect(() => parseTrace(text, 'x.csv', { speed: 0 })).toThrow(RangeError);
  });

  it.each([
    ['offset_seconds,cloud,colour', '', 'x.csv:1: no column is called "colour"; there are offset_seconds, time, cloud'],
    ['cloud,free', '', 'x.csv:1: name one of the columns offset_seconds and time'],
    ['time,offset_seconds,cloud,free', '', 'x.csv:1: name one of the columns'],
    ['time,free', '', 'x.csv:1: the column cloud is missing'],
    ['time,cloud', '', 'x.csv:1: name at least one of the columns free and price_usd'],
    ['time,cloud,free,free', '', 'x.csv:1: a column is named twice'],
    ['offset_seconds,cloud,free', '1,aws', 'x.csv:2: 2 fields where the first line names 3 columns'],
    ['offset_seconds,cloud,free', '1,moon,1', 'x.csv:2: column cloud must be aws, azure, gcp'],
    [
      'offset_seconds,cloud,free',
      '-1,aws,1',
      'x.csv:2: column offset_seconds must be a number of seconds ≥ 0, not "-1"',
    ],
    ['time,cloud,free', 'noon,aws,1', 'x.csv:2: column time must be a time such as 2026-01-05T00:00:00Z'],
    ['time,cloud,free', '2023-02-30T99:00:00Z,aws,1', 'x.csv:2: column time must be'],
    ['time,cloud,free', ',aws,1', 'x.csv:2: column time must be'],
    ['offset_seconds,cloud,free', '1,aws,1.5', 'x.csv:2: column free must be a whole number of machines ≥ 0'],
    ['offset_seconds,cloud,market,free', '1,aws,reserved,1', 'x.csv:2: column market must be on-demand, spot or blank'],
    ['offset_seconds,cloud,price_usd', '1,aws,0', 'x.csv:2: column price_usd must be US dollars per hour above 0'],
    ['offset_seconds,cloud,price_usd', '1,aws,1\n\n2,aws,-3', 'x.csv:4: column price_usd'],
    ['offset_seconds,cloud,market,price_usd', '1,aws,on-demand,1', 'x.csv:2: column price_usd must be blank where'],
  ])('%s / %s is refused with line and column', (header, line, message) => {
    function parse(): unknown {
      return parseTrace(`${header}\n${line}`, 'x.csv');
    }
    expect(parse).toThrow(TraceError);
    expect(parse).toThrow(message);
  });

  it('may be packed', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'trace-'));
    const text = 'offset_seconds,cloud,free\n5,aws,1\n';
    const [plain, packed, broken] = ['a.csv', 'a.csv.gz', 'b.csv.gz'].map((name) => path.join(folder, name));
    await writeFile(plain ?? '', text);
    await writeFile(packed ?? '', gzipSync(text));
    await writeFile(broken ?? '', text);
    const expected = { points: [{ offsetMs: 5_000, pattern: ANY, free: 1, priceMicroUsdPerHour: null }] };
    expect(await loadTrace(plain ?? '')).toEqual(expected);
    expect(await loadTrace(packed ?? '')).toEqual(expected);
    await expect(loadTrace(broken ?? '')).rejects.toThrow('is not a gzip file');
    await rm(folder, { recursive: true });
  });
});
