import { isFinal } from '../domain/lease.ts';
import type { SweepOutcome, SweepSubject } from '../domain/leftover.ts';
import type { EpochMs } from '../domain/time.ts';
import type { Provider, RegionOutcome } from '../providers/provider.ts';
import { appendEvent } from '../store/events.ts';
import { findLeaseByAttempt } from '../store/leases.ts';
import {
  forgetLeftover,
  forgetUnseen,
  type LeftoverRow,
  recordSweep,
  type SeenLeftover,
  seeLeftover,
  setLeftoverState,
} from '../store/leftovers.ts';
import type { BrokerContext } from './context.ts';

/** What was found in a cloud with our owner tag, before it is known whose it is. */
export type Found = Omit<SeenLeftover, 'leaseId'>;

/**
 * Whose it is, and what becomes of it. What belongs to a lease that is not final is left alone. What a lease of ours left behind is to be
 * removed, once reads of the cloud must have caught up with its end. What nobody here knows is reported when it is older than the grace
 * period, and removed only where the settings say so. Returns true where it is to be removed now. `seenAt` is when the listing began.
 */
export async function accountForFound(context: BrokerContext, found: Found, seenAt: EpochMs): Promise<boolean> {
  const { database } = context.store;
  const lease = found.attemptId === null ? null : await findLeaseByAttempt(database, found.attemptId);
  if (lease !== null && lease.attemptId === found.attemptId && !isFinal(lease.state)) {
    await forgetLeftover(database, found);
    return false;
  }
  const row = await seeLeftover(database, { ...found, leaseId: lease?.id ?? null }, seenAt);
  const { orphanGraceSeconds, removeOrphans, visibilitySeconds } = context.settings;
  const isOurs = lease !== null;
  const since = isOurs ? (lease.goneAt ?? lease.updatedAt) : (row.createdAt ?? row.firstSeenAt);
  const waitSeconds = isOurs ? visibilitySeconds : orphanGraceSeconds;
  if (seenAt - since < waitSeconds * 1000) return false;
  const remove = isOurs || removeOrphans;
  await report(context, row, remove ? 'removing' : 'reported', seenAt);
  return remove;
}

async function report(
  context: BrokerContext,
  row: LeftoverRow,
  state: 'removing' | 'reported',
  at: EpochMs,
): Promise<void> {
  await context.store.transaction(async (transaction) => {
    if (!(await setLeftoverState(transaction, row, state))) return;
    const age = Math.round((at - (row.createdAt ?? row.firstSeenAt)) / 1000);
    const whose = row.leaseId === null ? 'no lease accounts for it' : `its lease ${row.leaseId} has ended`;
    const fate = state === 'removing' ? 'it is being removed' : 'remove it by hand, or set sweep.removeOrphans';
    await appendEvent(transaction, {
      at,
      type: row.kind === 'machine' ? 'orphan.found' : 'leftover.found',
      workloadId: null,
      leaseId: row.leaseId,
      message: `${nameOf(row)} carries our owner tag and ${whose} (${age} s old): ${fate}`,
      data: { ...dataOf(row), remove: state === 'removing' },
    });
  });
}

/** The cloud says that it is gone. */
export async function tellRemoved(context: BrokerContext, row: Pick<LeftoverRow, keyof Found>): Promise<void> {
  await context.store.transaction(async (transaction) => {
    if (!(await forgetLeftover(transaction, row))) return;
    await appendEvent(transaction, removedEvent(row, context.clock.now()));
  });
}

function removedEvent(row: Pick<LeftoverRow, keyof Found>, at: EpochMs) {
  return {
    at,
    type: row.kind === 'machine' ? 'orphan.removed' : 'leftover.removed',
    workloadId: null,
    leaseId: null,
    message: `${nameOf(row)} is gone`,
    data: dataOf(row),
  };
}

/**
 * Writes down how each region answered. Only a complete answer proves anything about what it did not show: that is gone, and told where
 * people had been told of it. A region that the answer does not even name failed.
 */
export async function closeSweep(
  context: BrokerContext,
  provider: Provider,
  sweep: {
    readonly subject: SweepSubject;
    readonly regions: readonly string[];
    readonly outcomes: readonly RegionOutcome[];
    /** Regions in which something was shown. */
    readonly shown: ReadonlySet<string>;
    readonly startedAt: EpochMs;
  },
): Promise<void> {
  const { subject, startedAt } = sweep;
  const byRegion = new Map(sweep.outcomes.map((outcome) => [outcome.region, outcome]));
  for (const region of sweep.regions) {
    const answered = byRegion.get(region);
    const outcome = outcomeOf(answered, sweep.shown.has(region));
    const error = outcome === 'complete' ? null : (answered?.error?.message ?? 'the answer was not complete');
    await context.store.transaction(async (transaction) => {
      await recordSweep(transaction, { provider: provider.id, region, subject, outcome, sweptAt: startedAt, error });
      if (outcome !== 'complete') return;
      const gone = await forgetUnseen(transaction, { provider: provider.id, region, subject, since: startedAt });
      for (const row of gone.filter(({ state }) => state !== 'waiting')) {
        await appendEvent(transaction, removedEvent(row, context.clock.now()));
      }
    });
  }
}

function outcomeOf(answered: RegionOutcome | undefined, hasShown: boolean): SweepOutcome {
  if (answered?.complete === true) return 'complete';
  return hasShown || (answered !== undefined && answered.error === null) ? 'partial' : 'failed';
}

const KIND_NAMES = { machine: 'Machine', disk: 'Disk', 'network-interface': 'Network interface', address: 'Address' };

function nameOf(row: Pick<LeftoverRow, 'kind' | 'provider' | 'region' | 'cloudId'>): string {
  return `${KIND_NAMES[row.kind]} ${row.provider}/${row.region}/${row.cloudId}`;
}

function dataOf({ provider, region, zone, kind, cloudId, attemptId }: Pick<LeftoverRow, keyof Found>) {
  return { provider, region, zone, kind, id: cloudId, attemptId };
}
