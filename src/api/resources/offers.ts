import * as z from 'zod';
import type { OfferView } from '../../broker/service.ts';
import { poolJson, poolSchema, rateJson, rateSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

export const offerSchema = z
  .strictObject({
    pool: poolSchema,
    zonePhysicalId: z.string().nullable(),
    accelerator: z.string(),
    acceleratorCount: z.int(),
    vcpuCount: z.number(),
    memoryGiB: z.number(),
    architecture: z.enum(['x86_64', 'arm64']),
    price: rateSchema,
    availability: z.enum(['available', 'restricted']),
    availableCount: z.int().nullable(),
    interruptionsPerHour: z.number(),
    headroomMachines: z
      .int()
      .nullable()
      .meta({ description: 'Machines that the quotas leave room for, launches in flight counted; null = unknown' }),
    soldOutUntil: timeSchema.nullable(),
    observedAt: timeSchema,
    ageSeconds: z.number(),
  })
  .meta({ id: 'Offer' });
export type OfferJson = z.infer<typeof offerSchema>;

export function offerJson(offer: OfferView): OfferJson {
  return {
    pool: poolJson(offer.pool),
    zonePhysicalId: offer.zonePhysicalId,
    accelerator: offer.accelerator,
    acceleratorCount: offer.acceleratorCount,
    vcpuCount: offer.vcpuCount,
    memoryGiB: offer.memoryGiB,
    architecture: offer.architecture,
    price: rateJson(offer.priceMicroUsdPerHour),
    availability: offer.availability,
    availableCount: offer.availableCount,
    interruptionsPerHour: offer.interruptionsPerHour,
    headroomMachines: offer.headroomMachines,
    soldOutUntil: timeOrNull(offer.soldOutUntil),
    observedAt: timeJson(offer.observedAt),
    ageSeconds: offer.ageSeconds,
  };
}
