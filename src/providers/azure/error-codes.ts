import type { ProviderErrorKind, Refusal } from '../provider.ts';

/**
 * What a refusal of Azure's blocks besides the pool that was asked for. A pool in a reservation is always blocked alone.
 * - `pool`: exactly the pool.
 * - `placement-family`, `region-family`: the size's family in the zone, or in the whole region. Azure means both markets, from the
 *   size's vCPU count upward. A scope can name a family only by its quota, which on-demand pools alone claim: for an on-demand request
 *   the on-demand sizes of the family are blocked, and what is lost is their spot twins; for a spot request, which no family quota
 *   covers, the size itself is blocked in both markets.
 * - `type-market`: the size in all zones of the region, same market.
 * - `quota-family`, `quota-cores`, `quota-spot`: every pool of the region that claims the quota. Of "Total Regional Cores" that is every
 *   on-demand pool of the region; spot counts against a total of its own.
 * - `region`: everything in the region.
 */
export type RefusalReach =
  | 'pool'
  | 'placement-family'
  | 'region-family'
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
  /** `spot`, `on-demand`: only for requests of that market (a reserved pool counts as on-demand); null = any. */
  readonly market: 'spot' | 'on-demand' | null;
  /** `later`: the launch is accepted and its operation fails with it. `login`: no answer of ARM's, but of the identity library. */
  readonly arrives: 'at-once' | 'later' | 'login';
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
  return { code, terms, market, arrives: 'at-once', meaning: { answer: 'refusal', kind, reach, retryAfterSeconds } };
}

/** A want of hardware that is found out after the launch was accepted. */
function allocation(code: string, reach: RefusalReach): ErrorCodeRow {
  return { ...refusal(code, 'capacity', reach, HOUR), arrives: 'later' };
}

function error(
  code: string,
  kind: ProviderErrorKind,
  retryAfterSeconds: number | null = null,
  terms: readonly string[] = [],
): ErrorCodeRow {
  return { code, terms, market: null, arrives: 'at-once', meaning: { answer: 'error', kind, retryAfterSeconds } };
}

function login(code: string): ErrorCodeRow {
  return { ...error(code, 'unauthorized'), arrives: 'login' };
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
  allocation('ZonalAllocationFailed', 'placement-family'),
  allocation('AllocationFailed', 'region-family'),
  allocation('OverconstrainedZonalAllocationRequest', 'pool'),
  allocation('OverconstrainedAllocationRequest', 'type-market'),
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
  login('CredentialUnavailableError'),
  login('AuthenticationError'),
  login('AggregateAuthenticationError'),
  login('AuthenticationRequiredError'),

  // Throttling and trouble that passes.
  error('TooManyRequests', 'rate-limited'),
  error('NicReservedForAnotherVm', 'unavailable', 180),
  error('RetryableError', 'unavailable'),
  error('AnotherOperationInProgress', 'unavailable'),

  // A disk, interface or address is in use: it is not to be removed.
  error('OperationNotAllowed', 'conflict', null, ['is attached to VM']),
  error('NicInUse', 'conflict'),
  error('PublicIPAddressCannotBeDeleted', 'conflict'),

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
