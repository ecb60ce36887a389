import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InterruptionPage, Provider } from '../../../src/providers/provider.ts';
import type { EmulatedGcp } from './emulated-gcp.ts';
import { call, launchOf, REGIONS, startGcp } from './emulated-gcp.ts';

let gcp: EmulatedGcp;
let provider: Provider;

beforeAll(async () => {
  gcp = await startGcp();
  provider = await gcp.open();
});
afterAll(() => gcp.close());

async function poll(cursor: string | null): Promise<InterruptionPage> {
  if (provider.pollInterruptions === undefined) throw new Error('cannot be polled');
  return provider.pollInterruptions(cursor, call());
}

function interrupt(name: string): void {
  const machine = gcp.clouds.world.machines('gcp').find((candidate) => candidate.name === name);
  if (machine === undefined) throw new Error(`no ${name}`);
  gcp.clouds.control.interrupt(machine.serial);
}

function told({ notices }: InterruptionPage): readonly string[] {
  return notices.map(({ kind, instanceId }) => `${kind} ${instanceId}`);
}

describe('preemptions', () => {
  it('are told as they begin and when they are over, each once, and a silent region’s when it speaks again', async () => {
    const [zone = null] = gcp.clouds.world.zonesOffering('gcp', 'europe-west4', 'g2-standard-4');
    const abroad = { ...launchOf().pool, region: 'europe-west4', zone };
    await provider.launch(launchOf({ idempotencyKey: 'home' }), call());
    await provider.launch(launchOf({ idempotencyKey: 'abroad', pool: abroad }), call());
    await gcp.clock.advance(60_000);
    const start = await poll(null);
    expect(start).toMatchObject({ notices: [], error: null });
    const at = gcp.clock.now();
    interrupt('b-home-0');
    interrupt('b-abroad-0');

    gcp.clouds.control.setOutage('gcp', 'europe-west4', true);
    const partial = await poll(start.cursor);
    expect(told(partial)).toEqual(['notice b-home-0']);
    expect(partial.notices).toMatchObject([{ region: 'us-central1', at, deadlineAt: at + 30_000 }]);
    expect(partial.error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('europe-west4') });

    await gcp.clock.advance(60_000);
    const over = await poll(partial.cursor);
    expect(told(over)).toEqual(['taken b-home-0']);
    expect(over.notices).toMatchObject([{ at, deadlineAt: at + 30_000 }]);

    // Much later than polls look back: what was never read is still asked for.
    await gcp.clock.advance(3_600_000);
    const silent = await poll(over.cursor);
    expect({ told: told(silent), kind: silent.error?.kind }).toEqual({ told: [], kind: 'unavailable' });
    expect(JSON.parse(silent.cursor ?? '')).toMatchObject({ from: at });
    gcp.clouds.control.setOutage('gcp', 'europe-west4', false);
    const late = await poll(silent.cursor);
    expect(told(late)).toEqual(['taken b-abroad-0']);
    expect(late.error).toBeNull();

    const quiet = await poll(late.cursor);
    expect(told(quiet)).toEqual([]);
    await gcp.clock.advance(600_000);
    const { cursor } = await poll(quiet.cursor);
    expect(JSON.parse(cursor ?? '')).toEqual({ from: gcp.clock.now() - 300_000, told: [] });
  });

  it('are no affair of a region that is not configured', async () => {
    const start = await poll(null);
    gcp.clouds.control.setOutage('gcp', 'asia-southeast1', true);
    expect(await poll(start.cursor)).toMatchObject({ error: null });
    expect(REGIONS).not.toContain('asia-southeast1');
  });

  it('refuse a cursor of somebody else', async () => {
    await expect(poll('17')).rejects.toMatchObject({ kind: 'invalid-request' });
  });
});
