import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { workPurchases } from '../../src/broker/capacity-blocks.ts';
import type { BrokerContext } from '../../src/broker/context.ts';
import { createExecutionService } from '../../src/broker/create-execution-service.ts';
import type { ExecutionService } from '../../src/broker/execution-service.ts';
import { createNewId } from '../../src/broker/ids.ts';
import type { CapacityBlock } from '../../src/domain/capacity-block.ts';
import { createManualClock } from '../../src/emulators/world/clocks.ts';
import { type CapacityBlockPurchase, type Provider, ProviderError } from '../../src/providers/provider.ts';
import { listEvents } from '../../src/store/events.ts';
import { openStore, type Store } from '../../src/store/open-store.ts';

const AT = Date.UTC(2026, 9, 5);
const DAY = 86_400_000;
const FILTER = {
  ...{ provider: 'north', region: 'r1', instanceType: 'gpu.8', machineCount: 2, durationHours: 24 },
  ...{ startAfter: null, startBefore: null },
};
const BLOCK: CapacityBlock = {
  ...{ provider: 'north', id: 'cb-1', region: 'r1', zone: 'r1-a', instanceType: 'gpu.8' },
  ...{ accelerator: 'H100-80GB-SXM', acceleratorCount: 8, machineCount: 2 },
  ...{ startAt: AT + DAY, endAt: AT + 2 * DAY, upfrontMicroUsd: 1_500_000_000 },
};
const REQUEST = { ...FILTER, blockId: 'cb-1', maxPriceMicroUsd: 1_500_000_000, note: 'a test' };

/** A cloud that sells blocks, as unforgiving as the real one: each request that arrives buys. */
class Seller {
  blocks: CapacityBlock[] = [BLOCK];
  readonly bought: CapacityBlockPurchase[] = [];
  /** Thrown in place of an answer … */
  error: Error | null = null;
  /** … after the request was carried out. */
  arrives = true;
  shows = true;

  provider(): Provider {
    const adapter = {
      id: 'north',
      listCapacityBlocks: async () => this.blocks,
      buyCapacityBlock: async (purchase: CapacityBlockPurchase) => {
        if (this.arrives) this.bought.push(purchase);
        if (this.error !== null) throw this.error;
        return `cr-${this.bought.length}`;
      },
      findCapacityBlockPurchase: async (_region: string, key: string) => {
        const index = this.bought.findIndex(({ idempotencyKey }) => idempotencyKey === key);
        return index < 0 || !this.shows ? null : `cr-${index + 1}`;
      },
    };
    // Only what purchases use.
    return adapter as unknown as Provider;
  }
}

const clock = createManualClock(AT);
let store: Store;
let seller: Seller;
let context: BrokerContext;
let service: ExecutionService;

beforeAll(async () => {
  store = await openStore({ kind: 'memory' });
}, 300_000);

beforeEach(async () => {
  for (const table of ['capacity_block_purchases', 'events'] as const) {
    await store.database.deleteFrom(table).execute();
  }
  seller = new Seller();
  const made: Partial<BrokerContext> = {
    ...{ store, clock, random: () => 0.5, newId: createNewId(clock, () => 0.5), holder: 'test' },
    providers: new Map([['north', seller.provider()]]),
    regions: new Map([['north', ['r1']]]),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    signal: new AbortController().signal,
  };
  context = { ...made, settings: { owner: 'test-broker' } } as BrokerContext;
  service = createExecutionService(context);
});

afterAll(async () => {
  await store?.close();
});

async function approved(): Promise<string> {
  const { id } = await service.requestPurchase(REQUEST);
  await service.approvePurchase(id);
  return id;
}

async function eventTypes(): Promise<readonly string[]> {
  const { items } = await listEvents(store.database, { workloadId: null }, { cursor: null, limit: 100 });
  return items.map(({ type }) => type);
}

function lost(kind: ProviderError['kind'] = 'outcome-unknown', unknownCode = false): ProviderError {
  const facts = { provider: 'north', operation: 'Purchase', code: '', message: 'the connection was cut' };
  return new ProviderError({ kind, unknownCode, ...facts });
}

describe('a capacity block', () => {
  it('is bought once it is approved, exactly once, with each step an event', async () => {
    const asked = await service.requestPurchase(REQUEST);
    expect(asked).toMatchObject({ state: 'awaiting-approval', block: BLOCK, note: 'a test' });
    await workPurchases(context);
    expect(seller.bought).toEqual([]);
    await service.approvePurchase(asked.id);
    await service.approvePurchase(asked.id);
    await workPurchases(context);
    await workPurchases(context);
    expect(seller.bought).toEqual([{ owner: 'test-broker', idempotencyKey: asked.id, block: BLOCK }]);
    expect(await service.getPurchase(asked.id)).toMatchObject({ state: 'bought', reservationId: 'cr-1' });
    const steps = ['awaiting-approval', 'approved', 'sending', 'bought'].map((state) => `capacity-block.${state}`);
    expect(await eventTypes()).toEqual(steps);
    await expect(service.approvePurchase(asked.id)).rejects.toMatchObject({ code: 'purchase-conflict' });
    await expect(service.rejectPurchase(asked.id)).rejects.toMatchObject({ code: 'purchase-conflict' });
  });

  it('asked for twice is one request while it is open, and can be asked for again after a rejection', async () => {
    const first = await service.requestPurchase(REQUEST);
    expect((await service.requestPurchase(REQUEST)).id).toBe(first.id);
    expect(await service.rejectPurchase(first.id)).toMatchObject({ state: 'rejected' });
    expect((await service.requestPurchase(REQUEST)).id).not.toBe(first.id);
  });

  it('is not asked for when it costs more than allowed, is not for sale, or nobody sells any', async () => {
    const cheap = { ...REQUEST, maxPriceMicroUsd: 1_499_999_999 };
    await expect(service.requestPurchase(cheap)).rejects.toMatchObject({ code: 'purchase-conflict' });
    const other = { ...REQUEST, blockId: 'cb-2' };
    await expect(service.requestPurchase(other)).rejects.toMatchObject({ code: 'capacity-block-not-found' });
    const nowhere = { ...FILTER, region: 'r2' };
    await expect(service.listCapacityBlocks(nowhere)).rejects.toMatchObject({ code: 'capacity-block-not-found' });
    const nobody = { ...FILTER, provider: 'south' };
    await expect(service.listCapacityBlocks(nobody)).rejects.toMatchObject({ code: 'provider-not-found' });
  });

  it('is bought under the id that it has by then: ids are good for minutes, approvals take hours', async () => {
    const id = await approved();
    seller.blocks = [{ ...BLOCK, id: 'cb-9' }];
    await workPurchases(context);
    expect(await service.getPurchase(id)).toMatchObject({ state: 'bought' });
    expect(seller.bought.map(({ block }) => block.id)).toEqual(['cb-9']);
  });

  it.each([
    ['another price', [{ ...BLOCK, upfrontMicroUsd: 1_400_000_000 }], 'Its price is now 1400'],
    ['gone', [], 'does not offer this block any more'],
    ['another time', [{ ...BLOCK, startAt: BLOCK.startAt + 1 }], 'does not offer this block any more'],
    ['another zone', [{ ...BLOCK, zone: 'elsewhere' }], 'does not offer this block any more'],
  ])('that is not as it was, %s, is refused, and nothing is sent', async (_what, blocks, reason) => {
    const id = await approved();
    seller.blocks = blocks;
    await workPurchases(context);
    const purchase = await service.getPurchase(id);
    expect(purchase.state).toBe('refused');
    expect(purchase.stateReason).toContain(reason);
    expect(seller.bought).toEqual([]);
  });

  it('trap: is never sent again after a lost answer; the reservation with our key tells', async () => {
    const id = await approved();
    Object.assign(seller, { error: lost(), shows: false });
    await workPurchases(context);
    expect((await service.getPurchase(id)).state).toBe('unknown');
    for (let minute = 0; minute < 5; minute += 1) {
      await clock.advance(60_000);
      await workPurchases(context);
    }
    expect((await service.getPurchase(id)).state, 'not shown proves nothing').toBe('unknown');
    seller.shows = true;
    await clock.advance(60_000);
    await workPurchases(context);
    expect(await service.getPurchase(id)).toMatchObject({ state: 'bought', reservationId: 'cr-1' });
    expect(seller.bought).toHaveLength(1);
  });

  it.each([
    ['an answer that is no answer', lost('unavailable')],
    ['an unknown code', lost('invalid-request', true)],
    ['a fault of ours', new TypeError('x is undefined')],
  ])('is unknown, not failed, after %s', async (_what, error) => {
    const id = await approved();
    Object.assign(seller, { error, shows: false });
    await workPurchases(context);
    await workPurchases(context);
    expect((await service.getPurchase(id)).state).toBe('unknown');
    expect(seller.bought).toHaveLength(1);
  });

  it('is not bought when the cloud says so', async () => {
    const id = await approved();
    Object.assign(seller, { error: lost('invalid-request'), arrives: false });
    await workPurchases(context);
    await workPurchases(context);
    expect(await service.getPurchase(id)).toMatchObject({ state: 'not-bought', reservationId: null });
  });

  it.each([
    ['before', false],
    ['after', true],
  ])('is bought at most once when the broker dies %s the request has arrived', async (_when, arrives) => {
    const id = await approved();
    Object.assign(seller, { arrives });
    // The process dies while the request is under way: nothing is written after `sending`.
    let transactions = 0;
    const dying: Store = {
      ...store,
      transaction: (work) => {
        transactions += 1;
        return transactions > 1 ? Promise.reject(new Error('killed')) : store.transaction(work);
      },
    };
    await workPurchases({ ...context, store: dying });
    expect((await service.getPurchase(id)).state).toBe('sending');
    await workPurchases(context);
    expect((await service.getPurchase(id)).state, 'may still be under way').toBe('sending');
    await clock.advance(61_000);
    await workPurchases(context);
    expect((await service.getPurchase(id)).state).toBe(arrives ? 'bought' : 'unknown');
    expect(seller.bought).toHaveLength(arrives ? 1 : 0);
    if (arrives) return;
    await service.settlePurchase(id, null);
    expect(await service.getPurchase(id)).toMatchObject({ state: 'not-bought' });
    expect((await eventTypes()).at(-1)).toBe('capacity-block.not-bought');
  });

  it('waits, approved, while the cloud cannot be asked, and the approval can be taken back', async () => {
    const id = await approved();
    const down: Provider = { ...seller.provider(), listCapacityBlocks: () => Promise.reject(lost('invalid-request')) };
    await workPurchases({ ...context, providers: new Map([['north', down]]) });
    expect((await service.getPurchase(id)).state).toBe('approved');
    await service.rejectPurchase(id);
    await workPurchases(context);
    expect(seller.bought).toEqual([]);
  });

  it('is sent by one of several brokers', async () => {
    const id = await approved();
    await Promise.all([workPurchases(context), workPurchases(context), workPurchases(context)]);
    expect(seller.bought).toHaveLength(1);
    expect((await service.getPurchase(id)).state).toBe('bought');
  });
});
