import { invalidValue } from './vendor-error.ts';

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string | null;
}

/**
 * Cuts a page out of a stable list. The token is opaque to clients, as the real one is. No size asks for the largest page.
 * Throws VendorError for a bad token or size.
 */
export function pageOf<T>(
  all: readonly T[],
  token: string | null,
  size: string | null,
  limits: { readonly maximum: number; readonly field: string },
): ListPage<T> {
  const wanted = size === null || size === '' || size === '0' ? limits.maximum : Number(size);
  if (!Number.isSafeInteger(wanted) || wanted < 0 || wanted > limits.maximum) {
    const range = `Must be an integer in the range [0, ${limits.maximum}].`;
    throw invalidValue(limits.field, size ?? '', range);
  }
  const start = token === null || token === '' ? 0 : offsetOf(token);
  const end = start + wanted;
  return {
    items: all.slice(start, end),
    nextPageToken: end < all.length ? Buffer.from(`page:${end}`).toString('base64url') : null,
  };
}

function offsetOf(token: string): number {
  const match = /^page:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'));
  if (match?.[1] === undefined) throw invalidValue('pageToken', token, 'Invalid page token.');
  return Number(match[1]);
}
