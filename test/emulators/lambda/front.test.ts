import { describe, expect, it } from 'vitest';
import type { FrontRequest, FrontResponse } from '../../../src/emulators/http/front.ts';
import { createFronts } from '../../../src/emulators/lambda/index.ts';
import { createManualClock, type ManualClock } from '../../../src/emulators/world/clocks.ts';
import type { PoolPattern } from '../../../src/emulators/world/control-contract.ts';
import { type CreatedWorld, createWorld } from '../../../src/emulators/world/create-world.ts';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';

const MARKET = await loadMarket('lambda');
const EVERYTHING: PoolPattern = {
  ...{ cloud: 'lambda', region: null, zone: null, instanceType: null, accelerator: null, market: null },
};
const LAUNCH = '/api/v1/instance-operations/launch';
const TERMINATE = '/api/v1/instance-operations/terminate';
const MINIMUM = { region_name: 'us-east-1', instance_type_name: 'gpu_1x_a10', ssh_key_names: ['gpu-broker'] };

interface Answered {
  readonly status: number;
  readonly body: { readonly data?: unknown; readonly error?: { readonly code: string; readonly message: string } };
}

interface Stage extends CreatedWorld {
  readonly clock: ManualClock;
  get(path: string): Promise<Answered>;
  post(path: string, body: unknown): Promise<Answered>;
  front: ReturnType<typeof createFronts>[number];
}

function request(method: string, path: string, body: unknown, authorization = 'Bearer key'): FrontRequest {
  const text = body === undefined ? '' : JSON.stringify(body);
  const url = new URL(`http://emulated.invalid${path}`);
  return { method, url, headers: authorization === '' ? {} : { authorization }, body: Buffer.from(text) };
}

async function parsed(response: FrontResponse | Promise<FrontResponse>): Promise<Answered> {
  const { status, body } = await response;
  return { status, body: JSON.parse(body) };
}

function stage(): Stage {
  const clock = createManualClock(Date.UTC(2026, 9, 5, 8));
  const created = createWorld({ seed: 1, clock, facts: [MARKET] });
  created.control.setFree(EVERYTHING, 5);
  const [front] = createFronts(created.world);
  if (front === undefined) throw new Error('no front');
  return {
    ...{ ...created, clock, front },
    get: (path) => parsed(front.handle(request('GET', path, undefined))),
    post: (path, body) => parsed(front.handle(request('POST', path, body))),
  };
}

async function launchedId(at: Stage, change: object = {}): Promise<string> {
  const { body } = await at.post(LAUNCH, { ...MINIMUM, ...change });
  const { instance_ids: ids } = body.data as { instance_ids: readonly string[] };
  return ids[0] ?? '';
}

describe('the emulated API of Lambda', () => {
  it('wraps what it answers in data, and errors in error', async () => {
    const at = stage();
    expect(await at.get('/api/v1/instances')).toEqual({ status: 200, body: { data: [] } });
    expect(await at.get('/api/v1/instances/unknown')).toEqual({
      status: 404,
      body: { error: { code: 'global/object-does-not-exist', message: 'Specified instance does not exist.' } },
    });
  });

  it('wants a key: bearer, or basic', async () => {
    const { front } = stage();
    const ask = (authorization: string) =>
      parsed(front.handle(request('GET', '/api/v1/instances', undefined, authorization)));
    expect(await ask('')).toMatchObject({
      ...{ status: 401, body: { error: { code: 'global/invalid-api-key', message: 'No API key was provided.' } } },
    });
    expect(await ask('Digest x')).toMatchObject({ status: 401 });
    expect(await ask('Basic a2V5Og==')).toMatchObject({ status: 200 });
  });

  it('lists every type with price, shape and the regions that have capacity', async () => {
    const at = stage();
    at.control.setFree({ ...EVERYTHING, instanceType: 'gpu_8x_h100_sxm5' }, 0);
    at.control.setFree({ ...EVERYTHING, instanceType: 'gpu_8x_h100_sxm5', region: 'us-west-1' }, 1);
    const { body } = await at.get('/api/v1/instance-types');
    const types = body.data as Readonly<Record<string, unknown>>;
    expect(Object.keys(types).length).toBe(MARKET.instanceTypes.length);
    expect(types['gpu_8x_h100_sxm5']).toEqual({
      instance_type: {
        name: 'gpu_8x_h100_sxm5',
        description: '8x H100 (80 GB SXM5)',
        gpu_description: 'H100 (80 GB SXM5)',
        price_cents_per_hour: 3192,
        specs: { vcpus: 208, memory_gib: 1800, storage_gib: 22528, gpus: 8 },
      },
      regions_with_capacity_available: [{ name: 'us-west-1', description: 'California, USA' }],
    });
  });

  it('prices are whole cents', () => {
    for (const prices of Object.values(MARKET.listPricesUsd))
      for (const price of Object.values(prices)) expect(price).toMatch(/^\d+\.\d\d$/);
  });

  it('a machine boots, is active, is terminating, and is in no list any more', async () => {
    const at = stage();
    const tags = [{ key: 'team', value: 'Research & Development' }];
    const id = await launchedId(at, { name: 'one', tags, hostname: 'head' });
    const status = async () => ((await at.get(`/api/v1/instances/${id}`)).body.data as { status: string }).status;
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(await status()).toBe('booting');
    await at.clock.advance(60_000);
    expect((await at.get('/api/v1/instances')).body.data).toMatchObject([
      {
        ...{ id, name: 'one', status: 'active', hostname: 'head', ssh_key_names: ['gpu-broker'], tags },
        ...{ region: { name: 'us-east-1' }, instance_type: { name: 'gpu_1x_a10' }, file_system_names: [] },
        ...{ ip: expect.any(String), actions: { terminate: { available: true } } },
      },
    ]);
    const ended = await at.post(TERMINATE, { instance_ids: [id] });
    expect(ended.body.data).toMatchObject({ terminated_instances: [{ id, status: 'terminating' }] });
    expect(await status()).toBe('terminating');
    await at.clock.advance(60_000);
    expect(await at.get('/api/v1/instances')).toMatchObject({ body: { data: [] } });
    expect(await status()).toBe('terminated');
    await at.clock.advance(2 * 3_600_000);
    expect(await at.get(`/api/v1/instances/${id}`)).toMatchObject({ status: 404 });
  });

  it('ends all of the instances named, or none', async () => {
    const at = stage();
    const id = await launchedId(at);
    expect(await at.post(TERMINATE, { instance_ids: [id, 'f'.repeat(32)] })).toMatchObject({ status: 404 });
    expect((await at.get(`/api/v1/instances/${id}`)).body.data).toMatchObject({ status: 'booting' });
    expect(await at.post(TERMINATE, { instance_ids: [] })).toMatchObject({ status: 400 });
  });

  it('refuses for want of capacity and of quota, at once', async () => {
    const at = stage();
    at.control.setQuotaLimit('lambda', null, 'instances', 1);
    await launchedId(at);
    expect(await at.post(LAUNCH, MINIMUM)).toMatchObject({
      ...{ status: 400, body: { error: { code: 'global/quota-exceeded', message: 'Quota exceeded.' } } },
    });
    at.control.setQuotaLimit('lambda', null, 'instances', 9);
    at.control.setFree(EVERYTHING, 0);
    expect(await at.post(LAUNCH, MINIMUM)).toMatchObject({
      status: 400,
      body: { error: { code: 'instance-operations/launch/insufficient-capacity' } },
    });
    expect(at.world.machines('lambda')).toHaveLength(1);
  });

  it.each<readonly [string, object, number, string]>([
    ['an unknown field', { quantity: 1 }, 400, 'quantity'],
    ['two SSH keys', { ssh_key_names: ['gpu-broker', 'gpu-broker'] }, 400, 'exactly one SSH key'],
    ['no SSH key', { ssh_key_names: [] }, 400, 'exactly one SSH key'],
    ['a long name', { name: 'n'.repeat(65) }, 400, 'name'],
    ['a hostname with a dot', { hostname: 'a.b' }, 400, 'hostname'],
    ['a tag key of 56 characters', { tags: [{ key: 'k'.repeat(56), value: 'v' }] }, 400, 'tags'],
    ['a tag key that begins with a digit', { tags: [{ key: '9a', value: 'v' }] }, 400, 'tags'],
    ['a tag key of one character', { tags: [{ key: 'k', value: 'v' }] }, 400, 'tags'],
    ['a tag value of 129 characters', { tags: [{ key: 'key', value: 'v'.repeat(129) }] }, 400, 'tags'],
    ['a megabyte of user data', { user_data: 'u'.repeat(1_000_001) }, 400, '1MB'],
    ['both kinds of image', { image: { id: 'a', family: 'b' } }, 400, 'image'],
    ['a region that does not exist', { region_name: 'mars-1' }, 400, 'mars-1'],
    ['a type that does not exist', { instance_type_name: 'gpu_9x' }, 404, 'gpu_9x'],
    ['an SSH key that does not exist', { ssh_key_names: ['mine'] }, 404, 'mine'],
    ['an image that does not exist', { image: { family: 'windows' } }, 404, 'windows'],
    ['a filesystem that does not exist', { file_system_names: ['fs'] }, 404, 'fs'],
    ['a firewall ruleset that does not exist', { firewall_rulesets: [{ id: 'fw' }] }, 404, 'fw'],
  ])('refuses a launch with %s', async (_what, change, status, word) => {
    const at = stage();
    const answer = await at.post(LAUNCH, { ...MINIMUM, ...change });
    expect(answer.status).toBe(status);
    expect(answer.body.error?.code).toBe(status === 400 ? 'global/invalid-parameters' : 'global/object-does-not-exist');
    expect(answer.body.error?.message).toContain(word);
    expect(at.world.machines('lambda')).toEqual([]);
  });

  it('a body that is no JSON is refused', async () => {
    const { front } = stage();
    const broken = { ...request('POST', LAUNCH, undefined), body: Buffer.from('{') };
    expect(await parsed(front.handle(broken))).toMatchObject({ status: 400 });
  });

  it('labels requests by the reference’s operations, with the region they are about and their rate limit', async () => {
    const at = stage();
    const id = await launchedId(at, { region_name: 'us-west-1' });
    const label = (method: string, path: string, body?: unknown) => at.front.label(request(method, path, body));
    const requests = { mutating: false, region: null, bucket: 'requests' };
    expect(label('GET', '/api/v1/instances')).toEqual({ operation: 'listInstances', ...requests });
    expect(label('GET', `/api/v1/instances/${id}`)).toEqual({ operation: 'getInstance', ...requests });
    expect(label('POST', LAUNCH, MINIMUM)).toEqual({
      ...{ operation: 'launchInstance', mutating: true, region: 'us-east-1', bucket: 'launch' },
    });
    expect(label('POST', TERMINATE, { instance_ids: [id] })).toEqual({
      ...{ operation: 'terminateInstance', mutating: true, region: null, bucket: 'requests' },
    });
    expect(label('DELETE', '/api/v1/ssh-keys/1')).toMatchObject({
      operation: 'DELETE /api/v1/ssh-keys/1',
      mutating: true,
    });
    expect(await at.get('/api/v2/instances')).toMatchObject({
      status: 404,
      body: { error: { code: 'global/not-found' } },
    });
  });

  it('forbids what is denied, and nothing else', async () => {
    const at = stage();
    at.control.setDenied('lambda', ['listSSHKeys']);
    expect(await at.get('/api/v1/ssh-keys')).toMatchObject({
      status: 403,
      body: { error: { code: 'global/forbidden' } },
    });
    expect(await at.get('/api/v1/regions')).toMatchObject({ status: 200 });
  });

  it('a region that is down has no capacity; its machines stay listed', async () => {
    const at = stage();
    const id = await launchedId(at);
    at.control.setOutage('lambda', 'us-east-1', true);
    const { body } = await at.get('/api/v1/instance-types');
    expect(JSON.stringify(body)).not.toContain('us-east-1');
    expect((await at.get('/api/v1/instances')).body.data).toMatchObject([{ id }]);
    expect(await at.post(TERMINATE, { instance_ids: [id] })).toMatchObject({ status: 503 });
    at.control.setOutage('lambda', 'us-east-1', false);
    expect(await at.post(TERMINATE, { instance_ids: [id] })).toMatchObject({ status: 200 });
  });

  it('throttles as the CDN does, with the pause that the limit asks for', () => {
    const { front } = stage();
    expect(front.faultResponse('throttle', request('POST', LAUNCH, MINIMUM))).toEqual({
      ...{ status: 429, body: 'error code: 1015', headers: { 'content-type': 'text/plain', 'retry-after': '12' } },
    });
    expect(front.faultResponse('throttle', request('GET', '/api/v1/instances', undefined)).headers['retry-after']).toBe(
      '1',
    );
  });
});
