import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopbackCertificate } from '../../../src/emulators/http/certificates.ts';
import type { Provider, ProviderSettings } from '../../../src/providers/provider.ts';
import { aRequest, call, OWNER, providerAt, REGIONS, type Served, serve } from './lambda-clouds.ts';

const REF = { region: 'us-east-1', zone: null, idempotencyKey: '01k8attempt', index: 0, instanceId: null };
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Answer = Parameters<typeof serve>[0];

/** The adapter against an API that answers as told. */
async function against(
  answer: Answer,
  change: Partial<ProviderSettings> = {},
): Promise<{ provider: Provider; api: Served }> {
  const api = await serve(answer);
  const provider = await providerAt(api.url, change);
  closing.push(
    () => provider.close(),
    () => api.close(),
  );
  return { provider, api };
}

function reply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (_request, response) => response.writeHead(status, headers).end(text);
}

/** Lists are empty; what is posted is answered as told. */
function onPost(answer: Answer): Answer {
  return (request, response) => (request.method === 'POST' ? answer : reply(200, { data: [] }))(request, response);
}

describe('Lambda over HTTP', () => {
  it('trap: says who calls and that it may, on the paths of the reference', async () => {
    const { provider, api } = await against(reply(200, { data: [] }));
    await provider.listOwned({ owner: OWNER, regions: REGIONS }, call());
    const [request] = api.requests;
    expect(request?.url).toBe('/api/v1/instances');
    expect(request?.headers).toMatchObject({ authorization: 'Bearer emulated', 'user-agent': 'gpu-broker' });
  });

  it('an endpoint may have a path of its own', async () => {
    const api = await serve(reply(200, { data: [] }));
    const provider = await providerAt(`${api.url}/proxy/lambda/`);
    closing.push(
      () => provider.close(),
      () => api.close(),
    );
    await provider.listOwned({ owner: OWNER, regions: REGIONS }, call());
    expect(api.requests[0]?.url).toBe('/proxy/lambda/api/v1/instances');
  });

  it.each([
    [429, 'error code: 1015', { 'retry-after': '7' }, 7],
    // Cloudflare's own limits answer with either status.
    [403, 'error code: 1015', {}, 1],
    [429, '<html>slow down</html>', { 'retry-after': 'Mon, 05 Oct 2026 08:00:30 GMT' }, 30],
    [429, '', { 'retry-after': 'soon' }, 1],
  ] as const)('trap: status %i with %j and %j is a throttle', async (status, body, headers, retryAfterSeconds) => {
    const { provider, api } = await against(reply(status, body, headers));
    await expect(provider.getInstance(REF, call())).rejects.toMatchObject({
      ...{ kind: 'rate-limited', retryAfterSeconds, unknownCode: false },
    });
    expect(api.requests).toHaveLength(1);
  });

  it('a launch that is throttled without a word about how long waits for the launch limit', async () => {
    const { provider } = await against(onPost(reply(429, 'error code: 1015')));
    await expect(provider.launch(aRequest(), call())).rejects.toMatchObject({ retryAfterSeconds: 12 });
  });

  it('a read whose connection broke is repeated once, at once', async () => {
    let count = 0;
    const { provider, api } = await against((request, response) => {
      count += 1;
      if (count === 1) request.socket.destroy();
      else reply(200, { data: [] })(request, response);
    });
    expect(await provider.getInstance(REF, call())).toBeNull();
    expect(api.requests).toHaveLength(2);
  });

  it('and no more than once', async () => {
    const { provider, api } = await against((request) => request.socket.destroy());
    await expect(provider.getInstance(REF, call())).rejects.toMatchObject({ kind: 'unavailable', code: '' });
    expect(api.requests).toHaveLength(2);
  });

  it.each([
    ['is cut', (request: { readonly socket: { destroy(): void } }) => request.socket.destroy()],
    ['is no JSON', reply(200, 'accepted')],
    ['has no data', reply(200, { ids: ['a'] })],
    ['names no instance', reply(200, { data: { instance_ids: [] } })],
    ['is a redirection', reply(301, '', { location: 'https://cloud.lambda.ai/' })],
    ['is a page of a proxy', reply(404, '<html>not here</html>')],
  ] as const)('trap: a launch whose answer %s may have happened, and is sent once', async (_what, answer) => {
    const { provider, api } = await against(onPost(answer));
    await expect(provider.launch(aRequest(), call())).rejects.toMatchObject({ kind: 'outcome-unknown' });
    expect(api.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  it('trap: a launch whose connection was refused has not happened: unavailable', async () => {
    const api: Served = await serve((_request, response) => {
      // The list is answered; then nobody listens any more.
      response.writeHead(200, { connection: 'close' }).end(JSON.stringify({ data: [] }), () => {
        closing.push(api.close);
        void api.close();
      });
    });
    const provider = await providerAt(api.url);
    closing.push(() => provider.close());
    await expect(provider.launch(aRequest(), call())).rejects.toMatchObject({
      kind: 'unavailable',
      operation: 'launchInstance',
    });
  });

  it('trap: an answer that cannot be read is not quoted: instances carry a secret', async () => {
    const data = [{ id: 'a', status: 'active', jupyter_token: 's3cr3t', region: 's3cr3t' }];
    for (const answer of [reply(200, { data }), reply(500, { data }), reply(200, `{"data":"s3cr3t`)]) {
      const { provider } = await against(answer);
      const error = await provider.getInstance(REF, call()).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind: 'unavailable' });
      expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('s3cr3t');
    }
  });

  it('an answer that is no list of instances is a failure of every region, never an empty list', async () => {
    const { provider } = await against(reply(200, { data: [{ id: 'a', status: 'active' }] }));
    const { instances, regions } = await provider.listOwned({ owner: OWNER, regions: REGIONS }, call());
    expect(instances).toEqual([]);
    expect(regions.map(({ complete, error }) => [complete, error?.kind])).toEqual([
      [false, 'unavailable'],
      [false, 'unavailable'],
    ]);
  });

  it('a price that cannot be true is quarantined, with its pool; a GPU that nobody knows is no offer', async () => {
    const type = (name: string, gpu: string, cents: number) => ({
      instance_type: {
        ...{ name, gpu_description: gpu, price_cents_per_hour: cents },
        specs: { vcpus: 8, memory_gib: 64, gpus: 1, storage_gib: 512 },
      },
      regions_with_capacity_available: [{ name: 'us-east-1' }],
    });
    const data = {
      free: type('free', 'A10 (24 GB PCIe)', 0),
      half: type('half', 'A10', 99.5),
      new: type('new', 'X9', 5),
    };
    const { provider } = await against(reply(200, { data }));
    const { offers, quarantined } = await provider.listOffers({ regions: ['us-east-1'] }, call());
    expect(offers).toEqual([]);
    expect(quarantined.map(({ pool, reason }) => [pool.instanceType, reason])).toEqual([
      ['free', 'a price must be a whole number of cents above 0, not 0'],
      ['half', 'a price must be a whole number of cents above 0, not 99.5'],
    ]);
  });

  it('machines without a GPU are no offers', async () => {
    const cpu = {
      instance_type: {
        ...{ name: 'cpu_4x_general', gpu_description: 'N/A', price_cents_per_hour: 20 },
        specs: { vcpus: 4, memory_gib: 16, gpus: 0 },
      },
      regions_with_capacity_available: [],
    };
    const { provider } = await against(reply(200, { data: { cpu_4x_general: cpu } }));
    expect((await provider.listOffers({ regions: ['us-east-1'] }, call())).offers).toEqual([]);
  });

  describe('ending', () => {
    const instance = (status: string) => ({
      ...{ id: 'abc', status, region: { name: 'us-east-1' }, instance_type: { name: 'gpu_1x_a10' } },
      tags: [
        { key: 'gpu-broker-owner', value: OWNER },
        { key: 'gpu-broker-attempt', value: REF.idempotencyKey },
        { key: 'gpu-broker-index', value: '0' },
      ],
    });
    const listing =
      (status: string, answer: Answer): Answer =>
      (request, response) =>
        (request.method === 'POST' ? answer : reply(200, { data: [instance(status)] }))(request, response);

    it('trap: an instance that the answer does not name was not ended', async () => {
      const { provider } = await against(listing('active', reply(200, { data: { terminated_instances: [] } })));
      await expect(provider.terminate(REF, call())).rejects.toMatchObject({
        ...{ kind: 'unavailable', message: expect.stringContaining('abc') },
      });
    });

    it('an instance that is not there any more is gone', async () => {
      const error = { code: 'global/object-does-not-exist', message: 'Specified instance does not exist.' };
      const { provider } = await against(listing('active', reply(404, { error })));
      expect(await provider.terminate(REF, call())).toBe('gone');
    });

    it.each([
      ['terminating', 'terminating'],
      ['terminated', 'gone'],
      ['preempted', 'gone'],
    ] as const)('what is %s already is %s, and not ended again', async (status, answer) => {
      const { provider, api } = await against(listing(status, reply(500, '')));
      expect(await provider.terminate(REF, call())).toBe(answer);
      expect(api.requests.filter(({ method }) => method === 'POST')).toEqual([]);
    });

    it.each(['booting', 'unhealthy', 'a status of next year'])(
      'what is %s is pending, and can be ended',
      async (status) => {
        const ended = { terminated_instances: [{ id: 'abc', status: 'terminating' }] };
        const { provider } = await against(listing(status, reply(200, { data: ended })));
        expect(await provider.getInstance(REF, call())).toMatchObject({ state: 'pending', launchedAt: null });
        expect(await provider.terminate(REF, call())).toBe('terminating');
      },
    );
  });

  it('a certificate of an authority of one’s own is trusted when it is given, and only then', async () => {
    const { certificate, privateKey, certificateAuthority } = await createLoopbackCertificate();
    const server = createServer({ cert: certificate, key: privateKey }, (_request, response) => {
      response.end(JSON.stringify({ data: [] }));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const trusting = await providerAt(url, { certificateAuthority });
    const doubting = await providerAt(url);
    closing.push(
      () => trusting.close(),
      () => doubting.close(),
      () => new Promise((resolve) => server.close(resolve)),
    );
    expect(await trusting.getInstance(REF, call())).toBeNull();
    await expect(doubting.getInstance(REF, call())).rejects.toMatchObject({ kind: 'unavailable' });
    // Nothing was sent: the handshake failed.
    await expect(doubting.launch(aRequest(), call())).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
