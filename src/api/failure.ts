import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { ServiceError } from '../broker/service.ts';
import { ApiProblem, PROBLEMS, problemJson } from './problems.ts';

/** What became of a request that failed. Express's own errors carry a status and, from the body parser, a type. */
function problemFrom(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof ServiceError) return new ApiProblem(error.code, error.message);
  const { status, type, limit } = httpError(error);
  if (type === 'entity.too.large') {
    return new ApiProblem('payload-too-large', `The body may have ${(limit ?? 0) / 1024} KiB at most`);
  }
  if (type === 'entity.parse.failed') {
    return new ApiProblem('validation-failed', 'The body is not valid JSON', [
      { pointer: '', message: parseMessage(error) },
    ]);
  }
  if (status === 415)
    return new ApiProblem('unsupported-media-type', 'The charset or encoding of the body is not supported');
  if (status !== null && status >= 400 && status < 500) {
    return new ApiProblem('validation-failed', 'The request cannot be read');
  }
  return new ApiProblem('internal', 'An unexpected error; the broker’s log has it under the request’s id');
}

function httpError(error: unknown): { status: number | null; type: string | null; limit: number | null } {
  if (typeof error !== 'object' || error === null) return { status: null, type: null, limit: null };
  const status = 'status' in error && typeof error.status === 'number' ? error.status : null;
  const type = 'type' in error && typeof error.type === 'string' ? error.type : null;
  const limit = 'limit' in error && typeof error.limit === 'number' ? error.limit : null;
  return { status, type, limit };
}

function parseMessage(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'not valid JSON';
}

export function sendProblem(response: Response, problem: ApiProblem): void {
  const { status } = PROBLEMS[problem.code];
  if (problem.code === 'not-ready') response.setHeader('Retry-After', '5');
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  response.status(status).type('application/problem+json');
  response.send(JSON.stringify(problemJson(problem, String(response.locals['requestId'] ?? ''))));
}

/** The last handler: every failure becomes a problem; only what nobody expected is logged as an error. */
export function failureHandler(logger: Logger) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    const problem = problemFrom(error);
    const fields = {
      requestId: String(response.locals['requestId'] ?? ''),
      method: request.method,
      path: request.path,
    };
    if (response.headersSent || response.destroyed) {
      if (response.destroyed) return;
      logger.warn({ ...fields, err: error }, 'a stream broke off');
      response.destroy();
      return;
    }
    if (problem.code === 'internal') logger.error({ ...fields, err: error }, 'a request failed');
    sendProblem(response, problem);
    void next;
  };
}

export function notFoundHandler(): RequestHandler {
  return (request) => {
    throw new ApiProblem(
      'not-found',
      `There is nothing at ${request.path.slice(0, 200)}; /openapi.json lists what there is`,
    );
  };
}
