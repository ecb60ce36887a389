import type { Provider, RegionOutcome } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { appendEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { replaceRegionOffers } from '../store/offers.ts';
import { claimDueRegions, liftSuspension, recordRegionRead } from '../store/providers.ts';
import { replaceRegionQuotas } from '../store/quotas.ts';
import { callProvider, REFRESH_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';
import { suspendProvider } from './refusals.ts';

/** While a refresh is under way no other process starts it; a crashed refresh is taken over after this. */
const CLAIM_SECONDS = 180;
/** A region that failed is read again after this, not only when it is due. */
const RETRY_SECONDS = 20;

/**
 * Reads offers and quotas of the regions that are due at one provider. A failed region keeps its last good copy with its true age.
 * Returns how many regions were read.
 */
export async function refreshProvider(context: BrokerContext, provider: Provider): Promise<number> {
  const now = context.clock.now();
  const regions = await claimDueRegions(context.store.database, {
    provider: provider.id,
    regions: context.regions.get(provider.id) ?? [],
    now,
    everySeconds: context.settings.offersSeconds,
    retrySeconds: RETRY_SECONDS,
    claimSeconds: CLAIM_SECONDS,
  });
  if (regions.length === 0) return 0;
  try {
    await readRegions(context, provider, regions);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const outcomes = regions.map((region) => ({ region, complete: false, error }));
    for (const outcome of outcomes) await failRegion(context, provider, outcome);
    await suspendWhereRefused(context, provider, outcomes);
  }
  context.wakePlacing();
  return regions.length;
}

async function readRegions(context: BrokerContext, provider: Provider, regions: readonly string[]): Promise<void> {
  const [offers, quotas] = await Promise.all([
    callProvider(context, REFRESH_LIMITS, (call) => provider.listOffers({ regions }, call)),
    callProvider(context, REFRESH_LIMITS, (call) => provider.listQuotas({ regions }, call)),
  ]);
  const at = context.clock.now();
  for (const outcome of offers.regions) {
    if (!outcome.complete) {
      await failRegion(context, provider, outcome);
      continue;
    }
    const ofRegion = offers.offers.filter((offer) => offer.pool.region === outcome.region);
    const quotasRead = quotas.regions.find(({ region }) => region === outcome.region)?.complete === true;
    await context.store.transaction(async (transaction) => {
      await replaceRegionOffers(transaction, provider.id, outcome.region, ofRegion);
      if (quotasRead) {
        const own = quotas.quotas.filter((quota) => quota.region === outcome.region);
        await replaceRegionQuotas(transaction, provider.id, outcome.region, own, at);
      }
      await recordRegionRead(transaction, {
        provider: provider.id,
        region: outcome.region,
        at,
        offerCount: ofRegion.length,
        error: null,
      });
      await raiseFleetRevision(transaction);
    });
  }
  if (quotas.regions.some(({ complete }) => complete)) {
    const global = quotas.quotas.filter((quota) => quota.region === null);
    await context.store.transaction((transaction) => replaceRegionQuotas(transaction, provider.id, null, global, at));
  }
  if (offers.regions.every(({ complete }) => complete)) await liftSuspension(context.store.database, provider.id);
  await suspendWhereRefused(context, provider, offers.regions);
  await tellQuarantined(context, provider, offers.quarantined.length);
}

async function failRegion(context: BrokerContext, provider: Provider, outcome: RegionOutcome): Promise<void> {
  const message = outcome.error?.message ?? 'the answer was not complete';
  context.logger.warn({ provider: provider.id, region: outcome.region, error: message }, 'A region could not be read');
  await recordRegionRead(context.store.database, {
    provider: provider.id,
    region: outcome.region,
    at: context.clock.now(),
    offerCount: null,
    error: message,
  });
}

/** One region that refuses us may just not be enabled for the account; when all do, it is the credentials. */
async function suspendWhereRefused(
  context: BrokerContext,
  provider: Provider,
  outcomes: readonly RegionOutcome[],
): Promise<void> {
  const refused = outcomes.filter(({ error }) => error?.kind === 'unauthorized');
  const [first] = refused;
  if (first === undefined || refused.length < outcomes.length) return;
  await suspendProvider(context, provider.id, first.error?.message ?? 'unauthorized');
}

async function tellQuarantined(context: BrokerContext, provider: Provider, count: number): Promise<void> {
  if (count === 0) return;
  await appendEvent(context.store.database, {
    at: context.clock.now(),
    type: 'market.quarantined',
    workloadId: null,
    leaseId: null,
    message: `${count} prices of ${provider.id} cannot be true and are not ranked`,
    data: { provider: provider.id, count },
  });
}
