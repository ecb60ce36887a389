import * as z from 'zod';
import type { LeftoverView, SweepView } from '../../broker/execution-service.ts';
import { LEFTOVER_KINDS, LEFTOVER_STATES, SWEEP_OUTCOMES, SWEEP_SUBJECTS } from '../../domain/leftover.ts';
import { timeJson, timeOrNull, timeSchema } from './common.ts';

export const leftoverSchema = z
  .strictObject({
    provider: z.string(),
    region: z.string(),
    zone: z.string().nullable(),
    kind: z.enum(LEFTOVER_KINDS),
    cloudId: z.string().meta({ description: 'The cloud’s own id or name' }),
    attemptId: z.string().nullable().meta({ description: 'The launch that it says it was made for' }),
    leaseId: z.string().nullable().meta({ description: 'The lease that it belonged to; null = unknown here' }),
    createdAt: timeSchema.nullable(),
    firstSeenAt: timeSchema,
    lastSeenAt: timeSchema,
    state: z.enum(LEFTOVER_STATES).meta({
      description:
        'waiting: younger than the grace period; reported: a person decides; removing: the broker removes it',
    }),
    error: z.string().nullable().meta({ description: 'Why it could not be removed last time' }),
  })
  .meta({ id: 'Leftover' });
export type LeftoverJson = z.infer<typeof leftoverSchema>;

export const sweepSchema = z
  .strictObject({
    provider: z.string(),
    region: z.string(),
    subject: z.enum(SWEEP_SUBJECTS),
    outcome: z.enum(SWEEP_OUTCOMES).meta({ description: 'Only `complete` proves that nothing else is there' }),
    sweptAt: timeSchema,
    completeAt: timeSchema.nullable().meta({ description: 'Of the last complete sweep; null = there was none yet' }),
    error: z.string().nullable(),
  })
  .meta({ id: 'Sweep' });
export type SweepJson = z.infer<typeof sweepSchema>;

export const leftoverPageSchema = z
  .strictObject({
    items: z.array(leftoverSchema),
    next: z.string().nullable(),
    sweeps: z.array(sweepSchema).meta({ description: 'How the last sweep of each region ended' }),
  })
  .meta({ id: 'LeftoverPage' });

export function leftoverJson(view: LeftoverView): LeftoverJson {
  const { provider, region, zone, kind, cloudId, attemptId, leaseId, state, error } = view;
  return {
    ...{ provider, region, zone, kind, cloudId, attemptId, leaseId, state, error },
    createdAt: timeOrNull(view.createdAt),
    firstSeenAt: timeJson(view.firstSeenAt),
    lastSeenAt: timeJson(view.lastSeenAt),
  };
}

export function sweepJson(view: SweepView): SweepJson {
  const { provider, region, subject, outcome, error } = view;
  const times = { sweptAt: timeJson(view.sweptAt), completeAt: timeOrNull(view.completeAt) };
  return { provider, region, subject, outcome, error, ...times };
}
