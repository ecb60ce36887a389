import * as z from 'zod';
import type { Explanation, OfferVerdict } from '../../domain/plan.ts';
import { poolJson, poolSchema, rateJson, rateSchema } from './common.ts';
import { holdReasonJson, holdReasonSchema } from './workloads.ts';

const VERDICTS = [
  'chosen',
  'dearer',
  'over-cap',
  'sold-out',
  'no-headroom',
  'restricted',
  'outside-residency',
  'provider-not-allowed',
  'market-not-allowed',
  'over-price-limit',
  'does-not-fit',
  'wrong-architecture',
  'wrong-accelerator',
  'no-policy',
  'invalid-offer',
] as const satisfies readonly OfferVerdict[];

const alternativeSchema = z
  .strictObject({
    pool: poolSchema,
    accelerator: z.string(),
    acceleratorCount: z.int(),
    replicaCost: rateSchema
      .nullable()
      .meta({ description: 'One replica here, per hour of work; null where it does not fit' }),
    verdict: z.enum(VERDICTS),
    detail: z.string(),
  })
  .meta({ id: 'Alternative' });

export const explanationSchema = z
  .strictObject({
    workloadId: z.string(),
    workloadName: z.string(),
    planId: z.string().nullable().meta({ description: 'The plan that decided; null before the first' }),
    alternatives: z.array(alternativeSchema).meta({ description: 'Cheapest first, the chosen ones included' }),
    otherAcceleratorCount: z.int().meta({ description: 'Offers of other accelerators, not listed' }),
    held: z.array(holdReasonSchema),
  })
  .meta({ id: 'Explanation' });
export type ExplanationJson = z.infer<typeof explanationSchema>;

export function explanationJson(
  explanation: Explanation & { readonly workloadName: string; readonly planId: string | null },
): ExplanationJson {
  return {
    workloadId: explanation.workloadId,
    workloadName: explanation.workloadName,
    planId: explanation.planId,
    alternatives: explanation.alternatives.map((alternative) => ({
      pool: poolJson(alternative.pool),
      accelerator: alternative.accelerator,
      acceleratorCount: alternative.acceleratorCount,
      replicaCost:
        alternative.replicaCostMicroUsdPerHour === null ? null : rateJson(alternative.replicaCostMicroUsdPerHour),
      verdict: alternative.verdict,
      detail: alternative.detail,
    })),
    otherAcceleratorCount: explanation.otherAcceleratorCount,
    held: explanation.held.map(holdReasonJson),
  };
}
