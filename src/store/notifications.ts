import { setTimeout as delay } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import { sql } from 'kysely';
import pg from 'pg';
import type { Handle } from './schema.ts';
import type { OnTrouble } from './server-engine.ts';

/**
 * Wake-ups between processes. They carry no facts: whoever is woken looks at the tables, and also looks now and then without being
 * woken, so a lost wake-up costs time and nothing else.
 * `leases`: some lease has work to do. `fleet`: something is to be placed.
 */
export type Channel = 'leases' | 'fleet';

export type StopListening = () => Promise<void>;

/** What can wake others: implemented once per engine. */
export interface Listener {
  listen(channel: Channel, wake: () => void): Promise<StopListening>;
  close(): Promise<void>;
}

/** Wakes every listener of the channel, this process's own included, when the transaction commits. */
export async function notify(handle: Handle, channel: Channel): Promise<void> {
  await sql`select pg_notify(${channel}, '')`.execute(handle);
}

/** Calls `wake` on every notification of the channel from now on; also after a gap in which one may have been missed. */
export function listen(
  store: { readonly listener: Listener },
  channel: Channel,
  wake: () => void,
): Promise<StopListening> {
  return store.listener.listen(channel, wake);
}

/** The embedded engine has one process and one session: it hears itself. `assertOutside` is the transaction guard's. */
export function embeddedListener(engine: PGlite, assertOutside: () => void): Listener {
  return {
    listen: async (channel, wake) => {
      assertOutside();
      // Quoted, since a channel's name may be a word of SQL.
      const stop = await engine.listen(`"${channel}"`, () => wake());
      return async () => {
        if (!engine.closed) await stop();
      };
    },
    close: async () => {},
  };
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 30_000;

/**
 * One connection of its own per process, since a pooled one forgets its channels. When it is lost it is made again, for ever, and
 * every listener is woken, since it may have missed something. Never throws: without the connection, listeners just are not woken.
 */
export function serverListener(url: string, onTrouble: OnTrouble): Listener {
  const wakes = new Map<Channel, Set<() => void>>();
  const closing = new AbortController();
  let client: pg.Client | null = null;
  let running: Promise<void> | null = null;

  function wakeAll(channel: string): void {
    for (const [name, callbacks] of wakes) if (name === channel) for (const wake of callbacks) wake();
  }

  /** Resolves when the connection is lost or closed. */
  async function connectOnce(onConnected: () => void): Promise<void> {
    const fresh = new pg.Client({ connectionString: url, application_name: 'gpu-broker listener', keepAlive: true });
    const ended = new Promise<void>((resolve) => {
      fresh.once('end', () => resolve());
    });
    fresh.on('error', (error) => {
      if (!closing.signal.aborted) onTrouble(error, 'The connection for wake-ups was lost');
    });
    fresh.on('notification', ({ channel }) => wakeAll(channel));
    try {
      await fresh.connect();
      client = fresh;
      for (const channel of wakes.keys()) await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
      onConnected();
      await ended;
    } finally {
      client = null;
      await fresh.end().catch(() => {});
    }
  }

  async function run(onFirst: () => void): Promise<void> {
    let pauseMs = FIRST_RETRY_MS;
    let connections = 0;
    while (!closing.signal.aborted) {
      try {
        await connectOnce(() => {
          pauseMs = FIRST_RETRY_MS;
          connections += 1;
          if (connections > 1) for (const channel of wakes.keys()) wakeAll(channel);
          onFirst();
        });
      } catch (error) {
        if (!closing.signal.aborted) onTrouble(error, 'No connection for wake-ups; work is found by looking instead');
      }
      onFirst();
      await delay(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LAST_RETRY_MS);
    }
  }

  return {
    listen: async (channel, wake) => {
      const callbacks = wakes.get(channel) ?? new Set();
      wakes.set(channel, callbacks);
      callbacks.add(wake);
      if (running === null) {
        await new Promise<void>((resolve) => {
          running = run(resolve);
        });
      } else {
        await client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
      }
      return async () => {
        callbacks.delete(wake);
      };
    },
    close: async () => {
      closing.abort();
      await client?.end().catch(() => {});
      await running;
    },
  };
}
