import { describe, expect, it } from 'vitest';
import { call, postJson } from './calling.ts';
import { startApi } from './running-api.ts';

const REBALANCES = '/v1/rebalances';

describe('rebalances over HTTP', () => {
  it('tell each move with its places and reason, money exact and readable', async () => {
    await using api = await startApi();
    const { json } = await call(api, 'GET', `${REBALANCES}/rebalance-2`);
    expect(json).toMatchObject({
      ...{ id: 'rebalance-2', state: 'proposed', stateReason: null, createdAt: '2026-11-03T12:00:00.000Z' },
      ...{ expiresAt: '2026-11-03T13:00:00.000Z', policies: [{ name: 'default', version: 3 }], cause: 'saves' },
      saved: { microUsdPerHour: 36_000_000, usdPerHour: '36.00' },
      moveCost: { microUsd: 6_000_000, usd: '6.00' },
      now: { cost: { usdPerHour: '120.00' }, shares: { provider: { aws: 1 } }, concentration: 1 },
      after: { cost: { usdPerHour: '84.00' } },
      ...{ savedShare: 0.3, paybackHours: 1 / 6, added: [] },
    });
    const moves = Array.isArray(json['moves']) ? json['moves'] : [];
    expect(moves).toHaveLength(3);
    expect(moves[1]).toMatchObject({
      ...{
        workloadId: 'w-1',
        workloadName: 'train',
        replicas: [1],
        why: { cause: 'cheaper', detail: '12.00 $/h less' },
      },
      from: [{ leaseId: 'lease-1', pool: { key: 'aws/us-east-1/us-east-1a/p5.48xlarge/spot' } }],
      to: [{ workloadName: 'train', pool: { provider: 'gcp' }, price: { usdPerHour: '18.00' } }],
      ...{ costNow: { usdPerHour: '30.00' }, costAfter: { usdPerHour: '18.00' } },
    });
  });

  it('come in pages, and by state', async () => {
    await using api = await startApi();
    const ids = async (query: string) => {
      const { json } = await call(api, 'GET', `${REBALANCES}${query}`);
      const items = Array.isArray(json['items']) ? json['items'] : [];
      return [items.map(({ id }) => id), json['next']];
    };
    expect(await ids('?limit=1')).toEqual([['rebalance-2'], '1']);
    expect(await ids('?limit=1&cursor=1')).toEqual([['rebalance-1'], null]);
    expect(await ids('?state=superseded')).toEqual([['rebalance-1'], null]);
    const { status, json } = await call(api, 'GET', `${REBALANCES}?state=approved`);
    expect([status, json['errors']]).toEqual([400, [expect.objectContaining({ parameter: 'state' })]]);
    expect(JSON.stringify(json['errors'])).toContain('proposed, superseded, expired');
  });

  it('are looked for now, whether or not they pay, with the reason', async () => {
    await using api = await startApi();
    const look = async (price: number) => {
      api.service.otherPrice = price;
      return (await postJson(api, REBALANCES, { dryRun: true })).json;
    };
    expect(await look(18)).toMatchObject({
      ...{ pays: true, isSettled: true, rebalance: { moves: [{}, {}, {}] } },
      reason: 'It pays: an hour of work costs 36.00 $/h less (30 %), and the moves are paid back in 10 min',
    });
    expect(await look(29)).toMatchObject({
      ...{ pays: false, rebalance: { moves: [{}, {}, {}], saved: { usdPerHour: '3.00' } } },
      reason: 'It does not pay: it saves 3.00 $/h, less than the 4.00 $/h of minSavings of policy default',
    });
    expect(await look(31)).toMatchObject({
      ...{ pays: false, rebalance: null, reason: expect.stringContaining('Nothing would move') },
    });
  });

  it.each([{}, { dryRun: false }, { dryRun: 'true' }])(
    'are only looked for: %j is refused with what is allowed',
    async (body) => {
      await using api = await startApi();
      const { status, json } = await postJson(api, REBALANCES, body);
      expect(status).toBe(400);
      expect(json).toMatchObject({ code: 'validation-failed', errors: [{ pointer: '/dryRun' }] });
      expect(json['detail']).toContain('send {"dryRun": true}');
      expect(JSON.stringify(json['errors'])).toContain('allowed: true');
    },
  );

  it('end when the caller goes away', async () => {
    await using api = await startApi();
    const ended = new Promise<unknown>((resolve) => {
      api.service.whenAborted = resolve;
    });
    const asking = new Promise<void>((resolve) => {
      api.service.whenAsked = resolve;
    });
    const caller = new AbortController();
    const request = fetch(api.url + REBALANCES, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"dryRun":true}' },
      signal: caller.signal,
    });
    await asking;
    caller.abort(new Error('enough'));
    await expect(request).rejects.toThrow('enough');
    expect(await ended).toEqual(new Error('the caller has gone'));
  });
});
