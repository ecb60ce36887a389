import { z } from 'zod';

/** What the control API accepts. Fields that are missing from a pattern or a fault match anything. */

/** An object of exactly these fields; a field of another name is answered with the names that exist. */
function fields<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `no field is called ${(issue.keys ?? []).join(', ')}; there are ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}

const cloud = z.enum(['aws', 'azure', 'gcp']);
const market = z.enum(['on-demand', 'spot']);
const anyName = z.string().min(1).nullable().default(null);

export const poolPattern = fields({
  cloud,
  region: anyName,
  zone: anyName,
  instanceType: anyName,
  accelerator: anyName,
  market: market.nullable().default(null),
});

export const poolsBody = fields({ pattern: poolPattern, free: z.int().nonnegative().nullable() });

export const pricesBody = fields({
  pattern: poolPattern,
  priceMicroUsdPerHour: z.int().positive().nullable(),
});

export const quotaBody = fields({
  cloud,
  region: anyName,
  quota: z.string().min(1),
  limit: z.number().nonnegative(),
});

export const faultBody = fields({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,80}$/, 'an id is 1–80 letters, digits, dots, dashes and underscores')
    .optional(),
  cloud: cloud.nullable().default(null),
  operation: anyName,
  region: anyName,
  kind: z.enum(['throttle', 'unavailable', 'unauthorized', 'lost-request', 'lost-reply', 'slow', 'html']),
  delayMs: z.number().nonnegative().default(0),
  remaining: z.int().positive().nullable().default(null),
  probability: z.number().min(0).max(1).default(1),
});

export const latencyBody = fields({
  cloud,
  launchLatencyMs: z.number().nonnegative().optional(),
  visibilityDelayMs: z.number().nonnegative().optional(),
});

export const clockBody = fields({ advanceMs: z.number().nonnegative() });

export const machinesQuery = fields({
  cloud: cloud.optional(),
  state: z.enum(['pending', 'running', 'stopping', 'terminated', 'failed']).optional(),
});

export const requestsQuery = fields({ after: z.coerce.number().int().nonnegative().default(0) });
