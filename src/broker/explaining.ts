import { headroomOf, quotaKey } from '../domain/offer.ts';
import type { Alternative, Explanation, PlanInput } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { BrokerContext } from './context.ts';
import { headroomMachines } from './headroom.ts';
import { wordsAt } from './plan-offers.ts';

/** Verdicts about alternatives that could be taken: there, what is unknown of their headroom matters. */
const OPEN_VERDICTS: readonly Alternative['verdict'][] = ['chosen', 'dearer', 'over-cap'];

/** The explanation, with what the clouds say of each pool now, and with `headroom unknown` where the plan had to do without the figure. */
export async function explanationWithMarket(
  context: BrokerContext,
  input: PlanInput,
  explanation: Explanation,
): Promise<Explanation> {
  const words = await wordsAt(context.store.database, context.clock.now());
  const left = new Map(
    input.quotas.map((quota) => [quotaKey(quota.provider, quota.region, quota.name), headroomOf(quota, 0)]),
  );
  const offers = new Map(input.offers.map((offer) => [poolKey(offer.pool), offer]));
  return {
    ...explanation,
    alternatives: explanation.alternatives.map((alternative) => {
      const key = poolKey(alternative.pool);
      const offer = offers.get(key);
      const notes = [alternative.detail];
      const isLimited = offer?.quotaClaims.some(({ units }) => units > 0) ?? false;
      if (offer !== undefined && isLimited && OPEN_VERDICTS.includes(alternative.verdict)) {
        if (headroomMachines(offer, left) === null) notes.push('headroom unknown');
      }
      const word = words.get(key);
      if (word !== undefined) notes.push(`the cloud says: ${word.words}`);
      return { ...alternative, detail: notes.filter((note) => note !== '').join('; ') };
    }),
  };
}
