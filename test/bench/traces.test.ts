import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseCsvTrace } from '../../bench/traces/read-csv.ts';
import { readTraceFolder } from '../../bench/traces/read-folder.ts';
import { parseJsonSeries, zoneAndShape } from '../../bench/traces/read-json.ts';
import { availability, mostNodes, regionOf } from '../../bench/traces/trace.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CSV = `ts,us-east-1a_avail,us-east-2b_avail,us-east-1a_spot_usd
2023-02-15T22:08:16Z,0,1,1.6703
2023-02-15T22:11:31Z,1,0,
2023-02-15T22:14:47Z,1,3,1.7
`;

describe('traces', () => {
  const temporary = temporaryDirectory();

  it('reads a table of zones, with prices where it has them', () => {
    const trace = parseCsvTrace('t', 't.csv', CSV);
    expect(trace).toMatchObject({ name: 't', tickSeconds: 196, tickCount: 3 });
    expect(trace.zones.map(({ name }) => name)).toEqual(['us-east-1a', 'us-east-2b']);
    expect(trace.zones[0]?.spotPrices).toEqual([1_670_300, 1_670_300, 1_700_000]);
    expect(trace.zones[1]?.spotPrices).toBeNull();
    expect([...(trace.zones[1]?.nodes ?? [])]).toEqual([1, 0, 3]);
    expect(mostNodes(trace)).toBe(3);
  });

  it.each([
    ['no zone', 'ts,price\n2023-02-15T22:08:16Z,1\n2023-02-15T22:09:16Z,1\n', /<zone>_avail/],
    ['a cell that is no number', CSV.replace(',1,0,', ',x,0,'), /row 3: us-east-1a_avail/],
    ['an empty cell', CSV.replace(',1,0,', ',,0,'), /row 3: us-east-1a_avail/],
    ['a price that is none', CSV.replace('1.6703', 'dear'), /row 2: us-east-1a_spot_usd/],
    ['a time that is none', CSV.replace('2023-02-15T22:11:31Z', 'later'), /row 3: ts/],
  ])('names what is wrong with a table: %s', (_, text, message) => {
    expect(() => parseCsvTrace('t', 't.csv', text)).toThrow(message);
  });

  it('reads a series of one zone and refuses what is none', () => {
    expect(parseJsonSeries('f', '{"metadata":{"gap_seconds":300},"data":[0,4,2]}')).toEqual({
      tickSeconds: 300,
      nodes: Uint16Array.from([0, 4, 2]),
    });
    expect(() => parseJsonSeries('f', '{"metadata":{},"data":[1]}')).toThrow(/gap_seconds/);
    expect(() => parseJsonSeries('f', '{"metadata":{"gap_seconds":1},"data":[1,-1]}')).toThrow(/data\[1\]/);
    expect(zoneAndShape('us-west-2a_v100_8.json')).toEqual({ zone: 'us-west-2a', shape: 'v100_8' });
    expect(zoneAndShape('somewhere.json.gz')).toEqual({ zone: 'somewhere', shape: '' });
  });

  it('reads every trace of a folder, zones of one shape together', async () => {
    const folder = path.join(temporary.directory, 'mixed');
    await mkdir(folder);
    const series = (data: readonly number[]): string => JSON.stringify({ metadata: { gap_seconds: 600 }, data });
    await writeFile(path.join(folder, 'us-west-2a_v100_1.json'), series([1, 1, 0]));
    await writeFile(path.join(folder, 'us-west-2b_v100_1.json'), series([0, 1]));
    await writeFile(path.join(folder, 'us-west-2a_k80_8.json'), series([1]));
    await writeFile(path.join(folder, 'table.csv.gz'), gzipSync(CSV));
    const traces = await readTraceFolder(folder);
    expect(traces.map(({ name, tickCount, zones }) => [name, tickCount, zones.length])).toEqual([
      ['mixed', 3, 2],
      ['mixed/k80_8', 1, 1],
      ['mixed/v100_1', 2, 2],
    ]);
    await expect(readTraceFolder(path.dirname(folder))).rejects.toThrow(/has no traces/);
  });

  it('has a gang where all of it fits', () => {
    const zone = { name: 'z', nodes: Uint16Array.from([0, 3, 4, 5]), spotPrices: null };
    expect([...availability(zone, 4)]).toEqual([0, 0, 1, 1]);
  });

  it.each([
    ['us-west-2a', 'us-west-2'],
    ['us-central1-a', 'us-central1'],
    ['eastus-1', 'eastus-1'],
    ['somewhere', 'somewhere'],
  ])('%s lies in %s', (zone, region) => {
    expect(regionOf(zone)).toBe(region);
  });
});
