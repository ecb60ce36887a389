import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { StoreError } from './errors.ts';
import type { Handle } from './schema.ts';

export interface Migration {
  readonly version: number;
  /** The file's name. */
  readonly name: string;
  readonly statements: readonly string[];
  /** SHA-256 of the text, with line ends as on Unix. */
  readonly checksum: string;
}

const FILE_NAME = /^(\d{6})_[a-z0-9_]+\.sql$/;
/** Any number, as long as nobody else takes an advisory lock of it: "gpu-broker migrates". */
const MIGRATION_LOCK = 4_712_001;

/** The migrations in a folder, in order. Throws StoreError `migration-changed` when a number is missing. */
export function readMigrations(folder = path.join(import.meta.dirname, 'migrations')): readonly Migration[] {
  const names = readdirSync(folder)
    .filter((name) => FILE_NAME.test(name))
    .toSorted();
  return names.map((name, index) => {
    const version = Number(FILE_NAME.exec(name)?.[1]);
    if (version !== index + 1)
      throw new StoreError('migration-changed', `Migration ${index + 1} is missing: found ${name} instead`);
    const text = readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n');
    return { version, name, statements: statementsOf(text), checksum: createHash('sha256').update(text).digest('hex') };
  });
}

/** The embedded engine takes one statement at a time; a migration's statements end with a semicolon at the end of a line. */
function statementsOf(text: string): string[] {
  return text
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

type Transact = <T>(work: (transaction: Handle) => Promise<T>) => Promise<T>;

/**
 * Brings the schema up to the newest migration, each in a transaction of its own; several processes may do so at once. Returns the
 * versions that it applied. Throws StoreError `schema-too-new` or `migration-changed` and then has changed nothing.
 */
export async function migrate(transact: Transact, migrations: readonly Migration[]): Promise<readonly number[]> {
  await transact(async (transaction) => {
    await lockMigrations(transaction);
    await sql`create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
    )`.execute(transaction);
  });
  const applied: number[] = [];
  for (;;) {
    const version = await transact((transaction) => applyNext(transaction, migrations));
    if (version === null) return applied;
    applied.push(version);
  }
}

async function lockMigrations(transaction: Handle): Promise<void> {
  await sql`set local statement_timeout = 0`.execute(transaction);
  await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
}

async function applyNext(transaction: Handle, migrations: readonly Migration[]): Promise<number | null> {
  await lockMigrations(transaction);
  const { rows } = await sql<AppliedMigration>`
    select version, name, checksum from schema_migrations order by version`.execute(transaction);
  checkApplied(rows, migrations);
  const next = migrations[rows.length];
  if (next === undefined) return null;
  for (const statement of next.statements) await sql.raw(statement).execute(transaction);
  await sql`insert into schema_migrations (version, name, checksum)
    values (${next.version}, ${next.name}, ${next.checksum})`.execute(transaction);
  return next.version;
}

function checkApplied(applied: readonly AppliedMigration[], migrations: readonly Migration[]): void {
  const newest = applied.at(-1);
  if (newest !== undefined && newest.version > migrations.length) {
    throw new StoreError(
      'schema-too-new',
      `The stored data has schema ${newest.version} (${newest.name}) and this program knows schemas up to ${migrations.length}: ` +
        'a newer gpu-broker has used it. Start that version again, or restore a backup from before the upgrade',
    );
  }
  for (const [index, { version, name, checksum }] of applied.entries()) {
    const migration = migrations[index];
    if (migration?.version === version && migration.checksum === checksum) continue;
    throw new StoreError(
      'migration-changed',
      `Migration ${name} was changed after it was applied to this data. Migrations are append-only: restore the file and add a new one`,
    );
  }
}
