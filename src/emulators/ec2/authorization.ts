import type { FrontRequest } from '../http/front.ts';
import { VendorError } from './vendor-error.ts';

/** SigV4: `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, SignedHeaders=…, Signature=…` */
const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request, ?SignedHeaders=[^,\s]+, ?Signature=[0-9a-f]{64}$/;

export interface CredentialScope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/** Null when the request carries no readable SigV4 scope. Signatures are not verified: the emulator has no secrets. */
export function credentialScope(request: FrontRequest): CredentialScope | null {
  const match = CREDENTIAL.exec(request.headers['authorization'] ?? '');
  if (match === null) return null;
  const [, accessKeyId = '', , region = '', service = ''] = match;
  return { accessKeyId, region, service };
}

export type ScopeOutcome =
  | { readonly ok: true; readonly region: string }
  | { readonly ok: false; readonly reason: 'missing' | 'malformed' | 'service' | 'region' };

/** Whether the request is signed for this service and a region of this world. */
export function checkScope(request: FrontRequest, service: string, knows: (region: string) => boolean): ScopeOutcome {
  if ((request.headers['authorization'] ?? '') === '') return { ok: false, reason: 'missing' };
  const scope = credentialScope(request);
  if (scope === null) return { ok: false, reason: 'malformed' };
  if (scope.service !== service) return { ok: false, reason: 'service' };
  return knows(scope.region) ? { ok: true, region: scope.region } : { ok: false, reason: 'region' };
}

/** EC2's words for a scope that is not good enough. */
export function ec2ScopeError(reason: 'missing' | 'malformed' | 'service' | 'region'): VendorError {
  if (reason === 'missing')
    return new VendorError(400, 'MissingParameter', 'The request must contain the parameter AWSAccessKeyId');
  if (reason === 'region') {
    return new VendorError(401, 'AuthFailure', 'Credential should be scoped to a valid region.');
  }
  return new VendorError(401, 'AuthFailure', 'AWS was not able to validate the provided access credentials');
}
