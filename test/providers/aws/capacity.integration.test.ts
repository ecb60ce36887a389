/** Reservations, Capacity Blocks and placement scores; what every adapter owes of them is in `test/conformance/`. */
import { describe, expect, it } from 'vitest';
import type { CapacityBlock } from '../../../src/domain/capacity-block.ts';
import type { Pool } from '../../../src/domain/pool.ts';
import type { CapacityBlockQuery, Provider } from '../../../src/providers/provider.ts';
import type { AwsClouds } from '../../emulators/ec2/aws-clouds.ts';
import { EVERY_POOL, STARTED_AT } from '../../emulators/ec2/aws-clouds.ts';
import type { AwsSubject } from './aws-subject.ts';
import { CALL, POOL, REGIONS, request, subjectForEachTest } from './aws-subject.ts';

const DAY_MS = 86_400_000;
const QUERY: CapacityBlockQuery = {
  region: 'us-east-2',
  instanceType: 'p4d.24xlarge',
  machineCount: 1,
  durationHours: 48,
  startAfter: null,
  startBefore: null,
};

let subject: AwsSubject;
let aws: AwsClouds;
let provider: Provider;

subjectForEachTest((fresh) => {
  subject = fresh;
  ({ aws, provider } = fresh);
});

function operations(): string[] {
  return aws.clouds.requests().map(({ operation }) => operation);
}

describe('reservations', () => {
  function reserve(id: string, changes: object = {}): Pool {
    aws.clouds.control.addReservation({
      ...{
        id,
        cloud: 'aws',
        region: POOL.region,
        zone: 'us-east-2a',
        instanceType: 'g5.xlarge',
        count: 2,
        kind: 'open',
      },
      ...{ startAt: STARTED_AT, endAt: null, tags: {}, details: {} },
      ...changes,
    });
    return { ...POOL, market: 'reserved', reservation: id };
  }

  it('one that has not begun is not offered', async () => {
    reserve('cr-1', { startAt: STARTED_AT + DAY_MS });
    const { offers } = await provider.listOffers({ regions: REGIONS }, CALL);
    expect(offers.filter(({ pool }) => pool.market === 'reserved')).toEqual([]);
  });

  it('a block that has begun is launched into with its own market type, and its machines are known to be in it', async () => {
    const pool = reserve('cr-2', { kind: 'block', endAt: STARTED_AT + DAY_MS });
    const { offers } = await provider.listOffers({ regions: REGIONS }, CALL);
    expect(offers.find((offer) => offer.pool.reservation === 'cr-2')).toMatchObject({
      availableCount: 2,
      quotaClaims: [],
    });
    const { instances } = await provider.launch(request({ pool }), CALL);
    expect(instances[0]?.pool).toEqual(pool);
    // Without a machine, EC2 may give fewer than asked for.
    const { refusals } = await provider.launch(request({ pool, idempotencyKey: 'key2', count: 2 }), CALL);
    expect(refusals).toMatchObject([{ count: 1, refusal: { kind: 'reservation' } }]);
  });

  it('one that is gone refuses for itself', async () => {
    const pool = reserve('cr-3');
    aws.clouds.control.removeReservation('aws', 'cr-3');
    const { instances, refusals } = await provider.launch(request({ pool, count: 2 }), CALL);
    expect(instances).toEqual([]);
    expect(refusals).toMatchObject([
      {
        count: 2,
        refusal: {
          kind: 'reservation',
          code: 'InvalidCapacityReservationId.NotFound',
          scope: { market: 'reserved', zone: 'us-east-2a' },
        },
      },
    ]);
    expect(operations()).not.toContain('RunInstances');
  });

  it('a pool and its reservation must fit each other', async () => {
    for (const pool of [
      { ...POOL, market: 'reserved' },
      { ...POOL, reservation: 'cr-1' },
    ] as const) {
      await expect(provider.launch(request({ pool }), CALL)).rejects.toMatchObject({ kind: 'invalid-request' });
    }
  });
});

describe('capacity blocks', () => {
  async function blocks(changes: Partial<CapacityBlockQuery> = {}): Promise<readonly CapacityBlock[]> {
    return (await provider.listCapacityBlocks?.({ ...QUERY, ...changes }, CALL)) ?? [];
  }

  async function firstBlock(): Promise<CapacityBlock> {
    const [block] = await blocks();
    if (block === undefined) throw new Error('no block is for sale');
    return block;
  }

  it('are listed with span, machines and price, the earliest first, the same for the same seed', async () => {
    const found = await blocks();
    expect(found.length).toBeGreaterThan(0);
    const list = aws.clouds.world.listPrice('aws', 'us-east-2', 'p4d.24xlarge') ?? 0;
    for (const block of found) {
      expect(block).toMatchObject({
        provider: 'aws',
        region: 'us-east-2',
        accelerator: 'A100-40GB',
        acceleratorCount: 8,
      });
      expect(block.endAt - block.startAt).toBe(2 * DAY_MS);
      expect(block.startAt).toBeGreaterThan(STARTED_AT);
      expect(block.upfrontMicroUsd / (48 * list)).toBeGreaterThan(0.79);
      expect(block.upfrontMicroUsd / (48 * list)).toBeLessThan(1.01);
    }
    expect(found.map(({ startAt }) => startAt)).toEqual(found.map(({ startAt }) => startAt).toSorted());
    expect(await blocks()).toEqual(found);
  });

  it('begin within the window asked for', async () => {
    const [startAfter, startBefore] = [STARTED_AT + 10 * DAY_MS, STARTED_AT + 40 * DAY_MS];
    const found = await blocks({ startAfter, startBefore });
    expect(found.length).toBeGreaterThan(0);
    for (const { startAt } of found) {
      expect(startAt).toBeGreaterThanOrEqual(startAfter);
      expect(startAt).toBeLessThanOrEqual(startBefore);
    }
  });

  it('are none for a type that the region does not have, and an error for a span that EC2 does not sell', async () => {
    expect(await blocks({ instanceType: 'm7i.large' })).toEqual([]);
    await expect(blocks({ durationHours: 25 })).rejects.toMatchObject({ kind: 'invalid-request' });
    await expect(blocks({ region: 'us-west-2' })).rejects.toMatchObject({ kind: 'invalid-request' });
  });

  it('a purchase is found by its key, and is a reservation that is offered once it has begun', async () => {
    const block = await firstBlock();
    const id = await provider.buyCapacityBlock?.({ owner: 'us', idempotencyKey: 'buy1', block }, CALL);
    const restarted = await subject.open();
    expect(await restarted.findCapacityBlockPurchase?.('us-east-2', 'buy1', CALL)).toBe(id);
    expect(await restarted.findCapacityBlockPurchase?.('us-east-2', 'buy2', CALL)).toBeNull();
    await aws.clock.advance(block.startAt - STARTED_AT);
    const { offers } = await restarted.listOffers({ regions: ['us-east-2'] }, CALL);
    expect(offers.find(({ pool }) => pool.reservation === id)).toMatchObject({ availableCount: 1 });
  });

  it.each([
    ['lost-reply', 1, 'outcome-unknown'],
    ['reset', 1, 'outcome-unknown'],
    ['internal-error', 0, 'outcome-unknown'],
    ['lost-request', 0, 'outcome-unknown'],
    ['unavailable', 0, 'unavailable'],
  ] as const)('trap: a purchase has no token: %s, sent once, and the tags tell', async (kind, bought, error) => {
    const block = await firstBlock();
    subject.fail(kind, 'PurchaseCapacityBlock', { remaining: null });
    await expect(
      provider.buyCapacityBlock?.({ owner: 'us', idempotencyKey: 'buy1', block }, CALL),
    ).rejects.toMatchObject({ kind: error });
    expect(operations().filter((operation) => operation === 'PurchaseCapacityBlock')).toHaveLength(1);
    expect(aws.clouds.world.reservations('aws')).toHaveLength(bought);
    const found = await provider.findCapacityBlockPurchase?.('us-east-2', 'buy1', CALL);
    expect(found === null ? 0 : 1).toBe(bought);
  });

  it('an offering that is too old cannot be bought', async () => {
    const block = await firstBlock();
    await aws.clock.advance(3_600_000);
    await expect(
      provider.buyCapacityBlock?.({ owner: 'us', idempotencyKey: 'buy1', block }, CALL),
    ).rejects.toMatchObject({ kind: 'invalid-request' });
    expect(aws.clouds.world.reservations('aws')).toEqual([]);
  });
});

describe('placement scores', () => {
  const spot: Pool = { ...POOL, market: 'spot' };

  it('trap: fewer than three types score low: a type is asked about with its relations', async () => {
    const advice = await provider.adviseCapacity?.({ pools: [{ pool: spot, count: 1 }] }, CALL);
    expect(advice).toEqual([
      {
        pool: spot,
        obtainability: 1,
        interruptionsPerHour: null,
        words: 'placement score 10 of 10 for g5.2xlarge, g5.4xlarge, g5.xlarge',
        observedAt: STARTED_AT,
      },
    ]);
  });

  it('trap: different questions are few a day: one covers all regions and sizes of a family, with targets rounded up', async () => {
    const pools = ['us-east-2', 'eu-west-1'].flatMap((region) =>
      ['g5.xlarge', 'g5.2xlarge', 'p4d.24xlarge'].map((instanceType) => ({
        pool: { ...spot, region, zone: `${region}a`, instanceType },
        count: 3,
      })),
    );
    const advice = await provider.adviseCapacity?.({ pools }, CALL);
    const types = new Set(advice?.map(({ pool }) => pool.instanceType));
    expect(types).toEqual(new Set(['g5.xlarge', 'g5.2xlarge', 'p4d.24xlarge']));
    const asked = () => operations().filter((operation) => operation === 'GetSpotPlacementScores').length;
    expect(asked()).toBe(2);
    // Ten counts, two powers of two: no more different questions than AWS answers in a day.
    for (let round = 0; round < 10; round += 1) {
      await provider.adviseCapacity?.({ pools: pools.map((each) => ({ ...each, count: 5 + round })) }, CALL);
    }
    expect(asked()).toBe(22);
  });

  it('too many different questions are a throttle', async () => {
    for (let exponent = 0; exponent < 10; exponent += 1) {
      await provider.adviseCapacity?.({ pools: [{ pool: spot, count: 2 ** exponent }] }, CALL);
    }
    await expect(provider.adviseCapacity?.({ pools: [{ pool: spot, count: 5000 }] }, CALL)).rejects.toMatchObject({
      kind: 'rate-limited',
      code: 'MaxConfigLimitExceeded',
      retryAfterSeconds: 3600,
    });
  });

  it('zones are told apart though scores name them by id, and other markets get no advice', async () => {
    aws.clouds.control.setFree({ ...EVERY_POOL, region: 'us-east-2', zone: 'us-east-2b' }, 0);
    const pools = [spot, { ...spot, zone: 'us-east-2b' }, POOL].map((pool) => ({ pool, count: 1 }));
    const advice = await provider.adviseCapacity?.({ pools }, CALL);
    expect(advice?.map(({ pool, obtainability }) => [pool.zone, obtainability])).toEqual([
      ['us-east-2a', 1],
      ['us-east-2b', 0.1],
    ]);
  });
});
