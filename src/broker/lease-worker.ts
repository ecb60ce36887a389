import { isFinal } from '../domain/lease.ts';
import { claimDueLeases, extendLock, type LeaseRow, nextDueAt, releaseLock } from '../store/leases.ts';
import type { BrokerContext } from './context.ts';
import { stepLaunching, stepPlanned } from './launching.ts';
import { move, type StepResult } from './lease-moves.ts';
import { READY_LOOK_MS, stepDraining, stepReady, stepStarting, stepTerminating } from './observing.ts';

/** Leases worked at the same time by one process: most of a step is waiting for a cloud. */
const CONCURRENCY = 32;
/** A crashed process's leases are taken over after this. */
export const LOCK_SECONDS = 15;
const HEARTBEAT_MS = 5_000;
const LONGEST_PAUSE_MS = 1_000;
const AFTER_ERROR_MS = 2_000;

export interface LeaseWorker {
  /** One round for `startLoop`: claims what is due and starts working it; slow clouds hold up nobody else's leases. */
  pass(): Promise<number>;
  /** Resolves when no step is under way any more. */
  idle(): Promise<void>;
}

export function createLeaseWorker(context: BrokerContext): LeaseWorker {
  const active = new Map<string, Promise<void>>();
  let claims = 0;

  async function pass(): Promise<number> {
    const room = CONCURRENCY - active.size;
    if (room <= 0) return LONGEST_PAUSE_MS;
    const now = context.clock.now();
    claims += 1;
    const holder = `${context.holder}:${claims}`;
    const due = await claimDueLeases(context.store.database, { now, limit: room, holder, lockSeconds: LOCK_SECONDS });
    for (const lease of due) {
      const work = workLease(context, lease).finally(() => {
        active.delete(lease.id);
        context.wakeLeases();
      });
      active.set(lease.id, work);
    }
    // Fewer than there is room for: there are no more.
    if (due.length === room) return 0;
    const next = await nextDueAt(context.store.database);
    return next === null ? LONGEST_PAUSE_MS : Math.min(Math.max(next - now, 10), LONGEST_PAUSE_MS);
  }

  return {
    pass,
    idle: async () => {
      await Promise.all(active.values());
    },
  };
}

/** One step of one lease, with its lock kept alive meanwhile, and given back afterwards. Never throws. */
async function workLease(context: BrokerContext, lease: LeaseRow): Promise<void> {
  const finished = new AbortController();
  const beating = keepLock(context, lease, finished.signal);
  let result: StepResult;
  try {
    result = await step(context, lease);
  } catch (error) {
    context.logger.warn({ lease: lease.id, state: lease.state, error: String(error) }, 'A lease step failed');
    result = { waitMs: AFTER_ERROR_MS };
  } finally {
    finished.abort();
  }
  try {
    await beating;
    await giveBack(context, lease, result);
  } catch (error) {
    context.logger.error({ lease: lease.id, error: String(error) }, 'A lease lock could not be given back');
  }
}

async function giveBack(context: BrokerContext, lease: LeaseRow, result: StepResult): Promise<void> {
  if (result === 'stale') return;
  const now = context.clock.now();
  if ('waitMs' in result) {
    await releaseLock(context.store.database, { id: lease.id, token: lease.lockToken, notBefore: now + result.waitMs });
    return;
  }
  // A final lease has lost its lock already.
  if (isFinal(result.moved)) return;
  const notBefore = result.moved === 'ready' ? now + READY_LOOK_MS : now;
  await releaseLock(context.store.database, { id: lease.id, token: lease.lockToken, notBefore });
}

async function keepLock(context: BrokerContext, lease: LeaseRow, finished: AbortSignal): Promise<void> {
  while (!finished.aborted) {
    try {
      await context.clock.sleep(HEARTBEAT_MS, finished);
    } catch {
      return;
    }
    const now = context.clock.now();
    const lock = { id: lease.id, token: lease.lockToken, now, lockSeconds: LOCK_SECONDS };
    try {
      if (!(await extendLock(context.store.database, lock))) return;
    } catch (error) {
      // Nobody waits for this promise yet, so a rejection would end the process. Without the lock nothing is written, and the next beat may work.
      context.logger.warn({ lease: lease.id, error: String(error) }, 'A lease lock could not be kept');
    }
  }
}

function step(context: BrokerContext, lease: LeaseRow): Promise<StepResult> {
  const provider = context.providers.get(lease.pool.provider);
  if (provider === undefined) {
    throw new Error(
      `Provider ${lease.pool.provider} is not configured, but lease ${lease.id} has a machine there: configure it again`,
    );
  }
  switch (lease.state) {
    case 'planned':
      return stepPlanned(context, lease, provider);
    case 'launching':
      return stepLaunching(context, lease, provider);
    case 'starting':
      return stepStarting(context, lease, provider);
    case 'ready':
      return stepReady(context, lease, provider);
    case 'draining':
      return stepDraining(context, lease, provider);
    case 'lost':
      return move(context, lease, 'terminating', { reason: 'Clearing what may be left of it' });
    case 'terminating':
      return stepTerminating(context, lease, provider);
    case 'gone':
    case 'failed':
      throw new Error(`Lease ${lease.id} is ${lease.state} and was claimed all the same`);
  }
}
