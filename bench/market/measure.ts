import type { BrokerContext } from '../../src/broker/context.ts';
import { createNewId } from '../../src/broker/ids.ts';
import { createMarketReader } from '../../src/broker/market.ts';
import type { ProviderId } from '../../src/domain/pool.ts';
import { createControlClient } from '../../src/emulators/control/client.ts';
import type { LoggedRequest } from '../../src/emulators/world/control-contract.ts';
import { type CloudsPlace, emulatedOptions, emulatedRegions } from '../../src/main/emulated-clouds.ts';
import { systemClock } from '../../src/main/system-clock.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { KNOWN_PROVIDERS, loadProvider } from '../../src/providers/registry.ts';
import { openStore, type Store } from '../../src/store/open-store.ts';
import { regionStates } from '../../src/store/providers.ts';
import { listQuarantined } from '../../src/store/quarantine.ts';

export interface ProviderFigures {
  readonly provider: ProviderId;
  readonly regions: number;
  readonly failedRegions: number;
  readonly offers: number;
  readonly quarantined: number;
  /** From the first claim to the last commit. */
  readonly seconds: number;
  readonly requestCount: number;
  /** By operation, most frequent first. */
  readonly requests: Readonly<Record<string, number>>;
}

export interface RunFigures {
  readonly seconds: number;
  readonly offers: number;
  readonly offersPerSecond: number;
  readonly requestCount: number;
  /** Of this process, from its start. */
  readonly peakMemoryMiB: number;
  readonly providers: readonly ProviderFigures[];
}

export interface RunOptions {
  readonly place: CloudsPlace;
  readonly concurrency: number;
  /** All providers at once, or one after the other. */
  readonly together: boolean;
}

interface Loaded {
  readonly provider: Provider;
  readonly regions: readonly string[];
}

/** Reads the whole market once, on a store and with adapters of its own. For a process of its own: its memory is measured from its start. */
export async function measureRefresh(options: RunOptions): Promise<RunFigures> {
  const store = await openStore({ kind: 'memory' });
  const loaded = await loadAll(options.place);
  const control = createControlClient(options.place.controlUrl);
  const { next } = await control.requests();
  const seconds = new Map<ProviderId, number>();
  const startedAt = performance.now();
  async function read({ provider, regions }: Loaded): Promise<void> {
    const from = performance.now();
    await readAll(store, provider, regions, options.concurrency);
    seconds.set(provider.id, (performance.now() - from) / 1000);
  }
  if (options.together) await Promise.all(loaded.map(read));
  else for (const one of loaded) await read(one);
  const total = (performance.now() - startedAt) / 1000;
  const { requests } = await control.requests(next);
  const providers: ProviderFigures[] = [];
  for (const { provider } of loaded) {
    providers.push(await figuresOf(store, provider.id, seconds.get(provider.id) ?? 0, requests));
    await provider.close();
  }
  await store.close();
  const offers = providers.reduce((sum, one) => sum + one.offers, 0);
  return {
    seconds: total,
    offers,
    offersPerSecond: offers / total,
    requestCount: requests.length,
    peakMemoryMiB: process.resourceUsage().maxRSS / 1024,
    providers,
  };
}

function loadAll(place: CloudsPlace): Promise<readonly Loaded[]> {
  return Promise.all(
    KNOWN_PROVIDERS.map(async (id) => {
      const regions = await emulatedRegions(id);
      const settings = {
        regions,
        endpoints: Object.entries(place.endpoints).find(([cloud]) => cloud === id)?.[1] ?? {},
        certificateAuthority: place.certificateAuthority,
        credentials: 'emulated' as const,
        options: emulatedOptions(id),
        clock: systemClock,
      };
      return { provider: await loadProvider(id, settings), regions };
    }),
  );
}

/** Begins what there is room for until the offers and quotas of every region were read once. */
async function readAll(
  store: Store,
  provider: Provider,
  regions: readonly string[],
  concurrency: number,
): Promise<void> {
  let room = Promise.withResolvers<void>();
  const reader = createMarketReader(contextOf(store, provider, regions, concurrency), provider, () => room.resolve());
  for (let begun = 0; begun < regions.length * 2; ) {
    room = Promise.withResolvers<void>();
    const more = await reader.begin();
    begun += more;
    if (more === 0) await room.promise;
  }
  await reader.idle();
}

/** A day between readings: nothing is read twice. */
const SETTINGS: Omit<BrokerContext['settings'], 'concurrency'> = {
  ...{ owner: 'bench', offersSeconds: 86_400, quotasSeconds: 86_400, reconcileSeconds: 5, sweepSeconds: 300 },
  ...{ attemptTimeoutSeconds: 600, visibilitySeconds: 60, orphanGraceSeconds: 600, removeOrphans: false },
  interruptionsSeconds: 5,
  rebalanceSeconds: 86_400,
};

function contextOf(store: Store, provider: Provider, regions: readonly string[], concurrency: number): BrokerContext {
  const silent = (): void => {};
  return {
    ...{ store, clock: systemClock, random: Math.random, newId: createNewId(systemClock, Math.random) },
    newToken: () => '',
    callbackUrl: () => null,
    providers: new Map([[provider.id, provider]]),
    regions: new Map([[provider.id, regions]]),
    settings: { ...SETTINGS, concurrency: new Map([[provider.id, concurrency]]) },
    logger: { info: silent, warn: silent, error: silent },
    holder: 'bench',
    signal: new AbortController().signal,
    wakePlacing: silent,
    wakeLeases: silent,
  };
}

async function figuresOf(
  store: Store,
  provider: ProviderId,
  seconds: number,
  requests: readonly LoggedRequest[],
): Promise<ProviderFigures> {
  const states = (await regionStates(store.database)).filter((state) => state.provider === provider);
  const quarantined = await listQuarantined(store.database, { provider }, { cursor: null, limit: 10_000 });
  const own = Map.groupBy(
    requests.filter(({ cloud }) => cloud === provider),
    ({ operation }) => operation,
  );
  const counts = [...own].map(([operation, list]): [string, number] => [operation, list.length]);
  return {
    provider,
    regions: states.length,
    failedRegions: states.filter(({ error }) => error !== null).length,
    offers: states.reduce((sum, { itemCount }) => sum + itemCount, 0),
    quarantined: quarantined.items.length,
    seconds,
    requestCount: counts.reduce((sum, [, count]) => sum + count, 0),
    requests: Object.fromEntries(counts.toSorted((a, b) => b[1] - a[1])),
  };
}
