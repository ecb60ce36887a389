import type { ProviderErrorKind, Refusal } from '../provider.ts';

/**
 * What a refusal of Azure's blocks besides the pool that was asked for.
 * - `pool`: exactly the pool.
 * - `placement-type`: the size in the attempted placement (zone, or region where no zone was asked), on-demand and spot alike.
 *   Azure means the family from that vCPU count upward; a scope by family quota would also block the family's smaller sizes,
 *   which may well have room, so only the size itself is blocked.
 * - `type-market`: the size in all zones of the region, same market.
 * - `quota-family`, `quota-cores`, `quota-spot`: every pool of the region that claims the quota.
 * - `region`: everything in the region.
 */
export type RefusalReach =
  | 'pool'
  | 'placement-type'
  | 'type-market'
  | 'quota-family'
  | 'quota-cores'
  | 'quota-spot'
  | 'region';

export type ErrorMeaning =
  | {
      readonly answer: 'refusal';
      readonly kind: Refusal['kind'];
      readonly reach: RefusalReach;
      readonly retryAfterSeconds: number;
    }
  | { readonly answer: 'error'; readonly kind: ProviderErrorKind; readonly retryAfterSeconds: number | null };

/** One of Azure's answers. The first row that matches decides, so the narrower rows stand first. */
export interface ErrorCodeRow {
  /** Compared without case. */
  readonly code: string;
  /** All must appear in the message (without case); Azure says different things under one code. */
  readonly terms: readonly string[];
  /** `spot`, `on-demand`: only for requests of that market; null = any. */
  readonly market: 'spot' | 'on-demand' | null;
  readonly meaning: ErrorMeaning;
}

const MINUTE = 60;
const HOUR = 3600;

function refusal(
  code: string,
  kind: Refusal['kind'],
  reach: RefusalReach,
  retryAfterSeconds: number,
  terms: readonly string[] = [],
  market: ErrorCodeRow['market'] = null,
): ErrorCodeRow {
  return { code, terms, market, meaning: { answer: 'refusal', kind, reach, retryAfterSeconds } };
}

function error(code: string, kind: ProviderErrorKind, retryAfterSeconds: number | null = null): ErrorCodeRow {
  return { code, terms: [], market: null, meaning: { answer: 'error', kind, retryAfterSeconds } };
}

const NO_QUOTA_AT_ALL = 'Current Limit: 0,';

/**
 * Sources: Azure's documentation of allocation failures and quotas; the message terms and the times as the Karpenter provider
 * for Azure and azure-sdk-for-go-extensions (pkg/errors) use them, read in 2026-11. HTTP 429, 401, 403 and 5xx are judged by
 * status in errors.ts, before or after this table.
 */
export const ERROR_CODES: readonly ErrorCodeRow[] = [
  // Capacity. The allocation codes arrive after the launch was accepted (asynchronously), SkuNotAvailable at once.
  refusal('SkuNotAvailable', 'capacity', 'pool', HOUR, [], 'spot'),
  refusal('SkuNotAvailable', 'restricted', 'pool', 23 * HOUR, [], 'on-demand'),
  refusal('ZonalAllocationFailed', 'capacity', 'placement-type', HOUR),
  refusal('AllocationFailed', 'capacity', 'placement-type', HOUR),
  refusal('OverconstrainedZonalAllocationRequest', 'capacity', 'pool', HOUR),
  refusal('OverconstrainedAllocationRequest', 'capacity', 'type-market', HOUR),
  refusal('InsufficientSubnetSize', 'capacity', 'region', 5 * MINUTE),
  refusal('PrivateIPAddressIsAllocated', 'capacity', 'region', 5 * MINUTE),

  // Quota: three at once, told apart by the message.
  refusal('OperationNotAllowed', 'quota', 'quota-spot', HOUR, ['LowPriorityCores']),
  refusal('OperationNotAllowed', 'quota', 'quota-cores', 10 * MINUTE, [
    'exceeding approved Total Regional Cores quota',
  ]),
  refusal('OperationNotAllowed', 'quota', 'quota-family', HOUR, ['Family Cores quota', NO_QUOTA_AT_ALL]),
  refusal('OperationNotAllowed', 'quota', 'quota-family', 10 * MINUTE, ['Family Cores quota']),
  refusal('OperationNotAllowed', 'quota', 'quota-family', 10 * MINUTE, ['Submit a request for Quota increase']),
  refusal('ResourceQuotaExceeded', 'quota', 'region', 10 * MINUTE),
  refusal('QuotaExceeded', 'quota', 'region', 10 * MINUTE),

  // Price and policy.
  refusal('OperationNotAllowed', 'price', 'pool', 10 * MINUTE, ['max price', 'lower than the current spot price']),
  refusal('NotAvailableForSubscription', 'restricted', 'pool', 23 * HOUR),
  refusal('QuotaId', 'restricted', 'pool', 23 * HOUR),
  refusal('RequestDisallowedByPolicy', 'restricted', 'region', HOUR),

  // Credentials and permissions, wherever they arise.
  error('AuthorizationFailed', 'unauthorized'),
  error('LinkedAuthorizationFailed', 'unauthorized'),
  error('AuthenticationFailed', 'unauthorized'),
  error('InvalidAuthenticationToken', 'unauthorized'),
  error('InvalidAuthenticationTokenTenant', 'unauthorized'),
  error('ExpiredAuthenticationToken', 'unauthorized'),
  error('ClientAuthenticationError', 'unauthorized'),
  error('ReadOnlyDisabledSubscription', 'unauthorized'),
  // Names of the errors that @azure/identity throws before anything is sent.
  error('CredentialUnavailableError', 'unauthorized'),
  error('AuthenticationError', 'unauthorized'),
  error('AggregateAuthenticationError', 'unauthorized'),
  error('AuthenticationRequiredError', 'unauthorized'),

  // Throttling and trouble that passes.
  error('TooManyRequests', 'rate-limited'),
  error('NicReservedForAnotherVm', 'unavailable', 180),
  error('RetryableError', 'unavailable'),
  error('AnotherOperationInProgress', 'unavailable'),

  // The name is taken: by an attempt of ours that is on its way out, or by somebody else.
  error('ConflictingServerOperation', 'conflict'),
  error('PropertyChangeNotAllowed', 'conflict'),
  error('PreconditionFailed', 'conflict'),
  error('Conflict', 'conflict'),

  // Our request or our configuration is wrong.
  error('InvalidParameter', 'invalid-request'),
  error('BadRequest', 'invalid-request'),
  error('InvalidRequestContent', 'invalid-request'),
  error('InvalidRequestFormat', 'invalid-request'),
  error('InvalidResourceReference', 'invalid-request'),
  error('LinkedInvalidPropertyId', 'invalid-request'),
  error('ResourceGroupNotFound', 'invalid-request'),
  error('SubscriptionNotFound', 'invalid-request'),
  error('PlatformImageNotFound', 'invalid-request'),
  error('ImageNotFound', 'invalid-request'),
  error('GalleryImageNotFound', 'invalid-request'),
  error('LocationNotAvailableForResourceType', 'invalid-request'),
  error('AvailabilityZoneNotSupported', 'invalid-request'),
  error('MarketplacePurchaseEligibilityFailed', 'invalid-request'),
  error('MissingApiVersionParameter', 'invalid-request'),
  error('InvalidApiVersionParameter', 'invalid-request'),
];
