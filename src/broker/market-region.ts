import type { Provider, ProviderErrorKind, RegionOutcome } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { replaceRegionOffers } from '../store/offers.ts';
import {
  type ClaimedRegion,
  liftSuspension,
  listSuspensions,
  type RegionReadKind,
  recordRegionRead,
  regionStates,
} from '../store/providers.ts';
import { replaceRegionQuotas } from '../store/quotas.ts';
import { type CallLimits, callProvider } from './call-provider.ts';
import type { BrokerContext } from './context.ts';
import { quarantinePrices } from './market-prices.ts';
import { suspendProvider } from './refusals.ts';

/** Repeats within one reading; further ones come with the region's own growing pause. */
const REPEATS = 1;
/** A reading that takes longer has failed. */
const DEADLINE_SECONDS = 120;
/** Longer than any reading may take: a claim that is older belongs to a process that died. */
export const CLAIM_SECONDS = 180;
/** Pause after the first failure; twice as long after each further one … */
const FIRST_PAUSE_SECONDS = 20;
/** … up to this, spread over 0.75 to 1.25 of it. */
const LONGEST_PAUSE_SECONDS = 900;

/**
 * Reads the offers, or the quotas, of one region and writes down what came of it. A region that fails keeps its last good copy with its
 * true age, and is tried again after a pause that grows. Throws only what is no failure of the provider.
 */
export async function readRegion(
  context: BrokerContext,
  provider: Provider,
  kind: RegionReadKind,
  claimed: ClaimedRegion,
): Promise<void> {
  const { region } = claimed;
  try {
    const read = kind === 'offers' ? readOffers : readQuotas;
    const outcome = await read(context, provider, region);
    if (outcome.complete) return;
    await fail(context, provider, kind, claimed, outcome.error);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    await fail(context, provider, kind, claimed, error);
  }
}

async function readOffers(context: BrokerContext, provider: Provider, region: string): Promise<RegionOutcome> {
  const snapshot = await withinDeadline(context, provider, 'listOffers', (scoped) =>
    callProvider(scoped, LIMITS, (call) => provider.listOffers({ regions: [region] }, call)),
  );
  const outcome = outcomeOf(snapshot.regions, region);
  if (!outcome.complete) return outcome;
  const at = context.clock.now();
  const own = {
    offers: snapshot.offers.filter(({ pool }) => pool.region === region),
    unreadable: snapshot.quarantined.filter(({ pool }) => pool.region === region),
  };
  await context.store.transaction(async (transaction) => {
    const offers = await quarantinePrices(transaction, { provider: provider.id, region }, own, at);
    const changed = await replaceRegionOffers(transaction, provider.id, region, offers);
    await recordRegionRead(transaction, {
      ...{ provider: provider.id, region, kind: 'offers', at },
      itemCount: offers.length,
      failure: null,
    });
    if (changed) await raiseFleetRevision(transaction);
  });
  await liftWhereAnswered(context, provider);
  return outcome;
}

async function readQuotas(context: BrokerContext, provider: Provider, region: string): Promise<RegionOutcome> {
  const snapshot = await withinDeadline(context, provider, 'listQuotas', (scoped) =>
    callProvider(scoped, LIMITS, (call) => provider.listQuotas({ regions: [region] }, call)),
  );
  const outcome = outcomeOf(snapshot.regions, region);
  if (!outcome.complete) return outcome;
  const at = context.clock.now();
  const own = snapshot.quotas.filter((quota) => quota.region === region);
  const accountWide = snapshot.quotas.filter((quota) => quota.region === null);
  await context.store.transaction(async (transaction) => {
    await replaceRegionQuotas(transaction, provider.id, region, own, at);
    await replaceRegionQuotas(transaction, provider.id, null, accountWide, at);
    await recordRegionRead(transaction, {
      ...{ provider: provider.id, region, kind: 'quotas', at },
      itemCount: own.length,
      failure: null,
    });
  });
  return outcome;
}

const LIMITS: CallLimits = { deadlineMs: DEADLINE_SECONDS * 1000, repeats: REPEATS };

function outcomeOf(regions: readonly RegionOutcome[], region: string): RegionOutcome {
  return regions.find((outcome) => outcome.region === region) ?? { region, complete: false, error: null };
}

/**
 * Ends the work after the deadline by the broker's clock, even if the adapter does not stop when told: nothing may hold a region's turn
 * for ever. Throws ProviderError `unavailable` then.
 */
async function withinDeadline<T>(
  context: BrokerContext,
  provider: Provider,
  operation: string,
  work: (scoped: Pick<BrokerContext, 'clock' | 'random' | 'signal'>) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const abandoned = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  context.clock.sleep(DEADLINE_SECONDS * 1000, ended.signal).then(
    () => over.abort(tooLate(provider, operation)),
    () => {},
  );
  try {
    signal.throwIfAborted();
    return await Promise.race([work({ clock: context.clock, random: context.random, signal }), abandoned]);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') throw tooLate(provider, operation);
    throw error;
  } finally {
    ended.abort();
  }
}

function tooLate(provider: Provider, operation: string): ProviderError {
  return new ProviderError({
    kind: 'unavailable',
    provider: provider.id,
    operation,
    code: '',
    message: `no complete answer within ${DEADLINE_SECONDS} s`,
  });
}

async function fail(
  context: BrokerContext,
  provider: Provider,
  kind: RegionReadKind,
  { region, failureCount }: ClaimedRegion,
  error: ProviderError | null,
): Promise<void> {
  const message = error?.message ?? 'the answer was not complete';
  const errorKind: ProviderErrorKind = error?.kind ?? 'unavailable';
  const at = context.clock.now();
  const count = failureCount + 1;
  const pause = Math.max(pauseSeconds(count, context.random()), error?.retryAfterSeconds ?? 0);
  context.logger.warn(
    { provider: provider.id, region, kind, error: message, failures: count },
    'A region was not read',
  );
  await recordRegionRead(context.store.database, {
    ...{ provider: provider.id, region, kind, at },
    itemCount: null,
    failure: { error: message, errorKind, count, retryAt: at + Math.round(pause * 1000) },
  });
  if (kind === 'offers' && errorKind === 'unauthorized') await suspendWhereRefused(context, provider, message);
}

/** Seconds until a region is tried again after its nth failure in a row. `random`: 0..1. */
export function pauseSeconds(failureCount: number, random: number): number {
  const pause = Math.min(FIRST_PAUSE_SECONDS * 2 ** (failureCount - 1), LONGEST_PAUSE_SECONDS);
  return pause * (0.75 + random / 2);
}

/** One region that refuses us may just not be enabled for the account; when all do, it is the credentials. */
async function suspendWhereRefused(context: BrokerContext, provider: Provider, message: string): Promise<void> {
  const states = await statesOf(context, provider);
  if (states.every((state) => state?.errorKind === 'unauthorized')) {
    await suspendProvider(context, provider.id, message);
  }
}

/** Every region has answered since the suspension began: the credentials work again. */
async function liftWhereAnswered(context: BrokerContext, provider: Provider): Promise<void> {
  const { database } = context.store;
  const suspension = (await listSuspensions(database, context.clock.now())).find((one) => one.provider === provider.id);
  if (suspension === undefined) return;
  const states = await statesOf(context, provider);
  const answered = states.every(
    (state) => state?.error === null && state.observedAt !== null && state.observedAt >= suspension.since,
  );
  if (answered) await liftSuspension(database, provider.id);
}

async function statesOf(context: BrokerContext, provider: Provider) {
  const states = (await regionStates(context.store.database)).filter((state) => state.provider === provider.id);
  const byRegion = new Map(states.map((state) => [state.region, state]));
  return (context.regions.get(provider.id) ?? []).map((region) => byRegion.get(region) ?? null);
}
