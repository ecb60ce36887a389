import { describe, expect, it } from 'vitest';
import type { ListPage } from '../../../src/emulators/gce/paging.ts';
import { pageOf } from '../../../src/emulators/gce/paging.ts';

const LIMITS = { maximum: 500, field: 'maxResults' };
const ALL = Array.from({ length: 7 }, (_, index) => index);

describe('pages', () => {
  it('are cut without loss or overlap, and the last has no token', () => {
    const seen: number[] = [];
    let token: string | null = null;
    do {
      const page: ListPage<number> = pageOf(ALL, token, '3', LIMITS);
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.items);
      token = page.nextPageToken;
    } while (token !== null);
    expect(seen).toEqual(ALL);
  });

  it('are as large as allowed when nobody asks', () => {
    expect(pageOf(ALL, null, null, { ...LIMITS, maximum: 4 }).items).toEqual([0, 1, 2, 3]);
    expect(pageOf(ALL, '', '0', LIMITS)).toEqual({ items: ALL, nextPageToken: null });
  });

  it.each(['501', '-1', '1.5', 'many'])('of %s are refused', (size) => {
    expect(() => pageOf(ALL, null, size, LIMITS)).toThrow("Invalid value for field 'maxResults'");
  });

  it('refuse a token that is none of ours', () => {
    expect(() => pageOf(ALL, 'x', '3', LIMITS)).toThrow('Invalid page token');
  });
});
