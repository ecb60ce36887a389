import pg from 'pg';
import { parseInt8 } from './columns.ts';
import { StoreError } from './errors.ts';

/** `on conflict` on a partial index, `skip locked` and jsonb are older; what we test on is 15. */
const OLDEST_VERSION = 150_000;
const MAX_CONNECTIONS = 10;

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, parseInt8);

/** Told of what the store lives with but a person may want to know, such as a lost connection. */
export type OnTrouble = (error: unknown, what: string) => void;

/** A pool of connections to PostgreSQL. Throws StoreError `server-too-old`, or the driver's error when the server cannot be reached. */
export async function openPool(url: string, onTrouble: OnTrouble): Promise<pg.Pool> {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    types,
    application_name: 'gpu-broker',
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    // A process that stops in the middle of a transaction must not hold its row locks for ever.
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  // Without a listener a lost connection would end the process: idle ones report to the pool, busy ones to themselves.
  pool.on('error', (error) => onTrouble(error, 'An idle connection to PostgreSQL was lost'));
  pool.on('connect', (client) => {
    client.on('error', (error) => onTrouble(error, 'A connection to PostgreSQL was lost'));
  });
  try {
    const answer = await pool.query<{ version: number }>(
      "select current_setting('server_version_num')::integer as version",
    );
    const version = answer.rows[0]?.version ?? 0;
    if (version < OLDEST_VERSION) {
      throw new StoreError('server-too-old', `PostgreSQL 15 or newer is needed; the server says ${version}`);
    }
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}
