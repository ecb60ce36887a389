/** Translates Lambda's errors into the contract's words, exactly once. */
import type { Pool } from '../../domain/pool.ts';
import { poolScope, type RefusalScope } from '../../domain/sold-out.ts';
import type { EpochMs } from '../../domain/time.ts';
import { ProviderError, type ProviderErrorKind, type Refusal } from '../provider.ts';
import { findCodeRow, type RefusalRow } from './error-codes.ts';
import { PROVIDER_ID, QUOTA_NAME } from './names.ts';

/** A refusal is an error until the launch that met it turns it into a value. */
export class RefusedError extends ProviderError {
  readonly row: RefusalRow;
  readonly vendorMessage: string;
  constructor(row: RefusalRow, operation: string, code: string, message: string) {
    super({ kind: 'invalid-request', provider: PROVIDER_ID, operation, code, message });
    this.row = row;
    this.vendorMessage = message;
  }
}

export interface FailedAnswer {
  readonly status: number;
  readonly text: string;
  /** The `retry-after` header; null where there is none. */
  readonly retryAfter: string | null;
  readonly operation: string;
  readonly mutating: boolean;
  readonly now: EpochMs;
}

/** The launch endpoint is limited to one request in 12 seconds, everything else to one a second (reference 1.10.0). */
function usualPauseSeconds(operation: string): number {
  return operation === 'launchInstance' ? 12 : 1;
}

export function errorOfAnswer(answer: FailedAnswer): ProviderError {
  const { status, text, operation, mutating } = answer;
  const { code, message } = readError(text, status);
  const row = findCodeRow(code);
  const details = { provider: PROVIDER_ID, operation, code, message } as const;
  if (row !== null && 'refusal' in row) return new RefusedError(row, operation, code, message);
  if (status === 429 || row?.error === 'rate-limited') {
    const retryAfterSeconds = secondsOf(answer.retryAfter, answer.now) ?? usualPauseSeconds(operation);
    return new ProviderError({ ...details, kind: 'rate-limited', retryAfterSeconds });
  }
  if (row === null)
    return new ProviderError({ ...details, kind: kindWithoutRow(answer, code), unknownCode: code !== '' });
  const kind = mutating && row.mayHaveHappened === true ? 'outcome-unknown' : row.error;
  return new ProviderError({ ...details, kind });
}

/** Neither the table nor the envelope tells. A proxy's page, or a failure, after a mutation leaves its outcome open. */
function kindWithoutRow({ status, mutating }: FailedAnswer, code: string): ProviderErrorKind {
  return mutating && (status >= 500 || code === '') ? 'outcome-unknown' : 'unavailable';
}

function readError(text: string, status: number): { readonly code: string; readonly message: string } {
  try {
    const { code, message } = JSON.parse(text).error;
    if (typeof code === 'string' && typeof message === 'string') return { code, message };
  } catch {
    // Not Lambda's envelope.
  }
  const code = /error code: (\d{4})/i.exec(text)?.[1] ?? '';
  return { code, message: code === '' ? `HTTP ${status} without an error code` : `error code: ${code}` };
}

/** Seconds or an HTTP date. */
function secondsOf(retryAfter: string | null, now: EpochMs): number | null {
  if (retryAfter === null) return null;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? null : Math.max(1, Math.ceil((at - now) / 1000));
}

export function refusalOf({ row, code, vendorMessage }: RefusedError, pool: Pool): Refusal {
  return {
    kind: row.refusal,
    scope: scopeOf(row.reach, pool),
    retryAfterSeconds: row.retryAfterSeconds,
    code,
    message: vendorMessage,
  };
}

function scopeOf(reach: RefusalRow['reach'], pool: Pool): RefusalScope {
  if (reach === 'pool') return poolScope(pool);
  const all = { region: null, zone: null, instanceType: null, market: null };
  return { provider: pool.provider, ...all, quota: QUOTA_NAME };
}
