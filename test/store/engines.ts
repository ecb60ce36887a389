import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { openStore, type Store } from '../../src/store/open-store.ts';

/** Gives a test stores of its own: each `open` of one test reaches the same database, no two tests share one. */
export interface Engine {
  readonly name: 'memory' | 'postgres';
  /** A second `open` is a second process's view; on the embedded engine, which has one, it is the same store. */
  open(): Promise<Store>;
  /** The address of the test's database; only on PostgreSQL. */
  url(): string;
}

/** Runs the same tests on the embedded engine and, where one is installed or named by TEST_POSTGRES_URL, on PostgreSQL. */
export function describeStore(title: string, tests: (engine: Engine) => void): void {
  describe(`${title} (embedded)`, () => {
    const opened: Store[] = [];
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });
    tests({
      name: 'memory',
      open: async () => {
        const store = opened[0] ?? (await openStore({ kind: 'memory' }));
        if (opened.length === 0) opened.push(store);
        return store;
      },
      url: () => {
        throw new Error('The embedded engine has no address');
      },
    });
  });
  describePostgres(title, tests);
}

export function describePostgres(title: string, tests: (engine: Engine) => void): void {
  const programs = programsFolder();
  const given = process.env['TEST_POSTGRES_URL'];
  if (programs === null && given === undefined) {
    describe.skip(`${title} (PostgreSQL: not installed here, and TEST_POSTGRES_URL is not set)`, () =>
      tests(unreachable));
    return;
  }
  describe(`${title} (PostgreSQL)`, () => {
    const opened: Store[] = [];
    let cluster: Cluster | null = null;
    let database: string | null = null;
    let count = 0;

    beforeAll(() => {
      cluster =
        given === undefined && programs !== null
          ? startCluster(programs)
          : { urlOf: withDatabase(given ?? ''), stop: () => {} };
    });
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
      if (database !== null) await administer(cluster, `drop database "${database}" with (force)`);
      database = null;
    });
    afterAll(() => cluster?.stop());

    function url(): string {
      if (cluster === null || database === null) throw new Error('Open a store first');
      return cluster.urlOf(database);
    }

    tests({
      name: 'postgres',
      url,
      open: async () => {
        if (database === null) {
          count += 1;
          database = `test_${process.pid}_${count}`;
          await administer(cluster, `create database "${database}"`);
        }
        const store = await openStore({ kind: 'postgres', url: url() });
        opened.push(store);
        return store;
      },
    });
  });
}

const unreachable: Engine = {
  name: 'postgres',
  open: () => Promise.reject(new Error('PostgreSQL is not installed')),
  url: () => '',
};

interface Cluster {
  urlOf(database: string): string;
  stop(): void;
}

async function administer(cluster: Cluster | null, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: cluster?.urlOf('postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function withDatabase(given: string): (database: string) => string {
  return (database) => {
    const url = new URL(given);
    url.pathname = `/${database}`;
    return url.href;
  };
}

/** Debian's place for the newest server's programs. */
function programsFolder(): string | null {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return null;
  const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
  const version = versions.find((name) => Number(name) >= 15 && existsSync(path.join(root, name, 'bin/initdb')));
  return version === undefined ? null : path.join(root, version, 'bin');
}

/** A throw-away server that listens on a socket in a directory of its own. It does not run as root, so root lends it to `postgres`. */
function startCluster(programs: string): Cluster {
  const directory = mkdtempSync(path.join(tmpdir(), 'gpu-broker-pg-'));
  const asRoot = process.getuid?.() === 0;
  const account = asRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (asRoot) chownSync(directory, idOf('-u'), idOf('-g'));
  const data = path.join(directory, 'data');
  function run(program: string, parameters: readonly string[]): void {
    execFileSync(path.join(programs, program), parameters, { ...account, cwd: directory, stdio: 'ignore' });
  }
  run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C']);
  const options = `-k ${directory} -c listen_addresses='' -c fsync=off -c max_connections=60`;
  run('pg_ctl', ['-D', data, '-w', '-l', path.join(directory, 'log'), '-o', options, 'start']);
  return {
    urlOf: (database) => `postgresql://postgres@localhost/${database}?host=${directory}`,
    stop: () => {
      run('pg_ctl', ['-D', data, '-w', '-m', 'immediate', 'stop']);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}
