import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type AbortableOperationOptions,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PGliteAdapter,
  type QueryCompiler,
  type TransactionSettings,
} from 'kysely';
import { StoreError } from './errors.ts';

interface Scope {
  phase: 'opening' | 'open' | 'over';
}

/**
 * Knows whether the code that runs now runs inside a transaction of its store. The embedded engine has one session: a query on the
 * store's own handle inside a transaction would wait for that transaction, which waits for the query. On PostgreSQL it would silently
 * run outside the transaction. Both are turned into an error at once.
 */
export class TransactionGuard {
  readonly #scopes = new AsyncLocalStorage<Scope>();

  /** Runs `open`, which opens a transaction and calls the function it is given around the transaction's work. */
  async around<T>(open: (inside: <R>(work: () => Promise<R>) => Promise<R>) => Promise<T>): Promise<T> {
    this.assertOutside();
    const scope: Scope = { phase: 'opening' };
    return this.#scopes.run(scope, () =>
      open(async (work) => {
        scope.phase = 'open';
        try {
          return await work();
        } finally {
          // Whatever the work started and left behind may use the store again.
          scope.phase = 'over';
        }
      }),
    );
  }

  assertOutside(): void {
    if (this.#scopes.getStore()?.phase !== 'open') return;
    throw new StoreError(
      'wrong-handle',
      'A query on the store’s own handle inside a transaction would wait for itself: pass the transaction instead',
    );
  }

  assertOpenedByStore(): void {
    if (this.#scopes.getStore()?.phase === 'opening') return;
    throw new StoreError('wrong-handle', 'Open transactions with store.transaction(), which guards them');
  }
}

/** The dialect with the guard in front; with `oneSession` its single connection is handed out in turn. */
export function guardedDialect(inner: Dialect, guard: TransactionGuard, oneSession: boolean): Dialect {
  return {
    createDriver: () => new GuardedDriver(inner.createDriver(), guard, oneSession),
    createQueryCompiler: () => inner.createQueryCompiler(),
    createAdapter: () => (oneSession ? new QueuedAdapter() : inner.createAdapter()),
    createIntrospector: (database) => inner.createIntrospector(database),
  };
}

/** Kysely's own queue for single connections would make a wrong query wait before the guard sees it; ours comes after the guard. */
class QueuedAdapter extends PGliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

type CompileQuery = QueryCompiler['compileQuery'];

class GuardedDriver implements Driver {
  readonly #inner: Driver;
  readonly #guard: TransactionGuard;
  readonly #turns: Turns | null;

  constructor(inner: Driver, guard: TransactionGuard, oneSession: boolean) {
    this.#inner = inner;
    this.#guard = guard;
    this.#turns = oneSession ? new Turns() : null;
  }

  init(options?: AbortableOperationOptions): Promise<void> {
    return this.#inner.init(options);
  }

  async acquireConnection(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    this.#guard.assertOutside();
    await this.#turns?.take();
    try {
      return await this.#inner.acquireConnection(options);
    } catch (error) {
      this.#turns?.give();
      throw error;
    }
  }

  async releaseConnection(connection: DatabaseConnection, options?: AbortableOperationOptions): Promise<void> {
    try {
      await this.#inner.releaseConnection(connection, options);
    } finally {
      this.#turns?.give();
    }
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    this.#guard.assertOpenedByStore();
    await this.#inner.beginTransaction(connection, settings);
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.commitTransaction(connection);
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.rollbackTransaction(connection);
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: CompileQuery): Promise<void> {
    await this.#inner.savepoint?.(connection, name, compile);
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string, compile: CompileQuery): Promise<void> {
    await this.#inner.rollbackToSavepoint?.(connection, name, compile);
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string, compile: CompileQuery): Promise<void> {
    await this.#inner.releaseSavepoint?.(connection, name, compile);
  }

  destroy(options?: AbortableOperationOptions): Promise<void> {
    return this.#inner.destroy(options);
  }
}

/** First come, first served. */
class Turns {
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  async take(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
