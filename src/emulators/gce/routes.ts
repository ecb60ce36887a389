import type { FrontRequest } from '../http/front.ts';
import type { VendorErrorFact } from '../world/contract.ts';
import type { ApiSchema, JsonObject, MethodSchema } from './schema.ts';
import { VendorError } from './vendor-error.ts';

/** A request that found its method: path variables, query and body are known to fit the request's message. */
export interface ApiRequest {
  readonly method: MethodSchema;
  /** Path variables: project, zone, region, instance, operation … */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: JsonObject;
  /** A launch is to be accepted and to fail later with this; null for all others. */
  readonly forcedFailure: VendorErrorFact | null;
}

export interface Route {
  readonly method: MethodSchema;
  readonly mutating: boolean;
  readonly handle: (request: ApiRequest) => object;
}

export interface MatchedRoute {
  readonly route: Route;
  readonly path: Readonly<Record<string, string>>;
}

/** Query parameters that every Google API takes. */
const SYSTEM_PARAMETERS = new Set(['alt', '$alt', 'fields', 'key', 'prettyPrint', '$prettyPrint', 'quotaUser']);

function pathPattern(template: string): RegExp {
  const source = template
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    // `{parent=services/*}` takes several segments, `{zone}` one.
    .replaceAll(/\{(\w+)(?:=([^}]*))?\}/g, (_, name: string, form: string | undefined) =>
      form === undefined ? `(?<${name}>[^/]+)` : `(?<${name}>${form.replaceAll(String.raw`\*`, '[^/]+')})`,
    );
  return new RegExp(`^${source}$`);
}

export interface Router {
  /** Null where no method has this verb and path. */
  match(request: FrontRequest): MatchedRoute | null;
  /** Checks the request against its message, runs the method, checks the answer. Throws VendorError. */
  run(matched: MatchedRoute, request: FrontRequest, forcedFailure?: VendorErrorFact | null): object;
}

export function createRouter(schema: ApiSchema, routes: readonly Route[]): Router {
  const patterns = routes.map((route) => ({ route, pattern: pathPattern(route.method.pathTemplate) }));

  function match(request: FrontRequest): MatchedRoute | null {
    for (const { route, pattern } of patterns) {
      if (route.method.httpMethod !== request.method) continue;
      const groups = pattern.exec(request.url.pathname)?.groups;
      if (groups === undefined) continue;
      const path = Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
      return { route, path };
    }
    return null;
  }

  function run(
    { route, path }: MatchedRoute,
    request: FrontRequest,
    forcedFailure: VendorErrorFact | null = null,
  ): object {
    const { method } = route;
    const query = request.url.searchParams;
    for (const name of query.keys()) {
      if (SYSTEM_PARAMETERS.has(name) || schema.fieldType(method.requestType, name) !== null) continue;
      throw badRequest(
        `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter. Field '${name}' could not be found in request message.`,
      );
    }
    const body = method.bodyField === null ? {} : parsedBody(schema, method, method.bodyField, request.body);
    const answer = route.handle({ method, path, query, body, forcedFailure });
    const wrong = schema.mismatch(method.responseType, answer);
    if (wrong !== null) throw new Error(`${method.operation} would answer what its schema forbids: ${wrong}`);
    return answer;
  }

  return { match, run };
}

function parsedBody(schema: ApiSchema, method: MethodSchema, bodyField: string, body: Buffer): JsonObject {
  const type = schema.fieldType(method.requestType, bodyField);
  if (type === null) throw new Error(`${method.requestType} has no field ${bodyField}`);
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    throw badRequest('Invalid JSON payload received. Unexpected token.');
  }
  const wrong = schema.mismatch(type, json, '');
  if (wrong !== null) throw badRequest(wrong);
  return json as JsonObject;
}

function badRequest(message: string): VendorError {
  return new VendorError({ status: 400, reason: 'badRequest', message, canonicalStatus: 'INVALID_ARGUMENT' });
}
