import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import { createProvider } from '../../../src/providers/gcp/index.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import type { EmulatedGcp } from './emulated-gcp.ts';
import { call, launchOf, REGIONS, refOf, startGcp } from './emulated-gcp.ts';

const opened: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});

/** An adapter whose every request goes to this listener. */
async function against(listener: RequestListener): Promise<Provider> {
  const server = createServer(listener);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const provider = await at(`http://127.0.0.1:${port}`);
  opened.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return provider;
}

async function at(url: string): Promise<Provider> {
  const services = ['compute', 'cloud-billing', 'cloud-quotas', 'cloud-resource-manager'];
  const provider = await createProvider({
    ...{ regions: REGIONS, endpoints: Object.fromEntries(services.map((service) => [service, url])) },
    ...{ certificateAuthority: null, credentials: 'emulated', clock: createManualClock(0) },
    options: { project: 'gpu-fleet', catalogMaxAgeSeconds: 0 },
  });
  opened.push(() => provider.close());
  return provider;
}

function answering(status: number, body: object): RequestListener {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

describe('what the SDK does by itself', () => {
  it('trap: a dead endpoint is reported at once; the SDK would try a read for ten minutes', async () => {
    const provider = await at('http://127.0.0.1:9');
    // With retries the call would end by its own signal, whose reason is no ProviderError.
    await expect(provider.getInstance(refOf(launchOf()), call())).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('trap: a read that fails is sent once; repeating is the broker’s', async () => {
    let requests = 0;
    const provider = await against((request, response) => {
      requests += 1;
      answering(503, { error: { code: 503, message: 'busy', errors: [{ reason: 'backendError' }] } })(
        request,
        response,
      );
    });
    await expect(provider.getInstance(refOf(launchOf()), call())).rejects.toMatchObject({ kind: 'unavailable' });
    expect(requests).toBe(1);
  });

  it('trap: errors with details do not hold up the event loop', async () => {
    const details = [
      {
        ...{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'X', domain: 'googleapis.com' },
        metadata: { service: 'compute.googleapis.com' },
      },
    ];
    const error = {
      code: 403,
      message: 'No.',
      status: 'PERMISSION_DENIED',
      errors: [{ reason: 'forbidden' }],
      details,
    };
    const provider = await against(answering(403, { error }));
    const fail = () => provider.getInstance(refOf(launchOf()), call()).catch((caught: unknown) => caught);
    await fail();
    const before = process.cpuUsage();
    for (let index = 0; index < 5; index += 1) expect(await fail()).toMatchObject({ kind: 'unauthorized' });
    // Over half a second of CPU each in the promise style of the SDK's public methods; some milliseconds in callback style.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1_500);
  });

  it('trap: the reason that tells a throttle from a missing permission is only in the raw payload', async () => {
    const body = (reason: string) => ({
      error: { code: 403, message: 'No.', errors: [{ reason, domain: 'usageLimits' }] },
    });
    for (const [reason, kind] of [
      ['rateLimitExceeded', 'rate-limited'],
      ['forbidden', 'unauthorized'],
    ] as const) {
      const provider = await against(answering(403, body(reason)));
      await expect(provider.getInstance(refOf(launchOf()), call())).rejects.toMatchObject({ kind, code: reason });
    }
  });

  it('trap: an instance in a state that the SDK does not know is on its way, not gone and not failed', async () => {
    const instance = {
      ...{ kind: 'compute#instance', name: 'b-01k8try-0', status: 'A_STATE_OF_NEXT_YEAR' },
      ...{ zone: 'https://x/zones/us-central1-a', machineType: 'https://x/machineTypes/g2-standard-4' },
      labels: { 'gpu-broker-attempt': '01k8try', 'gpu-broker-owner': 'fleet', 'gpu-broker-index': '0' },
    };
    const provider = await against(answering(200, instance));
    expect(await provider.getInstance(refOf(launchOf()), call())).toMatchObject({ state: 'pending', owner: 'fleet' });
  });
});

describe('lists of which a part is missing', () => {
  const answerWith = (warning: object) =>
    answering(200, {
      items: {
        'zones/us-central1-a': { warning },
        'zones/europe-west4-a': { warning: { code: 'NO_RESULTS_ON_PAGE' } },
      },
    });

  it.each(['UNREACHABLE', 'LIST_OVERHEAD_QUOTA_EXCEED', 'A_WARNING_OF_NEXT_YEAR'])(
    'trap: a scope with the warning %s proves nothing about its machines, disks and notices',
    async (code) => {
      const provider = await against(answerWith({ code, message: 'x' }));
      const query = { owner: 'fleet', regions: REGIONS };
      const incomplete = [
        { region: 'us-central1', complete: false },
        { region: 'europe-west4', complete: true },
      ];
      expect((await provider.listOwned(query, call())).regions).toMatchObject(incomplete);
      expect((await provider.listLeftovers(query, call())).regions).toMatchObject(incomplete);
      const cursor = JSON.stringify({ from: 1, told: ['operation-1/taken'] });
      const page = await provider.pollInterruptions?.(cursor, call());
      expect(page).toMatchObject({ notices: [], error: { kind: 'unavailable' } });
      expect(JSON.parse(page?.cursor ?? '')).toEqual({ from: 1, told: ['operation-1/taken'] });
    },
  );
});

describe('against the emulated cloud', () => {
  let gcp: EmulatedGcp;
  let provider: Provider;

  beforeAll(async () => {
    gcp = await startGcp();
  });
  afterAll(() => gcp.close());
  beforeEach(async () => {
    provider = await gcp.open();
  });

  it('trap: an operation that is DONE may have failed', async () => {
    const request = launchOf({ idempotencyKey: 'done', pool: { ...launchOf().pool, zone: 'us-central1-b' } });
    gcp.clouds.control.setFree(
      { cloud: 'gcp', region: null, zone: 'us-central1-b', instanceType: null, accelerator: null, market: null },
      0,
    );
    await provider.launch(request, call());
    await gcp.clock.advance(60_000);
    expect(await provider.getInstance(refOf(request), call())).toMatchObject({
      ...{ state: 'failed', refusal: { kind: 'capacity' } },
    });
    const again = await provider.launch(request, call());
    expect(again).toMatchObject({ instances: [], refusals: [{ count: 1, refusal: { kind: 'capacity' } }] });
  });

  it('trap: a deletion that was accepted may have failed, too', async () => {
    const listener = answering(200, {
      ...{ kind: 'compute#operation', name: 'operation-1', status: 'DONE', httpErrorStatusCode: 400 },
      error: { errors: [{ code: 'RESOURCE_NOT_READY', message: 'not yet' }] },
    });
    const failing = await against(listener);
    await expect(failing.terminate(refOf(launchOf()), call())).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('trap: every mutation carries a request id of its own', async () => {
    const seen: string[] = [];
    const spied = await against((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      if (request.method !== 'GET') seen.push(`${request.method} ${pathname} ${searchParams.get('requestId')}`);
      answering(200, { name: 'operation-1', status: 'RUNNING', targetLink: `${pathname}/b-01k8try-0` })(
        request,
        response,
      );
    });
    const disk = {
      kind: 'disk' as const,
      region: 'us-central1',
      zone: 'us-central1-a',
      id: 'zones/us-central1-a/disks/d',
    };
    const address = {
      kind: 'address' as const,
      region: 'us-central1',
      zone: null,
      id: 'regions/us-central1/addresses/a',
    };
    const rest = { owner: 'fleet', idempotencyKey: null, createdAt: null };
    await spied.launch(launchOf(), call()).catch(() => null);
    await spied.terminate(refOf(launchOf()), call());
    await spied.removeLeftover({ ...disk, ...rest }, call());
    await spied.removeLeftover({ ...address, ...rest }, call());
    expect(seen).toHaveLength(4);
    for (const line of seen)
      expect(line).toMatch(/ [0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(seen.map((line) => line.split(' ')[2])).size).toBe(4);
  });

  it('trap: an insert whose answer breaks off in the middle may have started a machine', async () => {
    const request = launchOf({ idempotencyKey: 'broken' });
    gcp.fault('reset', 'instances.insert', { remaining: 1 });
    await expect(provider.launch(request, call())).rejects.toMatchObject({ kind: 'outcome-unknown' });
    const { instances } = await provider.launch({ ...request, resend: true }, call());
    expect(instances).toMatchObject([{ state: 'pending' }]);
  });

  it('trap: a 403 that says rateLimitExceeded is neither a missing permission nor a quota', async () => {
    gcp.clouds.control.setRateLimit('gcp', 'mutate-requests', { capacity: 1, refillPerSecond: 1 / 60 });
    await provider.launch(launchOf({ idempotencyKey: 'first' }), call());
    const second = provider.launch(launchOf({ idempotencyKey: 'second' }), call());
    await expect(second).rejects.toMatchObject({ kind: 'rate-limited', code: 'rateLimitExceeded' });
    gcp.clouds.control.setRateLimit('gcp', 'mutate-requests', null);
    const vendorError = { status: 403, code: 'rateLimitExceeded', message: 'Slow down.', asynchronous: false };
    gcp.fault('vendor-error', 'instances.insert', { remaining: 1, vendorError });
    const third = provider.launch(launchOf({ idempotencyKey: 'third' }), call());
    await expect(third).rejects.toMatchObject({ kind: 'rate-limited' });
  });

  it('trap: a key whose machine has ended starts no other, long after the cloud has forgotten the request id', async () => {
    const request = launchOf({ idempotencyKey: 'ended' });
    await provider.launch(request, call());
    await gcp.clock.advance(60_000);
    await provider.terminate(refOf(request), call());
    await gcp.clock.advance(26 * 3_600_000);
    const before = gcp.count('instances.insert');
    const again = await provider.launch({ ...request, resend: true }, call());
    expect(again.instances).toMatchObject([{ state: 'gone' }]);
    expect(gcp.count('instances.insert')).toBe(before);
  });

  it('trap: 64-bit integers travel as strings', async () => {
    const pool = launchOf().pool;
    gcp.clouds.control.addReservation({
      ...{ id: 'held', cloud: 'gcp', region: pool.region, zone: 'us-central1-a', instanceType: pool.instanceType },
      ...{ count: 12, kind: 'open', startAt: 0, endAt: null, tags: {}, details: {} },
    });
    const { offers } = await provider.listOffers({ regions: REGIONS }, call());
    const [reserved] = offers.filter((offer) => offer.pool.market === 'reserved');
    expect(reserved).toMatchObject({ availableCount: 12, pool: { reservation: 'held' }, quotaClaims: [] });
    gcp.clouds.control.removeReservation('gcp', 'held');
  });
});
