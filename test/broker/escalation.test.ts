import { describe, expect, it } from 'vitest';
import { widerScope } from '../../src/broker/escalation.ts';
import type { Pool } from '../../src/domain/pool.ts';
import { poolScope, type SoldOut, scopeCovers } from '../../src/domain/sold-out.ts';
import { anOffer } from '../support/samples.ts';

function pool(region: string, zone: string, change: Partial<Pool> = {}): Pool {
  return { ...anOffer().pool, region, zone, ...change };
}

function soldOut(...pools: Pool[]): SoldOut[] {
  return pools.map((refused) => ({ scope: poolScope(refused), until: 1, reason: '', strikes: 1 }));
}

describe('widerScope', () => {
  it('keeps to the pool after one refusal', () => {
    expect(widerScope(pool('r1', 'a'), soldOut(pool('r1', 'a')))).toBeNull();
  });

  it('widens to the region after two of its zones', () => {
    const scope = widerScope(pool('r1', 'b'), soldOut(pool('r1', 'a'), pool('r1', 'b')));
    expect(scope).not.toBeNull();
    if (scope === null) return;
    expect(scopeCovers(scope, pool('r1', 'c'), [])).toBe(true);
    expect(scopeCovers(scope, pool('r2', 'a'), [])).toBe(false);
    expect(scopeCovers(scope, pool('r1', 'c', { market: 'spot' }), [])).toBe(false);
    expect(scopeCovers(scope, pool('r1', 'c', { instanceType: 'other' }), [])).toBe(false);
  });

  it('widens to the provider after three zones in two regions, and not before', () => {
    const two = soldOut(pool('r1', 'a'), pool('r2', 'a'));
    expect(widerScope(pool('r2', 'a'), two)).toBeNull();
    const scope = widerScope(pool('r2', 'a'), [...two, ...soldOut(pool('r1', 'b'))]);
    expect(scope?.region).toBeNull();
    if (scope === null) return;
    expect(scopeCovers(scope, pool('r9', 'z'), [])).toBe(true);
    expect(scopeCovers(scope, pool('r9', 'z', { provider: 'two' }), [])).toBe(false);
  });

  it('does not mix machine types, markets or quota refusals', () => {
    const others = soldOut(pool('r1', 'a', { instanceType: 'other' }), pool('r1', 'b', { market: 'spot' }));
    const quota: SoldOut = { ...others[0], scope: { ...poolScope(pool('r1', 'c')), quota: 'q' } } as SoldOut;
    expect(widerScope(pool('r1', 'a'), [...soldOut(pool('r1', 'a')), ...others, quota])).toBeNull();
  });
});
