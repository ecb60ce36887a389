import { badRequest } from './vendor-error.ts';

export interface PageLimits {
  readonly least: number;
  readonly most: number;
  /** Page size when the caller names none; null = everything at once. */
  readonly standard: number | null;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextToken: string | null;
}

/**
 * Cuts one page. The token is opaque to callers and names the last item given, so that items which come and go between two
 * pages neither repeat nor hide others. `keyOf` must grow strictly along `items`.
 */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  request: { readonly maxResults: number | undefined; readonly nextToken: string | undefined },
  limits: PageLimits,
): Page<Item> {
  const size = request.maxResults ?? limits.standard ?? Number.POSITIVE_INFINITY;
  if (request.maxResults !== undefined && (size < limits.least || size > limits.most)) {
    throw badRequest(
      'InvalidParameterValue',
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value between ${limits.least} and ${limits.most}.`,
    );
  }
  const after = request.nextToken === undefined || request.nextToken === '' ? null : readToken(request.nextToken);
  const rest = after === null ? items : items.filter((item) => keyOf(item) > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return { items: page, nextToken: rest.length > page.length && last !== undefined ? writeToken(keyOf(last)) : null };
}

function writeToken(key: string): string {
  return Buffer.from(`after:${key}`).toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('after:')) throw badRequest('InvalidNextToken', 'The specified next token is invalid');
  return text.slice('after:'.length);
}

/** A number as text that sorts like the number. */
export function sortableNumber(value: number): string {
  return String(value).padStart(16, '0');
}
