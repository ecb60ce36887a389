import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/api/problems.ts';
import {
  AZURE_KEY,
  call,
  documentOf,
  JSON_TYPE,
  PURCHASES,
  postJson,
  postYaml,
  WORKLOAD,
  WORKLOAD_YAML,
} from './calling.ts';
import { schemaMistakes } from './json-schema.ts';
import { startApi } from './running-api.ts';

describe('a request that is wrong', () => {
  it.each([
    [
      'unknown parameter',
      'GET',
      '/v1/offers?provder=aws',
      undefined,
      {},
      'validation-failed',
      {
        parameter: 'provder',
        message: 'unknown key; allowed: provider, region, accelerator, market, cursor, limit; did you mean provider?',
      },
    ],
    ['limit of 0', 'GET', '/v1/offers?limit=0', undefined, {}, 'validation-failed', { parameter: 'limit' }],
    [
      'parameter twice',
      'GET',
      '/v1/offers?market=spot&market=spot',
      undefined,
      {},
      'validation-failed',
      { parameter: 'market' },
    ],
    [
      'ambiguous accelerator',
      'GET',
      '/v1/offers?accelerator=A100',
      undefined,
      {},
      'validation-failed',
      { parameter: 'accelerator' },
    ],
    ['cursor of events', 'GET', '/v1/events?cursor=x', undefined, {}, 'validation-failed', { parameter: 'cursor' }],
    ['broken escape', 'GET', '/v1/workloads/%ff', undefined, {}, 'validation-failed', undefined],
    ['unknown address', 'GET', '/v1/nothing', undefined, {}, 'not-found', undefined],
    [
      'unknown method',
      'PUT',
      '/v1/workloads',
      '{}',
      { 'content-type': 'application/json' },
      'method-not-allowed',
      undefined,
    ],
    ['unknown workload', 'GET', '/v1/workloads/x', undefined, {}, 'workload-not-found', undefined],
    ['unknown plan', 'GET', '/v1/plans/x', undefined, {}, 'plan-not-found', undefined],
    ['unknown lease', 'GET', '/v1/leases/x', undefined, {}, 'lease-not-found', undefined],
    ['unknown provider', 'GET', '/v1/providers/x', undefined, {}, 'provider-not-found', undefined],
    ['unknown pool', 'GET', '/v1/offers/history?pool=x', undefined, {}, 'pool-not-found', undefined],
    ['history without pool', 'GET', '/v1/offers/history', undefined, {}, 'validation-failed', { parameter: 'pool' }],
    [
      ...(['history since no time', 'GET', '/v1/offers/history?pool=x&since=monday', undefined, {}] as const),
      ...(['validation-failed', { parameter: 'since' }] as const),
    ],
    [
      'accepting nothing',
      'POST',
      '/v1/quarantined-prices/accept',
      '{}',
      JSON_TYPE,
      'validation-failed',
      { pointer: '/pool' },
    ],
    [
      'accepting a fair price',
      'POST',
      '/v1/quarantined-prices/accept',
      '{"pool":"x"}',
      JSON_TYPE,
      'price-not-quarantined',
      undefined,
    ],
    [
      ...(['accepting no amount', 'POST', '/v1/quarantined-prices/accept', `{"pool":"${AZURE_KEY}"}`] as const),
      ...([JSON_TYPE, 'price-unreadable', undefined] as const),
    ],
    ['unknown rebalance', 'GET', '/v1/rebalances/x', undefined, {}, 'rebalance-not-found', undefined],
    ['unknown purchase', 'POST', `${PURCHASES}/x/approve`, undefined, {}, 'purchase-not-found', undefined],
    [
      'block without hours',
      'GET',
      '/v1/capacity-blocks?provider=aws',
      undefined,
      {},
      'validation-failed',
      { parameter: 'durationHours' },
    ],
    ['no body', 'POST', '/v1/workloads', undefined, {}, 'unsupported-media-type', undefined],
    [
      'text body',
      'POST',
      '/v1/workloads',
      'kind: x',
      { 'content-type': 'text/plain' },
      'unsupported-media-type',
      undefined,
    ],
    [
      'JSON for a policy',
      'POST',
      '/v1/policies/check',
      '{}',
      { 'content-type': 'application/json' },
      'unsupported-media-type',
      undefined,
    ],
    [
      'unknown charset',
      'POST',
      '/v1/workloads',
      '{}',
      { 'content-type': 'application/json; charset=klingon' },
      'unsupported-media-type',
      undefined,
    ],
    [
      'broken JSON',
      'POST',
      '/v1/workloads',
      '{"a":',
      { 'content-type': 'application/json' },
      'validation-failed',
      { pointer: '' },
    ],
    [
      'deep JSON',
      'POST',
      '/v1/workloads',
      '['.repeat(500_000) + ']'.repeat(500_000),
      { 'content-type': 'application/json' },
      'validation-failed',
      { pointer: '' },
    ],
    [
      'deep YAML',
      'POST',
      '/v1/workloads',
      '['.repeat(500_000),
      { 'content-type': 'application/yaml' },
      'validation-failed',
      { line: 1 },
    ],
    [
      'large body',
      'POST',
      '/v1/workloads',
      'x'.repeat(1024 * 1024 + 1),
      { 'content-type': 'application/yaml' },
      'payload-too-large',
      undefined,
    ],
    [
      'bad Idempotency-Key',
      'POST',
      '/v1/workloads',
      '{}',
      { 'content-type': 'application/json', 'idempotency-key': 'a b' },
      'validation-failed',
      { parameter: 'Idempotency-Key' },
    ],
    [
      'conflict',
      'POST',
      '/v1/workloads',
      WORKLOAD_YAML.replace('train', 'conflicted'),
      { 'content-type': 'application/yaml' },
      'workload-conflict',
      undefined,
    ],
  ] as const)('%s is answered with a problem', async (_title, method, path, body, headers, code, error) => {
    await using api = await startApi();
    const document = await documentOf(api);
    const answer = await call(api, method, path, body, headers);
    expect(answer.json['code']).toBe(code);
    expect(answer.status).toBe(PROBLEMS[code].status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(schemaMistakes(document, { $ref: '#/components/schemas/Problem' }, answer.json)).toEqual([]);
    if (error !== undefined) expect(answer.json['errors']).toContainEqual(expect.objectContaining(error));
    expect(JSON.stringify(answer.json)).not.toMatch(/node_modules|\.ts:\d/);
  });

  it('names every mistake of a JSON body by pointer', async () => {
    await using api = await startApi();
    const wrong = { ...WORKLOAD, spec: { replicas: 0, accelerators: ['H100:8', 'A100:8'], marktes: [] } };
    expect((await postJson(api, '/v1/plans', { workloads: [WORKLOAD, wrong] })).json['errors']).toEqual([
      { pointer: '/workloads/1/spec/replicas', message: '0 is too small; allowed: a whole number from 1 to 10000' },
      {
        pointer: '/workloads/1/spec/accelerators/1',
        message: '"A100" could be any of A100-40GB, A100-80GB; write which one',
      },
      { pointer: '/workloads/1/spec/marktes', message: expect.stringContaining('did you mean markets?') },
    ]);
  });

  it('names every mistake of a YAML body by line and column', async () => {
    await using api = await startApi();
    const second = WORKLOAD_YAML.replace('replicas: 2', 'replicas: 0');
    const answer = await postYaml(api, '/v1/workloads', `${WORKLOAD_YAML}---\n${second}`);
    expect(answer.json['errors']).toEqual([
      {
        line: 9,
        column: 19,
        path: 'spec.replicas',
        message: '0 is too small; allowed: a whole number from 1 to 10000',
      },
    ]);
    expect(api.service.applied).toEqual([]);
  });

  it('finds the same workload twice in a list', async () => {
    await using api = await startApi();
    const answer = await postJson(api, '/v1/plans', { workloads: [WORKLOAD, WORKLOAD] });
    expect(answer.json['errors']).toEqual([
      { pointer: '/workloads/1/metadata/name', message: 'train of team research stands here twice' },
    ]);
  });

  it('tells how far several workloads got', async () => {
    await using api = await startApi();
    const conflicted = WORKLOAD_YAML.replace('train', 'conflicted');
    const answer = await postYaml(api, '/v1/workloads', `${WORKLOAD_YAML}---\n${conflicted}`);
    expect(answer.json['code']).toBe('workload-conflict');
    expect(answer.json['detail']).toContain('1 of 2 workloads were applied before research/conflicted');
  });
});
