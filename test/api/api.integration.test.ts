import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/api/operations.ts';
import { PROBLEM_CODES, PROBLEMS } from '../../src/api/problems.ts';
import { SERVICE_ERROR_CODES } from '../../src/broker/service.ts';
import {
  type Answer,
  type Api,
  answerSchema,
  BLOCKS,
  call,
  callBack,
  documentOf,
  NOTICE,
  PURCHASE,
  PURCHASES,
  postJson,
  postYaml,
  SPOT_KEY,
  WORKLOAD,
  WORKLOAD_YAML,
} from './calling.ts';
import { isObject, schemaMistakes } from './json-schema.ts';
import { startApi } from './running-api.ts';

describe('every operation', () => {
  const calls: readonly (readonly [string, string, (api: Api) => Promise<Answer>])[] = [
    ['GET', '/livez', (api) => call(api, 'GET', '/livez')],
    ['GET', '/readyz', (api) => call(api, 'GET', '/readyz')],
    ['GET', '/v1/fleet', (api) => call(api, 'GET', '/v1/fleet')],
    ['GET', '/v1/leases', (api) => call(api, 'GET', '/v1/leases?workload=train&state=ready')],
    ['GET', '/v1/leases/{id}', (api) => call(api, 'GET', '/v1/leases/lease-research-train-0')],
    ['GET', '/v1/plans', (api) => call(api, 'GET', '/v1/plans')],
    ['POST', '/v1/plans', (api) => postJson(api, '/v1/plans', { workloads: [WORKLOAD] })],
    ['GET', '/v1/plans/{id}', (api) => call(api, 'GET', '/v1/plans/plan-1')],
    ['GET', '/v1/plans/{id}/risk', (api) => call(api, 'GET', '/v1/plans/plan-1/risk')],
    ['GET', '/v1/plans/{id}/input', (api) => call(api, 'GET', '/v1/plans/plan-1/input')],
    ['POST', '/v1/plans/{id}/replay', (api) => call(api, 'POST', '/v1/plans/plan-1/replay')],
    ['POST', '/v1/policies/{name}/explain', (api) => call(api, 'POST', '/v1/policies/default/explain')],
    [
      'POST',
      '/v1/policies/{name}/premium-curve',
      (api) => postJson(api, '/v1/policies/default/premium-curve?keepLeases=true', { rule: 'maxShare.region' }),
    ],
    ['GET', '/v1/events', (api) => call(api, 'GET', '/v1/events?workload=train')],
    ['GET', '/v1/workloads', (api) => call(api, 'GET', '/v1/workloads')],
    ['POST', '/v1/workloads', (api) => postJson(api, '/v1/workloads', WORKLOAD)],
    ['POST', '/v1/workloads', (api) => postYaml(api, '/v1/workloads?dryRun=true', WORKLOAD_YAML)],
    ['GET', '/v1/workloads/{id}', (api) => call(api, 'GET', '/v1/workloads/train')],
    ['GET', '/v1/workloads/{id}/explanation', (api) => call(api, 'GET', '/v1/workloads/train/explanation')],
    ['GET', '/v1/offers', (api) => call(api, 'GET', '/v1/offers')],
    [
      'GET',
      '/v1/offers/history',
      (api) => call(api, 'GET', `/v1/offers/history?pool=${SPOT_KEY.replace('spot', 'on-demand')}`),
    ],
    ['GET', '/v1/quarantined-prices', (api) => call(api, 'GET', '/v1/quarantined-prices?provider=aws')],
    [
      'POST',
      '/v1/quarantined-prices/accept',
      (api) => postJson(api, '/v1/quarantined-prices/accept', { pool: SPOT_KEY }),
    ],
    ['GET', '/v1/providers', (api) => call(api, 'GET', '/v1/providers')],
    ['GET', '/v1/providers/{id}', (api) => call(api, 'GET', '/v1/providers/aws')],
    ['GET', '/v1/policies', (api) => call(api, 'GET', '/v1/policies')],
    ['GET', '/v1/policies/{name}', (api) => call(api, 'GET', '/v1/policies/default')],
    ['POST', '/v1/policies/check', (api) => postYaml(api, '/v1/policies/check', 'kind: Policy\n')],
    ['GET', '/v1/rebalances', (api) => call(api, 'GET', '/v1/rebalances?state=proposed&limit=1')],
    ['GET', '/v1/rebalances/{id}', (api) => call(api, 'GET', '/v1/rebalances/rebalance-1')],
    ['POST', '/v1/rebalances', (api) => postJson(api, '/v1/rebalances', { dryRun: true })],
    ['GET', '/v1/leftovers', (api) => call(api, 'GET', '/v1/leftovers?provider=azure')],
    ['POST', '/v1/callbacks/{attemptId}', (api) => callBack(api, 'attempt-1', 'token-1', NOTICE)],
    ['GET', '/v1/capacity-blocks', (api) => call(api, 'GET', `/v1/capacity-blocks?${BLOCKS}`)],
    ['POST', '/v1/capacity-block-purchases', (api) => postJson(api, PURCHASES, PURCHASE)],
    ['GET', '/v1/capacity-block-purchases', (api) => call(api, 'GET', `${PURCHASES}?state=bought`)],
    ['GET', '/v1/capacity-block-purchases/{id}', (api) => call(api, 'GET', `${PURCHASES}/purchase-1`)],
    [
      'POST',
      '/v1/capacity-block-purchases/{id}/approve',
      (api) => call(api, 'POST', `${PURCHASES}/purchase-1/approve`),
    ],
    ['POST', '/v1/capacity-block-purchases/{id}/reject', (api) => call(api, 'POST', `${PURCHASES}/purchase-1/reject`)],
    [
      'POST',
      '/v1/capacity-block-purchases/{id}/settle',
      (api) => postJson(api, `${PURCHASES}/purchase-1/settle`, { reservationId: 'cr-1' }),
    ],
    ['DELETE', '/v1/workloads/{id}', (api) => call(api, 'DELETE', '/v1/workloads/train')],
  ];

  it.each(calls)('%s %s answers as the OpenAPI document says', async (method, path, send) => {
    await using api = await startApi();
    await postJson(api, '/v1/workloads', { ...WORKLOAD, spec: { ...WORKLOAD.spec, replicas: 6 } });
    const document = await documentOf(api);
    const answer = await send(api);
    expect(answer.status).toBe(200);
    const schema = answerSchema(document, method, path, answer);
    expect(schema).toBeDefined();
    expect(schemaMistakes(document, schema, answer.json)).toEqual([]);
  });

  it('was called above', () => {
    const called = new Set(calls.map(([method, path]) => `${method} ${path}`));
    const defined = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(defined.filter((operation) => !called.has(operation))).toEqual([]);
    expect(defined.length).toBeGreaterThan(15);
  });

  it('applies nothing in a dry run', async () => {
    await using api = await startApi();
    const answer = await postYaml(api, '/v1/workloads?dryRun=true', WORKLOAD_YAML);
    expect(answer.json).toMatchObject({ id: null, trigger: 'dry-run', machines: [{ workloadName: 'train' }] });
    expect(api.service.applied).toEqual([]);
  });

  it('takes an applied workload’s document again', async () => {
    await using api = await startApi();
    const { json } = await postJson(api, '/v1/workloads', WORKLOAD);
    const [first] = Array.isArray(json['items']) ? json['items'] : [];
    const again = await postJson(api, '/v1/workloads', isObject(first) ? first['document'] : null);
    expect(again.status).toBe(200);
    expect(api.service.applied[1]).toEqual(api.service.applied[0]);
  });
});

describe('a schema check', () => {
  it('fails for what is missing, extra, or of another type', () => {
    const schema = {
      type: 'object',
      required: ['a'],
      additionalProperties: false,
      properties: { a: { anyOf: [{ type: 'integer' }, { type: 'null' }] } },
    };
    expect(schemaMistakes({}, schema, { a: null })).toEqual([]);
    for (const wrong of [{}, { a: 'x' }, { a: 1.5 }, { a: 1, b: 2 }, []]) {
      expect(schemaMistakes({}, schema, wrong)).not.toEqual([]);
    }
    expect(schemaMistakes({}, { unheardOf: 1 }, {})).toHaveLength(1);
  });
});

describe('money and time', () => {
  it('come exact and readable', async () => {
    await using api = await startApi();
    const { json } = await call(api, 'GET', '/v1/offers?accelerator=nvidia-l4');
    expect(json).toMatchObject({
      items: [{ price: { microUsdPerHour: 338_000, usdPerHour: '0.338' }, observedAt: '2026-10-31T23:59:00.000Z' }],
      next: null,
    });
  });
});

describe('a list', () => {
  it('is paged by cursor', async () => {
    await using api = await startApi();
    const first = await call(api, 'GET', '/v1/offers?limit=2');
    expect(first.json['items']).toHaveLength(2);
    const second = await call(api, 'GET', `/v1/offers?limit=2&cursor=${String(first.json['next'])}`);
    expect(second.json['items']).toHaveLength(1);
    expect(second.json['next']).toBeNull();
  });
});

describe('a call back', () => {
  it('is heard with the token of its machine, which nothing shows', async () => {
    await using api = await startApi();
    expect((await callBack(api, 'attempt-1', 'token-1', NOTICE)).json).toEqual({ isNew: true });
    expect((await callBack(api, 'attempt-1', 'token-1', { ...NOTICE, deadlineAt: null })).json).toEqual({
      isNew: false,
    });
    expect(api.service.heard).toEqual([
      { kind: 'notice', message: 'Preempt', deadlineAt: Date.UTC(2026, 10, 1, 0, 0, 30) },
      { kind: 'notice', message: 'Preempt', deadlineAt: null },
    ]);
    expect(api.log.join()).not.toContain('token-1');
  });

  it('is refused with another token, with none, and for an unknown machine', async () => {
    await using api = await startApi();
    const wrong = await callBack(api, 'attempt-1', 'token-2', NOTICE);
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
    expect((await postJson(api, '/v1/callbacks/attempt-1', NOTICE)).status).toBe(401);
    expect((await callBack(api, 'attempt-2', 'token-1', NOTICE)).status).toBe(404);
    expect(api.service.heard).toEqual([]);
  });

  it('is short, and says what is allowed', async () => {
    await using api = await startApi();
    const long = await callBack(api, 'attempt-1', 'token-1', { ...NOTICE, message: 'x'.repeat(20_000) });
    expect(long.json).toMatchObject({ code: 'payload-too-large', detail: 'The body may have 16 KiB at most' });
    const wrong = await callBack(api, 'attempt-1', 'token-1', { kind: 'notise', message: 1 });
    expect(wrong.json['errors']).toEqual([
      expect.objectContaining({ pointer: '/kind', message: expect.stringContaining('did you mean notice?') }),
      expect.objectContaining({ pointer: '/message' }),
    ]);
  });
});

describe('the broker failing', () => {
  it('is a problem without the cause, which is in the log', async () => {
    await using api = await startApi();
    api.service.failure = new Error('password hunter2 refused by db.example');
    const answer = await call(api, 'GET', '/v1/fleet');
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ code: 'internal', instance: 'urn:gpu-broker:request:request-1' });
    expect(JSON.stringify(answer.json)).not.toContain('hunter2');
    expect(api.log.join('')).toContain('"requestId":"request-1"');
    expect(api.log.join('')).toContain('hunter2');
  });

  it('is told apart from not being ready', async () => {
    await using api = await startApi();
    api.service.missing = ['gcp was not read yet'];
    const answer = await call(api, 'GET', '/readyz');
    expect(answer.status).toBe(503);
    expect(answer.json).toEqual({ ready: false, missing: ['gcp was not read yet'] });
    expect((await call(api, 'GET', '/livez')).status).toBe(200);
  });
});

describe('the listener', () => {
  it('answers only to its own host names (no DNS rebinding)', async () => {
    await using api = await startApi();
    const status = (host: string) =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(`${api.url}/v1/fleet`, { headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject);
        sent.end();
      });
    expect(await status('evil.example')).toBe(421);
    expect(await status('localhost:8080')).toBe(200);
  });

  it('sets security headers and names each request', async () => {
    await using api = await startApi();
    const { headers } = await call(api, 'GET', '/v1/fleet');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('x-request-id')).toBe('request-1');
  });

  it('counts requests by route, not by address', async () => {
    await using api = await startApi();
    await call(api, 'GET', '/v1/workloads/one');
    await call(api, 'GET', '/v1/workloads/two');
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toContain('_count{method="GET",route="/v1/workloads/{id}",status="404"} 2');
  });
});

describe('the event stream', () => {
  async function* messages(response: Response): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  }

  it('sends what is there, then what comes, and a sign of life between', async () => {
    await using api = await startApi();
    api.service.record('broker.started', 'The broker started', null);
    api.service.record('offers.read', 'aws: 2 offers', null);
    const response = await fetch(`${api.url}/v1/events`, {
      headers: { accept: 'text/event-stream', 'last-event-id': '1' },
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const stream = messages(response);
    const next = async () => String((await stream.next()).value);
    expect(await next()).toMatch(/^id: 2\ndata: \{"sequence":2,.*"message":"aws: 2 offers"/);
    api.service.record('lease.ready', 'a machine is ready', null);
    await api.clock.advanceSleepers(1000);
    expect(await next()).toMatch(/^id: 3\ndata: \{"sequence":3,/);
    await api.clock.advanceSleepers(15_000);
    expect(await next()).toBe(': still here');
    await stream.return(undefined);
  });

  it('answers a bad cursor with a problem', async () => {
    await using api = await startApi();
    const headers = { accept: 'text/event-stream', 'last-event-id': 'x' };
    expect((await call(api, 'GET', '/v1/events', undefined, headers)).json['code']).toBe('validation-failed');
  });
});

describe('the table of problems', () => {
  it('has every code of the service once', () => {
    expect(new Set(PROBLEM_CODES).size).toBe(PROBLEM_CODES.length);
    expect(SERVICE_ERROR_CODES.filter((code) => PROBLEMS[code].status < 400)).toEqual([]);
  });
});
