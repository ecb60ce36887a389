import type { InterruptionKind } from '../domain/interruption.ts';
import { isFinal } from '../domain/lease.ts';
import type { EpochMs } from '../domain/time.ts';
import { type InterruptionPage, type Provider, ProviderError } from '../providers/provider.ts';
import { appendEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { claimPoll, endPoll, insertNotice, type NoticeSource } from '../store/interruptions.ts';
import { findLeaseByInstance, type LeaseRow, takeLease, wakeLease } from '../store/leases.ts';
import type { Handle } from '../store/open-store.ts';
import { callProvider, READ_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';
import { blockPool } from './refusals.ts';

/** A poll that has not ended by then is taken over: longer than a call with its repeats may last. */
const CLAIM_SECONDS = 60;
/** Pages read one after the other before the loop pauses: a cloud that takes many machines at once tells it in many pages. */
const MOST_PAGES = 50;
/** No machine drains longer than this, whatever deadline is stated. */
const LONGEST_DRAIN_MS = 900_000;
/** Risks of one machine within this are one risk. */
const RISK_SPAN_MS = 600_000;

/** What somebody said of the machine of a lease. */
export interface Heard {
  readonly kind: InterruptionKind;
  readonly source: NoticeSource;
  readonly noticedAt: EpochMs;
  readonly deadlineAt: EpochMs | null;
  /** The vendor's words. */
  readonly message: string;
}

/** Reads the provider's notices and acts on them, until there are no more for now. Without `pollInterruptions` there are none. */
export async function readInterruptions(context: BrokerContext, provider: Provider): Promise<void> {
  for (let page = 0; page < MOST_PAGES; page += 1) {
    if (!(await readPage(context, provider))) return;
  }
}

/**
 * Reads one page. The notices, all that follows from them and the cursor that acknowledges them are written in one transaction: after a
 * crash the cloud delivers them again, and nothing is done twice. Returns whether more may be waiting.
 */
async function readPage(context: BrokerContext, provider: Provider): Promise<boolean> {
  const poll = provider.pollInterruptions;
  if (poll === undefined) return false;
  const claim = context.newId();
  const now = context.clock.now();
  const mine = { provider: provider.id, claim, now, claimSeconds: CLAIM_SECONDS };
  const before = await claimPoll(context.store.database, mine);
  if (before === null) return false;
  const page = await ask(context, poll.bind(provider), before.cursor);
  const error = page.error?.message ?? null;
  const at = context.clock.now();
  const replan = await context.store.transaction(async (transaction) => {
    const end = { provider: provider.id, claim, cursor: page.cursor, error, at };
    if (!(await endPoll(transaction, end))) return false;
    if ((error === null) !== (before.error === null)) await tellHearing(transaction, provider, error, at);
    let lostPlaces = false;
    for (const notice of page.notices) {
      const { region, instanceId, kind, deadlineAt, message } = notice;
      const lease = await findLeaseByInstance(transaction, { provider: provider.id, region, instanceId });
      if (lease === null) continue;
      const heard: Heard = { kind, source: 'cloud', noticedAt: notice.at, deadlineAt, message };
      lostPlaces = (await hear(transaction, provider, lease, heard, at)).replan || lostPlaces;
    }
    if (lostPlaces) await raiseFleetRevision(transaction);
    return lostPlaces;
  });
  if (page.notices.length > 0) context.wakeLeases();
  if (replan) context.wakePlacing();
  return page.error === null && page.notices.length > 0 && page.cursor !== before.cursor;
}

type Poll = NonNullable<Provider['pollInterruptions']>;

/** A failure is a page without notices: the old cursor stays, so nothing is lost. */
async function ask(context: BrokerContext, poll: Poll, cursor: string | null): Promise<InterruptionPage> {
  try {
    return await callProvider(context, READ_LIMITS, (call) => poll(cursor, call));
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { notices: [], cursor, error };
  }
}

export interface HearingResult {
  /** False = it was known already, or there is nothing to do about it any more. */
  readonly isNew: boolean;
  /** The lease served until now: its place is to be filled again. */
  readonly replan: boolean;
}

/**
 * Acts on one notice in the caller's transaction. A lease that is ending anyway, or that its own workload gave up, is left alone: the
 * cloud then only tells what we did ourselves.
 */
export async function hear(
  transaction: Handle,
  provider: Provider,
  lease: LeaseRow,
  heard: Heard,
  at: EpochMs,
): Promise<HearingResult> {
  const ending = isFinal(lease.state) || lease.state === 'terminating' || lease.state === 'lost';
  if (ending || (!lease.wanted && lease.unwantedReason === null)) return { isNew: false, replan: false };
  const { kind, source, noticedAt, message } = heard;
  const deadlineAt = deadlineOf(provider, heard);
  const { provider: id, region } = lease.pool;
  const machine = { leaseId: lease.id, provider: id, region, instanceId: lease.instanceId ?? lease.attemptId ?? '' };
  const notice = {
    ...machine,
    key: keyOf(lease.id, heard),
    kind,
    source,
    noticedAt,
    deadlineAt,
    receivedAt: at,
    message,
  };
  if (!(await insertNotice(transaction, notice))) return { isNew: false, replan: false };
  const told = inWords(lease, heard, deadlineAt);
  await appendEvent(transaction, {
    at,
    type: `interruption.${kind}`,
    workloadId: lease.workloadId,
    leaseId: lease.id,
    message: told,
    data: { source, noticedAt, deadlineAt, instanceId: notice.instanceId, replicas: lease.replicas },
  });
  return { isNew: true, replan: await follow(transaction, lease, { kind, told, deadlineAt }, at) };
}

async function follow(
  transaction: Handle,
  lease: LeaseRow,
  notice: { readonly kind: InterruptionKind; readonly told: string; readonly deadlineAt: EpochMs | null },
  at: EpochMs,
): Promise<boolean> {
  const { kind, told, deadlineAt } = notice;
  if (kind === 'risk') {
    await blockPool(transaction, lease, `at risk: ${told}`, at);
    return false;
  }
  if (kind === 'maintenance') {
    // Looked at by its worker, which sees whether the machine still runs.
    await wakeLease(transaction, lease.id, at);
    return false;
  }
  const drainUntil = kind === 'taken' ? null : Math.min(deadlineAt ?? at, at + LONGEST_DRAIN_MS);
  const served = await takeLease(transaction, { id: lease.id, reason: told, drainUntil, taken: kind === 'taken', at });
  if (served) await blockPool(transaction, lease, `interruption: ${told}`, at);
  return served;
}

/** Where the cloud names no deadline, its usual notice time is counted from the notice. */
function deadlineOf(provider: Provider, heard: Heard): EpochMs | null {
  if (heard.deadlineAt !== null || heard.kind !== 'notice') return heard.deadlineAt;
  return heard.noticedAt + (provider.capabilities.spotNoticeSeconds ?? 0) * 1000;
}

/** What is one and the same notice, whoever tells it. */
function keyOf(leaseId: string, { kind, noticedAt, deadlineAt }: Heard): string {
  switch (kind) {
    case 'notice':
    case 'taken':
      return `${leaseId}:${kind}`;
    case 'maintenance':
      return `${leaseId}:${kind}:${deadlineAt ?? 'now'}`;
    case 'risk':
      return `${leaseId}:${kind}:${Math.floor(noticedAt / RISK_SPAN_MS)}`;
  }
}

function inWords(lease: LeaseRow, { kind, message, source }: Heard, deadlineAt: EpochMs | null): string {
  const machine = lease.instanceId ?? `of attempt ${lease.attemptId}`;
  const when = deadlineAt === null ? 'soon' : `at ${new Date(deadlineAt).toISOString()}`;
  const what = {
    notice: `${lease.pool.provider} will take machine ${machine} ${when}`,
    taken: `${lease.pool.provider} has taken machine ${machine}`,
    risk: `Machine ${machine} is at elevated risk of being taken`,
    maintenance: `${lease.pool.provider} will stop or restart machine ${machine} ${when}`,
  }[kind];
  return `${what}${source === 'machine' ? ', says the machine' : ''}${message === '' ? '' : `: ${message}`}`;
}

/** Told once when the channel breaks and once when it works again: unheard notices cost work. */
async function tellHearing(transaction: Handle, provider: Provider, error: string | null, at: EpochMs): Promise<void> {
  await appendEvent(transaction, {
    at,
    type: error === null ? 'interruptions.heard' : 'interruptions.unheard',
    workloadId: null,
    leaseId: null,
    message:
      error === null
        ? `Interruption notices of ${provider.id} are heard again`
        : `Interruption notices of ${provider.id} cannot be heard; lost machines are noticed by the reconciler only: ${error}`,
    data: { provider: provider.id },
  });
}
