import type { PGlite } from '@electric-sql/pglite';
import { type Dialect, Kysely, PGliteDialect, PostgresDialect } from 'kysely';
import { lockDirectory } from './directory-lock.ts';
import { openInDirectory, openInMemory } from './embedded-engine.ts';
import { sqlStateOf } from './errors.ts';
import { type Migration, migrate, readMigrations } from './migrate.ts';
import { embeddedListener, type Listener, serverListener } from './notifications.ts';
import type { Database, Handle } from './schema.ts';
import { type OnTrouble, openPool } from './server-engine.ts';
import { guardedDialect, TransactionGuard } from './transaction-guard.ts';

export type { Database, Handle } from './schema.ts';

export type StoreKind = 'embedded' | 'postgres' | 'memory';

export type StoreOptions = (
  | { readonly kind: 'embedded'; readonly dataDirectory: string }
  | { readonly kind: 'postgres'; readonly url: string }
  /** Gone when closed: for tests and dry runs. */
  | { readonly kind: 'memory' }
) & {
  /** Told of lost connections and the like, which the store lives with. */
  readonly onTrouble?: OnTrouble;
};

export interface Store {
  readonly kind: StoreKind;
  /** For single statements outside transactions. Inside one it throws StoreError `wrong-handle`. */
  readonly database: Handle;
  /** Wake-ups; use `listen` of `notifications.ts`. */
  readonly listener: Listener;
  /**
   * Commits when `work` resolves, rolls back when it throws. Runs `work` again (a few times) when PostgreSQL ends the transaction to
   * break a deadlock, so `work` does nothing but query with the handle it is given. No cloud call inside.
   */
  transaction<T>(work: (transaction: Handle) => Promise<T>): Promise<T>;
  /** Waits for nothing: stop what uses the store first. May be called again. */
  close(): Promise<void>;
}

/** PostgreSQL's codes for "serialization failure" and "deadlock detected": the transaction did nothing and may be run again. */
const REPEATABLE = new Set(['40001', '40P01']);
const MAX_RUNS = 4;

/**
 * Opens the store and brings its schema up to date. Throws StoreError `data-directory-in-use`, `schema-too-new`,
 * `migration-changed` or `server-too-old`, each with what to do; or the driver's error when the server cannot be reached.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  switch (options.kind) {
    case 'memory':
      return openMemoryStore();
    case 'embedded':
      return openEmbeddedStore(options.dataDirectory);
    case 'postgres':
      return openServerStore(options.url, options.onTrouble ?? (() => {}));
  }
}

async function openEmbeddedStore(dataDirectory: string): Promise<Store> {
  const unlock = lockDirectory(dataDirectory);
  try {
    const engine = await openInDirectory(dataDirectory);
    return await assembleEmbedded('embedded', engine, async () => unlock());
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The migrated, empty database that further stores in memory of this process start from. */
let template: Promise<Blob> | null = null;

async function openMemoryStore(): Promise<Store> {
  template ??= buildTemplate();
  return assembleEmbedded('memory', await openInMemory(await template), async () => {});
}

async function buildTemplate(): Promise<Blob> {
  const engine = await openInMemory(null);
  const store = await assembleEmbedded('memory', engine, async () => {});
  const image = await engine.dumpDataDir('none');
  await store.close();
  return image;
}

async function assembleEmbedded(
  kind: 'embedded' | 'memory',
  engine: PGlite,
  after: () => Promise<void>,
): Promise<Store> {
  const guard = new TransactionGuard();
  const listener = embeddedListener(engine, () => guard.assertOutside());
  return assemble({ kind, dialect: new PGliteDialect({ pglite: engine }), guard, oneSession: true, listener, after });
}

async function openServerStore(url: string, onTrouble: OnTrouble): Promise<Store> {
  const pool = await openPool(url, onTrouble);
  return assemble({
    kind: 'postgres',
    dialect: new PostgresDialect({ pool }),
    guard: new TransactionGuard(),
    oneSession: false,
    listener: serverListener(url, onTrouble),
    after: async () => {},
  });
}

interface Parts {
  readonly kind: StoreKind;
  readonly dialect: Dialect;
  readonly guard: TransactionGuard;
  readonly oneSession: boolean;
  readonly listener: Listener;
  /** Runs after the engine is closed. */
  readonly after: () => Promise<void>;
}

async function assemble(parts: Parts, migrations: readonly Migration[] = readMigrations()): Promise<Store> {
  const { kind, guard, listener } = parts;
  const database = new Kysely<Database>({ dialect: guardedDialect(parts.dialect, guard, parts.oneSession) });

  function once<T>(work: (transaction: Handle) => Promise<T>): Promise<T> {
    return guard.around((inside) => database.transaction().execute((transaction) => inside(() => work(transaction))));
  }

  async function transaction<T>(work: (transaction: Handle) => Promise<T>): Promise<T> {
    for (let run = 1; ; run += 1) {
      try {
        return await once(work);
      } catch (error) {
        if (run >= MAX_RUNS || !REPEATABLE.has(sqlStateOf(error) ?? '')) throw error;
      }
    }
  }

  let closing: Promise<void> | null = null;
  async function shut(): Promise<void> {
    await listener.close();
    await database.destroy();
    await parts.after();
  }
  function close(): Promise<void> {
    closing ??= shut();
    return closing;
  }

  try {
    await migrate(transaction, migrations);
  } catch (error) {
    await close();
    throw error;
  }
  return { kind, database, listener, transaction, close };
}
