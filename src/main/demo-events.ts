import { pageSchema } from '../api/resources/common.ts';
import { type EventJson, eventSchema } from '../api/resources/events.ts';
import type { ApiClient } from '../cli/api-client.ts';

const eventPage = pageSchema(eventSchema, 'EventPage');

/** Worth a line of its own in the story. */
const TOLD = new Set([
  'plan.committed',
  'lease.lost',
  'attempt.refused',
  'attempt.failed',
  'workload.held',
  'provider.suspended',
  'orphan.found',
]);

const LONGEST_LINE = 170;

export interface EventFollower {
  /** Tells what came since the last call; returns the newest sequence. */
  tell(): Promise<number>;
}

/** Follows the broker's events from a sequence on; equal ones in a row are told once, with their number. */
export function followEvents(api: ApiClient, after: number, tell: (line: string) => void): EventFollower {
  let newest = after;

  async function unread(): Promise<EventJson[]> {
    const events: EventJson[] = [];
    for (;;) {
      const query = { limit: 500, ...(newest === 0 ? {} : { cursor: newest }) };
      const page = await api.get('/v1/events', eventPage, query);
      events.push(...page.items);
      newest = page.items.at(-1)?.sequence ?? newest;
      if (page.next === null || page.items.length === 0) return events;
    }
  }

  return {
    tell: async () => {
      const lines = (await unread()).filter(({ type }) => TOLD.has(type)).map(lineOf);
      for (const [line, equal] of Map.groupBy(lines, (text) => text)) {
        tell(equal.length === 1 ? line : `${equal.length} × ${line}`);
      }
      return newest;
    },
  };
}

function lineOf({ type, message }: EventJson): string {
  // A plan's id is for looking it up, not for a story.
  const line = `${type}: ${message.replace(/^Plan \w+ \((\w+)\)/, '$1')}`;
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE - 1)}…` : line;
}
