import type { Express } from 'express';
import type { Registry } from 'prom-client';
import * as z from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import type { BrokerService } from '../broker/service.ts';

const livenessSchema = z.strictObject({ live: z.literal(true) });
const readinessSchema = z
  .strictObject({ ready: z.boolean(), missing: z.array(z.string()).meta({ description: 'What is missing, in words' }) })
  .meta({ id: 'Readiness' });

/** Whether the process answers; whether it can serve; what Prometheus reads. */
export function mountHealth(app: Express, service: BrokerService, registry: Registry): void {
  app.get('/livez', (_request, response) => {
    response.json({ live: true });
  });
  app.get('/readyz', async (_request, response) => {
    const missing = await readiness(service);
    response.status(missing.length === 0 ? 200 : 503).json({ ready: missing.length === 0, missing });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
}

/** A broker that cannot even say what is missing is not ready either. */
async function readiness(service: BrokerService): Promise<readonly string[]> {
  try {
    return await service.readiness();
  } catch {
    return ['the store does not answer'];
  }
}

export const healthPaths: ZodOpenApiPathsObject = {
  '/livez': {
    get: {
      operationId: 'livez',
      tags: ['Health'],
      summary: 'Whether the process answers',
      responses: { '200': { description: 'It does', content: { 'application/json': { schema: livenessSchema } } } },
    },
  },
  '/readyz': {
    get: {
      operationId: 'readyz',
      tags: ['Health'],
      summary: 'Whether the broker can serve: the store answers, every provider was read once',
      responses: {
        '200': { description: 'Ready', content: { 'application/json': { schema: readinessSchema } } },
        '503': { description: 'Not ready', content: { 'application/json': { schema: readinessSchema } } },
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['Health'],
      summary: 'Metrics in the Prometheus text format',
      responses: { '200': { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
    },
  },
};
