/** One standard queue per region, into which an EventBridge rule puts the account's EC2 events. All times are the world's. */
import type { World } from '../world/contract.ts';
import { ec2Events } from './event-bridge.ts';

/** The one queue that the emulated account has in each region. */
export const QUEUE_NAME = 'gpu-broker-interruptions';
/** SQS's defaults. */
const VISIBILITY_TIMEOUT_SECONDS = 30;
const RETENTION_MS = 4 * 24 * 3_600_000;

export interface QueuedMessage {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  readonly receiveCount: number;
  readonly invisibleUntil: number;
}

export interface Queue {
  send(body: string): QueuedMessage;
  /** Hides what it gives until the timeout has passed. */
  receive(most: number, visibilityTimeoutSeconds: number | undefined): readonly QueuedMessage[];
  /** Only the handle of the last receipt deletes; an older one is accepted and does nothing, as SQS warns. False = no handle at all. */
  remove(receiptHandle: string): boolean;
}

export function receiptHandleOf({ id, receiveCount }: QueuedMessage): string {
  return Buffer.from(`${id}#${receiveCount}`).toString('base64');
}

export function queueOf(world: World, region: string): Queue {
  const messages = world.store<QueuedMessage>('aws', `queue/${region}`);
  const seen = world.store<true>('aws', `queue-events/${region}`);
  const counters = world.store<number>('aws', 'counters');

  function put(body: string, sentAt: number): QueuedMessage {
    const number = (counters.get('message') ?? 0) + 1;
    counters.set('message', number);
    const id = `00000000-0000-4000-9000-${number.toString(16).padStart(12, '0')}`;
    const message = { id, body, sentAt, receiveCount: 0, invisibleUntil: 0 };
    messages.set(id, message);
    return message;
  }

  /** What has happened since somebody last looked comes in, what is too old goes. */
  function settle(): void {
    for (const { key, at, body } of ec2Events(world, region)) {
      if (seen.has(key)) continue;
      seen.set(key, true);
      put(body, at);
    }
    const oldest = world.clock.now() - RETENTION_MS;
    for (const [id, { sentAt }] of messages) if (sentAt < oldest) messages.delete(id);
  }

  return {
    send: (body) => put(body, world.clock.now()),
    receive(most, visibilityTimeoutSeconds = VISIBILITY_TIMEOUT_SECONDS) {
      settle();
      const now = world.clock.now();
      const given = [...messages.values()].filter(({ invisibleUntil }) => invisibleUntil <= now).slice(0, most);
      return given.map((message) => {
        const received = {
          ...message,
          receiveCount: message.receiveCount + 1,
          invisibleUntil: now + visibilityTimeoutSeconds * 1000,
        };
        messages.set(message.id, received);
        return received;
      });
    },
    remove(receiptHandle) {
      const [id = '', count = ''] = Buffer.from(receiptHandle, 'base64').toString().split('#');
      if (!/^[0-9a-f-]{36}$/.test(id) || !/^\d+$/.test(count)) return false;
      if (messages.get(id)?.receiveCount === Number(count)) messages.delete(id);
      return true;
    },
  };
}
