/**
 * Notices from the SQS queues into which an EventBridge rule puts the account's EC2 and Health events. SQS delivers at least once:
 * what a page showed is deleted by the next call, so that a crash in between brings it again.
 */
import type { Message } from '@aws-sdk/client-sqs';
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { Call, InterruptionNotice, InterruptionPage } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { AwsContext } from './context.ts';
import { ask, errorOf } from './errors.ts';
import type { Told } from './event-bridge.ts';
import { readEvent } from './event-bridge.ts';
import { describeAll, LARGEST_PAGE } from './instances.ts';

/** What SQS gives and takes at once. */
const BATCH = 10;
/** Batches read from one queue in a call: the rest waits for the next. */
const BATCHES = 5;
/** How long SQS hides what it gave: longer than the broker takes to store it and to come back. */
const HIDDEN_SECONDS = 120;
/** Ids in one filter (EC2: 200 values). */
const FILTER_VALUES = 200;

const Cursor = z.record(z.string(), z.array(z.string()));
/** Receipt handles by region. */
type Receipts = Readonly<Record<string, readonly string[]>>;

interface RegionPage {
  readonly notices: readonly InterruptionNotice[];
  readonly receipts: readonly string[];
  readonly error: ProviderError | null;
}

/** Regions without a queue say nothing. One queue that fails is the page's error and does not hold up the others. */
export async function pollInterruptions(
  context: AwsContext,
  queues: Readonly<Record<string, string>>,
  cursor: string | null,
  call: Call,
): Promise<InterruptionPage> {
  const receipts = readCursor(cursor);
  const regions = context.regions.filter((region) => queues[region] !== undefined);
  const pages = await Promise.all(
    regions.map(async (region) => {
      const page = await pollRegion(context, region, queues[region] ?? '', receipts[region] ?? [], call);
      return { region, ...page };
    }),
  );
  const next = Object.fromEntries(
    pages.filter((page) => page.receipts.length > 0).map((page) => [page.region, page.receipts]),
  );
  return {
    notices: pages.flatMap(({ notices }) => notices),
    cursor: Object.keys(next).length === 0 ? null : JSON.stringify(next),
    error: pages.find(({ error }) => error !== null)?.error ?? null,
  };
}

/** A cursor that cannot be read acknowledges nothing: SQS then delivers again. */
function readCursor(cursor: string | null): Receipts {
  if (cursor === null) return {};
  try {
    return Cursor.parse(JSON.parse(cursor));
  } catch {
    return {};
  }
}

async function pollRegion(
  context: AwsContext,
  region: string,
  queueUrl: string,
  acknowledged: readonly string[],
  call: Call,
): Promise<RegionPage> {
  let left = acknowledged;
  try {
    await deleteMessages(context, region, queueUrl, acknowledged, call);
    left = [];
    const messages = await receiveMessages(context, region, queueUrl, call);
    const told = messages.map((message) => ({ message, told: readEvent(message.Body ?? '', region) }));
    const ended = await endedByOthers(
      context,
      region,
      told.flatMap((each) => each.told ?? []),
      call,
    );
    return {
      notices: told.flatMap((each) => noticesFrom(each.told, ended)),
      // Nothing to say, or nothing that can be read: deleted with the rest.
      receipts: messages.flatMap(({ ReceiptHandle: handle }) => handle ?? []),
      error: null,
    };
  } catch (thrown) {
    call.signal.throwIfAborted();
    const error =
      thrown instanceof ProviderError ? thrown : errorOf(thrown, { operation: 'ReceiveMessage', mutating: false });
    return { notices: [], receipts: left, error };
  }
}

async function deleteMessages(
  { clients }: AwsContext,
  region: string,
  queueUrl: string,
  receipts: readonly string[],
  call: Call,
): Promise<void> {
  // Whether it happened does not matter: deleting twice is deleting once.
  const attempted = { operation: 'DeleteMessageBatch', mutating: false };
  for (let start = 0; start < receipts.length; start += BATCH) {
    const entries = receipts
      .slice(start, start + BATCH)
      .map((handle, index) => ({ Id: String(index), ReceiptHandle: handle }));
    // A handle that SQS refuses has expired: its message comes again.
    await ask(attempted, call, (options) =>
      clients.sqs(region).send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }), options),
    );
  }
}

async function receiveMessages(
  { clients }: AwsContext,
  region: string,
  queueUrl: string,
  call: Call,
): Promise<readonly Message[]> {
  // Receiving only hides messages for a while.
  const attempted = { operation: 'ReceiveMessage', mutating: false };
  const messages: Message[] = [];
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const answer = await ask(attempted, call, (options) =>
      clients.sqs(region).send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: BATCH,
          VisibilityTimeout: HIDDEN_SECONDS,
          WaitTimeSeconds: 0,
        }),
        options,
      ),
    );
    messages.push(...(answer.Messages ?? []));
    if ((answer.Messages ?? []).length === 0) break;
  }
  return messages;
}

/**
 * EventBridge says that a machine ended, not who ended it: EC2 does, for about an hour. What was asked for over the API is no
 * interruption; it may have been us. Of a machine that EC2 no longer lists nobody can say: it is told, rather than kept silent.
 */
async function endedByOthers(
  context: AwsContext,
  region: string,
  told: readonly Told[],
  call: Call,
): Promise<(instanceId: string) => boolean> {
  const ids = [...new Set(told.filter(({ kind }) => kind === 'taken').map(({ instanceId }) => instanceId))];
  const asked = new Set<string>();
  for (let start = 0; start < ids.length; start += FILTER_VALUES) {
    // A filter, not a list of ids: one unknown id would fail the whole call.
    const filters = [{ Name: 'instance-id', Values: ids.slice(start, start + FILTER_VALUES) }];
    for (const instance of await describeAll(context.clients.ec2(region), filters, LARGEST_PAGE, call)) {
      const { InstanceId: id, StateReason: reason } = instance;
      if (id !== undefined && reason?.Code === 'Client.UserInitiatedShutdown') asked.add(id);
    }
  }
  return (instanceId) => !asked.has(instanceId);
}

function noticesFrom(
  told: readonly Told[] | null,
  endedByOther: (instanceId: string) => boolean,
): readonly InterruptionNotice[] {
  return (told ?? []).filter(({ kind, instanceId }) => kind !== 'taken' || endedByOther(instanceId));
}
