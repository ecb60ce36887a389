import { describe, expect, it } from 'vitest';
import { pagesOf } from '../../../src/providers/aws/pages.ts';

const ATTEMPTED = { operation: 'DescribeThings', mutating: false };
const CALL = { signal: new AbortController().signal };

async function read(tokens: readonly (string | undefined)[]): Promise<readonly (string | undefined)[]> {
  const asked: (string | undefined)[] = [];
  const pages = pagesOf(ATTEMPTED, CALL, ({ NextToken: token }) => {
    asked.push(token);
    if (asked.length > tokens.length) throw new Error('read past the end');
    const next = tokens[asked.length - 1];
    return Promise.resolve(next === undefined ? {} : { NextToken: next });
  });
  for await (const _page of pages);
  return asked;
}

describe('pagesOf', () => {
  it('trap: an empty token ends the pages, as none does', async () => {
    expect(await read([''])).toEqual([undefined]);
    expect(await read(['a', 'b', ''])).toEqual([undefined, 'a', 'b']);
    expect(await read(['a', undefined])).toEqual([undefined, 'a']);
  });
});
