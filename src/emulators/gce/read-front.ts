import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { Router } from './routes.ts';
import type { VendorErrorDetails } from './vendor-error.ts';
import { errorResponse, jsonResponse, VendorError } from './vendor-error.ts';

/** Faults in the words of Google's newer APIs; the compute API has older ones of its own. */
const READ_FAULTS: Readonly<Record<FaultAnswer, VendorErrorDetails>> = {
  throttle: {
    ...{ status: 429, reason: 'rateLimitExceeded', canonicalStatus: 'RESOURCE_EXHAUSTED' },
    message: "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute'.",
  },
  'internal-error': { status: 500, reason: 'internalError', message: 'Internal error encountered.' },
  unavailable: {
    ...{ status: 503, reason: 'backendError', canonicalStatus: 'UNAVAILABLE' },
    message: 'The service is currently unavailable.',
  },
  unauthorized: {
    ...{ status: 401, reason: 'authError', canonicalStatus: 'UNAUTHENTICATED' },
    message: 'Request had invalid authentication credentials.',
  },
};

/** What all fronts of the newer APIs have in common: nothing in them belongs to a region or changes anything. */
export function readFront(options: {
  readonly service: string;
  /** Null = no such method. */
  readonly operationOf: (request: FrontRequest) => string | null;
  /** The answer's body. Throws VendorError. */
  readonly answer: (request: FrontRequest) => object;
}): Front {
  const { service, operationOf, answer } = options;

  function handle(request: FrontRequest): FrontResponse {
    if (operationOf(request) === null)
      return errorResponse({ status: 404, reason: 'notFound', message: 'The requested URL was not found.' });
    try {
      return jsonResponse(200, answer(request));
    } catch (error) {
      if (error instanceof VendorError) return errorResponse(error.details);
      throw error;
    }
  }

  return {
    cloud: 'gcp',
    service,
    tls: false,
    label: (request) => ({ operation: operationOf(request) ?? 'unknown', region: null, mutating: false }),
    handle,
    faultResponse: (fault) => errorResponse(READ_FAULTS[fault]),
    vendorErrorResponse: ({ status, code, message }) => errorResponse({ status, reason: code, message }),
  };
}

/** The same over routes that come from the SDK's protocol description. */
export function routedReadFront(service: string, router: Router): Front {
  return readFront({
    service,
    operationOf: (request) => router.match(request)?.route.method.operation ?? null,
    answer(request) {
      const matched = router.match(request);
      if (matched === null) throw new Error('asked for an answer to a request without a route');
      return router.run(matched, request);
    },
  });
}
