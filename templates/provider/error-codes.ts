/**
 * The cloud's error codes as data: what each means, what else it makes pointless to try, and for how long. First row that matches
 * wins. Name the source of each group here. One test per row drives the emulated cloud with the `vendor-error` fault.
 */
import type { ProviderErrorKind, Refusal } from '../../src/providers/provider.ts';

export interface RefusalRow {
  readonly code: string;
  /** A part of the message, without regard to case, where one code means several things. */
  readonly messageTerm?: string;
  readonly refusal: Refusal['kind'];
  /** How far the refusal reaches. */
  readonly reach: 'pool' | 'type-region' | 'region' | 'provider';
  readonly retryAfterSeconds: number;
}

export interface ErrorRow {
  readonly code: string;
  readonly messageTerm?: string;
  readonly error: ProviderErrorKind;
  /** The cloud failed while at it: a mutation answered so may have been carried out. */
  readonly mayHaveHappened?: true;
}

export type CodeRow = RefusalRow | ErrorRow;

export const CODE_ROWS: readonly CodeRow[] = [
  { code: 'insufficient-capacity', refusal: 'capacity', reach: 'type-region', retryAfterSeconds: 180 },
  { code: 'quota-exceeded', refusal: 'quota', reach: 'provider', retryAfterSeconds: 600 },
  { code: 'too-many-requests', error: 'rate-limited' },
  { code: 'internal-error', error: 'unavailable', mayHaveHappened: true },
  { code: 'invalid-api-key', error: 'unauthorized' },
  { code: 'invalid-parameters', error: 'invalid-request' },
];

/** Null = a code nobody has met yet. */
export function findCodeRow(code: string, message: string): CodeRow | null {
  const words = message.toLowerCase();
  return (
    CODE_ROWS.find(
      (row) => row.code === code && (row.messageTerm === undefined || words.includes(row.messageTerm.toLowerCase())),
    ) ?? null
  );
}
