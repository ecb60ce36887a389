import type { Offer } from './offer.ts';
import type { EpochMs } from './time.ts';

/** What the cloud itself last said about the chances of a pool: a hint of that moment, never a promise. */
export interface CapacityWord {
  /** 0..1; null = it does not say. */
  readonly obtainability: number | null;
  /** Expected interruptions per machine-hour; null = it does not say. */
  readonly interruptionsPerHour: number | null;
  /** The cloud's own words. */
  readonly words: string;
  readonly observedAt: EpochMs;
}

/** A fresh word counts like so many launches of ours … */
const FRESH_WEIGHT = 10;
/** … half as many after an hour (scores move within hours) … */
const HALF_LIFE_MS = 3_600_000;
/** … and nothing after six. */
export const WORD_GOOD_FOR_MS = 6 * 3_600_000;

/** Launches of ours that a word of this age counts for: 10 when fresh, 0 from six hours on. */
export function adviceWeight(ageMs: number): number {
  if (ageMs >= WORD_GOOD_FOR_MS) return 0;
  return FRESH_WEIGHT * 0.5 ** (Math.max(0, ageMs) / HALF_LIFE_MS);
}

/** Interruptions per machine-hour of an offer: what the cloud says of this very pool, while it is good, else what the offer says. */
export function interruptionsPerHourOf(
  offer: Pick<Offer, 'pool' | 'interruptionsPerHour'>,
  word: CapacityWord | undefined,
  at: EpochMs,
): number {
  if (offer.pool.market !== 'spot' || word?.interruptionsPerHour == null) return offer.interruptionsPerHour;
  return at - word.observedAt < WORD_GOOD_FOR_MS ? word.interruptionsPerHour : offer.interruptionsPerHour;
}
