import * as z from 'zod';
import type { LeaseView } from '../../broker/service.ts';
import { LEASE_STATES } from '../../domain/lease.ts';
import { poolJson, poolSchema, rateJson, rateSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

export const leaseSchema = z
  .strictObject({
    id: z.string(),
    workloadId: z.string(),
    workloadName: z.string(),
    replicas: z.array(z.int()),
    part: z.int().meta({ description: 'Which machine of a gang this is: 0..partCount-1' }),
    partCount: z.int(),
    pool: poolSchema,
    accelerator: z.string(),
    acceleratorCount: z.int(),
    state: z.enum(LEASE_STATES),
    stateReason: z.string().nullable(),
    price: rateSchema,
    instanceId: z.string().nullable(),
    drainUntil: timeSchema.nullable().meta({ description: 'Until when a machine that the cloud takes may still work' }),
    planId: z.string(),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: 'Lease' });
export type LeaseJson = z.infer<typeof leaseSchema>;

export function leaseJson(lease: LeaseView): LeaseJson {
  return {
    id: lease.id,
    workloadId: lease.workloadId,
    workloadName: lease.workloadName,
    replicas: [...lease.replicas],
    part: lease.part,
    partCount: lease.partCount,
    pool: poolJson(lease.pool),
    accelerator: lease.accelerator,
    acceleratorCount: lease.acceleratorCount,
    state: lease.state,
    stateReason: lease.stateReason,
    price: rateJson(lease.priceMicroUsdPerHour),
    instanceId: lease.instanceId,
    drainUntil: timeOrNull(lease.drainUntil),
    planId: lease.planId,
    createdAt: timeJson(lease.createdAt),
    updatedAt: timeJson(lease.updatedAt),
  };
}
