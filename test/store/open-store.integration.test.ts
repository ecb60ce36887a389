import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockDirectory } from '../../src/store/directory-lock.ts';
import { StoreError } from '../../src/store/errors.ts';
import { fleetRevision, raiseFleetRevision } from '../../src/store/fleet.ts';
import { migrate, readMigrations } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open-store.ts';
import { describePostgres, describeStore } from './engines.ts';

describeStore('opening a store', (engine) => {
  it('brings the schema up to the newest migration, and a second time does nothing', async () => {
    const store = await engine.open();
    const { rows } = await sql<{ version: number }>`select version from schema_migrations order by version`.execute(
      store.database,
    );
    expect(rows.map(({ version }) => version)).toEqual(readMigrations().map(({ version }) => version));
    expect(await migrate(store.transaction, readMigrations())).toEqual([]);
  });

  it('applies a further migration to a database with data, whole or not at all', async () => {
    const store = await engine.open();
    await store.transaction(raiseFleetRevision);
    const next = readMigrations().length + 1;
    const good = { version: next, name: 'next', statements: ['alter table fleet add column note text'], checksum: 'c' };
    const bad = { ...good, statements: [...good.statements, 'select no_such_function()'] };
    await expect(migrate(store.transaction, [...readMigrations(), bad])).rejects.toThrow(/no_such_function/);
    expect(await migrate(store.transaction, [...readMigrations(), good])).toEqual([next]);
    expect(await fleetRevision(store.database)).toBe(1);
  });

  it('refuses a schema newer than the program and says what to do', async () => {
    const store = await engine.open();
    const newer = {
      version: readMigrations().length + 1,
      name: '000099_later.sql',
      statements: ['select 1'],
      checksum: 'c',
    };
    await migrate(store.transaction, [...readMigrations(), newer]);
    await expect(migrate(store.transaction, readMigrations())).rejects.toMatchObject({
      code: 'schema-too-new',
      message: expect.stringMatching(/newer gpu-broker.*backup/),
    });
  });

  it('refuses a migration that was edited after it was applied', async () => {
    const store = await engine.open();
    const edited = readMigrations().map((migration) => ({ ...migration, checksum: 'other' }));
    await expect(migrate(store.transaction, edited)).rejects.toMatchObject({ code: 'migration-changed' });
  });

  it('reads 64-bit integers as exact numbers and refuses those that are not', async () => {
    const store = await engine.open();
    const exact = await sql<{ n: unknown }>`select 9007199254740991::bigint as n`.execute(store.database);
    expect(exact.rows).toEqual([{ n: 9_007_199_254_740_991 }]);
    await expect(sql`select 9007199254740993::bigint as n`.execute(store.database)).rejects.toThrow(/2\^53/);
  });

  it('keeps milliseconds of times, arrays, bytes and fractions', async () => {
    const store = await engine.open();
    const at = new Date('2026-03-29T01:30:00.007Z');
    const { rows } = await sql`select ${at}::timestamptz as at, ${[3, 1]}::integer[] as list,
      ${new Uint8Array([0, 255])}::bytea as bytes, ${0.1}::double precision as share`.execute(store.database);
    expect(rows).toMatchObject([{ at, list: [3, 1], share: 0.1 }]);
    const [row] = rows as { bytes: Uint8Array }[];
    expect([...(row?.bytes ?? [])]).toEqual([0, 255]);
  });
});

describeStore('transactions', (engine) => {
  it('roll back when the work throws', async () => {
    const store = await engine.open();
    await expect(
      store.transaction(async (transaction) => {
        await raiseFleetRevision(transaction);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await fleetRevision(store.database)).toBe(0);
  });

  it('turn a query on the store’s own handle inside into an error instead of a wait for ever', async () => {
    const store = await engine.open();
    await expect(store.transaction(() => fleetRevision(store.database))).rejects.toMatchObject({
      code: 'wrong-handle',
    });
    await expect(store.transaction(() => store.transaction(fleetRevision))).rejects.toMatchObject({
      code: 'wrong-handle',
    });
    expect(await fleetRevision(store.database)).toBe(0);
  });

  it('can only be opened by the store, which guards them', async () => {
    const store = await engine.open();
    await expect(store.database.transaction().execute(fleetRevision)).rejects.toMatchObject({ code: 'wrong-handle' });
  });

  it('let what they leave behind use the store again', async () => {
    const store = await engine.open();
    const left: Promise<number>[] = [];
    let commit = (): void => {};
    const committed = new Promise<void>((resolve) => {
      commit = resolve;
    });
    await store.transaction(async (transaction) => {
      await raiseFleetRevision(transaction);
      left.push(committed.then(() => fleetRevision(store.database)));
    });
    commit();
    expect(await Promise.all(left)).toEqual([1]);
  });

  it('of many at once all take effect, each whole', async () => {
    const store = await engine.open();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) =>
        store.transaction(async (transaction) => {
          await raiseFleetRevision(transaction);
          if (index % 3 === 0) throw new Error('rolled back');
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(40);
    expect(await fleetRevision(store.database)).toBe(40);
  });
});

describePostgres('a server', (engine) => {
  it('may be opened by several processes at once, which migrate once', async () => {
    const first = await engine.open();
    await first.transaction(raiseFleetRevision);
    const others = await Promise.all([engine.open(), engine.open(), engine.open()]);
    for (const store of others) expect(await fleetRevision(store.database)).toBe(1);
  });

  it('may end a connection in the middle of a transaction without ending the process', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    await expect(
      store.transaction(async (transaction) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
        await kill(other.database, rows[0]?.pid);
        await raiseFleetRevision(transaction);
      }),
    ).rejects.toThrow();
    expect(await fleetRevision(store.database)).toBe(0);
  });

  it('that breaks a deadlock has the broken transaction run again', async () => {
    const [store, other] = [await engine.open(), await engine.open()];
    await sql`create table pair (id integer primary key, n integer not null)`.execute(store.database);
    await sql`insert into pair values (1, 0), (2, 0)`.execute(store.database);
    const meet = barrier(2);
    function both(first: number, second: number) {
      let runs = 0;
      return async (transaction: typeof store.database): Promise<void> => {
        runs += 1;
        await sql`update pair set n = n + 1 where id = ${first}`.execute(transaction);
        if (runs === 1) await meet();
        await sql`update pair set n = n + 1 where id = ${second}`.execute(transaction);
      };
    }
    await Promise.all([store.transaction(both(1, 2)), other.transaction(both(2, 1))]);
    const { rows } = await sql`select n from pair`.execute(store.database);
    expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
  });
});

async function kill(handle: Parameters<typeof fleetRevision>[0], pid: number | undefined): Promise<void> {
  await sql`select pg_terminate_backend(${pid})`.execute(handle);
}

function barrier(count: number): () => Promise<void> {
  let open = (): void => {};
  let missing = count;
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    missing -= 1;
    if (missing === 0) open();
    return all;
  };
}

describe('a data directory', () => {
  let built = '';
  let directory = '';
  let child: ChildProcess | null = null;
  beforeAll(async () => {
    built = mkdtempSync(path.join(tmpdir(), 'gpu-broker-built-'));
    await (await openStore({ kind: 'embedded', dataDirectory: built })).close();
  });
  afterAll(() => rmSync(built, { recursive: true, force: true }));
  // A copy of one that was built before: building takes seconds.
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'gpu-broker-store-'));
    fs.cpSync(built, directory, { recursive: true });
  });
  afterEach(async () => {
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    child = null;
    vi.restoreAllMocks();
    rmSync(directory, { recursive: true, force: true });
  });

  function start(mode: string): ChildProcess {
    const program = path.join(import.meta.dirname, 'writer.ts');
    child = spawn(process.execPath, [program, directory, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    return child;
  }

  async function firstLine(of: ChildProcess): Promise<string> {
    if (of.stdout === null) throw new Error('no output');
    const [line] = await once(of.stdout.setEncoding('utf8'), 'data');
    return String(line);
  }

  it('keeps what was written, and syncs every commit to disk', async () => {
    const store = await openStore({ kind: 'embedded', dataDirectory: directory });
    const syncs = vi.spyOn(fs, 'fsyncSync');
    for (let count = 0; count < 5; count += 1) await store.transaction(raiseFleetRevision);
    expect(syncs.mock.calls.length).toBeGreaterThanOrEqual(5);
    await store.close();
    await store.close();
    const again = await openStore({ kind: 'embedded', dataDirectory: directory });
    expect(await fleetRevision(again.database)).toBe(5);
    await again.close();
  });

  it('is refused at once to a second process, with what to do, and free when the first is killed', async () => {
    const holder = start('hold');
    expect(await firstLine(holder)).toMatch(/open/);
    const refused = await openStore({ kind: 'embedded', dataDirectory: directory }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreError);
    expect(refused).toMatchObject({
      code: 'data-directory-in-use',
      message: expect.stringContaining(`process ${holder.pid}`),
    });
    expect(String(refused)).toMatch(/Stop that one first.*store\.url/);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const store = await openStore({ kind: 'embedded', dataDirectory: directory });
    expect(await fleetRevision(store.database)).toBe(0);
    await store.close();
  });

  it('is refused to a second store of the same process', async () => {
    const store = await openStore({ kind: 'embedded', dataDirectory: directory });
    await expect(openStore({ kind: 'embedded', dataDirectory: directory })).rejects.toMatchObject({
      code: 'data-directory-in-use',
    });
    await store.close();
  });

  it('killed while it is first built is built anew', async () => {
    fs.renameSync(path.join(directory, 'postgres'), path.join(directory, 'postgres.new'));
    fs.rmSync(path.join(directory, 'postgres.new', 'base'), { recursive: true });
    fs.writeFileSync(path.join(directory, 'postgres.new', 'PG_VERSION'), '18\n');
    const store = await openStore({ kind: 'embedded', dataDirectory: directory });
    expect(await fleetRevision(store.database)).toBe(0);
    await store.close();
  });

  it('loses nothing that was acknowledged before a kill −9', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 5; round += 1) {
      const writer = start('write');
      const output = writer.stdout?.setEncoding('utf8');
      let text = '';
      output?.on('data', (chunk: string) => {
        text += chunk;
        // A different number of commits each time, so that the kill falls into different places.
        if (text.split('\n').length > 20 + round * 17) writer.kill('SIGKILL');
      });
      await once(writer, 'close');
      expect(writer.signalCode).toBe('SIGKILL');
      acknowledged += text.split('\n').filter((line) => line === 'committed').length;
      const store = await openStore({ kind: 'embedded', dataDirectory: directory });
      const revision = await fleetRevision(store.database);
      const events = await store.database
        .selectFrom('events')
        .select((column) => column.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      await store.close();
      expect(revision).toBeGreaterThanOrEqual(acknowledged);
      expect(events.count).toBe(revision);
      // Commits whose acknowledgement the kill cut off.
      expect(revision - acknowledged).toBeLessThan(200);
      acknowledged = revision;
    }
  });

  it('is private to its owner', async () => {
    const unlock = lockDirectory(path.join(directory, 'made'));
    expect(fs.statSync(path.join(directory, 'made')).mode & 0o077).toBe(0);
    unlock();
    unlock();
  });
});
