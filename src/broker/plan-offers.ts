import { type CapacityWord, interruptionsPerHourOf, WORD_GOOD_FOR_MS } from '../domain/capacity-word.ts';
import type { Offer } from '../domain/offer.ts';
import type { PlanOffer } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { capacityWords } from '../store/capacity-words.ts';
import type { Handle } from '../store/open-store.ts';
import { successProbabilities } from '../store/pool-outcomes.ts';

/** Offers as the planner ranks them: with our own experience of each pool and what its cloud last said, each as far as it is fresh. */
export async function planOffers(handle: Handle, offers: readonly Offer[], at: EpochMs): Promise<PlanOffer[]> {
  const words = await wordsAt(handle, at);
  const chances = await successProbabilities(
    handle,
    offers.map(({ pool }) => poolKey(pool)),
    at,
    words,
  );
  return offers.map((offer) => {
    const key = poolKey(offer.pool);
    return {
      ...offer,
      interruptionsPerHour: interruptionsPerHourOf(offer, words.get(key), at),
      successProbability: chances.get(key) ?? 1,
    };
  });
}

/** What the clouds said that is still good, by pool key. */
export function wordsAt(handle: Handle, at: EpochMs): Promise<ReadonlyMap<string, CapacityWord>> {
  return capacityWords(handle, at - WORD_GOOD_FOR_MS);
}
