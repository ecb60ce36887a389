import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from './errors.ts';

/**
 * Takes a data directory for this process alone. The lock is SQLite's exclusive lock on `lock.db`, which the kernel drops with the
 * process however it ends: nothing to steal and nothing stale. Returns what gives it back. Throws StoreError
 * `data-directory-in-use` at once when somebody has it.
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderFile = path.join(directory, 'lock.holder');
  const database = new DatabaseSync(path.join(directory, 'lock.db'), { timeout: 0 });
  try {
    database.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    database.close();
    throw new StoreError(
      'data-directory-in-use',
      `The data directory ${directory} is in use by another gpu-broker${holderOf(holderFile)}. Stop that one first, give this one ` +
        'a directory of its own, or let several share a PostgreSQL database (store.url)',
      error,
    );
  }
  // Only for the message above: who holds the lock is up to the lock.
  writeFileSync(holderFile, `${process.pid}\n`);
  return () => {
    if (database.isOpen) database.close();
  };
}

function holderOf(holderFile: string): string {
  try {
    return ` (process ${readFileSync(holderFile, 'utf8').trim()})`;
  } catch {
    return '';
  }
}
