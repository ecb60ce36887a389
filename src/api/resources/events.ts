import * as z from 'zod';
import type { EventView } from '../../broker/service.ts';
import { timeJson, timeSchema } from './common.ts';

export const eventSchema = z
  .strictObject({
    sequence: z.int().meta({ description: 'Ever-growing; as text, the cursor of what follows' }),
    at: timeSchema,
    type: z.string().meta({ example: 'lease.ready' }),
    workloadId: z.string().nullable(),
    leaseId: z.string().nullable(),
    message: z.string().meta({ description: 'One sentence for people' }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type EventJson = z.infer<typeof eventSchema>;

export function eventJson(event: EventView): EventJson {
  const { sequence, at, type, workloadId, leaseId, message, data } = event;
  return { sequence, at: timeJson(at), type, workloadId, leaseId, message, data: { ...data } };
}
