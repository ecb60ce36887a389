import { describe, expect, it } from 'vitest';
import { scopeCovers, scopeKey } from '../../../src/domain/sold-out.ts';
import { ERROR_CODES } from '../../../src/providers/azure/error-codes.ts';
import type { VendorFailure } from '../../../src/providers/azure/errors.ts';
import {
  operationFailure,
  providerErrorOf,
  refusalOf,
  terminationError,
  vendorFailureOf,
} from '../../../src/providers/azure/errors.ts';
import { mostPressing } from '../../../src/providers/azure/launch.ts';
import { quotaClaimsOf } from '../../../src/providers/azure/offers.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { ERRORS, FAMILY, LATER, POOL, REFUSALS, SPOT } from './error-cases.ts';

function answered(status: number | null, code: string, message = ''): VendorFailure {
  return { code, message, status, retryAfterSeconds: null, sent: 'answered' };
}

describe('the table of codes', () => {
  it('has a test for every row', () => {
    const cases = [
      ...REFUSALS.map(([pool, code, message]) => ({ market: pool.market, code, message })),
      ...ERRORS.map(([, code, , message]) => ({ market: null, code, message })),
    ];
    const untested = ERROR_CODES.filter(
      (row) =>
        !cases.some(
          ({ market, code, message }) =>
            code === row.code &&
            row.terms.every((term) => message.includes(term)) &&
            (row.market === null || row.market === market),
        ),
    );
    expect(untested).toEqual([]);
    expect(new Set(ERROR_CODES.filter(({ arrives }) => arrives === 'later').map(({ code }) => code))).toEqual(LATER);
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

  it.each(ERRORS)('HTTP %i %s is %s', (status, code, kind, message) => {
    expect(refusalOf(answered(status, code, message), POOL)).toBeNull();
    expect(providerErrorOf(answered(status, code, message), 'op', 'mutation')).toMatchObject({
      kind,
      code,
      unknownCode: false,
    });
  });

  it('a quota refusal that comes with 429 is throttling', () => {
    const failure = answered(429, 'OperationNotAllowed', `exceeding approved LowPriorityCores quota.`);
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
    expect(terminationError(answered(409, 'ConflictingServerOperation'), 'op').kind).toBe('unavailable');
    expect(terminationError(answered(403, 'AuthorizationFailed'), 'op').kind).toBe('unauthorized');
    expect(terminationError(answered(500, 'InternalServerError'), 'op').kind).toBe('outcome-unknown');
    expect(terminationError(answered(400, 'NicReservedForAnotherVm'), 'op').retryAfterSeconds).toBe(180);
  });
});
