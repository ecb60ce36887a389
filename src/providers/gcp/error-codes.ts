import type { ProviderErrorKind, Refusal } from '../provider.ts';

/** What a refusal closes: a pool, a zone, a region, the quota named in the message, all GPUs of the project, a reservation. */
export type ScopeName = 'pool' | 'zone' | 'region' | 'named-quota' | 'all-gpus' | 'reservation';

export type Meaning =
  | {
      readonly means: 'refusal';
      readonly kind: Refusal['kind'];
      readonly scope: ScopeName;
      readonly retryAfterSeconds: number;
    }
  | { readonly means: 'error'; readonly kind: ProviderErrorKind }
  /** A server's failure: a read failed, but a mutation may have happened. */
  | { readonly means: 'server-failure' };

/** One row: the row holds when the code, the HTTP status and the message term given all match; what is null or absent matches anything. */
export interface CodeRow {
  /** Reasons of HTTP errors and codes of operations' errors. */
  readonly codes?: readonly string[];
  readonly codePattern?: RegExp;
  readonly status?: number;
  readonly message?: RegExp;
  readonly meaning: Meaning;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

function refusal(kind: Refusal['kind'], scope: ScopeName, retryAfterSeconds: number): Meaning {
  return { means: 'refusal', kind, scope, retryAfterSeconds };
}

function error(kind: ProviderErrorKind): Meaning {
  return { means: 'error', kind };
}

/**
 * Compute Engine's codes. The first row that matches counts, so that throttling, which looks like a missing permission (403) and
 * like a quota (the word "Quota"), comes before both. Sources: Compute Engine's and Cloud Quotas' documentation, and the
 * code lists of cluster-autoscaler (gce), karpenter-provider-gcp, SkyPilot, Gardener and terraform-provider-google, read in 2026-11.
 */
export const CODE_ROWS: readonly CodeRow[] = [
  // Throttling: slow down, block nothing.
  {
    codes: [
      'rateLimitExceeded',
      'userRateLimitExceeded',
      'RATE_LIMIT_EXCEEDED',
      'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED',
      'RESOURCE_OPERATION_RATE_EXCEEDED',
    ],
    meaning: error('rate-limited'),
  },
  {
    message: /Quota exceeded for quota metric '.+' and limit '.+ per (?:minute|second|day)/,
    meaning: error('rate-limited'),
  },
  { status: 429, meaning: error('rate-limited') },

  // Reservations before capacity: their codes speak of capacity as well.
  { codePattern: /^RESERVATION_/, meaning: refusal('reservation', 'reservation', MINUTE) },
  {
    message:
      /AUTOMATIC_RESERVATIONS_NO_CAPACITY|[Rr]eservations? .*(?:does not have sufficient capacity|do not have available resources)|No available resources in specified reservations/,
    meaning: refusal('reservation', 'reservation', MINUTE),
  },

  // Capacity.
  {
    codes: [
      'ZONE_RESOURCE_POOL_EXHAUSTED',
      'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS',
      'RESOURCE_POOL_EXHAUSTED',
      'INSUFFICIENT_CAPACITY',
      'insufficientCapacity',
      'VM_MIN_COUNT_NOT_REACHED',
      // Seen when a spot machine is taken back while it is being made.
      'UNSUPPORTED_OPERATION',
    ],
    meaning: refusal('capacity', 'pool', 3 * MINUTE),
  },
  {
    codes: ['IP_SPACE_EXHAUSTED', 'IP_SPACE_EXHAUSTED_WITH_DETAILS'],
    meaning: refusal('capacity', 'region', 5 * MINUTE),
  },

  // Quotas.
  {
    codes: ['QUOTA_EXCEEDED', 'quotaExceeded'],
    message: /GPUS_ALL_REGIONS/,
    meaning: refusal('quota', 'all-gpus', 10 * MINUTE),
  },
  { codes: ['QUOTA_EXCEEDED', 'quotaExceeded'], meaning: refusal('quota', 'named-quota', 10 * MINUTE) },
  { codePattern: /google\.rpc\.QuotaFailure$/, meaning: refusal('quota', 'region', 10 * MINUTE) },

  // Permissions. A zone that the project may not use looks like a missing permission, and closes that zone only.
  {
    message: /Location .+ (?:is )?not found or access is unauthorized/i,
    meaning: refusal('restricted', 'zone', 24 * HOUR),
  },
  {
    codes: ['IAM_PERMISSION_DENIED', 'PERMISSIONS_ERROR', 'forbidden', 'authError', 'accessNotConfigured'],
    meaning: error('unauthorized'),
  },
  { status: 401, meaning: error('unauthorized') },

  // The project's policy or our configuration.
  { codes: ['CONDITION_NOT_MET', 'conditionNotMet'], meaning: error('invalid-request') },
  {
    codes: ['VPC_NOT_FOUND', 'SUBNET_NOT_FOUND_FOR_VPC', 'notFound', 'RESOURCE_NOT_FOUND'],
    meaning: error('invalid-request'),
  },
  {
    codes: [
      'invalid',
      'INVALID_FIELD',
      'INVALID_FIELD_VALUE',
      'INVALID_USAGE',
      'badRequest',
      'required',
      'invalidParameter',
    ],
    meaning: error('invalid-request'),
  },
  {
    codes: [
      'alreadyExists',
      'RESOURCE_ALREADY_EXISTS',
      'resourceInUseByAnotherResource',
      'RESOURCE_IN_USE_BY_ANOTHER_RESOURCE',
    ],
    meaning: error('conflict'),
  },

  // Transient.
  { codes: ['resourceNotReady', 'RESOURCE_NOT_READY'], meaning: error('unavailable') },
  { codes: ['backendError'], status: 503, meaning: error('unavailable') },
  { codes: ['backendError', 'internalError', 'INTERNAL_ERROR'], meaning: { means: 'server-failure' } },

  // By HTTP status alone, where the body is not Google's (proxies, load balancers) or its reason is new.
  { status: 400, meaning: error('invalid-request') },
  { status: 403, meaning: error('unauthorized') },
  { status: 404, meaning: error('invalid-request') },
  { status: 409, meaning: error('conflict') },
  { status: 412, meaning: error('invalid-request') },
  { status: 503, meaning: error('unavailable') },
  { status: 500, meaning: { means: 'server-failure' } },
  { status: 502, meaning: { means: 'server-failure' } },
  { status: 504, meaning: { means: 'server-failure' } },
];

/** What the cloud said, in one shape for HTTP errors and for errors of operations. */
export interface VendorFailure {
  readonly code: string;
  readonly status: number | null;
  readonly message: string;
}

export function meaningOf(failure: VendorFailure): Meaning | null {
  const row = CODE_ROWS.find(
    ({ codes, codePattern, status, message }) =>
      (codes === undefined || codes.includes(failure.code)) &&
      (codePattern === undefined || codePattern.test(failure.code)) &&
      (status === undefined || status === failure.status) &&
      (message === undefined || message.test(failure.message)),
  );
  return row?.meaning ?? null;
}
