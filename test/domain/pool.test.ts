import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Pool, poolKey, regionKey, zoneKey } from '../../src/domain/pool.ts';
import { pool } from '../support/domain-arbitraries.ts';

const P5: Pool = {
  provider: 'aws',
  region: 'us-east-1',
  zone: 'us-east-1a',
  instanceType: 'p5.48xlarge',
  market: 'spot',
  reservation: null,
};

describe('keys', () => {
  it('read as documented', () => {
    expect(poolKey(P5)).toBe('aws/us-east-1/us-east-1a/p5.48xlarge/spot');
    expect(poolKey({ ...P5, zone: null })).toBe('aws/us-east-1/*/p5.48xlarge/spot');
    expect(poolKey({ ...P5, market: 'reserved', reservation: 'cr-1' })).toBe(
      'aws/us-east-1/us-east-1a/p5.48xlarge/reserved/cr-1',
    );
    expect(regionKey(P5)).toBe('aws:us-east-1');
    expect(zoneKey(P5)).toBe('aws:us-east-1:us-east-1a');
    expect(zoneKey({ ...P5, zone: null })).toBe('aws:us-east-1:*');
  });

  it('two pools have the same key only if they are the same pool', () => {
    fc.assert(
      fc.property(pool, pool, (first, second) => {
        const same = JSON.stringify(first) === JSON.stringify(second);
        expect(poolKey(first) === poolKey(second)).toBe(same);
      }),
      { numRuns: 1000 },
    );
  });

  it('changing any one part changes the pool’s key', () => {
    fc.assert(
      fc.property(pool, fc.constantFrom('provider', 'region', 'zone', 'instanceType'), (first, part) => {
        expect(poolKey({ ...first, [part]: `${first[part] ?? ''}x` })).not.toBe(poolKey(first));
      }),
    );
  });

  it('regions and zones of different clouds or regions never share a key', () => {
    fc.assert(
      fc.property(pool, pool, (first, second) => {
        const sameRegion = first.provider === second.provider && first.region === second.region;
        expect(regionKey(first) === regionKey(second)).toBe(sameRegion);
        expect(zoneKey(first) === zoneKey(second)).toBe(sameRegion && first.zone === second.zone);
      }),
      { numRuns: 1000 },
    );
  });
});
