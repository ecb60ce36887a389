import type { ProviderId } from '../domain/pool.ts';
import type { Provider } from '../providers/provider.ts';
import { clearPollClaims } from '../store/interruptions.ts';
import { clearLocks, listNonFinalLeases } from '../store/leases.ts';
import { listen } from '../store/notifications.ts';
import { clearClaims, forgetOtherRegions, regionStates } from '../store/providers.ts';
import { clearLookClaim } from '../store/rebalances.ts';
import { pruneHistory } from '../store/retention.ts';
import { askForAdvice } from './advice.ts';
import { watchBudgets } from './budgets.ts';
import { workPurchases } from './capacity-blocks.ts';
import type { BrokerContext, Planner } from './context.ts';
import { readInterruptions } from './interruptions.ts';
import { createLeaseWorker } from './lease-worker.ts';
import { type Loop, startLoop } from './loop.ts';
import { createMarketReader, type MarketReader } from './market.ts';
import { place } from './placing.ts';
import { GivenUp } from './planning/planner.ts';
import { lookForRebalance, type RebalancePlanner } from './rebalancing.ts';
import { reconcileProvider, sweepLeftovers } from './reconcile.ts';

/** The broker's loops. Each is level-triggered: it looks at what is, does what is due, and can be stopped anywhere. */
export interface RunningBroker {
  /** Stops after the work under way; nothing at any cloud changes because the broker is away. */
  stop(): Promise<void>;
}

/** Applying several workloads at once should give one plan for all: placing waits until nothing has changed for this long. */
const SETTLE_MS = 300;
/** What is held is tried again at least this often: prices, headroom and sold-out scopes change with time alone. */
const RETRY_HELD_MS = 15_000;
const RETRY_AFTER_ERROR_MS = 2_000;
const LOOK_FOR_DUE_MS = 5_000;

export type WakeCalls = Pick<BrokerContext, 'wakePlacing' | 'wakeLeases'>;

/**
 * Starts the loops. `analyst` plans what nobody waits for, in a thread of its own, so that placing never waits for it. `connect` hands the context its wake-up calls, which exist only once the loops do.
 * In the embedded store a lock or claim found at the start belongs to a dead process (the directory has one owner), so it is dropped.
 */
export async function startBroker(
  context: BrokerContext,
  { planner, analyst }: { readonly planner: Planner; readonly analyst: RebalancePlanner },
  connect: (wake: WakeCalls) => void,
): Promise<RunningBroker> {
  if (context.store.kind !== 'postgres') {
    await clearLocks(context.store.database);
    await clearClaims(context.store.database);
    await clearPollClaims(context.store.database);
    await clearLookClaim(context.store.database);
  }
  await adoptConfiguration(context);
  const loops: Loop[] = [];

  const worker = createLeaseWorker(context);
  const leases = startLoop({ ...common(context, 'lease'), pass: () => worker.pass() });
  const placing = startPlacing(context, planner);
  loops.push(leases, placing, startPruning(context), startAdvice(context), startBuying(context));
  const rebalancing = startRebalancing(context, analyst);
  loops.push(startWatchingBudgets(context), rebalancing.loop);
  connect({ wakeLeases: leases.wake, wakePlacing: placing.wake });

  const readers: MarketReader[] = [];
  for (const provider of context.providers.values()) {
    const reader = createMarketReader(context, provider, () => market.wake());
    readers.push(reader);
    const market = startLoop({
      ...common(context, `${provider.id} market`),
      pass: async () => {
        await reader.begin();
        return LOOK_FOR_DUE_MS;
      },
    });
    loops.push(market, startReconciling(context, provider.id), startSweeping(context, provider));
    if (provider.pollInterruptions !== undefined) loops.push(startHearing(context, provider));
  }
  const deaf = await listen(context.store, 'leases', leases.wake);
  const deafToo = await listen(context.store, 'fleet', () => {
    placing.wake();
    rebalancing.giveUp();
  });

  return {
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
      await worker.idle();
      await Promise.all(readers.map((reader) => reader.idle()));
      await deaf();
      await deafToo();
    },
  };
}

/** Brings the store in step with what is configured. Throws when a provider that still owns machines is missing. */
async function adoptConfiguration(context: BrokerContext): Promise<void> {
  const orphaned = (await listNonFinalLeases(context.store.database)).filter(
    ({ pool }) => !context.providers.has(pool.provider),
  );
  const missing = [...new Set(orphaned.map(({ pool }) => pool.provider))];
  if (missing.length > 0) {
    throw new RangeError(
      `${orphaned.length} leases have machines at ${missing.join(', ')}, which is not configured: configure it again, or delete their workloads first`,
    );
  }
  for (const [provider, regions] of context.regions) {
    await context.store.transaction((transaction) => forgetOtherRegions(transaction, provider, regions));
  }
}

/** Plans, prices and events are append-only; this long a past is kept. */
const RETENTION_MS = 30 * 86_400_000;
const PRUNE_EVERY_MS = 3_600_000;

function startPruning(context: BrokerContext): Loop {
  return startLoop({
    ...common(context, 'retention'),
    pass: async () => {
      await pruneHistory(context.store.database, context.clock.now() - RETENTION_MS);
      return PRUNE_EVERY_MS;
    },
  });
}

/** Finalists change with each plan; how often each pool is asked about is rationed further down. */
const LOOK_FOR_FINALISTS_MS = 60_000;

function startAdvice(context: BrokerContext): Loop {
  return startLoop({
    ...common(context, 'advice'),
    pass: async () => {
      await askForAdvice(context);
      return LOOK_FOR_FINALISTS_MS;
    },
  });
}

const LOOK_AT_BUDGETS_MS = 60_000;

function startWatchingBudgets(context: BrokerContext): Loop {
  return startLoop({
    ...common(context, 'budgets'),
    pass: async () => {
      await watchBudgets(context);
      return LOOK_AT_BUDGETS_MS;
    },
  });
}

function common(context: BrokerContext, name: string) {
  return {
    clock: context.clock,
    retryAfterMs: RETRY_AFTER_ERROR_MS,
    onError: (error: unknown) =>
      context.logger.error(
        { loop: name, error: error instanceof Error ? error.message : String(error) },
        'A loop failed',
      ),
  };
}

function startPlacing(context: BrokerContext, planner: Planner): Loop {
  return startLoop({
    ...common(context, 'placing'),
    pass: async (signal) => {
      await context.clock.sleep(SETTLE_MS, signal);
      if (!(await marketKnown(context))) return LOOK_FOR_DUE_MS;
      const outcome = await place(context, planner);
      return outcome.again ? 0 : RETRY_HELD_MS;
    },
  });
}

/** A look is of a fleet as it was; `giveUp` ends it when that has changed, which leaves the processor to placing. */
function startRebalancing(context: BrokerContext, analyst: RebalancePlanner) {
  let looking = new AbortController();
  const loop = startLoop({
    ...common(context, 'rebalance'),
    pass: async () => {
      if (!(await marketKnown(context))) return LOOK_FOR_DUE_MS;
      looking = new AbortController();
      const outcome = await lookForRebalance(context, analyst, looking.signal);
      if (outcome === 'proposed' || outcome === 'nothing-pays')
        context.logger.info({ outcome }, 'Looked for a rebalance');
      return LOOK_FOR_DUE_MS;
    },
  });
  return { loop, giveUp: () => looking.abort(new GivenUp()) };
}

/** Nothing is placed before every region was tried once: a plan on one provider's offers would not be the cheapest. */
async function marketKnown(context: BrokerContext): Promise<boolean> {
  for (const kind of ['offers', 'quotas'] as const) {
    const states = await regionStates(context.store.database, kind);
    const tried = new Set(
      states.filter((state) => state.attemptedAt !== null).map((state) => `${state.provider}:${state.region}`),
    );
    for (const [provider, regions] of context.regions) {
      if (regions.some((region) => !tried.has(`${provider}:${region}`))) return false;
    }
  }
  return true;
}

/** Approved purchases of capacity blocks, and those whose outcome nobody can tell yet. */
function startBuying(context: BrokerContext): Loop {
  return startLoop({
    ...common(context, 'capacity blocks'),
    pass: async () => {
      await workPurchases(context);
      return LOOK_FOR_DUE_MS;
    },
  });
}

/** Notices say that work is about to be lost, so nothing else of the provider holds them up. */
function startHearing(context: BrokerContext, provider: Provider): Loop {
  return startLoop({
    ...common(context, `${provider.id} interruptions`),
    pass: async () => {
      await readInterruptions(context, provider);
      return context.settings.interruptionsSeconds * 1000;
    },
  });
}

/** Disks, interfaces and addresses: a loop of its own, since such listings are slow. */
function startSweeping(context: BrokerContext, provider: Provider): Loop {
  return startLoop({
    ...common(context, `${provider.id} leftovers`),
    pass: async () => {
      await sweepLeftovers(context, provider, context.regions.get(provider.id) ?? []);
      return context.settings.sweepSeconds * 1000;
    },
  });
}

function startReconciling(context: BrokerContext, providerId: ProviderId): Loop {
  let sweptAt = 0;
  return startLoop({
    ...common(context, `${providerId} reconcile`),
    pass: async () => {
      const provider = context.providers.get(providerId);
      if (provider === undefined) return LOOK_FOR_DUE_MS;
      const now = context.clock.now();
      const everywhere = now - sweptAt >= context.settings.sweepSeconds * 1000;
      if (everywhere) sweptAt = now;
      const regions = everywhere ? (context.regions.get(providerId) ?? []) : null;
      await reconcileProvider(context, provider, regions);
      return context.settings.reconcileSeconds * 1000;
    },
  });
}
