/** Translates what the AWS SDKs throw into the contract's words, exactly once. */
import type { Pool } from '../../domain/pool.ts';
import type { RefusalScope } from '../../domain/sold-out.ts';
import { poolScope } from '../../domain/sold-out.ts';
import type { Call, Refusal } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { RefusalReach, RefusalRow } from './error-codes.ts';
import { findCodeRow } from './error-codes.ts';
import { quotaCodeOf } from './instance-types.ts';

export const PROVIDER_ID = 'aws';

/** What was being done when something was thrown. */
export interface Attempted {
  /** The vendor operation, `RunInstances`. */
  readonly operation: string;
  readonly mutating: boolean;
}

export type Classified =
  | { readonly refusal: RefusalRow; readonly code: string; readonly message: string }
  | { readonly refusal: null; readonly error: ProviderError };

/** The parts of an SDK error that matter here. */
interface SdkError {
  readonly name: string;
  readonly message: string;
  /** Node's code of a connection error. */
  readonly code: string;
  readonly syscall: string;
  /** Null when no answer came. */
  readonly httpStatus: number | null;
  /** True when the cloud's own answer was understood. */
  readonly answered: boolean;
  readonly retryAfterSeconds: number | null;
}

/** Connection errors after which nothing can have reached the cloud. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_INVALID_URL',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/**
 * Carries out one request. Throws the signal's reason when it has aborted, else a ProviderError. `send` passes the options on
 * to the SDK client.
 */
export async function ask<Output>(
  attempted: Attempted,
  call: Call,
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
): Promise<Output> {
  call.signal.throwIfAborted();
  try {
    return await send({ abortSignal: call.signal });
  } catch (thrown) {
    call.signal.throwIfAborted();
    throw errorOf(thrown, attempted);
  }
}

/** For operations where a refusal makes no sense: everything is a ProviderError. */
export function errorOf(thrown: unknown, attempted: Attempted): ProviderError {
  if (thrown instanceof ProviderError) return thrown;
  const classified = classify(thrown, attempted);
  if (classified.refusal === null) return classified.error;
  const { code, message, refusal } = classified;
  return providerError(attempted, 'unavailable', code, message, {
    cause: thrown,
    retryAfterSeconds: refusal.retryAfterSeconds,
  });
}

export function classify(thrown: unknown, attempted: Attempted): Classified {
  const error = readSdkError(thrown);
  const row = findCodeRow(error.name, error.message);
  if (row !== null) {
    if ('refusal' in row) return { refusal: row, code: error.name, message: error.message };
    const kind = row.mayHaveHappened === true && attempted.mutating ? 'outcome-unknown' : row.error;
    return failed(
      providerError(attempted, kind, error.name, error.message, {
        cause: thrown,
        retryAfterSeconds: error.retryAfterSeconds ?? row.retryAfterSeconds ?? null,
      }),
    );
  }
  if (error.answered) {
    return failed(
      providerError(attempted, 'unavailable', error.name, error.message, { cause: thrown, unknownCode: true }),
    );
  }
  const kind = attempted.mutating && !neverSent(error) ? 'outcome-unknown' : 'unavailable';
  return failed(providerError(attempted, kind, '', connectionMessage(error), { cause: thrown }));
}

function failed(error: ProviderError): Classified {
  return { refusal: null, error };
}

export function providerError(
  attempted: Attempted,
  kind: ProviderError['kind'],
  code: string,
  message: string,
  more: { readonly cause?: unknown; readonly retryAfterSeconds?: number | null; readonly unknownCode?: boolean } = {},
): ProviderError {
  const { cause, ...rest } = more;
  return new ProviderError({
    kind,
    provider: PROVIDER_ID,
    operation: attempted.operation,
    code,
    message,
    ...rest,
    ...(cause === undefined ? {} : { cause: withoutRequest(cause) }),
  });
}

/** SDK errors carry the request they answer, signature and user data included: only name, message and stack go on. */
function withoutRequest(thrown: unknown): Error {
  const cause = new Error(thrown instanceof Error ? thrown.message : String(thrown));
  if (thrown instanceof Error) {
    cause.name = thrown.name;
    if (thrown.stack !== undefined) cause.stack = thrown.stack;
  }
  return cause;
}

/**
 * An answer without a part that EC2 always sends is not EC2's: a proxy's page with status 200 parses as an empty result, and
 * must not pass for "there is nothing".
 */
export function requirePart<Part>(part: Part | undefined, attempted: Attempted, name: string): Part {
  if (part !== undefined) return part;
  const kind = attempted.mutating ? 'outcome-unknown' : 'unavailable';
  throw providerError(attempted, kind, '', `the answer has no ${name}: it does not come from AWS`);
}

export function refusalFrom(row: RefusalRow, pool: Pool, code: string, message: string): Refusal {
  return {
    kind: row.refusal,
    scope: scopeOf(row.reach, pool),
    retryAfterSeconds: row.retryAfterSeconds,
    code,
    message,
  };
}

function scopeOf(reach: RefusalReach, pool: Pool): RefusalScope {
  const { provider, region, zone, instanceType, market } = pool;
  const wide: RefusalScope = { provider, region, zone: null, instanceType: null, market: null, quota: null };
  switch (reach) {
    case 'pool':
      return poolScope(pool);
    case 'zone':
      return { ...wide, zone };
    case 'type-region':
      return { ...wide, instanceType, market };
    case 'family-quota': {
      const quota = quotaCodeOf(instanceType, market);
      // Without a known quota no more than the type can be said to be out of it.
      return quota === null ? { ...wide, instanceType, market } : { ...wide, market, quota };
    }
    case 'region':
      return wide;
    case 'spot-account':
      return { ...wide, region: null, market: 'spot' };
    default:
      return reach satisfies never;
  }
}

function neverSent({ code, syscall, message, name }: SdkError): boolean {
  if (NEVER_SENT.has(code) || syscall === 'connect') return true;
  return name === 'TimeoutError' && message.includes('without establishing a connection');
}

function connectionMessage({ message, httpStatus }: SdkError): string {
  const [first = ''] = message.split('\n');
  return httpStatus === null ? `no answer: ${first}` : `unreadable answer with HTTP status ${httpStatus}: ${first}`;
}

function readSdkError(thrown: unknown): SdkError {
  const error = isRecord(thrown) ? thrown : {};
  const metadata = isRecord(error['$metadata']) ? error['$metadata'] : {};
  const status = metadata['httpStatusCode'];
  const name = textOf(error['name']);
  return {
    name,
    message: thrown instanceof Error ? thrown.message : String(thrown),
    code: textOf(error['code']),
    syscall: textOf(error['syscall']),
    httpStatus: typeof status === 'number' ? status : null,
    // `$fault` marks the vendor's own errors; "Unknown" is the SDK's name for an answer without a code.
    answered: error['$fault'] !== undefined && name !== 'Unknown',
    retryAfterSeconds: readRetryAfter(error['$response']),
  };
}

function readRetryAfter(response: unknown): number | null {
  if (!isRecord(response) || !isRecord(response['headers'])) return null;
  const seconds = Number(response['headers']['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
