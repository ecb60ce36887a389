import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinal, LEASE_STATES } from '../../src/domain/lease.ts';
import { parseInt8 } from '../../src/store/columns.ts';
import { readMigrations } from '../../src/store/migrate.ts';
import { pageOf } from '../../src/store/paging.ts';
import { successProbability } from '../../src/store/pool-outcomes.ts';
import { blockSeconds, nextStrikes } from '../../src/store/sold-outs.ts';

describe('how long a refused scope is left alone', () => {
  it('doubles from three minutes to an hour where the refusal suggests nothing', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((strikes) => blockSeconds(strikes, 0) / 60)).toEqual([3, 6, 12, 24, 48, 60, 60]);
  });

  it('starts from a longer suggestion and ends at a day', () => {
    expect([1, 2, 9].map((strikes) => blockSeconds(strikes, 3600))).toEqual([3600, 7200, 72_000]);
    expect(blockSeconds(9, 7200)).toBe(86_400);
    expect(blockSeconds(3, 200_000)).toBe(200_000);
  });

  it('never shrinks with another strike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 200_000 }), (strikes, seconds) => {
        expect(blockSeconds(strikes + 1, seconds)).toBeGreaterThanOrEqual(blockSeconds(strikes, seconds));
      }),
    );
  });

  it('counts a strike only once the last block is over, and forgets after a day without one', () => {
    expect(nextStrikes(null, 0)).toBe(1);
    expect(nextStrikes({ until: 100, strikes: 3 }, 99)).toBe(3);
    expect(nextStrikes({ until: 100, strikes: 3 }, 100)).toBe(4);
    expect(nextStrikes({ until: 100, strikes: 3 }, 100 + 86_400_000)).toBe(4);
    expect(nextStrikes({ until: 100, strikes: 3 }, 101 + 86_400_000)).toBe(1);
  });
});

describe('the chance of a launch', () => {
  it('is strictly between 0 and 1, grows with successes and falls with refusals', () => {
    const counts = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(counts, counts, (successes, refusals) => {
        const chance = successProbability(successes, refusals);
        expect(chance).toBeGreaterThan(0);
        expect(chance).toBeLessThan(1);
        expect(successProbability(successes + 1, refusals)).toBeGreaterThan(chance);
        expect(successProbability(successes, refusals + 1)).toBeLessThan(chance);
      }),
    );
  });
});

describe('numbers of 64 bits', () => {
  it('are read exactly or refused', () => {
    expect(parseInt8('-9007199254740991')).toBe(-9_007_199_254_740_991);
    expect(() => parseInt8('9007199254740992')).toThrow(/2\^53/);
    expect(() => parseInt8('1.5')).toThrow();
  });
});

describe('a page', () => {
  it('has a next one only where a row beyond it was read', () => {
    const key = (item: string) => item;
    expect(pageOf(['a', 'b', 'c'], 2, key)).toEqual({ items: ['a', 'b'], next: 'b' });
    expect(pageOf(['a', 'b'], 2, key)).toEqual({ items: ['a', 'b'], next: null });
    expect(pageOf([], 2, key)).toEqual({ items: [], next: null });
  });
});

describe('migrations', () => {
  const [first] = readMigrations();

  it('are numbered without a gap, and split into single statements', () => {
    expect(readMigrations().map(({ version }) => version)).toEqual(readMigrations().map((_, index) => index + 1));
    expect(first?.statements.length).toBeGreaterThan(20);
    for (const statement of first?.statements ?? []) expect(statement).toMatch(/^(create|insert into)\s[^;]*$/);
  });

  it('know the lease states of the domain, and which of them are final', () => {
    const text = first?.statements.join('\n') ?? '';
    const quoted = (states: readonly string[]) => `(${states.map((state) => `'${state}'`).join(', ')})`;
    expect(text).toContain(`check (state in ${quoted(LEASE_STATES)})`);
    expect(text).toContain(`where state not in ${quoted(LEASE_STATES.filter(isFinal))}`);
  });
});
