import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BAND_FACTOR,
  medianOf,
  nextSighting,
  type PeerPrice,
  priceDoubt,
  priceReference,
  SIGHTINGS_TO_RELEASE,
} from '../../src/domain/price-band.ts';
import { anOffer } from '../support/samples.ts';

const HOUR = 3_600_000;
const price = fc.integer({ min: 1, max: 1_000_000_000 });

function peer(
  region: string,
  priceMicroUsdPerHour: number,
  change: Partial<PeerPrice> = {},
  provider = 'one',
): PeerPrice {
  return anOffer({ pool: { ...anOffer().pool, provider, region }, priceMicroUsdPerHour, ...change });
}

const three = (provider: string, amount: number) =>
  ['r2', 'r3', 'r4'].map((region) => peer(region, amount, {}, provider));

describe('the doubt about a price', () => {
  it('is one exactly when the price is more than the band away from its reference', () => {
    fc.assert(
      fc.property(price, price, (own, reference) => {
        const inBand = own <= reference * BAND_FACTOR && own >= reference / BAND_FACTOR;
        expect(priceDoubt(own, { microUsdPerHour: reference, words: 'its peers' }) === null).toBe(inBand);
      }),
    );
  });

  it('is symmetric: of two prices either both doubt each other or neither does', () => {
    fc.assert(
      fc.property(price, price, (a, b) => {
        const doubts = (one: number, other: number) => priceDoubt(one, { microUsdPerHour: other, words: '' }) !== null;
        expect(doubts(a, b)).toBe(doubts(b, a));
      }),
    );
  });

  it('needs something to compare with, except for a price that is not above zero', () => {
    expect(priceDoubt(1, null)).toBeNull();
    expect(priceDoubt(0, null)).toMatch(/not above zero/);
    expect(priceDoubt(-5, { microUsdPerHour: 1, words: '' })).toMatch(/not above zero/);
    expect(priceDoubt(60, { microUsdPerHour: 10, words: 'its peers' })).toBe('6.0 times its peers');
    expect(priceDoubt(1, { microUsdPerHour: 10, words: 'its peers' })).toBe('its peers is 10.0 times as much');
  });
});

describe('what a price is compared with', () => {
  const offer = peer('r1', 100);
  const old = { medianMicroUsdPerHour: 90, since: 0, accepted: false };

  it('is its own history once that is old enough, or begins with an accepted price', () => {
    const peers = three('one', 50);
    expect(priceReference(offer, old, peers, HOUR)?.microUsdPerHour).toBe(90);
    expect(priceReference(offer, { ...old, since: HOUR }, peers, HOUR)?.microUsdPerHour).toBe(50);
    expect(priceReference(offer, { ...old, since: HOUR, accepted: true }, peers, HOUR)?.microUsdPerHour).toBe(90);
  });

  it('is the peers in the provider’s other regions, else those at other providers, else its young history, else nothing', () => {
    const all = [...three('one', 50), ...three('two', 20)];
    expect(priceReference(offer, null, all, HOUR)?.microUsdPerHour).toBe(50);
    expect(priceReference(offer, null, three('two', 20), HOUR)?.microUsdPerHour).toBe(20);
    expect(priceReference(offer, { ...old, since: HOUR }, [], HOUR)?.microUsdPerHour).toBe(90);
    expect(priceReference(offer, null, [], HOUR)).toBeNull();
  });

  it('takes three votes, one for each region and type, of the same accelerators and market on a host of like size', () => {
    const reference = (peers: readonly PeerPrice[]) => priceReference(offer, null, peers, HOUR);
    expect(reference(three('one', 50).slice(1))).toBeNull();
    const zones = ['a', 'b', 'c'].map((zone) => peer('r2', 50, { pool: { ...offer.pool, region: 'r2', zone } }));
    expect(reference(zones), 'three zones are one vote').toBeNull();
    const [first, ...others] = three('one', 50);
    if (first === undefined) throw new Error('no peer');
    for (const unlike of [
      { ...first, accelerator: 'T4' as const },
      { ...first, acceleratorCount: 2 },
      { ...first, vcpuCount: offer.vcpuCount * 2.1 },
      { ...first, pool: { ...first.pool, market: 'spot' as const } },
      { ...first, pool: offer.pool },
    ]) {
      expect(reference([unlike, ...others])).toBeNull();
    }
    expect(reference([{ ...first, vcpuCount: offer.vcpuCount * 2 }, ...others])).not.toBeNull();
  });

  it('never doubts one of three believable peers because one of them is wrong', () => {
    fc.assert(
      fc.property(price, fc.integer({ min: 1, max: 2_000_000_000 }), (fair, wrong) => {
        const reference = priceReference(
          peer('r1', fair),
          null,
          [...three('one', fair).slice(1), peer('r9', wrong)],
          0,
        );
        expect(priceDoubt(fair, reference)).toBeNull();
      }),
    );
  });
});

describe('the median', () => {
  it('is one of the prices, with at most half of them on either side', () => {
    fc.assert(
      fc.property(fc.array(price, { minLength: 1, maxLength: 30 }), (prices) => {
        const median = medianOf(prices);
        expect(prices).toContain(median);
        expect(prices.filter((one) => one < median).length).toBeLessThanOrEqual(prices.length / 2);
        expect(prices.filter((one) => one > median).length).toBeLessThanOrEqual(prices.length / 2);
      }),
    );
    expect(() => medianOf([])).toThrow(RangeError);
  });
});

describe('a price in quarantine', () => {
  function readings(prices: readonly (number | null)[]) {
    let sighting: ReturnType<typeof nextSighting> | null = null;
    return prices.map((one, index) => {
      sighting = nextSighting(sighting, one, index);
      return sighting;
    });
  }

  it('is released when it was read unchanged often enough, not before', () => {
    fc.assert(
      fc.property(price, (one) => {
        const all = readings(Array.from({ length: SIGHTINGS_TO_RELEASE }, () => one));
        expect(all.map(({ released }) => released)).toEqual([false, false, true]);
        expect(all.every(({ firstSeenAt }) => firstSeenAt === 0)).toBe(true);
      }),
    );
  });

  it('begins anew when it changes, measured against the first price, but keeps since when it is there', () => {
    const moved = readings([100, 100, 120, 120]);
    expect(moved.map(({ sightings }) => sightings)).toEqual([1, 2, 1, 2]);
    expect(moved.at(-1)?.firstSeenAt).toBe(0);
    expect(readings([100, 109, 108]).at(-1)?.released, 'about the same').toBe(true);
    expect(readings([100, 109, 118]).at(-1)?.released, 'it creeps away').toBe(false);
  });

  it('is never released where it is no amount above zero', () => {
    expect(readings([null, null, null, null]).some(({ released }) => released)).toBe(false);
    expect(readings([0, 0, 0, 0]).some(({ released }) => released)).toBe(false);
  });
});
