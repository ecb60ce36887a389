import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headroomOf, type Quota, quotaKey } from '../../src/domain/offer.ts';
import { cloudName } from '../support/domain-arbitraries.ts';

function quota(limit: number | null, usage: number | null): Quota {
  return { provider: 'aws', region: 'us-east-1', name: 'L-417A185B', unit: 'vcpus', limit, usage };
}

describe('headroomOf', () => {
  it('is limit − usage − in flight, never below 0', () => {
    const units = fc.integer({ min: 0, max: 1e6 });
    fc.assert(
      fc.property(units, units, units, (limit, usage, inFlight) => {
        expect(headroomOf(quota(limit, usage), inFlight)).toBe(Math.max(0, limit - usage - inFlight));
      }),
    );
  });

  it('knows three answers: some, none, unknown; unknown is not zero', () => {
    expect(headroomOf(quota(192, 96), 0)).toBe(96);
    expect(headroomOf(quota(192, 96), 96)).toBe(0);
    expect(headroomOf(quota(0, 0), 0)).toBe(0);
    expect(headroomOf(quota(null, 0), 0)).toBeNull();
    expect(headroomOf(quota(192, null), 0)).toBeNull();
    expect(headroomOf(quota(null, null), 1000)).toBeNull();
  });

  it('is 0 where the account is over its limit already', () => {
    expect(headroomOf(quota(10, 20), 0)).toBe(0);
  });
});

describe('quotaKey', () => {
  it('reads as documented', () => {
    expect(quotaKey('aws', 'us-east-1', 'L-DB2E81BA')).toBe('aws/us-east-1/L-DB2E81BA');
    expect(quotaKey('gcp', null, 'GPUS_ALL_REGIONS')).toBe('gcp/*/GPUS_ALL_REGIONS');
  });

  it('is one string per quota', () => {
    const key = fc.tuple(
      fc.constantFrom('aws', 'gcp'),
      fc.option(cloudName),
      fc.constantFrom('cores', 'Standard NC Family'),
    );
    fc.assert(
      fc.property(key, key, (first, second) => {
        expect(quotaKey(...first) === quotaKey(...second)).toBe(JSON.stringify(first) === JSON.stringify(second));
      }),
    );
  });
});
