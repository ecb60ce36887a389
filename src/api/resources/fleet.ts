import * as z from 'zod';
import type { FleetView } from '../../broker/service.ts';
import { LEASE_STATES } from '../../domain/lease.ts';
import { rateJson, rateSchema, sharesSchema, timeJson, timeSchema } from './common.ts';
import { planJson, planSchema } from './plans.ts';
import { WORKLOAD_STATES } from './workloads.ts';

export const fleetSchema = z
  .strictObject({
    at: timeSchema,
    cost: rateSchema,
    providerShares: sharesSchema,
    regionShares: sharesSchema,
    marketShares: sharesSchema,
    concentration: z.number(),
    leaseCounts: z.partialRecord(z.enum(LEASE_STATES), z.int()),
    workloadCounts: z.partialRecord(z.enum(WORKLOAD_STATES), z.int()),
    latestPlan: planSchema.nullable().meta({ description: 'The newest plan carried out; null before the first' }),
  })
  .meta({ id: 'Fleet' });
export type FleetJson = z.infer<typeof fleetSchema>;

export function fleetJson(fleet: FleetView): FleetJson {
  return {
    at: timeJson(fleet.at),
    cost: rateJson(fleet.costMicroUsdPerHour),
    providerShares: { ...fleet.providerShares },
    regionShares: { ...fleet.regionShares },
    marketShares: { ...fleet.marketShares },
    concentration: fleet.concentration,
    leaseCounts: { ...fleet.leaseCounts },
    workloadCounts: { ...fleet.workloadCounts },
    latestPlan: fleet.latestPlan === null ? null : planJson(fleet.latestPlan),
  };
}
