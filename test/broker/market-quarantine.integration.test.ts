import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OfferView } from '../../src/broker/service.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { type BrokerRig, startBrokerRig } from '../support/broker-rig.ts';

const TYPE = 'g6.xlarge';
const PAGE = { cursor: null, limit: 500 };
const ANY = { provider: null, region: null, accelerator: null, market: null };

let rig: BrokerRig;

beforeAll(async () => {
  rig = await startBrokerRig({
    clouds: ['aws'],
    regions: { aws: ['us-east-1'] },
    settings: { offersSeconds: 20, quotasSeconds: 3600 },
  });
  await rig.until('the region is read', async () => (await spotOffers()).length > 0, 60);
  // So that its history is old enough to be trusted.
  await sql`update price_history set observed_at = observed_at - interval '1 hour'`.execute(rig.store.database);
});
afterAll(() => rig?.close());

async function spotOffers(): Promise<readonly OfferView[]> {
  const { items } = await rig.service.listOffers({ ...ANY, market: 'spot' }, PAGE);
  return items.filter(({ pool }) => pool.instanceType === TYPE);
}

async function quarantined() {
  return (await rig.service.listQuarantinedPrices({ provider: 'aws' }, PAGE)).items;
}

function setPrice(price: number | null): void {
  const pattern = {
    cloud: 'aws',
    region: null,
    zone: null,
    instanceType: TYPE,
    accelerator: null,
    market: null,
  } as const;
  rig.clouds.control.setSpotPrice(pattern, price);
}

describe('a price far out of band', () => {
  it('is not ranked, is shown with its reason, and is believed when it stays', async () => {
    const before = await spotOffers();
    const fair = before[0]?.priceMicroUsdPerHour ?? 0;
    setPrice(Math.round(fair / 10));
    await rig.until('it is in quarantine', async () => (await quarantined()).length === before.length, 130);
    expect(await spotOffers(), 'no offer is left').toEqual([]);
    const [first] = await quarantined();
    expect(first?.reason).toMatch(/the median of its own history is \d+\.\d times as much/);
    expect(first).toMatchObject({ priceMicroUsdPerHour: Math.round(fair / 10), sightings: 1, sightingsToRelease: 3 });

    await rig.until('it is believed', async () => (await spotOffers()).length === before.length, 200);
    expect(await quarantined()).toEqual([]);
    expect(await rig.events('market.quarantined')).toHaveLength(1);
    expect(await rig.events('market.released')).toHaveLength(1);
    await rig.pass(30);
    expect(await quarantined(), 'the new price is the measure now').toEqual([]);
  });

  it('is ranked at once when an operator accepts it, with an event and an honest history', async () => {
    const [offer] = await spotOffers();
    if (offer === undefined) throw new Error('no offer');
    const key = poolKey(offer.pool);
    const strange = offer.priceMicroUsdPerHour * 20;
    setPrice(strange);
    await rig.until('it is in quarantine', async () => (await quarantined()).length > 0, 130);
    await rig.service.acceptPrice(key);
    await rig.until('it is ranked', async () => (await spotOffers()).length > 0, 30);
    expect(await spotOffers()).toMatchObject([{ pool: offer.pool, priceMicroUsdPerHour: strange }]);
    expect((await quarantined()).map(({ pool }) => poolKey(pool))).not.toContain(key);
    expect((await rig.events('market.accepted')).map(({ data }) => data['pool'])).toEqual([key]);
    await expect(rig.service.acceptPrice(key)).rejects.toMatchObject({ code: 'price-not-quarantined' });

    const { points, current } = await rig.service.getPriceHistory(key, 0);
    expect(points.at(-1)?.priceMicroUsdPerHour).toBe(strange);
    expect(points.length).toBeGreaterThan(2);
    expect(current?.priceMicroUsdPerHour).toBe(strange);
    const recent = await rig.service.getPriceHistory(key, rig.clock.now());
    expect(recent.points, 'the one in force stands in front').toMatchObject([{ priceMicroUsdPerHour: strange }]);
    await expect(rig.service.getPriceHistory('x', 0)).rejects.toMatchObject({ code: 'pool-not-found' });
  });
});
