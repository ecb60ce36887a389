import { expect } from 'vitest';
import { findAccelerator } from '../../src/domain/accelerators.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { poolKey } from '../../src/domain/pool.ts';
import type { InstanceTypeFact } from '../../src/emulators/world/market-facts.ts';
import type { ProviderErrorKind, RegionOutcome } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import { addFault, call, domainPoolOf, everyPool, launchRequest, OWNER, type Subject, worldPoolOf } from './subject.ts';

async function offersOf(subject: Subject): Promise<readonly Offer[]> {
  const { offers, regions } = await subject.provider.listOffers({ regions: subject.facts.regions }, call());
  expect(regions.toSorted(byRegion)).toEqual(
    subject.facts.regions.map((region) => ({ region, complete: true, error: null })).toSorted(byRegion),
  );
  return offers;
}

function byRegion(first: { readonly region: string }, second: { readonly region: string }): number {
  return first.region < second.region ? -1 : 1;
}

/** Every pool of the shipped market in the configured regions, with the price in force. */
function pricesInForce(subject: Subject): Map<string, number> {
  const { world } = subject.clouds;
  const { cloud, regions } = subject.facts;
  const prices = new Map<string, number>();
  for (const region of regions) {
    for (const type of world.facts(cloud).instanceTypes) {
      for (const zone of world.zonesOffering(cloud, region, type.name)) {
        for (const market of type.markets) {
          const pool = { cloud, region, zone, instanceType: type.name, market };
          const price = world.price(pool);
          if (price !== null) prices.set(poolKey(domainPoolOf(subject, pool)), price);
        }
      }
    }
  }
  return prices;
}

/** A pool that the cloud names but does not let the account buy from is an offer too, marked `restricted`. */
function pricesOffered(offers: readonly Offer[]): Map<string, number> {
  const buyable = offers.filter(({ availability }) => availability === 'available');
  return new Map(buyable.map((offer) => [poolKey(offer.pool), offer.priceMicroUsdPerHour]));
}

function sorted(prices: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...prices].toSorted(([first], [second]) => (first < second ? -1 : 1));
}

/** Every buyable pool is offered, no other, and each at the world's price, give or take what the cloud's price list cannot tell. */
function expectPrices(subject: Subject, offers: readonly Offer[]): void {
  const offered = pricesOffered(offers);
  const inForce = pricesInForce(subject);
  expect([...offered.keys()].toSorted()).toEqual([...inForce.keys()].toSorted());
  const wrong = [...inForce].flatMap(([key, price]) => {
    const seen = offered.get(key) ?? Number.NaN;
    return Math.abs(seen - price) <= price * subject.facts.priceTolerance ? [] : [{ key, price, seen }];
  });
  expect(wrong).toEqual([]);
}

function typeOf(subject: Subject, offer: Offer): InstanceTypeFact {
  const type = subject.clouds.world.instanceType(subject.facts.cloud, offer.pool.instanceType);
  if (type === null) throw new Error(`the cloud sells no ${offer.pool.instanceType}`);
  return type;
}

/** Asks for all three listings; what each says of its regions. */
async function outcomesOfListings(subject: Subject): Promise<Readonly<Record<string, readonly RegionOutcome[]>>> {
  const { regions } = subject.facts;
  const offers = await subject.provider.listOffers({ regions }, call());
  const quotas = await subject.provider.listQuotas({ regions }, call());
  const owned = await subject.provider.listOwned({ owner: OWNER, regions }, call());
  return { offers: offers.regions, quotas: quotas.regions, owned: owned.regions };
}

function failedAlone(listing: 'listOffers' | 'listQuotas' | 'listOwned' | 'listLeftovers'): SentenceList[number] {
  return {
    title: `${listing} names a region that is down, and the others are complete`,
    async check(subject) {
      const [failing, working] = subject.facts.regions;
      const query = { owner: OWNER, regions: subject.facts.regions };
      subject.clouds.control.setOutage(subject.facts.cloud, failing, true);
      const { regions } = await subject.provider[listing](query, call());
      expect(regions.map(({ region }) => region).toSorted()).toEqual([...subject.facts.regions].toSorted());
      const outcome = regions.find(({ region }) => region === failing);
      expect(outcome).toMatchObject({ complete: false, error: { name: 'ProviderError', kind: 'unavailable' } });
      expect(regions.find(({ region }) => region === working)).toEqual({
        region: working,
        complete: true,
        error: null,
      });
    },
  };
}

function failedEverywhere(fault: 'throttle' | 'unavailable' | 'unauthorized' | 'html', kind: ProviderErrorKind) {
  return {
    title: `a listing that meets "${fault}" is a failure of every region, never an empty list`,
    async check(subject: Subject): Promise<void> {
      addFault(subject, fault, {});
      for (const [listing, outcomes] of Object.entries(await outcomesOfListings(subject))) {
        expect(outcomes.map(({ region }) => region).toSorted(), listing).toEqual([...subject.facts.regions].toSorted());
        for (const { complete, error } of outcomes) {
          expect(complete, listing).toBe(false);
          expect(error, listing).toMatchObject({ name: 'ProviderError', kind, provider: subject.facts.cloud });
        }
      }
    },
  };
}

export const listingSentences: SentenceList = [
  {
    title: 'lists every GPU pool of the regions asked, at the price in force',
    async check(subject) {
      const offers = await offersOf(subject);
      expect(new Set(offers.map(({ pool }) => poolKey(pool))).size).toBe(offers.length);
      expectPrices(subject, offers);
      for (const { market } of offers.map(({ pool }) => pool)) {
        expect(subject.provider.capabilities.markets).toContain(market);
      }
    },
  },
  {
    title: 'prices follow the market as hours pass',
    async check(subject) {
      const before = pricesInForce(subject);
      await subject.clock.advance(5 * 3_600_000);
      const now = pricesInForce(subject);
      expect(sorted(now)).not.toEqual(sorted(before));
      expectPrices(subject, await offersOf(subject));
    },
  },
  {
    title: 'an offer describes its machine: canonical accelerator, whole counts, memory, architecture',
    async check(subject) {
      for (const offer of await offersOf(subject)) {
        const type = typeOf(subject, offer);
        expect(offer).toMatchObject({
          accelerator: type.accelerator,
          acceleratorCount: type.acceleratorCount,
          vcpuCount: type.vcpus,
          memoryGiB: type.memoryGiB,
          architecture: type.architecture,
          observedAt: subject.clock.now(),
        });
        expect(findAccelerator(offer.accelerator)).toMatchObject({
          found: true,
          accelerator: { name: offer.accelerator },
        });
        expect(offer.interruptionsPerHour > 0).toBe(offer.pool.market === 'spot');
      }
    },
  },
  {
    title: 'an offer knows the physical zone where the cloud tells it',
    async check(subject) {
      for (const { pool, zonePhysicalId } of await offersOf(subject)) {
        const zones = subject.clouds.world.region(subject.facts.cloud, pool.region)?.zones ?? [];
        expect(zonePhysicalId).toBe(zones.find(({ name }) => name === (pool.zone ?? pool.region))?.physicalId);
      }
    },
  },
  {
    title: 'lists sold-out pools too',
    async check(subject) {
      const before = await offersOf(subject);
      subject.clouds.control.setFree(everyPool(subject.facts.cloud), 0);
      const keys = (await offersOf(subject)).map(({ pool }) => poolKey(pool)).toSorted();
      expect(keys).toEqual(before.map(({ pool }) => poolKey(pool)).toSorted());
      expect(keys.length).toBeGreaterThan(0);
    },
  },
  {
    title: 'reads the regions asked and no other',
    async check(subject) {
      const [, region] = subject.facts.regions;
      const { offers, regions } = await subject.provider.listOffers({ regions: [region] }, call());
      expect(regions).toEqual([{ region, complete: true, error: null }]);
      expect(new Set(offers.map(({ pool }) => pool.region))).toEqual(new Set([region]));
      const quotas = await subject.provider.listQuotas({ regions: [region] }, call());
      expect(quotas.regions).toEqual([{ region, complete: true, error: null }]);
      for (const quota of quotas.quotas) expect([region, null]).toContain(quota.region);
    },
  },
  {
    title: 'every quota that an offer claims is known to listQuotas, which knows only quotas of GPU machines',
    async check(subject) {
      const offers = await offersOf(subject);
      const { quotas } = await subject.provider.listQuotas({ regions: subject.facts.regions }, call());
      const known = new Set(quotas.map(({ region, name }) => `${region ?? '*'}/${name}`));
      expect(known.size).toBe(quotas.length);
      for (const offer of offers) {
        const { market } = worldPoolOf(subject.facts.cloud, offer.pool);
        expect(new Set(offer.quotaClaims)).toEqual(new Set(typeOf(subject, offer).quotaClaims[market]));
        for (const { scope, quota } of offer.quotaClaims) {
          expect([...known]).toContain(`${scope === 'global' ? '*' : offer.pool.region}/${quota}`);
        }
      }
      const types = subject.clouds.world.facts(subject.facts.cloud).instanceTypes;
      const ofGpus = new Set(
        types.flatMap((type) => type.markets.flatMap((market) => type.quotaClaims[market])).map((claim) => claim.quota),
      );
      expect(quotas.filter(({ name }) => !ofGpus.has(name))).toEqual([]);
    },
  },
  {
    title: 'listQuotas tells limit and usage as the cloud has them; unknown is null, not zero',
    async check(subject) {
      const { world, control } = subject.clouds;
      const { cloud, regions } = subject.facts;
      await subject.provider.launch(launchRequest(subject.aPool(), { count: 2 }), call());
      const [regional] = world.quotas(cloud, regions[0]).filter(({ usage }) => usage > 0);
      expect(regional).toBeDefined();
      if (regional !== undefined) control.setQuotaLimit(cloud, regions[0], regional.fact.name, 123);
      const { quotas } = await subject.provider.listQuotas({ regions }, call());
      expect(quotas.filter(({ limit, usage }) => limit !== null && usage !== null).length).toBeGreaterThan(0);
      for (const quota of quotas) {
        const state = world.quotas(cloud, quota.region).find(({ fact }) => fact.name === quota.name);
        expect(state).toBeDefined();
        expect(quota.unit).toBe(state?.fact.unit);
        expect([state?.limit, null]).toContain(quota.limit);
        expect([state?.usage, null]).toContain(quota.usage);
      }
    },
  },
  {
    title: 'usage grows by what the offer claims when a machine starts',
    async check(subject) {
      const pool = subject.aPool();
      const offer = (await offersOf(subject)).find((candidate) => poolKey(candidate.pool) === poolKey(pool));
      const usageOf = async (name: string): Promise<number | null | undefined> => {
        const { quotas } = await subject.provider.listQuotas({ regions: [pool.region] }, call());
        return quotas.find((quota) => quota.name === name)?.usage;
      };
      const [claim] = offer?.quotaClaims ?? [];
      expect(claim).toBeDefined();
      if (claim === undefined) return;
      const before = await usageOf(claim.quota);
      await subject.provider.launch(launchRequest(pool), call());
      expect(await usageOf(claim.quota)).toBe((before ?? Number.NaN) + claim.units);
    },
  },
  failedAlone('listOffers'),
  failedAlone('listQuotas'),
  failedAlone('listOwned'),
  failedAlone('listLeftovers'),
  failedEverywhere('throttle', 'rate-limited'),
  failedEverywhere('unavailable', 'unavailable'),
  failedEverywhere('unauthorized', 'unauthorized'),
  failedEverywhere('html', 'unavailable'),
];
