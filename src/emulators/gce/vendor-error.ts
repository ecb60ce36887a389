import type { FrontResponse } from '../http/front.ts';

/** What the compute API puts beside the message: the old reason, its domain, and typed details where there are any. */
export interface VendorErrorDetails {
  readonly status: number;
  /** The legacy reason: `notFound`, `quotaExceeded`, `rateLimitExceeded` … */
  readonly reason: string;
  readonly message: string;
  readonly domain?: 'global' | 'usageLimits';
  /** Canonical status beside the HTTP one: `RESOURCE_EXHAUSTED`; compute leaves it out for most errors. */
  readonly canonicalStatus?: string;
  readonly details?: readonly object[];
}

/** An answer in Google's error format. Thrown by the operations, turned into a response by the fronts. */
export class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly details: VendorErrorDetails;

  constructor(details: VendorErrorDetails) {
    super(details.message);
    this.details = details;
  }
}

export function invalidValue(field: string, value: string, explanation: string): VendorError {
  return new VendorError({
    status: 400,
    reason: 'invalid',
    message: `Invalid value for field '${field}': '${value}'. ${explanation}`,
  });
}

export function notFound(resource: string): VendorError {
  return new VendorError({ status: 404, reason: 'notFound', message: `The resource '${resource}' was not found` });
}

export function jsonResponse(status: number, body: object): FrontResponse {
  return { status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body: JSON.stringify(body) };
}

export function errorResponse(error: VendorErrorDetails): FrontResponse {
  const { status, reason, message, domain = 'global', canonicalStatus, details } = error;
  return jsonResponse(status, {
    error: {
      code: status,
      message,
      errors: [{ message, domain, reason }],
      ...(canonicalStatus === undefined ? {} : { status: canonicalStatus }),
      ...(details === undefined ? {} : { details }),
    },
  });
}
