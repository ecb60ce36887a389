import { pageSchema } from '../api/resources/common.ts';
import { type EventJson, eventSchema } from '../api/resources/events.ts';
import type { ApiClient } from '../cli/api-client.ts';

const eventPage = pageSchema(eventSchema, 'EventPage');

/** Worth a line of its own in the story; the rest is counted. */
const TOLD = new Set([
  'plan.committed',
  'lease.lost',
  'lease.failed',
  'workload.held',
  'workload.placed',
  'provider.suspended',
  'orphan.found',
]);

export interface EventFollower {
  /** Tells what came since the last call; returns the newest sequence. */
  tell(): Promise<number>;
}

/** Follows the broker's events from a sequence on. */
export function followEvents(api: ApiClient, after: number, tell: (line: string) => void): EventFollower {
  let newest = after;
  return {
    tell: async () => {
      for (;;) {
        const query = { limit: 500, ...(newest === 0 ? {} : { cursor: newest }) };
        const page = await api.get('/v1/events', eventPage, query);
        for (const event of page.items) {
          newest = event.sequence;
          if (TOLD.has(event.type)) tell(lineOf(event));
        }
        if (page.next === null || page.items.length === 0) return newest;
      }
    },
  };
}

function lineOf(event: EventJson): string {
  return `${event.type}: ${event.message}`;
}
