import { z } from 'zod';
import type { FaultAnswer, Front, FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import type { VendorErrorDetails } from './vendor-error.ts';
import { errorResponse, jsonResponse } from './vendor-error.ts';

const FAULTS: Readonly<Record<FaultAnswer, VendorErrorDetails>> = {
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

const PATH = /^\/v3\/projects\/([^/:]+):testIamPermissions$/;
/** Most that one request may ask about. Source: Cloud Resource Manager's reference. */
const MOST_PERMISSIONS = 100;
const testRequest = z.strictObject({
  permissions: z
    .array(z.string().regex(/^[^*]+$/))
    .min(1)
    .max(MOST_PERMISSIONS),
});

function parsedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

/** Cloud Resource Manager: `projects.testIamPermissions` alone. It names what the caller has, and is silent about the rest. */
export function createResourceManagerFront(world: World): Front {
  const isTest = ({ method, url }: FrontRequest) => method === 'POST' && PATH.test(url.pathname);

  function handle(request: FrontRequest): FrontResponse {
    if (!isTest(request))
      return errorResponse({ status: 404, reason: 'notFound', message: 'The requested URL was not found.' });
    const asked = testRequest.safeParse(parsedJson(request.body));
    if (!asked.success)
      return errorResponse({
        ...{ status: 400, reason: 'badRequest', canonicalStatus: 'INVALID_ARGUMENT' },
        message: `Invalid value at 'permissions': ${asked.error.issues[0]?.message ?? 'invalid'}`,
      });
    const granted = asked.data.permissions.filter((permission) => !world.isDenied('gcp', permission));
    return jsonResponse(200, granted.length === 0 ? {} : { permissions: granted });
  }

  return {
    cloud: 'gcp',
    service: 'cloud-resource-manager',
    tls: false,
    label: (request) => ({
      operation: isTest(request) ? 'projects.testIamPermissions' : 'unknown',
      ...{ region: null, mutating: false },
    }),
    handle,
    faultResponse: (answer) => errorResponse(FAULTS[answer]),
    vendorErrorResponse: ({ status, code, message }) => errorResponse({ status, reason: code, message }),
  };
}
