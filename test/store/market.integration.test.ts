import { expect, it } from 'vitest';
import type { Quota } from '../../src/domain/offer.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { poolScope, type RefusalScope } from '../../src/domain/sold-out.ts';
import { findOffers, listOffers, priceHistory, replaceRegionOffers } from '../../src/store/offers.ts';
import type { Store } from '../../src/store/open-store.ts';
import { HALF_LIFE_MS, recordRefusal, recordSuccess, successProbabilities } from '../../src/store/pool-outcomes.ts';
import {
  claimDueRegions,
  forgetOtherRegions,
  liftSuspension,
  listSuspensions,
  makeRegionDue,
  recordRegionRead,
  regionStates,
  suspendProvider,
} from '../../src/store/providers.ts';
import { listQuotas, replaceRegionQuotas } from '../../src/store/quotas.ts';
import { pruneHistory } from '../../src/store/retention.ts';
import { clearSoldOut, listActiveSoldOuts, rememberRefusal } from '../../src/store/sold-outs.ts';
import { describeStore } from './engines.ts';
import { MINUTE, NOW, offerOf, POOL } from './samples.ts';

function replace(store: Store, offers: Parameters<typeof replaceRegionOffers>[3], region = 'r1') {
  return store.transaction((transaction) => replaceRegionOffers(transaction, 'north', region, offers));
}

describeStore('offers', (engine) => {
  const reserved = { market: 'reserved', reservation: 'cr-1', zone: null } as const;

  it('are read back exactly, and replaced region by region', async () => {
    const store = await engine.open();
    const kept = offerOf({}, { observedAt: NOW + 7, interruptionsPerHour: 0 });
    const bought = offerOf(reserved, {
      availableCount: 3,
      zonePhysicalId: null,
      availability: 'restricted',
      quotaClaims: [],
    });
    await replace(store, [kept, bought]);
    await replace(store, [offerOf({ region: 'r2' })], 'r2');
    expect(await listOffers(store.database)).toEqual([bought, kept, offerOf({ region: 'r2' })]);
    const cheaper = { ...kept, priceMicroUsdPerHour: 9_007_199_254_740_991, vcpuCount: 96.5 };
    await replace(store, [cheaper]);
    expect(await listOffers(store.database)).toEqual([cheaper, offerOf({ region: 'r2' })]);
    await replace(store, []);
    expect(await listOffers(store.database)).toEqual([offerOf({ region: 'r2' })]);
  });

  it('of another region or two of one pool are refused whole', async () => {
    const store = await engine.open();
    await replace(store, [offerOf({})]);
    await expect(replace(store, [offerOf({ region: 'r2' })])).rejects.toThrow(RangeError);
    await expect(replace(store, [offerOf({}), offerOf({})])).rejects.toThrow(/offered twice/);
    expect(await listOffers(store.database)).toHaveLength(1);
  });

  it('leave a history of prices: new ones and changes, nothing else', async () => {
    const store = await engine.open();
    for (const [minute, price] of [31, 31, 30, 31].entries()) {
      await replace(store, [offerOf({}, { priceMicroUsdPerHour: price, observedAt: NOW + minute * MINUTE })]);
    }
    const history = () => priceHistory(store.database, poolKey(POOL), NOW);
    const point = { availability: 'available' };
    expect(await history()).toEqual([
      { ...point, observedAt: NOW, priceMicroUsdPerHour: 31 },
      { ...point, observedAt: NOW + 2 * MINUTE, priceMicroUsdPerHour: 30 },
      { ...point, observedAt: NOW + 3 * MINUTE, priceMicroUsdPerHour: 31 },
    ]);
    await pruneHistory(store.database, NOW + 60 * MINUTE);
    expect(await history()).toHaveLength(1);
  });

  it('are found by filter, in pages', async () => {
    const store = await engine.open();
    await replace(
      store,
      ['a', 'b', 'c', 'd'].map((zone) => offerOf({ zone })),
    );
    await replace(store, [offerOf({ region: 'r2', market: 'on-demand' }, { accelerator: 'L4' })], 'r2');
    const any = { provider: null, region: null, accelerator: null, market: null };
    const first = await findOffers(
      store.database,
      { ...any, market: 'spot', provider: 'north' },
      { cursor: null, limit: 3 },
    );
    const rest = await findOffers(
      store.database,
      { ...any, market: 'spot', region: 'r1' },
      { cursor: first.next, limit: 3 },
    );
    expect([...first.items, ...rest.items].map(({ pool }) => pool.zone)).toEqual(['a', 'b', 'c', 'd']);
    expect(rest.next).toBeNull();
    const lights = await findOffers(store.database, { ...any, accelerator: 'L4' }, { cursor: null, limit: 3 });
    expect(lights.items).toHaveLength(1);
  });
});

describeStore('quotas', (engine) => {
  it('are replaced per region, account-wide ones apart; unknown is not zero', async () => {
    const store = await engine.open();
    const quota = {
      provider: 'north',
      region: 'r1',
      name: 'gpu-family',
      unit: 'vcpus',
      limit: 768,
      usage: null,
    } as const;
    const global = { ...quota, region: null, name: 'gpus-all', limit: null, usage: 0.5 };
    const write = (region: string | null, quotas: readonly Quota[], at = NOW) =>
      store.transaction((transaction) => replaceRegionQuotas(transaction, 'north', region, quotas, at));
    await write('r1', [quota, { ...quota, name: 'other' }]);
    await write(null, [global]);
    await write('r1', [{ ...quota, limit: 1 }], NOW + 1);
    expect(await listQuotas(store.database)).toEqual([
      { ...global, observedAt: NOW },
      { ...quota, limit: 1, observedAt: NOW + 1 },
    ]);
    await expect(write('r2', [quota])).rejects.toThrow(RangeError);
    await write('r1', []);
    expect(await listQuotas(store.database)).toHaveLength(1);
  });
});

describeStore('sold-out scopes', (engine) => {
  const wide: RefusalScope = {
    provider: 'north',
    region: 'r1',
    zone: null,
    instanceType: null,
    market: null,
    quota: null,
  };
  function refuse(store: Store, scope: RefusalScope, at: number, retryAfterSeconds = 180) {
    const refusal = { scope, reason: 'capacity: NoRoom', code: 'NoRoom', retryAfterSeconds, at };
    return store.transaction((transaction) => rememberRefusal(transaction, refusal));
  }

  it('are left alone twice as long at each refusal in a row; several at once are one', async () => {
    const store = await engine.open();
    const scope = poolScope(POOL);
    const minutes: number[] = [];
    let at = NOW;
    for (let strike = 1; strike <= 7; strike += 1) {
      const soldOut = await refuse(store, scope, at);
      expect(soldOut.strikes).toBe(strike);
      expect((await refuse(store, scope, at + 1000)).strikes).toBe(strike);
      minutes.push(Math.round((soldOut.until - at) / MINUTE));
      at = soldOut.until + 1000;
    }
    expect(minutes).toEqual([3, 6, 12, 24, 48, 60, 60]);
    expect(await listActiveSoldOuts(store.database, at)).toEqual([]);
    expect(await listActiveSoldOuts(store.database, at - 2000)).toMatchObject([
      { scope, strikes: 7, reason: 'capacity: NoRoom' },
    ]);
  });

  it('start anew when the last block is long over, and never end earlier than they did', async () => {
    const store = await engine.open();
    const first = await refuse(store, wide, NOW, 3600);
    expect((await refuse(store, wide, NOW + 1000, 180)).until).toBe(first.until);
    expect((await refuse(store, wide, first.until + 25 * 60 * MINUTE)).strikes).toBe(1);
  });

  it('are cleared by a success in a pool that they cover, quotas of its offer included', async () => {
    const store = await engine.open();
    await replace(store, [offerOf({})]);
    const scopes: RefusalScope[] = [
      poolScope(POOL),
      wide,
      { ...wide, market: 'spot', quota: 'gpu-family' },
      { ...wide, quota: 'another' },
      { ...wide, region: 'r2' },
      { ...wide, market: 'on-demand' },
      { ...poolScope(POOL), zone: 'r1-b' },
      { ...wide, provider: 'south' },
    ];
    for (const scope of scopes) await refuse(store, scope, NOW);
    await store.transaction((transaction) => clearSoldOut(transaction, POOL, NOW - 1));
    expect(await listActiveSoldOuts(store.database, NOW)).toHaveLength(8);
    await store.transaction((transaction) => clearSoldOut(transaction, POOL));
    const left = (await listActiveSoldOuts(store.database, NOW)).map(({ scope }) => scope);
    expect(left).toHaveLength(5);
    expect(left).toEqual(expect.arrayContaining(scopes.slice(3)));
  });
});

describeStore('outcomes per pool', (engine) => {
  it('start from nine in ten, move with each outcome, and count half after a half-life', async () => {
    const store = await engine.open();
    const key = poolKey(POOL);
    const chance = async (at: number | null = null) =>
      (await successProbabilities(store.database, [key, 'unknown'], at)).get(key);
    expect((await successProbabilities(store.database, ['unknown'])).get('unknown')).toBeCloseTo(0.9, 12);
    for (let count = 0; count < 10; count += 1) {
      await store.transaction((transaction) => recordRefusal(transaction, POOL, NOW));
    }
    expect(await chance()).toBeCloseTo(9 / 20, 12);
    expect(await chance(NOW + HALF_LIFE_MS)).toBeCloseTo(9 / 15, 12);
    await store.transaction((transaction) => recordSuccess(transaction, POOL, NOW + HALF_LIFE_MS));
    expect(await chance()).toBeCloseTo(10 / 16, 9);
    expect(await successProbabilities(store.database, [])).toEqual(new Map());
  });
});

describeStore('regions of providers', (engine) => {
  const claim = {
    provider: 'north',
    kind: 'offers',
    regions: ['r2', 'r1'],
    now: NOW,
    everySeconds: 3600,
    claimSeconds: 180,
    limit: 10,
  } as const;
  const good = { provider: 'north', kind: 'offers', at: NOW, itemCount: 4, failure: null } as const;
  const bad = { error: 'throttled', errorKind: 'rate-limited' };
  const state = { provider: 'north', error: null, errorKind: null, failureCount: 0, retryAt: null, itemCount: 4 };

  async function claimed(store: Store, change: Partial<Parameters<typeof claimDueRegions>[1]>): Promise<string[]> {
    return (await claimDueRegions(store.database, { ...claim, ...change })).map(({ region }) => region);
  }

  it('are claimed when due, by one process, and for offers and quotas apart', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    const claims = await Promise.all([store, other, store].map((one) => claimed(one, {})));
    expect(claims.flat().toSorted()).toEqual(['r1', 'r2']);
    expect(await claimed(store, { now: NOW + 179_999 })).toEqual([]);
    expect(await claimed(store, { now: NOW + 180_000 })).toEqual(['r1', 'r2']);
    expect(await claimed(store, { regions: [] })).toEqual([]);
    expect(await claimed(store, { kind: 'quotas' })).toEqual(['r1', 'r2']);
  });

  it('are claimed no more than there is room for, those that failed last', async () => {
    const store = await engine.open();
    for (const region of ['r1', 'r2', 'r3']) await recordRegionRead(store.database, { ...good, region });
    const failure = { ...bad, count: 1, retryAt: NOW };
    await recordRegionRead(store.database, { ...good, region: 'r1', at: NOW, itemCount: null, failure });
    const due = { regions: ['r1', 'r2', 'r3'], now: NOW + 3_600_000 };
    expect(await claimed(store, { ...due, limit: 0 })).toEqual([]);
    expect(await claimed(store, { ...due, limit: 1 })).toEqual(['r2']);
    expect(await claimed(store, { ...due, limit: 1 })).toEqual(['r3']);
    expect(await claimDueRegions(store.database, { ...claim, ...due })).toEqual([{ region: 'r1', failureCount: 1 }]);
  });

  it('are due again after the interval, or when a failure says, which keeps the last good copy and its age', async () => {
    const store = await engine.open();
    await claimed(store, {});
    for (const region of ['r1', 'r2']) await recordRegionRead(store.database, { ...good, region });
    const due = (seconds: number) => claimed(store, { now: NOW + seconds * 1000 });
    expect(await due(3599)).toEqual([]);
    expect(await due(3600)).toEqual(['r1', 'r2']);
    const at = NOW + 3_600_000;
    const failure = { ...bad, count: 3, retryAt: at + 20_000 };
    await recordRegionRead(store.database, { ...good, region: 'r1', at, itemCount: null, failure });
    await recordRegionRead(store.database, { ...good, region: 'r2', at });
    expect(await regionStates(store.database)).toEqual([
      { ...state, ...bad, region: 'r1', observedAt: NOW, attemptedAt: at, failureCount: 3, retryAt: at + 20_000 },
      { ...state, region: 'r2', observedAt: at, attemptedAt: at },
    ]);
    expect(await regionStates(store.database, 'quotas')).toEqual([]);
    expect(await due(3619)).toEqual([]);
    expect(await due(3620)).toEqual(['r1']);
  });

  it('are due at once when asked for, unless they fail', async () => {
    const store = await engine.open();
    await recordRegionRead(store.database, { ...good, region: 'r1' });
    const failure = { ...bad, count: 1, retryAt: NOW + 20_000 };
    await recordRegionRead(store.database, { ...good, region: 'r2', itemCount: null, failure });
    for (const region of ['r1', 'r2']) await makeRegionDue(store.database, 'north', region);
    expect(await claimed(store, {})).toEqual(['r1']);
  });

  it('that are no longer configured are forgotten with their offers and quotas', async () => {
    const store = await engine.open();
    await claimed(store, {});
    await replace(store, [offerOf({})]);
    await replace(store, [offerOf({ region: 'r2' })], 'r2');
    await store.transaction((transaction) => forgetOtherRegions(transaction, 'north', ['r2']));
    expect((await listOffers(store.database)).map(({ pool }) => pool.region)).toEqual(['r2']);
    expect((await regionStates(store.database)).map(({ region }) => region)).toEqual(['r2']);
  });
});

describeStore('suspensions', (engine) => {
  it('end by time or by hand; prolonging one keeps its beginning', async () => {
    const store = await engine.open();
    const suspend = (at: number, until: number) =>
      store.transaction((transaction) =>
        suspendProvider(transaction, { provider: 'north', until, reason: 'expired key', at }),
      );
    await suspend(NOW, NOW + MINUTE);
    await suspend(NOW + 1000, NOW + 2 * MINUTE);
    expect(await listSuspensions(store.database, NOW + MINUTE)).toEqual([
      { provider: 'north', since: NOW, until: NOW + 2 * MINUTE, reason: 'expired key' },
    ]);
    expect(await listSuspensions(store.database, NOW + 2 * MINUTE)).toEqual([]);
    await suspend(NOW + 3 * MINUTE, NOW + 4 * MINUTE);
    expect((await listSuspensions(store.database, NOW))[0]?.since).toBe(NOW + 3 * MINUTE);
    expect([await liftSuspension(store.database, 'north'), await liftSuspension(store.database, 'north')]).toEqual([
      true,
      false,
    ]);
    expect(await listSuspensions(store.database, NOW)).toEqual([]);
  });
});
