import { expect } from 'vitest';
import type { Offer } from '../../src/domain/offer.ts';
import { type Pool, poolKey } from '../../src/domain/pool.ts';
import { scopeCovers } from '../../src/domain/sold-out.ts';
import type { LaunchRequest, Refusal } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import { addFault, call, LONG_MS, launchRequest, livingMachines, patternOf, type Subject } from './subject.ts';

/** The refusal of a launch, whether it comes at once or when the cloud has found out. A fresh adapter asks: nothing is remembered. */
async function refusalOf(subject: Subject, request: LaunchRequest): Promise<Refusal> {
  const { instances, refusals } = await subject.provider.launch(request, call());
  const [refused] = refusals;
  if (refused !== undefined) {
    expect({ instances, count: refused.count }).toEqual({ instances: [], count: request.count });
    return refused.refusal;
  }
  expect(subject.provider.capabilities.refusesAsynchronously).toBe(true);
  await subject.clock.advance(LONG_MS);
  const another = await subject.createAnother();
  const [instance] = instances;
  if (instance === undefined) throw new Error('neither an instance nor a refusal');
  const failed = await another.getInstance(instance.ref, call());
  expect(failed?.state).toBe('failed');
  if (failed?.refusal === null || failed?.refusal === undefined) throw new Error('failed without a refusal');
  return failed.refusal;
}

function expectEvidence(refusal: Refusal): void {
  expect(refusal.code).toMatch(/\S/);
  expect(refusal.message).toMatch(/\S/);
  expect(refusal.retryAfterSeconds).toBeGreaterThan(0);
}

async function offersOf(subject: Subject): Promise<readonly Offer[]> {
  return (await subject.provider.listOffers({ regions: subject.facts.regions }, call())).offers;
}

function quotaNames(offer: Offer | undefined): readonly string[] {
  return offer?.quotaClaims.map(({ quota }) => quota) ?? [];
}

function offerOf(offers: readonly Offer[], pool: Pool): Offer {
  const offer = offers.find((candidate) => poolKey(candidate.pool) === poolKey(pool));
  if (offer === undefined) throw new Error(`no offer of ${poolKey(pool)}`);
  return offer;
}

function soldOut(market: 'on-demand' | 'spot') {
  return {
    title: `a sold-out pool (${market}) is a refusal for want of capacity, which covers that pool and no other region`,
    async check(subject: Subject): Promise<void> {
      const [region, elsewhere] = subject.facts.regions;
      const poolIn = market === 'spot' ? subject.aSpotPool : subject.aPool;
      const offers = await offersOf(subject);
      subject.clouds.control.setFree(patternOf(subject.facts.cloud, poolIn(region)), 0);
      const refusal = await refusalOf(subject, launchRequest(poolIn(region)));
      expect(refusal.kind).toBe('capacity');
      expectEvidence(refusal);
      const { scope } = refusal;
      expect(scopeCovers(scope, poolIn(region), quotaNames(offerOf(offers, poolIn(region))))).toBe(true);
      const other = poolIn(elsewhere);
      expect(scopeCovers(scope, other, quotaNames(offerOf(offers, other)))).toBe(false);
      expect(livingMachines(subject)).toEqual([]);
    },
  };
}

/** What the refusal must cover, and what it must not: exactly the pools that claim the quota, in the region or the account. */
function expectQuotaScope(refusal: Refusal, offers: readonly Offer[], quota: string, region: string | null): void {
  expect(refusal.kind).toBe('quota');
  expectEvidence(refusal);
  const claims = (offer: Offer): boolean =>
    quotaNames(offer).includes(quota) && (region === null || offer.pool.region === region);
  const covers = (offer: Offer): boolean => scopeCovers(refusal.scope, offer.pool, quotaNames(offer));
  expect(offers.filter(claims).length).toBeGreaterThan(1);
  expect(offers.filter((offer) => claims(offer) && !covers(offer)).map(({ pool }) => pool)).toEqual([]);
  expect(offers.filter((offer) => !claims(offer) && covers(offer)).map(({ pool }) => pool)).toEqual([]);
}

function overQuota(market: 'on-demand' | 'spot') {
  return {
    title: `a launch over a quota (${market}) is a refusal that covers every pool under that quota, and no other region`,
    async check(subject: Subject): Promise<void> {
      const { control, world } = subject.clouds;
      const { cloud, regions } = subject.facts;
      const [region] = regions;
      const pool = market === 'spot' ? subject.aSpotPool() : subject.aPool();
      const offers = await offersOf(subject);
      const claims = offerOf(offers, pool).quotaClaims.filter(({ scope }) => scope === 'region');
      expect(claims.length).toBeGreaterThan(0);
      for (const [index, { quota }] of claims.entries()) {
        const limit = world.quotas(cloud, region).find(({ fact }) => fact.name === quota)?.limit ?? 0;
        control.setQuotaLimit(cloud, region, quota, 0);
        const refusal = await refusalOf(subject, launchRequest(pool, { idempotencyKey: `quota${index}` }));
        expectQuotaScope(refusal, offers, quota, region);
        control.setQuotaLimit(cloud, region, quota, limit);
      }
      expect(livingMachines(subject)).toEqual([]);
    },
  };
}

export const refusalSentences: SentenceList = [
  soldOut('on-demand'),
  soldOut('spot'),
  overQuota('on-demand'),
  overQuota('spot'),
  {
    title: 'quotas span what the capabilities say: one of the whole account refuses in every region, or there is none',
    async check(subject) {
      const pool = subject.aPool();
      const { regions } = subject.facts;
      const offers = await offersOf(subject);
      const claimed = new Set(offers.flatMap(({ quotaClaims }) => quotaClaims.map(({ scope }) => scope)));
      const { quotas } = await subject.provider.listQuotas({ regions }, call());
      const listed = new Set(quotas.map(({ region }) => (region === null ? 'global' : 'region')));
      expect([...claimed].toSorted()).toEqual([...subject.provider.capabilities.quotaScopes].toSorted());
      expect([...listed].toSorted()).toEqual([...subject.provider.capabilities.quotaScopes].toSorted());
      const claim = offerOf(offers, pool).quotaClaims.find(({ scope }) => scope === 'global');
      if (claim === undefined) return;
      subject.clouds.control.setQuotaLimit(subject.facts.cloud, null, claim.quota, 0);
      const refusal = await refusalOf(subject, launchRequest(pool));
      expectQuotaScope(refusal, offers, claim.quota, null);
    },
  },
  {
    title: 'a launch that was refused while its reply was lost tells the refusal to the same key',
    async check(subject) {
      const pool = subject.aPool();
      subject.clouds.control.setFree(patternOf(subject.facts.cloud, pool), 0);
      addFault(subject, 'lost-reply', { operation: subject.facts.launchOperation, remaining: 1 });
      const request = launchRequest(pool);
      await expect(subject.provider.launch(request, call())).rejects.toMatchObject({ kind: 'outcome-unknown' });
      await subject.clock.advance(LONG_MS);
      expect((await refusalOf(subject, request)).kind).toBe('capacity');
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'a refusal leaves the pool usable: once there is capacity, a new attempt starts a machine',
    async check(subject) {
      const pool = subject.aPool();
      subject.clouds.control.setFree(patternOf(subject.facts.cloud, pool), 0);
      await refusalOf(subject, launchRequest(pool));
      subject.clouds.control.setFree(patternOf(subject.facts.cloud, pool), 5);
      const { instances } = await subject.provider.launch(
        launchRequest(pool, { idempotencyKey: '01k8second' }),
        call(),
      );
      await subject.clock.advance(LONG_MS);
      const [instance] = instances;
      expect(instance).toBeDefined();
      if (instance === undefined) return;
      expect(await subject.provider.getInstance(instance.ref, call())).toMatchObject({ state: 'running' });
    },
  },
  {
    title: 'a type that the zone does not sell is refused or rejected, never started',
    async check(subject) {
      const { world } = subject.clouds;
      const { cloud, regions } = subject.facts;
      const unsold = world
        .facts(cloud)
        .instanceTypes.find((type) => world.zonesOffering(cloud, regions[0], type.name).length === 0);
      const instanceType = unsold?.name ?? 'no-such-type';
      const outcome = await subject.provider
        .launch(launchRequest({ ...subject.aPool(), instanceType }), call())
        .catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ name: 'ProviderError', kind: 'invalid-request' });
      } else {
        expect(outcome).toMatchObject({ instances: [], refusals: [{ count: 1 }] });
      }
      expect(livingMachines(subject)).toEqual([]);
    },
  },
];
