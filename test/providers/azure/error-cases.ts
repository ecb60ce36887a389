import type { Pool } from '../../../src/domain/pool.ts';
import { poolScope, scopeKey } from '../../../src/domain/sold-out.ts';

export const POOL: Pool = {
  provider: 'azure',
  region: 'eastus',
  zone: '2',
  instanceType: 'Standard_NC24ads_A100_v4',
  market: 'on-demand',
  reservation: null,
};
export const SPOT: Pool = { ...POOL, market: 'spot' };
/** As the emulated cloud names the group of a reservation called `held`. */
export const RESERVED: Pool = {
  ...POOL,
  market: 'reserved',
  reservation:
    '/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/gpu-broker/providers/Microsoft.Compute/capacityReservationGroups/held',
};
export const FAMILY = 'StandardNCADSA100v4Family';
const QUOTA_END =
  'Current Usage: 0, Additional Required: 24. Submit a request for Quota increase at https://aka.ms/ProdportalCRP';

/** Pool, code, message → refusal kind, scope, seconds. One line per row of the table that is a refusal. */
export const REFUSALS: readonly (readonly [Pool, string, string, string, string, number])[] = [
  [SPOT, 'SkuNotAvailable', '', 'capacity', 'azure/eastus/2/Standard_NC24ads_A100_v4/spot', 3600],
  [POOL, 'SkuNotAvailable', '', 'restricted', 'azure/eastus/2/Standard_NC24ads_A100_v4/on-demand', 82_800],
  [POOL, 'ZonalAllocationFailed', '', 'capacity', `azure/eastus/2/*/* quota=${FAMILY}`, 3600],
  [SPOT, 'ZonalAllocationFailed', '', 'capacity', 'azure/eastus/2/Standard_NC24ads_A100_v4/*', 3600],
  [POOL, 'AllocationFailed', '', 'capacity', `azure/eastus/*/*/* quota=${FAMILY}`, 3600],
  [SPOT, 'AllocationFailed', '', 'capacity', 'azure/eastus/*/Standard_NC24ads_A100_v4/*', 3600],
  [RESERVED, 'AllocationFailed', '', 'reservation', scopeKey(poolScope(RESERVED)), 3600],
  [
    POOL,
    'OverconstrainedZonalAllocationRequest',
    '',
    'capacity',
    'azure/eastus/2/Standard_NC24ads_A100_v4/on-demand',
    3600,
  ],
  [POOL, 'OverconstrainedAllocationRequest', '', 'capacity', 'azure/eastus/*/Standard_NC24ads_A100_v4/on-demand', 3600],
  [POOL, 'InsufficientSubnetSize', '', 'capacity', 'azure/eastus/*/*/*', 300],
  [POOL, 'PrivateIPAddressIsAllocated', '', 'capacity', 'azure/eastus/*/*/*', 300],
  [
    SPOT,
    'OperationNotAllowed',
    `results in exceeding approved LowPriorityCores quota. ${QUOTA_END}`,
    'quota',
    'azure/eastus/*/*/spot quota=lowPriorityCores',
    3600,
  ],
  [
    POOL,
    'OperationNotAllowed',
    `results in exceeding approved Total Regional Cores quota. ${QUOTA_END}`,
    'quota',
    'azure/eastus/*/*/* quota=cores',
    600,
  ],
  [
    POOL,
    'OperationNotAllowed',
    `results in exceeding approved standardNCADSA100v4Family Cores quota. Current Limit: 0, ${QUOTA_END}`,
    'quota',
    `azure/eastus/*/*/on-demand quota=${FAMILY}`,
    3600,
  ],
  [
    POOL,
    'OperationNotAllowed',
    `results in exceeding approved standardNCADSA100v4Family Cores quota. Current Limit: 48, ${QUOTA_END}`,
    'quota',
    `azure/eastus/*/*/on-demand quota=${FAMILY}`,
    600,
  ],
  [POOL, 'OperationNotAllowed', QUOTA_END, 'quota', `azure/eastus/*/*/on-demand quota=${FAMILY}`, 600],
  [POOL, 'ResourceQuotaExceeded', '', 'quota', 'azure/eastus/*/*/*', 600],
  [POOL, 'QuotaExceeded', '', 'quota', 'azure/eastus/*/*/*', 600],
  [
    SPOT,
    'OperationNotAllowed',
    "since the provided max price is lower than the current spot price '1.20 USD'",
    'price',
    'azure/eastus/2/Standard_NC24ads_A100_v4/spot',
    600,
  ],
  [POOL, 'NotAvailableForSubscription', '', 'restricted', 'azure/eastus/2/Standard_NC24ads_A100_v4/on-demand', 82_800],
  [POOL, 'QuotaId', '', 'restricted', 'azure/eastus/2/Standard_NC24ads_A100_v4/on-demand', 82_800],
  [POOL, 'RequestDisallowedByPolicy', '', 'restricted', 'azure/eastus/*/*/*', 3600],
];

/** Code → kind, for rows that are errors; the status is what Azure sends with them. */
const ERROR_ROWS: readonly (readonly [status: number, code: string, kind: string, message?: string])[] = [
  [403, 'AuthorizationFailed', 'unauthorized'],
  [403, 'LinkedAuthorizationFailed', 'unauthorized'],
  [401, 'AuthenticationFailed', 'unauthorized'],
  [401, 'InvalidAuthenticationToken', 'unauthorized'],
  [401, 'InvalidAuthenticationTokenTenant', 'unauthorized'],
  [401, 'ExpiredAuthenticationToken', 'unauthorized'],
  [409, 'ClientAuthenticationError', 'unauthorized'],
  [409, 'ReadOnlyDisabledSubscription', 'unauthorized'],
  [0, 'CredentialUnavailableError', 'unauthorized'],
  [0, 'AuthenticationError', 'unauthorized'],
  [0, 'AggregateAuthenticationError', 'unauthorized'],
  [0, 'AuthenticationRequiredError', 'unauthorized'],
  [409, 'TooManyRequests', 'rate-limited'],
  [400, 'NicReservedForAnotherVm', 'unavailable'],
  [409, 'RetryableError', 'unavailable'],
  [409, 'AnotherOperationInProgress', 'unavailable'],
  [409, 'OperationNotAllowed', 'conflict', 'Disk b-1-0-os is attached to VM /subscriptions/s/b-1-0.'],
  [400, 'NicInUse', 'conflict'],
  [400, 'PublicIPAddressCannotBeDeleted', 'conflict'],
  [409, 'ConflictingServerOperation', 'conflict'],
  [409, 'PropertyChangeNotAllowed', 'conflict'],
  [412, 'PreconditionFailed', 'conflict'],
  [409, 'Conflict', 'conflict'],
  [400, 'InvalidParameter', 'invalid-request'],
  [400, 'BadRequest', 'invalid-request'],
  [400, 'InvalidRequestContent', 'invalid-request'],
  [400, 'InvalidRequestFormat', 'invalid-request'],
  [400, 'InvalidResourceReference', 'invalid-request'],
  [400, 'LinkedInvalidPropertyId', 'invalid-request'],
  [404, 'ResourceGroupNotFound', 'invalid-request'],
  [404, 'SubscriptionNotFound', 'invalid-request'],
  [404, 'PlatformImageNotFound', 'invalid-request'],
  [404, 'ImageNotFound', 'invalid-request'],
  [404, 'GalleryImageNotFound', 'invalid-request'],
  [400, 'LocationNotAvailableForResourceType', 'invalid-request'],
  [400, 'AvailabilityZoneNotSupported', 'invalid-request'],
  [400, 'MarketplacePurchaseEligibilityFailed', 'invalid-request'],
  [400, 'MissingApiVersionParameter', 'invalid-request'],
  [400, 'InvalidApiVersionParameter', 'invalid-request'],
];

/** Codes that ARM sends not in its answer to the launch, but as the failure of the operation. */
export const LATER: ReadonlySet<string> = new Set([
  'ZonalAllocationFailed',
  'AllocationFailed',
  'OverconstrainedZonalAllocationRequest',
  'OverconstrainedAllocationRequest',
]);

export const ERRORS = ERROR_ROWS.map(([status, code, kind, message = '']) => [status, code, kind, message] as const);
