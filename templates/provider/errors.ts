/** Translates the cloud's errors into the contract's words, exactly once. */
import type { Pool } from '../../src/domain/pool.ts';
import { poolScope, type RefusalScope } from '../../src/domain/sold-out.ts';
import { ProviderError, type Refusal } from '../../src/providers/provider.ts';
import { findCodeRow, type RefusalRow } from './error-codes.ts';

/** A refusal is an error until the launch that met it turns it into a value. */
export class RefusedError extends ProviderError {
  readonly row: RefusalRow;
  /** `message` has provider and operation in front. */
  readonly vendorMessage: string;
  constructor(row: RefusalRow, operation: string, code: string, message: string) {
    super({ kind: 'invalid-request', provider: 'example', operation, code, message });
    this.row = row;
    this.vendorMessage = message;
  }
}

export function errorOfAnswer(answer: {
  readonly status: number;
  readonly text: string;
  readonly operation: string;
  readonly mutating: boolean;
}): ProviderError {
  const { status, text, operation, mutating } = answer;
  const { code, message } = readError(text);
  const row = code === '' ? null : findCodeRow(code, message);
  const details = { provider: 'example', operation, code, message } as const;
  // Whatever stands in front of the API may throttle without its envelope.
  if (row === null && status === 429) return new ProviderError({ ...details, kind: 'rate-limited' });
  if (row === null) {
    // Neither the table nor the envelope tells. A proxy's page after a mutation leaves its outcome open.
    const kind = mutating && (status >= 500 || code === '') ? 'outcome-unknown' : 'unavailable';
    return new ProviderError({ ...details, kind, unknownCode: code !== '' });
  }
  if ('refusal' in row) return new RefusedError(row, operation, code, message);
  const kind = mutating && row.mayHaveHappened === true ? 'outcome-unknown' : row.error;
  return new ProviderError({ ...details, kind });
}

function readError(text: string): { readonly code: string; readonly message: string } {
  try {
    const { code, message } = JSON.parse(text).error;
    return { code: String(code), message: String(message) };
  } catch {
    return { code: '', message: text.slice(0, 200) };
  }
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
  const all = { provider: pool.provider, region: null, zone: null, instanceType: null, market: null, quota: null };
  switch (reach) {
    case 'pool':
      return poolScope(pool);
    case 'type-region':
      return { ...all, region: pool.region, instanceType: pool.instanceType, market: pool.market };
    case 'region':
      return { ...all, region: pool.region };
    case 'provider':
      return all;
  }
}
