import { once } from 'node:events';
import type { Response } from 'express';
import type { BrokerService } from '../broker/service.ts';
import type { Clock } from '../domain/time.ts';
import { eventJson } from './resources/events.ts';

const POLL_MS = 1000;
/** Proxies close a connection that is silent for half a minute or more. */
const HEARTBEAT_MS = 15_000;
const PAGE_SIZE = 500;

interface EventStream {
  readonly service: BrokerService;
  readonly clock: Clock;
  readonly workloadId: string | null;
  /** Events after this one; null = from the oldest. */
  readonly cursor: string | null;
}

/**
 * Sends events as they come until the client goes away (Server-Sent Events). Each carries its sequence as id, so that a
 * client that reconnects with `Last-Event-ID` misses nothing. The first page is read before anything is sent: a bad
 * cursor is still answered with a problem.
 */
export async function streamEvents(response: Response, stream: EventStream): Promise<void> {
  const { service, clock, workloadId } = stream;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  let page = await service.listEvents({ workloadId }, { cursor: stream.cursor, limit: PAGE_SIZE });
  let cursor = stream.cursor;
  let sentAt = clock.now();
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  while (!gone.signal.aborted) {
    for (const event of page.items) {
      cursor = String(event.sequence);
      sentAt = clock.now();
      await write(response, `id: ${cursor}\ndata: ${JSON.stringify(eventJson(event))}\n\n`, gone.signal);
    }
    if (clock.now() - sentAt >= HEARTBEAT_MS) {
      sentAt = clock.now();
      await write(response, ': still here\n\n', gone.signal);
    }
    if (page.items.length < PAGE_SIZE) await clock.sleep(POLL_MS, gone.signal);
    page = await service.listEvents({ workloadId }, { cursor, limit: PAGE_SIZE });
  }
}

/** Waits for a slow client instead of piling up what it has not read. */
async function write(response: Response, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(text)) await once(response, 'drain', { signal });
}
