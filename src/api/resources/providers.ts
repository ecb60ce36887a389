import * as z from 'zod';
import type { ProviderView } from '../../broker/service.ts';
import { scopeKey } from '../../domain/sold-out.ts';
import { rateJson, rateSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

const regionSchema = z
  .strictObject({
    region: z.string(),
    offerCount: z.int(),
    observedAt: timeSchema.nullable().meta({ description: 'Null = never read yet' }),
    error: z.string().nullable(),
  })
  .meta({ id: 'ProviderRegion' });

const quotaSchema = z
  .strictObject({
    region: z.string().nullable().meta({ description: 'Null for an account-wide quota' }),
    name: z.string(),
    unit: z.enum(['vcpus', 'accelerators', 'machines']),
    limit: z.number().nullable().meta({ description: 'Null = the cloud does not tell' }),
    usage: z.number().nullable(),
    headroom: z.number().nullable(),
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
    regions: provider.regions.map(({ region, offerCount, observedAt, error }) => ({
      region,
      offerCount,
      observedAt: timeOrNull(observedAt),
      error,
    })),
    quotas: provider.quotas.map(({ region, name, unit, limit, usage, headroom }) => ({
      region,
      name,
      unit,
      limit,
      usage,
      headroom,
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
