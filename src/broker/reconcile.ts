import { isFinal } from '../domain/lease.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { Instance, OwnedSnapshot, Provider } from '../providers/provider.ts';
import { appendEvent } from '../store/events.ts';
import { findLeaseByAttempt, type LeaseRow, listLiveLeases, wakeLease } from '../store/leases.ts';
import { callProvider, READ_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';

/**
 * Brings promise and truth together for one provider: leases whose machine a complete listing lacks are looked at by their worker;
 * machines that no lease accounts for are reported, and removed once they are older than the grace period. A region that did not answer
 * completely proves nothing. `sweep` names the regions to look for orphans in; null = only where leases are.
 */
export async function reconcileProvider(
  context: BrokerContext,
  provider: Provider,
  sweep: readonly string[] | null,
  reported: Set<string>,
): Promise<void> {
  const leases = await listLiveLeases(context.store.database, provider.id);
  const regions = sweep ?? [...new Set(leases.map((lease) => lease.pool.region))];
  if (regions.length === 0) return;
  const startedAt = context.clock.now();
  const query = { owner: context.settings.owner, regions };
  const snapshot = await callProvider(context, READ_LIMITS, (call) => provider.listOwned(query, call));
  await doubtMissing(context, snapshot, leases, startedAt);
  for (const instance of snapshot.instances) {
    await accountFor(context, provider, instance, startedAt, reported);
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

async function accountFor(
  context: BrokerContext,
  provider: Provider,
  instance: Instance,
  now: number,
  reported: Set<string>,
): Promise<void> {
  if (instance.state === 'gone' || instance.state === 'stopping') return;
  const { idempotencyKey: attemptId } = instance.ref;
  const lease = await findLeaseByAttempt(context.store.database, attemptId);
  if (lease !== null && lease.attemptId === attemptId && !isFinal(lease.state)) return;
  const name = `${provider.id}/${instance.ref.region}/${instance.ref.instanceId ?? attemptId}`;
  const ageMs = now - (instance.launchedAt ?? now);
  if (ageMs < context.settings.orphanGraceSeconds * 1000) return;
  const ours = lease !== null;
  const remove = ours || context.settings.removeOrphans;
  if (!reported.has(name)) {
    reported.add(name);
    await reportOrphan(context, provider.id, name, remove, ageMs);
  }
  if (remove) await callProvider(context, READ_LIMITS, (call) => provider.terminate(instance.ref, call));
}

async function reportOrphan(
  context: BrokerContext,
  provider: ProviderId,
  name: string,
  remove: boolean,
  ageMs: number,
): Promise<void> {
  const fate = remove ? 'it is being removed' : 'remove it by hand, or set sweep.removeOrphans';
  await appendEvent(context.store.database, {
    at: context.clock.now(),
    type: 'orphan.found',
    workloadId: null,
    leaseId: null,
    message: `Machine ${name} carries our owner tag and no lease accounts for it (${Math.round(ageMs / 1000)} s old): ${fate}`,
    data: { provider, name, remove },
  });
}
