import type { Pool } from '../../domain/pool.ts';
import type { RefusalScope } from '../../domain/sold-out.ts';
import { poolScope } from '../../domain/sold-out.ts';
import type { ProviderErrorKind, Refusal } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { ErrorCodeRow, RefusalReach } from './error-codes.ts';
import { ERROR_CODES } from './error-codes.ts';
import { canonicalQuotaName, REGIONAL_CORES_QUOTA, SPOT_CORES_QUOTA, sizeLineOf } from './sizes.ts';

/** A failed call in Azure's words. */
export interface VendorFailure {
  readonly code: string;
  readonly message: string;
  /** HTTP status; null where no answer came, or the answer was not HTTP's (an operation's error). */
  readonly status: number | null;
  readonly retryAfterSeconds: number | null;
  /** `no`: the request never left. `answered`: Azure spoke. `unknown`: it may have arrived. */
  readonly sent: 'no' | 'answered' | 'unknown';
}

/** Whether a request that may have arrived could have changed anything. */
export type Effect = 'read' | 'mutation';

/** Failures that arise before the first byte of a request is sent. */
const NOT_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT_.*|ERR_TLS_.*|ERR_SSL_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/;
const IDENTITY_ERROR = /Authentication|Credential/;
const FAILED_OPERATION = /^The long-running operation has failed\.\s+([A-Za-z0-9_]+)\.\s*([\s\S]*)$/;

/**
 * Reads what the SDK, its poller, @azure/identity or fetch threw. The error itself is not kept as a cause: it carries the
 * request with its token and user data.
 */
export function vendorFailureOf(thrown: unknown): VendorFailure {
  const record = recordOf(thrown);
  const message = textOf(record['message']) ?? String(thrown);
  const status = numberOf(record['statusCode']) ?? numberOf(recordOf(record['response'])['status']);
  const code = textOf(record['code']) ?? textOf(recordOf(record['cause'])['code']) ?? '';
  if (status !== null && status > 0)
    return {
      code,
      message,
      status,
      retryAfterSeconds: retryAfterOf(record),
      sent: status < 300 ? 'unknown' : 'answered',
    };
  const failedOperation = FAILED_OPERATION.exec(message);
  if (failedOperation !== null) return operationFailure(failedOperation[1] ?? '', failedOperation[2] ?? '');
  const name = textOf(record['name']) ?? '';
  if (IDENTITY_ERROR.test(name)) return { code: name, message, status: null, retryAfterSeconds: null, sent: 'no' };
  return { code, message, status: null, retryAfterSeconds: null, sent: NOT_SENT.test(code) ? 'no' : 'unknown' };
}

/** The failure of an accepted operation, as the instance view or the operation itself tells it. */
export function operationFailure(code: string, message: string): VendorFailure {
  return { code, message, status: null, retryAfterSeconds: null, sent: 'answered' };
}

function retryAfterOf(record: Readonly<Record<string, unknown>>): number | null {
  const headers = recordOf(recordOf(record['response'])['headers']);
  const get = headers['get'];
  if (typeof get !== 'function') return null;
  const text: unknown = get.call(headers, 'retry-after');
  return readRetryAfter(typeof text === 'string' ? text : null);
}

/** Seconds of a `Retry-After` header; dates, which Azure does not send, read as unknown. */
export function readRetryAfter(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) : null;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function rowOf(failure: VendorFailure, asked: Pool['market'] | null): ErrorCodeRow | null {
  const market = asked === 'reserved' ? 'on-demand' : asked;
  const code = failure.code.toLowerCase();
  const message = failure.message.replaceAll(/\s+/g, ' ').toLowerCase();
  return (
    ERROR_CODES.find(
      (row) =>
        row.code.toLowerCase() === code &&
        row.terms.every((term) => message.includes(term.toLowerCase())) &&
        (row.market === null || row.market === market),
    ) ?? null
  );
}

/** The refusal that the failure means for a launch into the pool; null when it is an error. HTTP 429 is never a refusal, whatever its body says. */
export function refusalOf(failure: VendorFailure, pool: Pool): Refusal | null {
  if (failure.status === 429) return null;
  const meaning = rowOf(failure, pool.market)?.meaning;
  if (meaning?.answer !== 'refusal') return null;
  // Capacity that was set aside is one matter, what the region has besides is another.
  const ofReservation = pool.market === 'reserved' && meaning.kind !== 'quota';
  return {
    kind: ofReservation && meaning.kind === 'capacity' ? 'reservation' : meaning.kind,
    scope: ofReservation ? poolScope(pool) : scopeOf(meaning.reach, failure, pool),
    retryAfterSeconds: meaning.retryAfterSeconds,
    code: failure.code,
    message: failure.message,
  };
}

const QUOTA_IN_MESSAGE = /exceeding approved (.+?) Cores quota/i;

function scopeOf(reach: RefusalReach, failure: VendorFailure, pool: Pool): RefusalScope {
  const { provider, region, zone, instanceType, market } = pool;
  // On-demand machines and those in a reservation count against the same quotas.
  const quotaMarket = market === 'reserved' ? null : market;
  const everything = { provider, region, zone: null, instanceType: null, market: null, quota: null };
  switch (reach) {
    case 'pool':
      return poolScope(pool);
    case 'placement-family':
      return { ...everything, zone, ...familyOf(pool) };
    case 'region-family':
      return { ...everything, ...familyOf(pool) };
    case 'type-market':
      return { ...everything, instanceType, market };
    case 'quota-family':
      return { ...everything, market: quotaMarket, quota: claimedFamily(failure, pool) };
    case 'quota-cores':
      return market === 'spot' ? { ...everything, market } : { ...everything, quota: REGIONAL_CORES_QUOTA };
    case 'quota-spot':
      return { ...everything, market, quota: market === 'spot' ? SPOT_CORES_QUOTA : null };
    case 'region':
      return everything;
    default:
      return reach satisfies never;
  }
}

/** The size's family, as far as a scope can name it. */
function familyOf({ instanceType, market }: Pool): Pick<RefusalScope, 'instanceType' | 'quota'> {
  const family = market === 'spot' ? undefined : sizeLineOf(instanceType)?.family;
  return family === undefined ? { instanceType, quota: null } : { instanceType: null, quota: family };
}

/** The family quota that the pool claims: a scope by a quota that its pools do not claim would block nothing. */
function claimedFamily(failure: VendorFailure, pool: Pool): string {
  if (pool.market === 'spot') return SPOT_CORES_QUOTA;
  const named = QUOTA_IN_MESSAGE.exec(failure.message.replaceAll(/\s+/g, ' '))?.[1];
  return sizeLineOf(pool.instanceType)?.family ?? canonicalQuotaName(named ?? pool.instanceType);
}

/** The error that the failure means wherever it is not a refusal. */
export function providerErrorOf(failure: VendorFailure, operation: string, effect: Effect): ProviderError {
  const meaning = rowOf(failure, null)?.meaning ?? null;
  const { kind, unknownCode } = kindOf(failure, meaning?.answer === 'error' ? meaning.kind : null, effect);
  const fromTable = meaning?.answer === 'error' ? meaning.retryAfterSeconds : null;
  return new ProviderError({
    kind,
    provider: 'azure',
    operation,
    code: failure.code,
    message: failure.message,
    retryAfterSeconds: failure.retryAfterSeconds ?? fromTable,
    unknownCode: unknownCode && meaning === null,
  });
}

function kindOf(
  failure: VendorFailure,
  fromTable: ProviderErrorKind | null,
  effect: Effect,
): { readonly kind: ProviderErrorKind; readonly unknownCode: boolean } {
  const { status, sent } = failure;
  const maybeDone = effect === 'mutation' ? 'outcome-unknown' : 'unavailable';
  if (status === 429) return { kind: 'rate-limited', unknownCode: false };
  if (fromTable !== null) return { kind: fromTable, unknownCode: false };
  if (sent === 'no') return { kind: 'unavailable', unknownCode: false };
  if (sent === 'unknown') return { kind: maybeDone, unknownCode: false };
  if (status === 401 || status === 403) return { kind: 'unauthorized', unknownCode: false };
  // 503 is ARM turning the request away; other 5xx can come from a proxy after the request went through.
  if (status === 503) return { kind: 'unavailable', unknownCode: false };
  if (status === 408 || (status !== null && status >= 500)) return { kind: maybeDone, unknownCode: false };
  return { kind: 'unavailable', unknownCode: true };
}

/** While another operation holds the machine, or the machine its parts, deleting is to be repeated, unlike creating one under a taken name. */
export function terminationError(failure: VendorFailure, operation: string): ProviderError {
  const error = providerErrorOf(failure, operation, 'mutation');
  if (error.kind !== 'conflict') return error;
  const { code, message, retryAfterSeconds } = failure;
  return new ProviderError({ kind: 'unavailable', provider: 'azure', operation, code, message, retryAfterSeconds });
}
