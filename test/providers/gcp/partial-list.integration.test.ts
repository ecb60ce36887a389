import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { OwnedSnapshot } from '../../../src/providers/provider.ts';
import { loadProvider } from '../../../src/providers/registry.ts';

const opened: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});

/** Lists what is owned from a cloud that gives this one answer to every request. */
async function ownedFrom(answer: object): Promise<OwnedSnapshot> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const regions = ['us-central1', 'europe-west4'];
  const provider = await loadProvider('gcp', {
    regions,
    endpoints: { compute: `http://127.0.0.1:${port}`, 'cloud-billing': `http://127.0.0.1:${port}` },
    certificateAuthority: null,
    credentials: 'emulated',
    options: { project: 'emulated-project' },
    clock: createManualClock(0),
  });
  opened.push(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  return provider.listOwned({ owner: 'us', regions }, { signal: AbortSignal.timeout(20_000) });
}

const EMPTY = { warning: { code: 'NO_RESULTS_ON_PAGE', message: 'There are no results for this scope.', data: [] } };
const SILENT = { warning: { code: 'UNREACHABLE', message: 'The zone did not answer.', data: [] } };
const LIST = { kind: 'compute#instanceAggregatedList', id: 'projects/emulated-project/aggregated/instances' };

/** One failed zone cannot be made in the emulated cloud, which answers for all zones or for none. */
describe('a list that lacks a zone', () => {
  it('leaves the zone’s region incomplete where its scope carries a warning', async () => {
    const items = { 'zones/us-central1-a': EMPTY, 'zones/us-central1-b': SILENT, 'zones/europe-west4-a': EMPTY };
    const { instances, regions } = await ownedFrom({ ...LIST, items });
    expect(instances).toEqual([]);
    expect(regions).toMatchObject([
      { region: 'us-central1', complete: false, error: { kind: 'unavailable', name: 'ProviderError' } },
      { region: 'europe-west4', complete: true, error: null },
    ]);
    expect(regions[0]?.error?.message).toContain('us-central1-b');
  });

  it('leaves the zone’s region incomplete where the list names it as unreachable', async () => {
    const { regions } = await ownedFrom({ ...LIST, items: {}, unreachables: ['zones/europe-west4-a'] });
    expect(regions.map(({ region, complete }) => ({ region, complete }))).toEqual([
      { region: 'us-central1', complete: true },
      { region: 'europe-west4', complete: false },
    ]);
  });

  it('leaves every region incomplete where the whole list carries the warning', async () => {
    const { regions } = await ownedFrom({ ...LIST, items: {}, ...SILENT });
    expect(regions.map(({ complete }) => complete)).toEqual([false, false]);
  });

  it('is complete where scopes are only empty', async () => {
    const { regions } = await ownedFrom({ ...LIST, items: { 'zones/us-central1-a': EMPTY } });
    expect(regions.map(({ complete }) => complete)).toEqual([true, true]);
  });
});
