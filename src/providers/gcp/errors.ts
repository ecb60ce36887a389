import type { Pool } from '../../domain/pool.ts';
import type { RefusalScope } from '../../domain/sold-out.ts';
import type { ProviderErrorKind, Refusal } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { ScopeName, VendorFailure } from './error-codes.ts';
import { meaningOf } from './error-codes.ts';
import { FAMILY_QUOTAS, GLOBAL_GPU_QUOTA, isGpuQuota, quotaOf } from './machine-types.ts';

/** What happened to a call, as far as the SDK tells. */
type Failure = VendorFailure & {
  /** `refused`: it never left. `lost`: the connection broke. `timeout`: no answer in time. Null: there was an answer. */
  readonly connection: 'refused' | 'lost' | 'timeout' | null;
};

/** The SDK keeps the answer's body under this symbol: the legacy reason (`quotaExceeded`) is nowhere else. */
const RAW_PAYLOAD = Symbol.for('google-gax.rawHttpResponsePayload');

/** HTTP statuses by gRPC code, for SDK versions that keep only the latter. */
const STATUS_OF_GRPC: ReadonlyMap<number, number> = new Map([
  [3, 400],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [13, 500],
  [16, 401],
]);
const DEADLINE_EXCEEDED = 4;
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_INVALID_URL',
]);

function property(value: unknown, name: string | symbol): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The answer's body: newer SDK versions keep it under a symbol, older ones make it the error's message; plain requests have it as data. */
function parsedPayload(error: unknown): unknown {
  const payload =
    property(error, RAW_PAYLOAD) ?? property(property(error, 'response'), 'data') ?? property(error, 'message');
  if (typeof payload !== 'string') return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}

/** Newer SDK versions say `httpStatusCode`, older ones pass on the HTTP library's `status`. */
function httpStatus(error: unknown): number | null {
  const status = property(error, 'httpStatusCode') ?? property(error, 'status');
  return typeof status === 'number' ? status : null;
}

/** System codes (`ECONNREFUSED`) sit somewhere down the chain of causes. */
function systemCode(error: unknown): string {
  for (let link = error, depth = 0; link !== undefined && depth < 5; link = property(link, 'cause'), depth += 1) {
    const code = property(link, 'code');
    if (typeof code === 'string') return code;
  }
  return '';
}

function reasonIn(body: unknown): string {
  const errors = property(body, 'errors');
  const reason = Array.isArray(errors) ? text(property(errors[0], 'reason')) : '';
  return reason === '' ? text(property(body, 'status')) : reason;
}

export function failureOf(error: unknown): Failure {
  const body = property(parsedPayload(error), 'error');
  const grpc = property(error, 'code');
  const http = httpStatus(error);
  const message = text(property(body, 'message')) || (error instanceof Error ? error.message : String(error));
  const code = reasonIn(body) || text(property(error, 'reason'));
  if (http !== null) return { code, status: http, message, connection: null };
  if (grpc === DEADLINE_EXCEEDED) return { code, status: null, message, connection: 'timeout' };
  const system = systemCode(error);
  if (system !== '')
    return { code: '', status: null, message, connection: NEVER_SENT.has(system) ? 'refused' : 'lost' };
  const status = typeof grpc === 'number' ? (STATUS_OF_GRPC.get(grpc) ?? null) : null;
  // Answers that could not be read (HTML of a proxy) come without any status from older SDK versions.
  return { code, status, message, connection: status === null ? 'lost' : null };
}

/** The cloud does not know this machine, disk or address. A missing zone or project says nothing about them. */
export function isMissing(error: unknown, collection: string): boolean {
  return (
    error instanceof ProviderError &&
    error.code === 'notFound' &&
    new RegExp(`/${collection}/[^/]+' was not found`).test(error.message)
  );
}

/** The SDK's errors carry the whole request, credentials included; of them only the words go on. */
function bareCause(error: unknown): Error {
  const cause = new Error(error instanceof Error ? error.message : String(error));
  if (error instanceof Error && error.stack !== undefined) cause.stack = error.stack;
  return cause;
}

function kindOf(failure: Failure, mutating: boolean): { kind: ProviderErrorKind; unknownCode: boolean } {
  const unanswered = mutating ? 'outcome-unknown' : 'unavailable';
  if (failure.connection === 'refused') return { kind: 'unavailable', unknownCode: false };
  if (failure.connection !== null) return { kind: unanswered, unknownCode: false };
  const meaning = meaningOf(failure);
  if (meaning === null) return { kind: 'unavailable', unknownCode: true };
  if (meaning.means === 'server-failure') return { kind: unanswered, unknownCode: false };
  if (meaning.means === 'error') return { kind: meaning.kind, unknownCode: false };
  // A refusal outside a launch: a read that the project may not do, or that finds no room.
  return { kind: meaning.kind === 'restricted' ? 'unauthorized' : 'unavailable', unknownCode: false };
}

/** Vendor code and message verbatim, and the kind that decides what the broker does next. */
export function toProviderError(error: unknown, operation: string, mutating: boolean): ProviderError {
  const failure = failureOf(error);
  return new ProviderError({
    ...kindOf(failure, mutating),
    provider: 'gcp',
    operation,
    code: failure.code,
    message: failure.message,
    cause: bareCause(error),
  });
}

/** What the failure of an operation means where nothing is refused: of a deletion. */
export function errorOfFailure(failure: VendorFailure, operation: string): ProviderError {
  const { code, message } = failure;
  // The operation is over: whatever failed, nothing is in doubt.
  return new ProviderError({
    ...kindOf({ ...failure, connection: null }, false),
    provider: 'gcp',
    operation,
    code,
    message,
  });
}

/** Rethrows what is not a failure of the cloud: the caller's abort, and our own mistakes. */
export function asProviderError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  throw error;
}

/** A list came, but without these zones. */
export function unreachableZones(operation: string, zones: readonly string[]): ProviderError {
  return new ProviderError({
    kind: 'unavailable',
    provider: 'gcp',
    operation,
    code: 'UNREACHABLE',
    message: `no answer from ${zones.join(', ')}`,
  });
}

/** What a refused launch was for; null where only an operation is left that does not tell. */
export interface RefusedPool {
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string | null;
  readonly market: Pool['market'] | null;
  readonly reservation: string | null;
  /** The cloud's name of the GPU, for quotas named after its family. */
  readonly gpu: string | null;
  /** The GPU family that the refusal itself names (`NVIDIA_H100`), where it does. */
  readonly gpuFamily?: string | null;
}

/** The refusal that a failure of a launch means; null where it is an error instead. */
export function refusalOf(failure: VendorFailure, pool: RefusedPool): Refusal | null {
  const meaning = meaningOf(failure);
  if (meaning?.means !== 'refusal') return null;
  return {
    kind: meaning.kind,
    scope: scopeOf(meaning.scope, failure.message, pool),
    retryAfterSeconds: meaning.retryAfterSeconds,
    code: failure.code,
    message: failure.message,
  };
}

const ANYWHERE: RefusalScope = {
  provider: 'gcp',
  region: null,
  zone: null,
  instanceType: null,
  market: null,
  quota: null,
};

function scopeOf(name: ScopeName, message: string, pool: RefusedPool): RefusalScope {
  const { region, zone, instanceType, market } = pool;
  switch (name) {
    case 'pool':
    case 'reservation':
      return { ...ANYWHERE, region, zone, instanceType, market };
    case 'zone':
      return { ...ANYWHERE, region, zone };
    case 'region':
      return { ...ANYWHERE, region };
    case 'all-gpus':
      return { ...ANYWHERE, quota: GLOBAL_GPU_QUOTA };
    case 'named-quota':
      return quotaScope(message, pool);
  }
}

/**
 * A GPU quota closes its family in the region. Newer families share one metric (`GPUS_PER_GPU_FAMILY`), whose family is the pool's own.
 * Another quota (CPUs, disks, addresses) is claimed by no offer, so it closes the region.
 */
function quotaScope(message: string, { region, market, gpu, gpuFamily = null }: RefusedPool): RefusalScope {
  const named = /Quota '([A-Z0-9_]+)'/.exec(message)?.[1] ?? null;
  const sold = market === 'spot' ? 'spot' : 'on-demand';
  const told = gpuFamily === null ? null : `${sold === 'spot' ? 'PREEMPTIBLE_' : ''}${gpuFamily}_GPUS`;
  const own = told ?? (gpu === null || market === null ? null : quotaOf(gpu, sold));
  const quota = named !== null && FAMILY_QUOTAS.has(named) ? own : named;
  if (quota === null || !isGpuQuota(quota)) return { ...ANYWHERE, region };
  return { ...ANYWHERE, region, market, quota };
}
