import type { Filter } from '@aws-sdk/client-ec2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkScope } from '../../../src/emulators/ec2/authorization.ts';
import { matchesFilters } from '../../../src/emulators/ec2/filters.ts';
import { pageOf, sortableNumber } from '../../../src/emulators/ec2/paging.ts';
import type { FrontRequest } from '../../../src/emulators/http/front.ts';

const LIMITS = { least: 1, most: 100, standard: null };

function pages(items: readonly string[], size: number): string[][] {
  const all: string[][] = [];
  let token: string | undefined;
  do {
    const page = pageOf(items, (item) => item, { maxResults: size, nextToken: token }, LIMITS);
    all.push([...page.items]);
    token = page.nextToken ?? undefined;
  } while (token !== undefined);
  return all;
}

describe('paging', () => {
  it('gives everything once, in order, whatever the size', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(10_000), { maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (numbers, size) => {
          const items = numbers.map(sortableNumber).toSorted();
          const all = pages(items, size);
          expect(all.flat()).toEqual(items);
          expect(all).toHaveLength(Math.max(1, Math.ceil(items.length / size)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('neither repeats nor hides when items go between pages', () => {
    const first = pageOf(['a', 'b', 'c', 'd'], (item) => item, { maxResults: 2, nextToken: undefined }, LIMITS);
    const next = { maxResults: 2, nextToken: first.nextToken ?? '' };
    expect(pageOf(['b', 'c', 'd'], (item) => item, next, LIMITS).items).toEqual(['c', 'd']);
    expect(pageOf(['c', 'd'], (item) => item, next, LIMITS).items).toEqual(['c', 'd']);
  });

  it('refuses a foreign token and a size out of bounds', () => {
    const page = (maxResults: number | undefined, nextToken: string | undefined) => () =>
      pageOf(['a'], (item) => item, { maxResults, nextToken }, { least: 5, most: 10, standard: 10 });
    expect(page(undefined, 'nonsense')).toThrow('The specified next token is invalid');
    expect(page(4, undefined)).toThrow('Expecting a value between 5 and 10');
    expect(page(11, undefined)).toThrow('Expecting a value between 5 and 10');
    expect(page(5, undefined)().items).toEqual(['a']);
  });
});

describe('filters', () => {
  const values = (name: string) => ({ type: ['p5.48xlarge'], tag: ['a', 'b'], none: [] })[name] ?? null;

  it.each<[string, Filter[], boolean]>([
    ['nothing asked', [], true],
    ['an exact value', [{ Name: 'type', Values: ['p5.48xlarge'] }], true],
    ['any of the values', [{ Name: 'tag', Values: ['z', 'b'] }], true],
    ['none of the values', [{ Name: 'tag', Values: ['z'] }], false],
    [
      'every filter',
      [
        { Name: 'tag', Values: ['a'] },
        { Name: 'type', Values: ['g*'] },
      ],
      false,
    ],
    ['a star', [{ Name: 'type', Values: ['p5*'] }], true],
    ['a question mark', [{ Name: 'type', Values: ['p?.48xlarge'] }], true],
    ['a dot is a dot', [{ Name: 'type', Values: ['p5x48xlarge'] }], false],
    ['a part is not the whole', [{ Name: 'type', Values: ['p5'] }], false],
    ['case matters', [{ Name: 'type', Values: ['P5*'] }], false],
    ['a resource without values', [{ Name: 'none', Values: ['*'] }], false],
  ])('%s', (_title, filters, expected) => {
    expect(matchesFilters(filters, values)).toBe(expected);
  });

  it('refuses a filter that does not exist', () => {
    expect(() => matchesFilters([{ Name: 'colour', Values: ['red'] }], values)).toThrow(
      "The filter 'colour' is invalid",
    );
  });
});

describe('the credential scope', () => {
  const signature = '0'.repeat(64);
  const request = (authorization: string | null): FrontRequest => ({
    method: 'POST',
    url: new URL('http://emulated.invalid/'),
    headers: authorization === null ? {} : { authorization },
    body: Buffer.from(''),
  });
  const signed = (scope: string) =>
    `AWS4-HMAC-SHA256 Credential=KEY/${scope}/aws4_request, SignedHeaders=host, Signature=${signature}`;

  it.each([
    [null, { ok: false, reason: 'missing' }],
    ['Bearer x', { ok: false, reason: 'malformed' }],
    [signed('20260101/us-east-1/pricing'), { ok: false, reason: 'service' }],
    [signed('20260101/moon-1/ec2'), { ok: false, reason: 'region' }],
    [signed('20260101/us-east-1/ec2'), { ok: true, region: 'us-east-1' }],
  ])('%s', (authorization, outcome) => {
    expect(checkScope(request(authorization), 'ec2', (region) => region === 'us-east-1')).toEqual(outcome);
  });
});
