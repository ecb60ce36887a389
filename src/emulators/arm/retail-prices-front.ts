import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { jsonAnswer } from './arm-answer.ts';
import { linkTo } from './paging.ts';
import { matchesClauses, readRetailFilter, regionOfClauses } from './retail-filter.ts';
import { retailItemsOf } from './retail-items.ts';

const PAGE_SIZE = 100;
const PATH = '/api/retail/prices';

/** The Retail Prices API: no login, one path, OData filters, pages of 100. */
export function createRetailPricesFront(world: World): Front {
  function answer(request: FrontRequest): FrontResponse {
    if (request.url.pathname !== PATH) return refusal(404, 'NotFound', `no such path: ${request.url.pathname}`);
    if (request.method !== 'GET') return refusal(405, 'MethodNotAllowed', request.method);
    const clauses = readRetailFilter(request.url.searchParams.get('$filter') ?? '');
    const skip = request.url.searchParams.get('$skip') ?? '0';
    if (clauses === null || !/^\d+$/.test(skip)) return refusal(400, 'BadRequest', 'Invalid OData parameters supplied');
    const region = regionOfClauses(clauses);
    const items = world
      .facts('azure')
      .regions.filter(({ name }) => region === null || name === region)
      .flatMap((fact) => retailItemsOf(world, fact))
      .filter((item) => matchesClauses(clauses, item));
    const start = Number(skip);
    const page = items.slice(start, start + PAGE_SIZE);
    return jsonAnswer(200, {
      BillingCurrency: 'USD',
      CustomerEntityId: 'Default',
      CustomerEntityType: 'Retail',
      Items: page,
      NextPageLink: start + PAGE_SIZE < items.length ? linkTo(request, '$skip', start + PAGE_SIZE, 'http') : null,
      Count: page.length,
    });
  }

  return {
    cloud: 'azure',
    service: 'retail-prices',
    tls: false,
    label: (request) => ({
      operation: 'RetailPrices',
      region: regionOfClauses(readRetailFilter(request.url.searchParams.get('$filter') ?? '')),
      mutating: false,
    }),
    handle: answer,
    faultResponse,
    vendorErrorResponse: ({ status, code, message }) => refusal(status, code, message),
  };
}

function refusal(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): FrontResponse {
  return jsonAnswer(status, { Error: { Code: code, Message: message } }, headers);
}

function faultResponse(fault: FaultAnswer): FrontResponse {
  switch (fault) {
    case 'throttle':
      return refusal(429, 'TooManyRequests', 'Too many requests', { 'x-ms-ratelimit-retailprices-retry-after': '60' });
    case 'unavailable':
      return refusal(503, 'ServiceUnavailable', 'The service is unavailable.');
    case 'unauthorized':
      return refusal(403, 'Forbidden', 'This request is blocked.');
    case 'internal-error':
      return refusal(500, 'InternalServerError', 'An error has occurred.');
    default:
      return fault satisfies never;
  }
}
