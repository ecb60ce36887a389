/**
 * Lambda's error codes as data: what each means, what else it makes pointless to try, and for how long. First row that matches
 * wins. Codes with a slash: Lambda Cloud API reference 1.10.0, `ApiError*`; `message` and `suggestion` are subject to change there, so
 * no row looks at words. Numbers: the CDN in front of the API answers `error code: 1015` where a rate limit is passed (the
 * reference: one request a second, one launch in 12) and 1010 or 1020 where it refuses the client; its statuses are 429 or 403.
 */
import type { ProviderErrorKind, Refusal } from '../provider.ts';

export interface RefusalRow {
  readonly code: string;
  readonly refusal: Refusal['kind'];
  /** How far the refusal reaches: the pool, which is the type in its region, or everything that claims the account's quota. */
  readonly reach: 'pool' | 'quota';
  readonly retryAfterSeconds: number;
}

export interface ErrorRow {
  readonly code: string;
  readonly error: ProviderErrorKind;
  /** The cloud failed while at it: a mutation answered so may have been carried out. */
  readonly mayHaveHappened?: true;
}

export type CodeRow = RefusalRow | ErrorRow;

/** What is asked for does not exist (any more): `getInstance` and `terminate` take it for an answer. */
export const OBJECT_DOES_NOT_EXIST = 'global/object-does-not-exist';

export const CODE_ROWS: readonly CodeRow[] = [
  {
    code: 'instance-operations/launch/insufficient-capacity',
    refusal: 'capacity',
    reach: 'pool',
    retryAfterSeconds: 180,
  },
  // Raised by itself as invoices are paid, or by support: not within minutes.
  { code: 'global/quota-exceeded', refusal: 'quota', reach: 'quota', retryAfterSeconds: 3600 },
  { code: '1015', error: 'rate-limited' },
  { code: 'provider/internal-unavailable', error: 'unavailable', mayHaveHappened: true },
  { code: 'global/internal-error', error: 'unavailable', mayHaveHappened: true },
  { code: 'global/invalid-api-key', error: 'unauthorized' },
  { code: 'global/forbidden', error: 'unauthorized' },
  { code: 'global/account-inactive', error: 'unauthorized' },
  { code: 'global/invalid-address', error: 'unauthorized' },
  { code: '1010', error: 'unauthorized' },
  { code: '1020', error: 'unauthorized' },
  { code: 'global/invalid-parameters', error: 'invalid-request' },
  { code: OBJECT_DOES_NOT_EXIST, error: 'invalid-request' },
  { code: 'global/not-found', error: 'invalid-request' },
  { code: 'global/duplicate', error: 'conflict' },
  // 409: something else is under way with the resource.
  { code: 'global/conflict', error: 'unavailable' },
  { code: 'instance-operations/launch/file-system-in-wrong-region', error: 'invalid-request' },
];

/** Null = a code nobody has met yet. */
export function findCodeRow(code: string): CodeRow | null {
  return CODE_ROWS.find((row) => row.code === code) ?? null;
}
