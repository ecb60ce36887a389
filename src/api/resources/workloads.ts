import * as z from 'zod';
import type { WorkloadView } from '../../broker/service.ts';
import { workloadDocument } from '../../config/workload.ts';
import { workloadSchema } from '../../config/workload-schema.ts';
import type { HoldReason } from '../../domain/plan.ts';
import { rateJson, rateSchema, timeJson, timeSchema } from './common.ts';
import { leaseJson, leaseSchema } from './leases.ts';

export const WORKLOAD_STATES = ['pending', 'placed', 'held', 'deleting', 'deleted'] as const;

export const holdReasonSchema = z
  .strictObject({
    rule: z.string().meta({ description: 'The rule or fact in the way', example: 'maxShare.provider' }),
    detail: z.string(),
  })
  .meta({ id: 'HoldReason' });

export function holdReasonJson({ rule, detail }: HoldReason): z.infer<typeof holdReasonSchema> {
  return { rule, detail };
}

export const workloadStateSchema = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    team: z.string(),
    document: workloadSchema.meta({
      description: 'The workload as it could be applied again, every default written out',
    }),
    state: z.enum(WORKLOAD_STATES),
    holdReasons: z.array(holdReasonSchema),
    generation: z.int().meta({ description: 'Grows by one with each change' }),
    replicaCount: z.int(),
    readyReplicaCount: z.int(),
    cost: rateSchema,
    leases: z.array(leaseSchema),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: 'Workload' });
export type WorkloadJson = z.infer<typeof workloadStateSchema>;

export function workloadJson(workload: WorkloadView): WorkloadJson {
  return {
    id: workload.id,
    name: workload.spec.name,
    team: workload.spec.team,
    document: workloadDocument(workload.spec),
    state: workload.state,
    holdReasons: workload.holdReasons.map(holdReasonJson),
    generation: workload.generation,
    replicaCount: workload.spec.replicas,
    readyReplicaCount: workload.readyReplicaCount,
    cost: rateJson(workload.costMicroUsdPerHour),
    leases: workload.leases.map(leaseJson),
    createdAt: timeJson(workload.createdAt),
    updatedAt: timeJson(workload.updatedAt),
  };
}
