import type { Provider } from '../providers/provider.ts';
import { claimDueRegions, type RegionReadKind } from '../store/providers.ts';
import type { BrokerContext } from './context.ts';
import { CLAIM_SECONDS, readRegion } from './market-region.ts';

/** A reading that has run for so long no longer counts against the limit: regions that hang hold up nobody for longer. */
const SLOW_MS = 10_000;
/** All readings of one provider at a time, slow ones included: this many times the limit. */
const MOST_IN_LIMITS = 4;

/** How many regions of a provider are read at once, where the configuration does not say. */
export const DEFAULT_CONCURRENCY = 4;

/** Reads the market of one provider: each region's offers and quotas on schedules and claims of their own. */
export interface MarketReader {
  /** Begins what is due and there is room for, and returns at once: a reading that hangs holds up no other. Returns how many it began. */
  begin(): Promise<number>;
  /** Until no reading is under way. */
  idle(): Promise<void>;
}

/** `onRead` is called after each reading: there is room for another. */
export function createMarketReader(context: BrokerContext, provider: Provider, onRead: () => void): MarketReader {
  const limit = context.settings.concurrency.get(provider.id) ?? DEFAULT_CONCURRENCY;
  /** When each reading under way began. */
  const running = new Map<Promise<void>, number>();

  function room(): number {
    const now = context.clock.now();
    const counting = [...running.values()].filter((startedAt) => now - startedAt < SLOW_MS).length;
    return Math.max(0, Math.min(limit - counting, limit * MOST_IN_LIMITS - running.size));
  }

  async function beginSome(kind: RegionReadKind, most: number): Promise<number> {
    const { offersSeconds, quotasSeconds } = context.settings;
    const claimed = await claimDueRegions(context.store.database, {
      ...{ provider: provider.id, kind, limit: most },
      regions: context.regions.get(provider.id) ?? [],
      now: context.clock.now(),
      everySeconds: kind === 'offers' ? offersSeconds : quotasSeconds,
      claimSeconds: CLAIM_SECONDS,
    });
    for (const region of claimed) track(readRegion(context, provider, kind, region), kind, region.region);
    return claimed.length;
  }

  function track(reading: Promise<void>, kind: RegionReadKind, region: string): void {
    const ended = reading
      .catch((error: unknown) => {
        // Its claim runs out; nothing else is lost.
        if (context.signal.aborted) return;
        const fields = {
          provider: provider.id,
          region,
          kind,
          error: error instanceof Error ? error.message : String(error),
        };
        context.logger.error(fields, 'What a region answered could not be kept');
      })
      .finally(() => {
        running.delete(ended);
        // Once for all that were read together: each look at what is to be placed reads the whole market.
        if (running.size === 0) context.wakePlacing();
        onRead();
      });
    running.set(ended, context.clock.now());
  }

  return {
    begin: async () => {
      const free = room();
      // Half each, so that neither waits until all regions of the other are read.
      const offers = await beginSome('offers', Math.ceil(free / 2));
      const quotas = await beginSome('quotas', free - offers);
      // Fewer than asked for: there are no more that are due.
      const more = offers < Math.ceil(free / 2) ? 0 : await beginSome('offers', free - offers - quotas);
      return offers + quotas + more;
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running.keys());
    },
  };
}
