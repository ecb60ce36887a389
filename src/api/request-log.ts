import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { Histogram, type Registry } from 'prom-client';
import type { Clock } from '../domain/time.ts';

interface RequestLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly createRequestId: () => string;
}

const DURATION_METRIC = 'gpu_broker_http_request_duration_seconds';

/** Names each request, writes one line when it ends, and counts it by route (never by address: ids would not end). */
export function requestLog({ logger, clock, registry, createRequestId }: RequestLogOptions): RequestHandler {
  const duration = durationMetric(registry);
  return (request, response, next) => {
    const requestId = createRequestId();
    const startedAt = clock.now();
    response.locals['requestId'] = requestId;
    response.setHeader('X-Request-Id', requestId);
    response.on('close', () => {
      const durationMs = clock.now() - startedAt;
      const route = String(response.locals['route'] ?? 'other');
      const { method, path } = request;
      duration.observe({ method, route, status: String(response.statusCode) }, durationMs / 1000);
      const level = method === 'GET' && response.statusCode < 400 ? 'debug' : 'info';
      logger[level]({ requestId, method, path, status: response.statusCode, durationMs }, 'request ended');
    });
    next();
  };
}

function durationMetric(registry: Registry): Histogram {
  const existing = registry.getSingleMetric(DURATION_METRIC);
  if (existing instanceof Histogram) return existing;
  return new Histogram({
    name: DURATION_METRIC,
    help: 'Time to answer a request, by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
}
