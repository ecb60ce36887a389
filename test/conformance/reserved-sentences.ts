import { expect } from 'vitest';
import type { Offer } from '../../src/domain/offer.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { scopeCovers } from '../../src/domain/sold-out.ts';
import type { SentenceList } from './sentence.ts';
import { call, LONG_MS, launchRequest, livingMachines, patternOf, type Subject, worldPoolOf } from './subject.ts';

async function reservedOffers(subject: Subject): Promise<readonly Offer[]> {
  const { offers, regions } = await subject.provider.listOffers({ regions: subject.facts.regions }, call());
  for (const { complete } of regions) expect(complete).toBe(true);
  return offers.filter(({ pool }) => pool.market === 'reserved');
}

/** Capacity set aside in the pool of `aPool()`, and the offer that it becomes. */
async function reserve(subject: Subject, count: number): Promise<Offer> {
  const pool = worldPoolOf(subject.facts.cloud, subject.aPool());
  const { cloud, region, zone, instanceType } = pool;
  subject.clouds.control.addReservation({
    ...{ id: subject.facts.reservationId ?? 'reservation-1', cloud, region, zone, instanceType, count },
    ...{ kind: 'open', startAt: subject.clock.now(), endAt: null, tags: {}, details: {} },
  });
  const [offer, ...others] = await reservedOffers(subject);
  expect(others).toEqual([]);
  if (offer === undefined) throw new Error('the reservation is not offered');
  return offer;
}

export const reservedSentences: SentenceList = [
  {
    title: 'capacity set aside is offered as a reserved pool with what is free in it',
    async check(subject) {
      expect(subject.provider.capabilities.markets).toContain('reserved');
      expect(await reservedOffers(subject)).toEqual([]);
      const { pool, availableCount, priceMicroUsdPerHour, interruptionsPerHour } = await reserve(subject, 3);
      const { region, zone, instanceType } = subject.aPool();
      expect(pool).toMatchObject({ region, zone, instanceType, market: 'reserved' });
      expect(pool.reservation).toBeTruthy();
      expect({ availableCount, interruptionsPerHour }).toEqual({ availableCount: 3, interruptionsPerHour: 0 });
      expect(priceMicroUsdPerHour).toBe(
        subject.clouds.world.listPrice(subject.facts.cloud, region, instanceType) ?? Number.NaN,
      );
    },
  },
  {
    title: 'a machine launched into a reservation takes from it, and not from the pool, and is known to be in it',
    async check(subject) {
      const { cloud } = subject.facts;
      subject.clouds.control.setFree(patternOf(cloud, subject.aPool()), 0);
      const { pool } = await reserve(subject, 2);
      const { instances } = await subject.provider.launch(launchRequest(pool), call());
      await subject.clock.advance(LONG_MS);
      expect(instances.map((instance) => instance.pool)).toEqual([pool]);
      expect(livingMachines(subject)).toHaveLength(1);
      for (const { ref } of instances) {
        expect(await subject.provider.getInstance(ref, call())).toMatchObject({ state: 'running', pool });
      }
      expect((await reservedOffers(subject)).map(({ availableCount }) => availableCount)).toEqual([1]);
    },
  },
  {
    title: 'a reservation that is full refuses for itself alone',
    async check(subject) {
      const { pool } = await reserve(subject, 1);
      await subject.provider.launch(launchRequest(pool, { idempotencyKey: 'k1' }), call());
      await subject.clock.advance(LONG_MS);
      const request = launchRequest(pool, { idempotencyKey: 'k2' });
      const result = await subject.provider.launch(request, call());
      await subject.clock.advance(LONG_MS);
      const later = await Promise.all(result.instances.map(({ ref }) => subject.provider.getInstance(ref, call())));
      const [refusal] = [
        ...result.refusals.map((refused) => refused.refusal),
        ...later.flatMap((instance) => instance?.refusal ?? []),
      ];
      expect(refusal?.kind).toBe('reservation');
      if (refusal === undefined) return;
      const others: readonly Pool[] = [subject.aPool(), subject.aSpotPool()];
      expect(scopeCovers(refusal.scope, pool, [])).toBe(true);
      for (const other of others) expect(scopeCovers(refusal.scope, other, [])).toBe(false);
      expect(livingMachines(subject)).toHaveLength(1);
    },
  },
];
