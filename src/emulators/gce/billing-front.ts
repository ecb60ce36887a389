import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { pageOf } from './paging.ts';
import type { ApiRequest } from './routes.ts';
import { createRouter } from './routes.ts';
import { loadApiSchema } from './schema.ts';
import { COMPUTE_SERVICE, skuResources } from './skus.ts';
import type { VendorErrorDetails } from './vendor-error.ts';
import { errorResponse, jsonResponse, VendorError } from './vendor-error.ts';

const FAULTS: Readonly<Record<FaultAnswer, VendorErrorDetails>> = {
  throttle: {
    status: 429,
    reason: 'rateLimitExceeded',
    message: "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
    canonicalStatus: 'RESOURCE_EXHAUSTED',
  },
  'internal-error': { status: 500, reason: 'internalError', message: 'Internal error encountered.' },
  unavailable: {
    status: 503,
    reason: 'backendError',
    message: 'The service is currently unavailable.',
    canonicalStatus: 'UNAVAILABLE',
  },
  unauthorized: {
    status: 401,
    reason: 'authError',
    message: 'Request had invalid authentication credentials.',
    canonicalStatus: 'UNAUTHENTICATED',
  },
};

function listSkus(world: World, { path, query }: ApiRequest): object {
  if (path['parent'] !== `services/${COMPUTE_SERVICE}`)
    throw new VendorError({
      status: 404,
      reason: 'notFound',
      message: `Service ${path['parent']} was not found.`,
      canonicalStatus: 'NOT_FOUND',
    });
  const limits = { maximum: 5000, field: 'pageSize' };
  const page = pageOf(skuResources(world), query.get('pageToken'), query.get('pageSize'), limits);
  return { skus: page.items, nextPageToken: page.nextPageToken ?? '' };
}

export function createBillingFront(world: World): Front {
  const schema = loadApiSchema('@google-cloud/billing', 'google.cloud.billing.v1');
  const router = createRouter(schema, [
    {
      method: schema.method('CloudCatalog', 'ListSkus'),
      mutating: false,
      handle: (request) => listSkus(world, request),
    },
  ]);

  function handle(request: FrontRequest): FrontResponse {
    const matched = router.match(request);
    if (matched === null)
      return errorResponse({ status: 404, reason: 'notFound', message: 'The requested URL was not found.' });
    try {
      return jsonResponse(200, router.run(matched, request));
    } catch (error) {
      if (error instanceof VendorError) return errorResponse(error.details);
      throw error;
    }
  }

  return {
    cloud: 'gcp',
    service: 'cloud-billing',
    tls: false,
    label(request) {
      const matched = router.match(request);
      return { operation: matched?.route.method.operation ?? 'unknown', region: null, mutating: false };
    },
    handle,
    faultResponse: (answer) => errorResponse(FAULTS[answer]),
    vendorErrorResponse: ({ status, code, message }) => errorResponse({ status, reason: code, message }),
  };
}
