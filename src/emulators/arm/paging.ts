import type { FrontRequest } from '../http/front.ts';
import { ArmRefusal } from './arm-answer.ts';

/** One page of a list in ARM's envelope; `nextLink` carries a `$skiptoken` and is null on the last page, as ARM's is. */
export function pageOf<T>(
  request: FrontRequest,
  items: readonly T[],
  pageSize: number,
): { readonly value: readonly T[]; readonly nextLink: string | null } {
  const token = request.url.searchParams.get('$skiptoken') ?? '0';
  if (!/^\d+$/.test(token)) throw new ArmRefusal(400, 'BadRequest', `The skip token '${token}' is not valid.`);
  const start = Number(token);
  const end = start + pageSize;
  return { value: items.slice(start, end), nextLink: end < items.length ? linkTo(request, '$skiptoken', end) : null };
}

/** The request's own URL with one parameter changed, absolute under the name the client used. */
export function linkTo(request: FrontRequest, parameter: string, value: number, scheme = 'https'): string {
  const url = new URL(request.url);
  url.searchParams.set(parameter, String(value));
  return `${scheme}://${request.headers['host'] ?? 'localhost'}${url.pathname}${url.search}`;
}
