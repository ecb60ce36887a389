import type { EpochMs } from '../domain/time.ts';
import {
  type Call,
  type Instance,
  type Leftover,
  type LeftoverSnapshot,
  type OwnedQuery,
  type OwnedSnapshot,
  type Provider,
  ProviderError,
} from '../providers/provider.ts';
import { type LeaseRow, listLiveLeases, wakeLease } from '../store/leases.ts';
import { noteLeftoverError } from '../store/leftovers.ts';
import { callProvider, READ_LIMITS, REFRESH_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';
import { accountForFound, closeSweep, type Found, tellRemoved } from './leftovers.ts';

/**
 * Brings promise and truth together for one provider: leases whose machine a complete listing lacks are looked at by their worker;
 * machines that no lease accounts for are reported or removed (see `leftovers.ts`). A region that did not answer
 * completely proves nothing. `sweep` names the regions to look for orphans in; null = only where leases are.
 */
export async function reconcileProvider(
  context: BrokerContext,
  provider: Provider,
  sweep: readonly string[] | null,
): Promise<void> {
  const leases = await listLiveLeases(context.store.database, provider.id);
  const regions = sweep ?? [...new Set(leases.map((lease) => lease.pool.region))];
  if (regions.length === 0) return;
  const startedAt = context.clock.now();
  const query = { owner: context.settings.owner, regions };
  const snapshot = await askOwned(context, provider, query);
  await doubtMissing(context, snapshot, leases, startedAt);
  // What belongs to a live lease needs no further look; thousands of machines do, every few seconds.
  const live = new Set(leases.map(({ attemptId }) => attemptId));
  for (const instance of snapshot.instances) {
    if (!live.has(instance.ref.idempotencyKey)) await accountFor(context, provider, instance, startedAt);
  }
  if (sweep === null) return;
  const shown = new Set(snapshot.instances.map(({ ref }) => ref.region));
  await closeSweep(context, provider, { subject: 'machines', regions, outcomes: snapshot.regions, shown, startedAt });
}

/** A listing that failed as a whole is one that failed in each region. */
async function askOwned(context: BrokerContext, provider: Provider, query: OwnedQuery): Promise<OwnedSnapshot> {
  try {
    return await callProvider(context, READ_LIMITS, (call) => provider.listOwned(query, call));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    context.logger.warn({ provider: provider.id, kind: error.kind, code: error.code }, 'Machines could not be listed');
    return { instances: [], regions: query.regions.map((region) => ({ region, complete: false, error })) };
  }
}

/** A partial listing proves nothing, and one that began before the lease was ready may be older than the machine. */
async function doubtMissing(
  context: BrokerContext,
  snapshot: OwnedSnapshot,
  leases: readonly LeaseRow[],
  startedAt: number,
): Promise<void> {
  const complete = new Set(snapshot.regions.filter((outcome) => outcome.complete).map((outcome) => outcome.region));
  const healthy = new Set(
    snapshot.instances
      .filter((instance) => instance.state === 'running' || instance.state === 'pending')
      .map((instance) => instance.ref.idempotencyKey),
  );
  const doubted = leases.filter(
    (lease) =>
      lease.state === 'ready' &&
      complete.has(lease.pool.region) &&
      lease.readyAt !== null &&
      lease.readyAt < startedAt &&
      !healthy.has(lease.attemptId ?? ''),
  );
  for (const lease of doubted) await wakeLease(context.store.database, lease.id, context.clock.now());
  if (doubted.length > 0) context.wakeLeases();
}

/** A machine on its way out needs nothing more, but it is not gone yet. One that cannot be ended holds up no other. */
async function accountFor(context: BrokerContext, provider: Provider, instance: Instance, now: EpochMs): Promise<void> {
  if (instance.state === 'gone') return;
  const { idempotencyKey: attemptId, instanceId, region, zone } = instance.ref;
  const found: Found = {
    ...{ provider: provider.id, region, zone, kind: 'machine', attemptId },
    cloudId: instanceId ?? attemptId,
    createdAt: instance.launchedAt,
  };
  if (!(await accountForFound(context, found, now)) || instance.state === 'stopping') return;
  await removing(context, found, (call) => provider.terminate(instance.ref, call));
}

/**
 * Looks for disks, interfaces and addresses that no machine of ours uses, in every configured region, and removes what is to be removed.
 * May be cut off anywhere: what is left is found again by the next one.
 */
export async function sweepLeftovers(
  context: BrokerContext,
  provider: Provider,
  regions: readonly string[],
): Promise<void> {
  const startedAt = context.clock.now();
  const snapshot = await askLeftovers(context, provider, regions);
  const doomed: Leftover[] = [];
  for (const leftover of snapshot.leftovers) {
    if (await accountForFound(context, foundOf(provider, leftover), startedAt)) doomed.push(leftover);
  }
  const shown = new Set(snapshot.leftovers.map(({ region }) => region));
  const outcomes = snapshot.regions;
  await closeSweep(context, provider, { subject: 'leftovers', regions, outcomes, shown, startedAt });
  await removeAll(context, provider, doomed);
}

async function askLeftovers(
  context: BrokerContext,
  provider: Provider,
  regions: readonly string[],
): Promise<LeftoverSnapshot> {
  const query = { owner: context.settings.owner, regions };
  try {
    return await callProvider(context, REFRESH_LIMITS, (call) => provider.listLeftovers(query, call));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { leftovers: [], regions: regions.map((region) => ({ region, complete: false, error })) };
  }
}

function foundOf(provider: Provider, leftover: Leftover): Found {
  const { region, zone, kind, id, idempotencyKey, createdAt } = leftover;
  return { provider: provider.id, region, zone, kind, cloudId: id, attemptId: idempotencyKey, createdAt };
}

const REMOVAL_ROUNDS = 10;
const REMOVAL_PAUSE_MS = 1_000;

/** Asks again until the cloud says gone, a few times; the rest is for the next sweep. One that cannot be removed holds up no other. */
async function removeAll(context: BrokerContext, provider: Provider, doomed: readonly Leftover[]): Promise<void> {
  let waiting = doomed;
  for (let round = 0; round < REMOVAL_ROUNDS && waiting.length > 0; round += 1) {
    if (round > 0) await context.clock.sleep(REMOVAL_PAUSE_MS, context.signal);
    const next: Leftover[] = [];
    for (const leftover of waiting) {
      const found = foundOf(provider, leftover);
      const answer = await removing(context, found, (call) => provider.removeLeftover(leftover, call));
      if (answer === 'removing') next.push(leftover);
    }
    waiting = next;
  }
}

/** Asks once for something to be removed; why it could not be is kept with it. */
async function removing<Answer extends string>(
  context: BrokerContext,
  found: Found,
  remove: (call: Call) => Promise<Answer>,
): Promise<Answer | 'failed'> {
  try {
    const answer = await callProvider(context, READ_LIMITS, remove);
    if (answer === 'gone') await tellRemoved(context, found);
    return answer;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const { provider, kind, cloudId } = found;
    context.logger.warn({ provider, kind, cloudId, error: error.message }, 'Something left over stays');
    await noteLeftoverError(context.store.database, found, error.message);
    return 'failed';
  }
}
