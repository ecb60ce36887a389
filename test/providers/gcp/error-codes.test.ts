import { describe, expect, it } from 'vitest';
import { scopeCovers } from '../../../src/domain/sold-out.ts';
import type { Meaning, VendorFailure } from '../../../src/providers/gcp/error-codes.ts';
import { CODE_ROWS, meaningOf } from '../../../src/providers/gcp/error-codes.ts';
import { failureOf, refusalOf, toProviderError } from '../../../src/providers/gcp/errors.ts';

const PER_MINUTE =
  "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com' for consumer 'project_number:1'.";

interface Row {
  readonly code: string;
  readonly status?: number;
  readonly message?: string;
  /** Index of the row of the table that this one is to hit: every row is hit by at least one. */
  readonly row: number;
  readonly means: string;
}

function described(meaning: Meaning | null): string {
  if (meaning === null) return 'unknown';
  if (meaning.means === 'refusal') return `${meaning.kind} ${meaning.scope} ${meaning.retryAfterSeconds}`;
  return meaning.means === 'error' ? meaning.kind : meaning.means;
}

const ROWS: readonly Row[] = [
  { code: 'rateLimitExceeded', status: 403, row: 0, means: 'rate-limited' },
  { code: 'userRateLimitExceeded', status: 403, row: 0, means: 'rate-limited' },
  { code: 'RATE_LIMIT_EXCEEDED', status: 403, row: 0, means: 'rate-limited' },
  { code: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED', status: 403, row: 0, means: 'rate-limited' },
  { code: 'RESOURCE_OPERATION_RATE_EXCEEDED', status: 403, row: 0, means: 'rate-limited' },
  { code: 'forbidden', status: 403, message: PER_MINUTE, row: 1, means: 'rate-limited' },
  { code: 'quotaExceeded', status: 403, message: PER_MINUTE, row: 1, means: 'rate-limited' },
  { code: '', status: 429, row: 2, means: 'rate-limited' },
  { code: 'RESERVATION_NOT_FOUND', row: 3, means: 'reservation reservation 60' },
  {
    ...{ code: 'NEW', message: 'Reservation r-1 does not have sufficient capacity for the requested resources.' },
    ...{ row: 4, means: 'reservation reservation 60' },
  },
  {
    ...{ code: 'NEW', message: 'Specified reservations [r-1] do not have available resources for the request.' },
    ...{ row: 4, means: 'reservation reservation 60' },
  },
  {
    code: 'NEW',
    message: 'No available resources in specified reservations',
    row: 4,
    means: 'reservation reservation 60',
  },
  { code: 'INTERNAL', message: 'x AUTOMATIC_RESERVATIONS_NO_CAPACITY y', row: 4, means: 'reservation reservation 60' },
  { code: 'ZONE_RESOURCE_POOL_EXHAUSTED', status: 503, row: 5, means: 'capacity pool 180' },
  { code: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', status: 503, row: 5, means: 'capacity pool 180' },
  { code: 'RESOURCE_POOL_EXHAUSTED', row: 5, means: 'capacity pool 180' },
  { code: 'INSUFFICIENT_CAPACITY', row: 5, means: 'capacity pool 180' },
  { code: 'insufficientCapacity', status: 503, row: 5, means: 'capacity pool 180' },
  { code: 'VM_MIN_COUNT_NOT_REACHED', status: 503, row: 5, means: 'capacity pool 180' },
  { code: 'UNSUPPORTED_OPERATION', status: 400, row: 5, means: 'capacity pool 180' },
  { code: 'IP_SPACE_EXHAUSTED', row: 6, means: 'capacity region 300' },
  { code: 'IP_SPACE_EXHAUSTED_WITH_DETAILS', row: 6, means: 'capacity region 300' },
  {
    code: 'quotaExceeded',
    status: 403,
    message: "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.",
    row: 7,
    means: 'quota all-gpus 600',
  },
  { code: 'QUOTA_EXCEEDED', message: "Quota 'GPUS_ALL_REGIONS' exceeded.", row: 7, means: 'quota all-gpus 600' },
  { code: 'quotaExceeded', status: 403, row: 8, means: 'quota named-quota 600' },
  { code: 'QUOTA_EXCEEDED', status: 403, row: 8, means: 'quota named-quota 600' },
  { code: 'type.googleapis.com/google.rpc.QuotaFailure', row: 9, means: 'quota region 600' },
  {
    code: 'forbidden',
    status: 403,
    message: 'Location us-central1-c is not found or access is unauthorized.',
    row: 10,
    means: 'restricted zone 86400',
  },
  { code: 'IAM_PERMISSION_DENIED', row: 11, means: 'unauthorized' },
  { code: 'PERMISSIONS_ERROR', row: 11, means: 'unauthorized' },
  { code: 'forbidden', status: 403, row: 11, means: 'unauthorized' },
  { code: 'authError', status: 401, row: 11, means: 'unauthorized' },
  { code: 'accessNotConfigured', status: 403, row: 11, means: 'unauthorized' },
  { code: '', status: 401, row: 12, means: 'unauthorized' },
  { code: 'CONDITION_NOT_MET', row: 13, means: 'invalid-request' },
  { code: 'conditionNotMet', status: 412, row: 13, means: 'invalid-request' },
  { code: 'VPC_NOT_FOUND', row: 14, means: 'invalid-request' },
  { code: 'SUBNET_NOT_FOUND_FOR_VPC', row: 14, means: 'invalid-request' },
  { code: 'notFound', status: 404, row: 14, means: 'invalid-request' },
  { code: 'RESOURCE_NOT_FOUND', status: 404, row: 14, means: 'invalid-request' },
  { code: 'invalid', status: 400, row: 15, means: 'invalid-request' },
  { code: 'INVALID_FIELD', status: 400, row: 15, means: 'invalid-request' },
  { code: 'INVALID_FIELD_VALUE', row: 15, means: 'invalid-request' },
  { code: 'INVALID_USAGE', row: 15, means: 'invalid-request' },
  { code: 'badRequest', status: 400, row: 15, means: 'invalid-request' },
  { code: 'required', status: 400, row: 15, means: 'invalid-request' },
  { code: 'invalidParameter', status: 400, row: 15, means: 'invalid-request' },
  { code: 'alreadyExists', status: 409, row: 16, means: 'conflict' },
  { code: 'RESOURCE_ALREADY_EXISTS', row: 16, means: 'conflict' },
  { code: 'resourceInUseByAnotherResource', status: 400, row: 16, means: 'conflict' },
  { code: 'RESOURCE_IN_USE_BY_ANOTHER_RESOURCE', row: 16, means: 'conflict' },
  { code: 'resourceNotReady', status: 400, row: 17, means: 'unavailable' },
  { code: 'RESOURCE_NOT_READY', row: 17, means: 'unavailable' },
  { code: 'backendError', status: 503, row: 18, means: 'unavailable' },
  { code: 'backendError', status: 500, row: 19, means: 'server-failure' },
  { code: 'internalError', status: 500, row: 19, means: 'server-failure' },
  { code: 'INTERNAL_ERROR', row: 19, means: 'server-failure' },
  { code: 'newReason', status: 400, row: 20, means: 'invalid-request' },
  { code: 'newReason', status: 403, row: 21, means: 'unauthorized' },
  { code: '', status: 404, row: 22, means: 'invalid-request' },
  { code: '', status: 409, row: 23, means: 'conflict' },
  { code: '', status: 412, row: 24, means: 'invalid-request' },
  { code: '', status: 503, row: 25, means: 'unavailable' },
  { code: '', status: 500, row: 26, means: 'server-failure' },
  { code: '', status: 502, row: 27, means: 'server-failure' },
  { code: '', status: 504, row: 28, means: 'server-failure' },
  { code: 'SOMETHING_NEW', row: -1, means: 'unknown' },
  { code: '', status: 418, row: -1, means: 'unknown' },
];

describe('the table of codes', () => {
  it.each(ROWS)('$code $status $message → $means', ({ code, status = null, message = 'words', row, means }) => {
    const failure: VendorFailure = { code, status, message };
    expect(described(meaningOf(failure))).toBe(means);
    const hit = CODE_ROWS.findIndex(
      (candidate) =>
        (candidate.codes?.includes(code) ?? true) &&
        (candidate.codePattern?.test(code) ?? true) &&
        (candidate.status ?? status) === status &&
        (candidate.message?.test(message) ?? true),
    );
    expect(hit).toBe(row);
  });

  it('is tried in every row, and for every code', () => {
    expect(new Set(ROWS.map(({ row }) => row))).toEqual(new Set([-1, ...CODE_ROWS.keys()]));
    const tried = new Set(ROWS.map(({ code }) => code));
    expect(CODE_ROWS.flatMap(({ codes = [] }) => codes).filter((code) => !tried.has(code))).toEqual([]);
  });
});

const POOL = {
  ...{ region: 'us-central1', zone: 'us-central1-a', instanceType: 'a2-highgpu-1g', reservation: null },
  ...{ market: 'spot' as const, gpu: 'nvidia-tesla-a100' },
};
const OFFERED = { provider: 'gcp', ...POOL };
const CLAIMS = ['PREEMPTIBLE_NVIDIA_A100_GPUS', 'GPUS_ALL_REGIONS'];

function scopeFor(code: string, message: string, gpu: string | null = POOL.gpu) {
  const refusal = refusalOf({ code, status: 403, message }, { ...POOL, gpu });
  if (refusal === null) throw new Error(`${code} is no refusal`);
  return refusal.scope;
}

describe('what a refusal closes', () => {
  it('a sold-out zone: the pool alone', () => {
    const scope = scopeFor('ZONE_RESOURCE_POOL_EXHAUSTED', 'x');
    expect(scopeCovers(scope, OFFERED, CLAIMS)).toBe(true);
    expect(scopeCovers(scope, { ...OFFERED, market: 'on-demand' }, CLAIMS)).toBe(false);
    expect(scopeCovers(scope, { ...OFFERED, zone: 'us-central1-b' }, CLAIMS)).toBe(false);
    expect(scopeCovers(scope, { ...OFFERED, instanceType: 'a2-highgpu-2g' }, CLAIMS)).toBe(false);
  });

  it.each([
    ['the quota named', "Quota 'PREEMPTIBLE_NVIDIA_A100_GPUS' exceeded.  Limit: 1.0 in region us-central1."],
    ['the pool’s own family where one metric stands for all', "Quota 'GPUS_PER_GPU_FAMILY' exceeded.  Limit: 1.0"],
    ['the pool’s own family where nothing is named', 'Quota exceeded'],
  ])('a family quota: %s', (_, message) => {
    const scope = scopeFor('quotaExceeded', message);
    // Without a name there is only the region to close.
    expect(scopeCovers(scope, { ...OFFERED, zone: 'us-central1-f', instanceType: 'a2-megagpu-16g' }, CLAIMS)).toBe(
      true,
    );
    expect(scopeCovers(scope, { ...OFFERED, region: 'us-east1' }, CLAIMS)).toBe(false);
    if (message.includes("Quota '")) {
      expect(scopeCovers(scope, OFFERED, ['PREEMPTIBLE_NVIDIA_L4_GPUS'])).toBe(false);
      expect(scopeCovers(scope, { ...OFFERED, market: 'on-demand' }, ['NVIDIA_A100_GPUS'])).toBe(false);
    }
  });

  it.each([
    ['spot' as const, 'PREEMPTIBLE_NVIDIA_H100_GPUS'],
    ['on-demand' as const, 'NVIDIA_H100_GPUS'],
  ])('a shared family quota of which only the details name the family (%s)', (market, quota) => {
    const message = "Quota 'GPUS_PER_GPU_FAMILY' exceeded.  Limit: 0.0 in region us-central1.";
    const unknown = { ...POOL, market, instanceType: null, gpu: null };
    const told = refusalOf({ code: 'QUOTA_EXCEEDED', status: 403, message }, { ...unknown, gpuFamily: 'NVIDIA_H100' });
    expect(told?.scope).toMatchObject({ region: 'us-central1', market, quota });
    expect(refusalOf({ code: 'QUOTA_EXCEEDED', status: 403, message }, unknown)?.scope).toMatchObject({ quota: null });
  });

  it('a quota that no offer claims: the region', () => {
    const scope = scopeFor('QUOTA_EXCEEDED', "Quota 'SSD_TOTAL_GB' exceeded.  Limit: 500.0 in region us-central1.");
    expect(scope).toMatchObject({ region: 'us-central1', zone: null, quota: null, market: null });
  });

  it('the project’s quota of GPUs: every region', () => {
    const scope = scopeFor('quotaExceeded', "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 4.0 globally.");
    expect(scopeCovers(scope, { ...OFFERED, region: 'europe-west4', zone: 'europe-west4-a' }, CLAIMS)).toBe(true);
  });

  it('a zone that the project may not use: all types in it', () => {
    const scope = scopeFor('forbidden', 'Location us-central1-a is not found or access is unauthorized.');
    expect(scope).toMatchObject({ zone: 'us-central1-a', instanceType: null, market: null });
  });
});

const RAW = Symbol.for('google-gax.rawHttpResponsePayload');

function sdkError(fields: object, payload?: unknown): Error {
  const error = Object.assign(new Error('what the SDK says'), fields);
  if (payload !== undefined) Object.defineProperty(error, RAW, { value: payload });
  return error;
}

describe('errors of the SDK', () => {
  it('tell the legacy reason and the vendor’s words', () => {
    const body = {
      error: { code: 403, message: 'No more.', errors: [{ reason: 'quotaExceeded', message: 'No more.' }] },
    };
    const error = sdkError({ code: 7, httpStatusCode: 403 }, JSON.stringify(body));
    expect(failureOf(error)).toEqual({ code: 'quotaExceeded', status: 403, message: 'No more.', connection: null });
  });

  it('of the older SDK carry the body as their message', () => {
    const body = { error: { code: 429, message: 'Slow down.', errors: [{ reason: 'rateLimitExceeded' }] } };
    const error = Object.assign(new Error(JSON.stringify(body)), { status: 429 });
    expect(toProviderError(error, 'services.skus.list', false)).toMatchObject({
      kind: 'rate-limited',
      code: 'rateLimitExceeded',
      message: 'gcp services.skus.list: Slow down.',
    });
  });

  it.each([
    ['never left', sdkError({ code: 14, cause: { code: 'ECONNREFUSED' } }), 'unavailable', 'unavailable'],
    ['had no host', sdkError({ code: 14, cause: { cause: { code: 'ENOTFOUND' } } }), 'unavailable', 'unavailable'],
    ['broke', sdkError({ code: 14, cause: { code: 'ECONNRESET' } }), 'outcome-unknown', 'unavailable'],
    ['took too long', sdkError({ code: 4 }), 'outcome-unknown', 'unavailable'],
    ['hit a proxy', sdkError({ code: 13, httpStatusCode: 502 }, '<html>'), 'outcome-unknown', 'unavailable'],
    ['were not understood', new Error('Unexpected token <'), 'outcome-unknown', 'unavailable'],
    ['met a busy server', sdkError({ code: 14, httpStatusCode: 503 }), 'unavailable', 'unavailable'],
    ['carry only a gRPC code', sdkError({ code: 16 }), 'unauthorized', 'unauthorized'],
  ])('that %s', (_, error, mutation, read) => {
    expect(toProviderError(error, 'instances.insert', true).kind).toBe(mutation);
    expect(toProviderError(error, 'instances.get', false).kind).toBe(read);
  });

  it('with a code that nobody knows are unavailable, and say so', () => {
    const error = sdkError({ httpStatusCode: 418 }, { error: { message: 'x', errors: [{ reason: 'teapot' }] } });
    expect(toProviderError(error, 'instances.insert', true)).toMatchObject({
      kind: 'unavailable',
      code: 'teapot',
      unknownCode: true,
    });
  });

  it('leave the request, with its credentials, behind', () => {
    const config = { headers: { authorization: 'Bearer s3cret' } };
    const error = toProviderError(sdkError({ httpStatusCode: 500, cause: { config }, config }), 'instances.get', false);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('s3cret');
    expect(Object.keys(Object(error.cause))).not.toContain('config');
  });
});
