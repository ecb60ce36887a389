import { describe, expect, it } from 'vitest';
import type { Pool } from '../../../src/domain/pool.ts';
import { scopeCovers, scopeKey } from '../../../src/domain/sold-out.ts';
import { ERROR_CODES } from '../../../src/providers/azure/error-codes.ts';
import type { VendorFailure } from '../../../src/providers/azure/errors.ts';
import { operationFailure, providerErrorOf, refusalOf, vendorFailureOf } from '../../../src/providers/azure/errors.ts';
import { terminationError } from '../../../src/providers/azure/instances.ts';
import { mostPressing } from '../../../src/providers/azure/launch.ts';
import { quotaClaimsOf } from '../../../src/providers/azure/offers.ts';
import { ProviderError } from '../../../src/providers/provider.ts';

const POOL: Pool = {
  provider: 'azure',
  region: 'eastus',
  zone: '2',
  instanceType: 'Standard_NC24ads_A100_v4',
  market: 'on-demand',
  reservation: null,
};
const SPOT: Pool = { ...POOL, market: 'spot' };
const FAMILY = 'StandardNCADSA100v4Family';
const QUOTA_END =
  'Current Usage: 0, Additional Required: 24. Submit a request for Quota increase at https://aka.ms/ProdportalCRP';

function answered(status: number | null, code: string, message = ''): VendorFailure {
  return { code, message, status, retryAfterSeconds: null, sent: 'answered' };
}

/** Pool, code, message → refusal kind, scope, seconds. One line per row of the table that is a refusal. */
const REFUSALS: readonly (readonly [Pool, string, string, string, string, number])[] = [
  [SPOT, 'SkuNotAvailable', '', 'capacity', 'azure/eastus/2/Standard_NC24ads_A100_v4/spot', 3600],
  [POOL, 'SkuNotAvailable', '', 'restricted', 'azure/eastus/2/Standard_NC24ads_A100_v4/on-demand', 82_800],
  [POOL, 'ZonalAllocationFailed', '', 'capacity', 'azure/eastus/2/Standard_NC24ads_A100_v4/*', 3600],
  [POOL, 'AllocationFailed', '', 'capacity', 'azure/eastus/2/Standard_NC24ads_A100_v4/*', 3600],
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
const ERRORS: readonly (readonly [number, string, string])[] = [
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

describe('the table of codes', () => {
  it('has a test for every row', () => {
    expect(ERROR_CODES).toHaveLength(REFUSALS.length + ERRORS.length);
    const tested = new Set([...REFUSALS.map(([, code]) => code), ...ERRORS.map(([, code]) => code)]);
    expect(ERROR_CODES.filter(({ code }) => !tested.has(code))).toEqual([]);
  });

  it.each(REFUSALS)('%j %s %s', (pool, code, message, kind, scope, seconds) => {
    const refusal = refusalOf(answered(409, code.toUpperCase(), message), pool);
    expect(refusal).toMatchObject({ kind, retryAfterSeconds: seconds, code: code.toUpperCase(), message });
    if (refusal === null) throw new Error('no refusal');
    expect(scopeKey(refusal.scope)).toBe(scope);
  });

  it('every refusal blocks at least the pool that was refused, in either market', () => {
    for (const [, code, message] of REFUSALS) {
      for (const pool of [POOL, SPOT]) {
        const refusal = refusalOf(answered(409, code, message), pool);
        if (refusal === null) continue;
        const market = pool.market === 'spot' ? 'spot' : 'on-demand';
        const quotas = quotaClaimsOf({ family: FAMILY, vcpuCount: 24 }, market).map(({ quota }) => quota);
        expect(`${code} ${pool.market} ${scopeCovers(refusal.scope, pool, quotas)}`).toBe(
          `${code} ${pool.market} true`,
        );
      }
    }
  });

  it.each(ERRORS)('HTTP %i %s is %s', (status, code, kind) => {
    expect(refusalOf(answered(status, code), POOL)).toBeNull();
    expect(providerErrorOf(answered(status, code), 'op', 'mutation')).toMatchObject({ kind, code, unknownCode: false });
  });

  it('a quota refusal that comes with 429 is throttling', () => {
    const failure = answered(429, 'OperationNotAllowed', `exceeding approved LowPriorityCores quota. ${QUOTA_END}`);
    expect(refusalOf(failure, SPOT)).toBeNull();
    expect(providerErrorOf(failure, 'op', 'mutation').kind).toBe('rate-limited');
  });

  it('waits for a reserved network interface', () => {
    expect(providerErrorOf(answered(400, 'NicReservedForAnotherVm'), 'op', 'mutation').retryAfterSeconds).toBe(180);
  });
});

describe('failures without a row', () => {
  it.each([
    [401, 'mutation', 'unauthorized', false],
    [403, 'read', 'unauthorized', false],
    [408, 'mutation', 'outcome-unknown', false],
    [500, 'mutation', 'outcome-unknown', false],
    [500, 'read', 'unavailable', false],
    [502, 'mutation', 'outcome-unknown', false],
    [503, 'mutation', 'unavailable', false],
    [504, 'mutation', 'outcome-unknown', false],
    [409, 'mutation', 'unavailable', true],
    [400, 'read', 'unavailable', true],
  ] as const)('HTTP %i of a %s is %s', (status, effect, kind, unknownCode) => {
    const failure = answered(status, 'SomethingNew');
    expect(refusalOf(failure, POOL)).toBeNull();
    expect(providerErrorOf(failure, 'op', effect)).toMatchObject({ kind, unknownCode });
  });

  it.each([
    ['ECONNREFUSED', 'mutation', 'unavailable'],
    ['ENOTFOUND', 'mutation', 'unavailable'],
    ['CERT_HAS_EXPIRED', 'mutation', 'unavailable'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'mutation', 'unavailable'],
    ['ECONNRESET', 'mutation', 'outcome-unknown'],
    ['ECONNRESET', 'read', 'unavailable'],
    ['EPIPE', 'mutation', 'outcome-unknown'],
    ['REQUEST_SEND_ERROR', 'mutation', 'outcome-unknown'],
  ] as const)('%s of a %s is %s', (code, effect, kind) => {
    const failure = vendorFailureOf(Object.assign(new Error('no answer'), { code }));
    expect(providerErrorOf(failure, 'op', effect).kind).toBe(kind);
  });

  it('an answer that cannot be read may have come after the deed', () => {
    const unreadable = Object.assign(new Error('bad JSON'), { code: 'PARSE_ERROR', statusCode: 201 });
    expect(providerErrorOf(vendorFailureOf(unreadable), 'op', 'mutation').kind).toBe('outcome-unknown');
  });

  it('reads the operation error that the SDK hides in text', () => {
    const text = 'The long-running operation has failed. ZonalAllocationFailed. Allocation failed. No capacity.';
    const failure = vendorFailureOf(new Error(text));
    expect(failure).toEqual(operationFailure('ZonalAllocationFailed', 'Allocation failed. No capacity.'));
    expect(refusalOf(failure, POOL)?.kind).toBe('capacity');
  });

  it('takes a failed login for what it is', () => {
    const failure = vendorFailureOf(Object.assign(new Error('no identity'), { name: 'CredentialUnavailableError' }));
    expect(providerErrorOf(failure, 'op', 'mutation')).toMatchObject({ kind: 'unauthorized' });
  });

  it('keeps no request in the error', () => {
    const thrown = Object.assign(new Error('refused'), { request: { headers: 'Bearer SECRET' }, statusCode: 400 });
    const error = providerErrorOf(vendorFailureOf(thrown), 'op', 'mutation');
    expect(error.cause).toBeUndefined();
    expect(JSON.stringify(error)).not.toContain('SECRET');
  });
});

describe('mostPressing', () => {
  it('puts the unknown first, then what can be repeated, then what is final', () => {
    const order = [
      'outcome-unknown',
      'rate-limited',
      'unavailable',
      'unauthorized',
      'conflict',
      'invalid-request',
    ] as const;
    const errors = order.map(
      (kind) => new ProviderError({ kind, provider: 'azure', operation: 'op', code: '', message: '' }),
    );
    for (let rest = errors; rest.length > 0; rest = rest.slice(1)) {
      expect(mostPressing(rest.toReversed())?.kind).toBe(rest[0]?.kind);
    }
    expect(mostPressing([])).toBeNull();
  });
});

describe('terminationError', () => {
  it('repeats deleting while another operation holds the machine', () => {
    expect(terminationError(answered(409, 'ConflictingServerOperation')).kind).toBe('unavailable');
    expect(terminationError(answered(403, 'AuthorizationFailed')).kind).toBe('unauthorized');
    expect(terminationError(answered(500, 'InternalServerError')).kind).toBe('outcome-unknown');
    expect(terminationError(answered(400, 'NicReservedForAnotherVm')).retryAfterSeconds).toBe(180);
  });
});
