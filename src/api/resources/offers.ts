import * as z from 'zod';
import type { OfferView, PriceHistoryView, QuarantinedPriceView } from '../../broker/service.ts';
import { poolJson, poolSchema, rateJson, rateSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

const adviceSchema = z
  .strictObject({
    obtainability: z.number().nullable().meta({ description: 'Chance 0..1; null = the cloud does not say' }),
    interruptionsPerHour: z.number().nullable(),
    words: z.string().meta({ example: 'placement score 7 of 10' }),
    observedAt: timeSchema,
  })
  .meta({ id: 'CapacityAdvice', description: 'What the cloud itself said: a hint of that moment, never a promise' });

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
    advice: adviceSchema.nullable(),
    successProbability: z.number().meta({ description: 'Estimated chance that a launch succeeds, 0..1' }),
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
    advice: offer.advice === null ? null : { ...offer.advice, observedAt: timeJson(offer.advice.observedAt) },
    successProbability: offer.successProbability,
    soldOutUntil: timeOrNull(offer.soldOutUntil),
    observedAt: timeJson(offer.observedAt),
    ageSeconds: offer.ageSeconds,
  };
}

export const priceHistorySchema = z
  .strictObject({
    pool: z.string(),
    current: offerSchema.nullable().meta({ description: 'Null where the pool is not offered any more' }),
    points: z
      .array(
        z.strictObject({
          observedAt: timeSchema,
          price: rateSchema,
          availability: z.enum(['available', 'restricted']),
        }),
      )
      .meta({ description: 'Changes, oldest first, the one in force at the beginning in front' }),
  })
  .meta({ id: 'PriceHistory' });
export type PriceHistoryJson = z.infer<typeof priceHistorySchema>;

export function priceHistoryJson({ pool, current, points }: PriceHistoryView): PriceHistoryJson {
  return {
    pool,
    current: current === null ? null : offerJson(current),
    points: points.map(({ observedAt, priceMicroUsdPerHour, availability }) => ({
      observedAt: timeJson(observedAt),
      price: rateJson(priceMicroUsdPerHour),
      availability,
    })),
  };
}

export const quarantinedPriceSchema = z
  .strictObject({
    pool: poolSchema,
    price: rateSchema.nullable().meta({ description: 'Null where the cloud names no amount above zero' }),
    reference: rateSchema.nullable().meta({ description: 'What it was compared with' }),
    reason: z.string(),
    firstSeenAt: timeSchema,
    lastSeenAt: timeSchema,
    sightings: z.int().meta({ description: 'Readings in a row that told the same price' }),
    sightingsToRelease: z.int().meta({ description: 'After so many it is believed' }),
  })
  .meta({ id: 'QuarantinedPrice' });
export type QuarantinedPriceJson = z.infer<typeof quarantinedPriceSchema>;

export function quarantinedPriceJson(view: QuarantinedPriceView): QuarantinedPriceJson {
  const { priceMicroUsdPerHour: price, referenceMicroUsdPerHour: reference } = view;
  return {
    pool: poolJson(view.pool),
    price: price === null ? null : rateJson(price),
    reference: reference === null ? null : rateJson(reference),
    reason: view.reason,
    firstSeenAt: timeJson(view.firstSeenAt),
    lastSeenAt: timeJson(view.lastSeenAt),
    sightings: view.sightings,
    sightingsToRelease: view.sightingsToRelease,
  };
}
