import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolScope, type RefusalScope, scopeCovers, scopeKey } from '../../src/domain/sold-out.ts';
import { pool, refusalScope } from '../support/domain-arbitraries.ts';

const EVERYTHING: Omit<RefusalScope, 'provider'> = {
  region: null,
  zone: null,
  instanceType: null,
  market: null,
  quota: null,
};
const quotas = fc.subarray(['cores', 'L-417A185B', 'NVIDIA_L4_GPUS']);

describe('scopeCovers', () => {
  it('a pool’s own scope covers it and no pool that differs in any part, but for the zone where the cloud chooses it, and any reservation where it names none', () => {
    fc.assert(
      fc.property(pool, pool, quotas, (first, second, claimed) => {
        expect(scopeCovers(poolScope(first), first, claimed)).toBe(true);
        const zone = first.zone === null ? null : second.zone;
        const reservation = first.reservation === null ? null : second.reservation;
        const same = JSON.stringify(first) === JSON.stringify({ ...second, zone, reservation });
        expect(scopeCovers(poolScope(first), second, claimed)).toBe(same);
      }),
      { numRuns: 1000 },
    );
  });

  it('a provider-wide scope covers every pool of that provider and none of another', () => {
    fc.assert(
      fc.property(pool, fc.constantFrom('aws', 'azure', 'gcp'), (candidate, provider) => {
        expect(scopeCovers({ provider, ...EVERYTHING }, candidate, [])).toBe(candidate.provider === provider);
      }),
    );
  });

  it('naming one more part never covers more', () => {
    const part = fc.constantFrom('region', 'zone', 'instanceType', 'market', 'quota');
    fc.assert(
      fc.property(refusalScope, pool, quotas, part, (scope, candidate, claimed, wider) => {
        const narrow = scopeCovers(scope, candidate, claimed);
        expect(scopeCovers({ ...scope, [wider]: null }, candidate, claimed) || !narrow).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('a quota’s scope covers the pools that claim it, in its region and market only', () => {
    const scope: RefusalScope = { provider: 'aws', ...EVERYTHING, region: 'us-east-1', market: 'spot', quota: 'cores' };
    const candidate = {
      provider: 'aws',
      region: 'us-east-1',
      zone: 'a',
      instanceType: 'x',
      market: 'spot',
      reservation: null,
    } as const;
    expect(scopeCovers(scope, candidate, ['other', 'cores'])).toBe(true);
    expect(scopeCovers(scope, candidate, ['other'])).toBe(false);
    expect(scopeCovers(scope, candidate, [])).toBe(false);
    expect(scopeCovers(scope, { ...candidate, region: 'us-east-2' }, ['cores'])).toBe(false);
    expect(scopeCovers(scope, { ...candidate, market: 'on-demand' }, ['cores'])).toBe(false);
  });

  it('a named zone does not cover a pool whose zone the cloud chooses', () => {
    const scope: RefusalScope = { provider: 'gcp', ...EVERYTHING, region: 'r', zone: 'z' };
    expect(
      scopeCovers(
        scope,
        { provider: 'gcp', region: 'r', zone: null, instanceType: 'x', market: 'spot', reservation: null },
        [],
      ),
    ).toBe(false);
  });
});

describe('scopeKey', () => {
  it('reads as documented', () => {
    const scope: RefusalScope = {
      provider: 'aws',
      region: 'us-east-1',
      zone: 'us-east-1a',
      instanceType: 'p5.48xlarge',
      market: 'spot',
      quota: null,
    };
    expect(scopeKey(scope)).toBe('aws/us-east-1/us-east-1a/p5.48xlarge/spot');
    expect(scopeKey({ provider: 'aws', ...EVERYTHING })).toBe('aws/*/*/*/*');
    expect(scopeKey({ provider: 'aws', ...EVERYTHING, region: 'us-east-1', quota: 'L-417A185B' })).toBe(
      'aws/us-east-1/*/*/* quota=L-417A185B',
    );
  });

  it('is one string per scope', () => {
    fc.assert(
      fc.property(refusalScope, refusalScope, (first, second) => {
        expect(scopeKey(first) === scopeKey(second)).toBe(JSON.stringify(first) === JSON.stringify(second));
      }),
      { numRuns: 1000 },
    );
  });
});
