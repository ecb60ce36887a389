/**
 * What can be wrong with the store itself, by code.
 * - `data-directory-in-use`: another process has the embedded database open.
 * - `schema-too-new`: a newer program has migrated the data.
 * - `migration-changed`: an applied migration's file was edited, or is missing.
 * - `server-too-old`: PostgreSQL below the version that the queries need.
 * - `wrong-handle`: a query on the store's own handle inside a transaction, which would wait for itself for ever.
 * - `illegal-transition`: a lease was to make a move that the table in `domain/lease.ts` does not have.
 * - `ambiguous-name`: several teams have a workload of this name.
 * - `corrupt`: a row that cannot be; a bug here, or edits by hand.
 */
export type StoreErrorCode =
  | 'data-directory-in-use'
  | 'schema-too-new'
  | 'migration-changed'
  | 'server-too-old'
  | 'wrong-handle'
  | 'illegal-transition'
  | 'ambiguous-name'
  | 'corrupt';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** PostgreSQL's five-character error code (`23505` …), equal on both engines; null for any other error. */
export function sqlStateOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}
