import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type KyselyPlugin,
  type PluginTransformQueryArgs,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type RootOperationNode,
  sql,
} from 'kysely';
import type { Channel } from '../../src/store/notifications.ts';
import { type Database, type Handle, openStore, type Store, type StoreKind } from '../../src/store/open-store.ts';
import { prepareStatements } from './prepared.ts';
import type { BrokerProcess } from './process.ts';
import type { SimulatedTime } from './time.ts';

/** One embedded database in memory for many simulations, one after the other. */
export interface SharedStore {
  /** For whoever judges: no gates. */
  readonly store: Store;
  /** As after the migrations. */
  reset(): Promise<void>;
  /** Wake-ups of committed transactions. */
  listen(wake: (channel: Channel) => void): () => void;
}

const CHANNELS: readonly Channel[] = ['leases', 'fleet'];

export async function openSharedStore(): Promise<SharedStore> {
  prepareStatements();
  const store = await openStore({ kind: 'memory' });
  const { database } = store;
  await sql`set plan_cache_mode = force_generic_plan`.execute(database);
  await sql`set synchronous_commit = off`.execute(database);
  const { rows } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' order by 1
  `.execute(database);
  const tables = rows.map(({ name }) => name);
  const { rows: sequences } = await sql<{ name: string }>`
    select sequencename as name from pg_sequences where schemaname = 'public' order by 1`.execute(database);
  const listeners = new Set<(channel: Channel) => void>();
  for (const channel of CHANNELS) {
    await store.listener.listen(channel, () => {
      for (const wake of listeners) wake(channel);
    });
  }
  return {
    store,
    reset: async () => {
      listeners.clear();
      await sql`discard plans`.execute(database);
      await sql`truncate ${sql.join(tables.map((table) => sql.table(table)))} restart identity`.execute(database);
      for (const { name } of sequences) await sql`select setval(${name}, 1, false)`.execute(database);
      // What the migrations put in.
      await sql`insert into fleet (revision) values (0)`.execute(database);
      await sql`insert into rebalance_looks default values`.execute(database);
    },
    listen: (wake) => {
      listeners.add(wake);
      return () => listeners.delete(wake);
    },
  };
}

export interface ProcessStoreOptions {
  readonly shared: SharedStore;
  readonly process: BrokerProcess;
  readonly time: SimulatedTime;
  /** What the broker takes it for: with `memory` a process knows that it is the only one; with `postgres` it does not. */
  readonly kind: StoreKind;
  /** Told after a transaction that wrote a plan has committed, before anything else of the process goes on. */
  readonly onPlanned: () => Promise<void>;
  /** Whether a statement or transaction fails, and whether it has taken effect by then. */
  readonly failure: () => 'before' | 'after' | null;
  /** How long a wake-up takes; null = it is lost. */
  readonly wakeUpMs: () => number | null;
}

/** The shared store as one process sees it: each statement and transaction passes the process's gates. */
export function storeOf(options: ProcessStoreOptions): Store {
  const { shared, process, time, kind } = options;
  const base = shared.store;
  const database = new Kysely<Database>({ dialect: gatedDialect(base.database, process, options.failure) });

  async function transaction<T>(work: (transaction: Handle) => Promise<T>): Promise<T> {
    await process.gate('read', 'begin');
    const failure = options.failure();
    if (failure === 'before') throw connectionLost();
    const seen = { wrote: false, planned: false };
    const committing = base.transaction(async (inner) => {
      const done = await work(inner.withPlugin(new InsideGate(process, seen)));
      process.gateInside(seen.wrote ? 'write' : 'read', 'commit');
      return done;
    });
    // Compressing a plan takes a thread's time, and no simulated time.
    const result = await time.hold(committing).catch(async (error: unknown) => {
      await process.gate('read', 'rolled back');
      throw error;
    });
    if (seen.planned) await options.onPlanned();
    await process.gate(seen.wrote ? 'write' : 'read', 'committed');
    if (failure === 'after') throw connectionLost();
    return result;
  }

  return {
    kind,
    database,
    transaction,
    listener: {
      listen: async (channel, wake) => {
        const stop = shared.listen((heard) => {
          if (heard !== channel || process.isDead()) return;
          const ms = options.wakeUpMs();
          if (ms !== null) time.after(ms, () => process.isDead() || wake());
        });
        return async () => stop();
      },
      close: async () => {},
    },
    close: async () => {},
  };
}

/** A dead process's transaction rolls back at its next statement. */
class InsideGate implements KyselyPlugin {
  readonly #process: BrokerProcess;
  readonly #seen: { wrote: boolean; planned: boolean };

  constructor(process: BrokerProcess, seen: { wrote: boolean; planned: boolean }) {
    this.#process = process;
    this.#seen = seen;
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    if (isWrite(node)) this.#seen.wrote = true;
    if (node.kind === 'InsertQueryNode' && JSON.stringify(node.into).includes('"plans"')) this.#seen.planned = true;
    this.#process.gateInside('read', 'statement');
    return node;
  }

  async transformResult({ result }: { readonly result: QueryResult<Record<string, unknown>> }) {
    return result;
  }
}

/** What a server's client hears when the connection ends, before or after what it asked for was done. */
function connectionLost(): Error {
  return new Error('Connection terminated unexpectedly');
}

function isWrite(node: RootOperationNode): boolean {
  return node.kind === 'InsertQueryNode' || node.kind === 'UpdateQueryNode' || node.kind === 'DeleteQueryNode';
}

/** Single statements: handed to the shared store between two gates. */
function gatedDialect(inner: Handle, process: BrokerProcess, failureOf: ProcessStoreOptions['failure']): Dialect {
  const connection: DatabaseConnection = {
    executeQuery: async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
      const point = isWrite(query.query) ? 'write' : 'read';
      await process.gate(point, 'before a statement');
      const failure = failureOf();
      if (failure === 'before') throw connectionLost();
      const result = await inner.executeQuery<R>(CompiledQuery.raw(query.sql, [...query.parameters]));
      await process.gate(point, 'after a statement');
      if (failure === 'after') throw connectionLost();
      return result;
    },
    streamQuery: () => {
      throw new Error('the simulated store streams nothing');
    },
  };
  const refuse = async (): Promise<void> => {
    throw new Error('open transactions with store.transaction()');
  };
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  };
  return {
    createDriver: () => driver,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (database) => new PostgresIntrospector(database),
  };
}
