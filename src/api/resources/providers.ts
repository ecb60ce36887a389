import * as z from 'zod';
import type { ProviderView } from '../../broker/service.ts';
import { scopeKey } from '../../domain/sold-out.ts';
import { rateJson, rateSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

const regionSchema = z
  .strictObject({
    region: z.string(),
    offerCount: z.int(),
    observedAt: timeSchema.nullable().meta({ description: 'Null = never read yet' }),
    error: z.string().nullable().meta({ description: 'Why the last reading failed; the former copy is kept' }),
    failureCount: z.int().meta({ description: 'Failed readings of the offers in a row' }),
    retryAt: timeSchema.nullable().meta({ description: 'When a failing region is read again' }),
    quotasObservedAt: timeSchema.nullable(),
  })
  .meta({ id: 'ProviderRegion' });

const quotaSchema = z
  .strictObject({
    region: z.string().nullable().meta({ description: 'Null for an account-wide quota' }),
    name: z.string(),
    unit: z.enum(['vcpus', 'accelerators', 'machines']),
    limit: z.number().nullable().meta({ description: 'Null = the cloud does not tell' }),
    usage: z.number().nullable(),
    inFlight: z.number().meta({ description: 'Units of launches that the usage cannot hold yet' }),
    headroom: z
      .number()
      .nullable()
      .meta({ description: 'limit − usage − in flight; null = unknown, which is not zero' }),
    observedAt: timeSchema,
  })
  .meta({ id: 'Quota' });

const soldOutSchema = z
  .strictObject({
    scope: z.string().meta({ example: 'aws/us-east-1/us-east-1a/p5.48xlarge/spot' }),
    until: timeSchema,
    reason: z.string(),
    strikes: z.int().meta({ description: 'Refusals in a row' }),
  })
  .meta({ id: 'SoldOut' });

export const providerSchema = z
  .strictObject({
    id: z.string(),
    health: z.enum(['ok', 'degraded', 'suspended', 'starting']),
    healthReason: z.string().nullable(),
    regions: z.array(regionSchema),
    quotas: z.array(quotaSchema),
    soldOut: z.array(soldOutSchema),
    leaseCount: z.int(),
    cost: rateSchema,
  })
  .meta({ id: 'Provider' });
export type ProviderJson = z.infer<typeof providerSchema>;

export function providerJson(provider: ProviderView): ProviderJson {
  return {
    id: provider.id,
    health: provider.health,
    healthReason: provider.healthReason,
    regions: provider.regions.map(({ region, offerCount, observedAt, error, failureCount, retryAt, ...rest }) => ({
      region,
      offerCount,
      observedAt: timeOrNull(observedAt),
      error,
      failureCount,
      retryAt: timeOrNull(retryAt),
      quotasObservedAt: timeOrNull(rest.quotasObservedAt),
    })),
    quotas: provider.quotas.map(({ region, name, unit, limit, usage, inFlight, headroom, observedAt }) => ({
      region,
      name,
      unit,
      limit,
      usage,
      inFlight,
      headroom,
      observedAt: timeJson(observedAt),
    })),
    soldOut: provider.soldOut.map(({ scope, until, reason, strikes }) => ({
      scope: scopeKey(scope),
      until: timeJson(until),
      reason,
      strikes,
    })),
    leaseCount: provider.leaseCount,
    cost: rateJson(provider.costMicroUsdPerHour),
  };
}
