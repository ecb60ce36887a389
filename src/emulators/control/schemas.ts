import { z } from 'zod';
import type { FaultKind } from '../world/control-contract.ts';
import { CLOUD_IDS } from '../world/market-facts.ts';

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

const cloud = z.enum(CLOUD_IDS);
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

const vendorError = fields({
  status: z.int().min(400).max(599),
  code: z.string().min(1),
  message: z.string().default(''),
  asynchronous: z.boolean().default(false),
});

const FAULT_KINDS: readonly [FaultKind, ...FaultKind[]] = [
  ...(['throttle', 'unavailable', 'unauthorized', 'internal-error', 'vendor-error'] as const),
  ...(['reset', 'lost-request', 'lost-reply', 'slow', 'html'] as const),
];

const fault = fields({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,80}$/, 'an id is 1–80 letters, digits, dots, dashes and underscores')
    .optional(),
  cloud: cloud.nullable().default(null),
  service: anyName,
  operation: anyName,
  region: anyName,
  kind: z.enum(FAULT_KINDS),
  vendorError: vendorError.nullable().default(null),
  delayMs: z.number().nonnegative().default(0),
  remaining: z.int().positive().nullable().default(null),
  probability: z.number().min(0).max(1).default(1),
});

export const faultBody = fault.refine(
  ({ kind, vendorError: error }) => (kind === 'vendor-error') === (error !== null),
  {
    path: ['vendorError'],
    message: 'needed for the kind vendor-error: { status, code, message, asynchronous }; not allowed for any other',
  },
);

export const outageBody = fields({ cloud, region: anyName, down: z.boolean() });

export const rateLimitBody = fields({
  cloud,
  bucket: z.string().min(1),
  limit: fields({ capacity: z.number().min(1), refillPerSecond: z.number().nonnegative() }).nullable(),
});

export const deniedBody = fields({ cloud, permissions: z.array(z.string().min(1)) });

const time = z.number().nonnegative();

export const reservationBody = fields({
  id: z.string().min(1),
  cloud,
  region: z.string().min(1),
  zone: z.string(),
  instanceType: z.string().min(1),
  count: z.int().positive(),
  kind: z.enum(['open', 'block']).default('open'),
  startAt: time.optional(),
  endAt: time.nullable().default(null),
  tags: z.record(z.string(), z.string()).default({}),
  details: z.record(z.string(), z.unknown()).default({}),
});

export const strandsBody = fields({ cloud, strands: z.boolean() });

const tracePoint = fields({
  offsetMs: z.number().nonnegative(),
  pattern: poolPattern,
  free: z.int().nonnegative().nullable().default(null),
  priceMicroUsdPerHour: z.int().positive().nullable().default(null),
});

export const traceBody = fields({ points: z.array(tracePoint) });

export const cloudQuery = fields({ cloud });

export const filterQuery = fields({ cloud: cloud.optional() });

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
