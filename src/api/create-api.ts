import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { type Registry, register } from 'prom-client';
import type { BrokerService } from '../broker/service.ts';
import type { Clock } from '../domain/time.ts';
import { failureHandler, notFoundHandler } from './failure.ts';
import { mountHealth } from './health.ts';
import { idempotencyKeySchema, openApiDocument } from './openapi.ts';
import { HANDLED, type Operation } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { ApiProblem } from './problems.ts';
import { requestLog } from './request-log.ts';
import { YAML_TYPES } from './workload-body.ts';

export interface ApiOptions {
  readonly service: BrokerService;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Of the program; the OpenAPI document states it. */
  readonly version: string;
  /**
   * Names, without port, that a request's Host header may carry. The API has no authentication yet: without this check a
   * web page could reach it through a name of its own that resolves to the loopback address (DNS rebinding).
   */
  readonly allowedHosts: readonly string[];
  readonly registry?: Registry;
  readonly createRequestId?: () => string;
  /** Serves what is not the API (the web console); asked before "not found". */
  readonly console?: RequestHandler;
}

const BODY_LIMIT_BYTES = 1024 * 1024;

/** The REST API over a broker. Listening is the caller's. */
export function createApi(options: ApiOptions): Express {
  const { service, logger, clock, version, registry = register, createRequestId = randomUUID } = options;
  const app = express();
  app.set('query parser', 'simple');
  app.disable('x-powered-by');
  app.use(requestLog({ logger, clock, registry, createRequestId }));
  app.use(onlyHosts(options.allowedHosts));
  app.use(helmet());
  mountHealth(app, service, registry);
  const document = openApiDocument(version);
  app.get('/openapi.json', (_request, response) => {
    response.json(document);
  });
  for (const operation of OPERATIONS) mountOperation(app, operation, options);
  refuseOtherMethods(app);
  if (options.console !== undefined) app.use(options.console);
  app.use(notFoundHandler());
  app.use(failureHandler(logger));
  return app;
}

function onlyHosts(allowedHosts: readonly string[]): RequestHandler {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  return (request, _response, next) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    if (allowed.has(host)) return next();
    throw new ApiProblem('host-not-allowed', 'Add the host name to spec.listen.allowedHosts in config/broker.yaml');
  };
}

function mountOperation(app: Express, operation: Operation, { service, clock }: ApiOptions): void {
  const handle: RequestHandler = async (request, response) => {
    const result = await operation.handle({
      service,
      clock,
      request,
      response,
      param: (name) => String(request.params[name] ?? ''),
    });
    if (result !== HANDLED) response.json(result);
  };
  const announce: RequestHandler = (_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    response.locals['route'] = operation.path;
    next();
  };
  app[operation.method](expressPath(operation.path), announce, ...bodyHandlers(operation), handle);
}

function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function bodyHandlers({ body, method }: Operation): RequestHandler[] {
  const handlers: RequestHandler[] = method === 'post' ? [checkIdempotencyKey] : [];
  if (body === null) return handlers;
  const types = Object.keys(body.content);
  const accepted = types.includes('application/yaml') ? [...types, ...YAML_TYPES] : types;
  return [
    ...handlers,
    (request, _response, next) => {
      if (!request.is(accepted)) throw unsupported(request, types);
      next();
    },
    express.json({ limit: body.limitBytes ?? BODY_LIMIT_BYTES, type: 'application/json' }),
    express.text({ limit: body.limitBytes ?? BODY_LIMIT_BYTES, type: YAML_TYPES }),
  ];
}

function unsupported(request: Request, types: readonly string[]): ApiProblem {
  const given = request.get('content-type');
  const complaint = given === undefined ? 'The request has no body with a Content-Type' : `Not ${given.slice(0, 100)}`;
  return new ApiProblem('unsupported-media-type', `${complaint}; send ${types.join(' or ')}`);
}

const checkIdempotencyKey: RequestHandler = (request, _response, next) => {
  if (idempotencyKeySchema.safeParse(request.get('idempotency-key')).success) return next();
  throw new ApiProblem('validation-failed', 'The request has one mistake', [
    { parameter: 'Idempotency-Key', message: 'allowed: 1 to 255 visible ASCII characters' },
  ]);
};

function refuseOtherMethods(app: Express): void {
  const methods = Map.groupBy(OPERATIONS, ({ path }) => path);
  for (const [path, operations] of methods) {
    const allowed = operations.map(({ method }) => method.toUpperCase());
    const allow = (allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed).join(', ');
    app.all(expressPath(path), (request, response) => {
      response.setHeader('Allow', allow);
      throw new ApiProblem('method-not-allowed', `${request.method} is not allowed here; allowed: ${allow}`);
    });
  }
}
