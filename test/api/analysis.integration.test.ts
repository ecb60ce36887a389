import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { call, postJson } from './calling.ts';
import { startApi } from './running-api.ts';

const CURVE = '/v1/policies/default/premium-curve';

describe('analyses over HTTP', () => {
  it('hand the record of a plan out as JSON, or packed for a file', async () => {
    await using api = await startApi();
    const { json } = await call(api, 'GET', '/v1/plans/plan-1/input');
    expect(json).toMatchObject({ planId: 'plan-1', seed: 0, input: { offers: [{}, {}, {}] }, plan: { held: [] } });
    const packed = await fetch(`${api.url}/v1/plans/plan-1/input`, { headers: { accept: 'application/gzip' } });
    expect(packed.headers.get('content-type')).toBe('application/gzip');
    expect(packed.headers.get('content-disposition')).toBe('attachment; filename=plan-plan-1.json.gz');
    const bytes = gunzipSync(Buffer.from(await packed.arrayBuffer()));
    expect(JSON.parse(bytes.toString('utf8'))).toEqual(json);
  });

  it('tell whether a plan could be made again', async () => {
    await using api = await startApi();
    expect((await call(api, 'POST', '/v1/plans/plan-1/replay')).json).toMatchObject({ isEqual: true, differences: [] });
    api.service.recordedCost = 1;
    const { json } = await call(api, 'POST', '/v1/plans/plan-1/replay');
    expect(json).toMatchObject({
      ...{ isEqual: false, recordedVersion: 'gpu-broker 0.0.1', differenceCount: 1 },
      differences: [{ pointer: '/costMicroUsdPerHour', recorded: '1' }],
    });
  });

  it('name workloads, and the worst loss of each', async () => {
    await using api = await startApi();
    const { json } = await call(api, 'GET', '/v1/plans/plan-1/risk');
    expect(json['workloads']).toMatchObject([
      { workloadName: 'train', replicasStanding: 4, worstProvider: { keptReplicas: expect.any(Number) } },
      { workloadName: 'web', replicasStanding: 1, worstProvider: { keptReplicas: 0, keptShare: 0 } },
    ]);
  });

  it('draw the limits that are asked for, of a fleet planned afresh unless leases are to be kept', async () => {
    await using api = await startApi();
    const asked = await postJson(api, CURVE, { rule: 'maxShare.provider', limits: [1, 0.5] });
    expect(asked.json).toMatchObject({
      ...{ policy: 'default', currentLimit: 0.5, keepsLeases: false },
      points: [
        { limit: 0.5, isCurrent: true },
        { limit: 1, premium: { microUsdPerHour: 0, usdPerHour: '0.00' }, premiumShare: 0, isCurrent: false },
      ],
    });
    expect((await postJson(api, `${CURVE}?keepLeases=true`, { rule: 'minProviders' })).json).toMatchObject({
      keepsLeases: true,
    });
  });

  it.each([
    [{ rule: 'maxShare.rack' }, '/rule', 'maxShare.region'],
    [{}, '/rule', 'maxShare.region'],
    [{ rule: 'maxSpotShare', limits: [0.1, 1.5] }, '/limits/1', 'a share from 0 to 1'],
    [{ rule: 'minProviders', limits: [1.5] }, '/limits/0', 'a whole number of 1 or more'],
    [{ rule: 'minProviders', limits: [] }, '/limits', 'a list of 1 to 50 limits'],
    [{ rule: 'minProviders', limit: [2] }, '/limit', 'limits'],
  ])('refuse %j', async (body, pointer, words) => {
    await using api = await startApi();
    const { status, json } = await postJson(api, CURVE, body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'validation-failed', errors: [{ pointer }] });
    expect(JSON.stringify(json['errors'])).toContain(words);
  });

  it('refuse policies, plans and choices that there are not', async () => {
    await using api = await startApi();
    const codes = await Promise.all([
      call(api, 'POST', '/v1/policies/other/explain'),
      postJson(api, '/v1/policies/other/premium-curve', { rule: 'minProviders' }),
      call(api, 'GET', '/v1/plans/other/risk'),
      call(api, 'GET', '/v1/plans/other/input'),
      call(api, 'POST', '/v1/plans/other/replay'),
      call(api, 'POST', '/v1/policies/default/explain?keepLeases=yes'),
    ]);
    expect(codes.map(({ status, json }) => [status, json['code']])).toEqual([
      [404, 'policy-not-found'],
      [404, 'policy-not-found'],
      [404, 'plan-not-found'],
      [404, 'plan-not-found'],
      [404, 'plan-not-found'],
      [400, 'validation-failed'],
    ]);
  });

  it('end when the caller goes away', async () => {
    await using api = await startApi();
    const ended = new Promise<unknown>((resolve) => {
      api.service.whenAborted = resolve;
    });
    const caller = new AbortController();
    const asking = new Promise<void>((resolve) => {
      api.service.whenAsked = resolve;
    });
    const request = fetch(`${api.url}/v1/policies/default/explain`, { method: 'POST', signal: caller.signal });
    await asking;
    caller.abort(new Error('enough'));
    await expect(request).rejects.toThrow('enough');
    expect(await ended).toEqual(new Error('the caller has gone'));
    expect(api.log.filter((line) => line.includes('a request failed'))).toEqual([]);
  });
});
