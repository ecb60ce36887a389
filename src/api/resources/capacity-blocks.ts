import * as z from 'zod';
import type { PurchaseView } from '../../broker/execution-service.ts';
import { usd } from '../../config/fields.ts';
import { field } from '../../config/schema-issues.ts';
import type { CapacityBlock } from '../../domain/capacity-block.ts';
import { PURCHASE_STATES } from '../../domain/capacity-purchase.ts';
import { amountJson, amountSchema, timeJson, timeOrNull, timeSchema } from './common.ts';

export const capacityBlockSchema = z
  .strictObject({
    provider: z.string(),
    id: z.string().meta({ description: 'The cloud’s id of this offering; good for minutes' }),
    region: z.string(),
    zone: z.string(),
    instanceType: z.string(),
    accelerator: z.string(),
    acceleratorCount: z.int(),
    machineCount: z.int(),
    startAt: timeSchema,
    endAt: timeSchema,
    upfront: amountSchema.meta({ description: 'For all machines and the whole time, paid at once' }),
  })
  .meta({ id: 'CapacityBlock' });
export type CapacityBlockJson = z.infer<typeof capacityBlockSchema>;

export function capacityBlockJson(block: CapacityBlock): CapacityBlockJson {
  const { provider, id, region, zone, instanceType, accelerator, acceleratorCount, machineCount } = block;
  return {
    ...{ provider, id, region, zone, instanceType, accelerator, acceleratorCount, machineCount },
    startAt: timeJson(block.startAt),
    endAt: timeJson(block.endAt),
    upfront: amountJson(block.upfrontMicroUsd),
  };
}

const count = (most: number) => field(z.coerce.number().int().min(1).max(most), `a whole number from 1 to ${most}`);
const word = field(z.string().regex(/^[\w.-]{1,100}$/), 'a name as the cloud writes it');

/** What is looked for; the same parameters ask for a purchase. */
export const blockFilter = {
  provider: word,
  region: word,
  instanceType: word,
  machineCount: count(1000).default(1),
  durationHours: count(10_000).meta({ description: 'As the cloud sells them: AWS in days' }),
};

export const blockTimes = {
  startAfter: timeSchema.optional().meta({ description: 'The block starts at this time or later' }),
  startBefore: timeSchema.optional(),
};

export const purchaseRequestSchema = z
  .strictObject({
    ...blockFilter,
    ...blockTimes,
    blockId: field(z.string().min(1).max(200), 'the id of a block that the same parameters list'),
    maxPriceUsd: usd.meta({ description: 'Refused where the block costs more', example: '12000.00' }),
    note: z.string().max(500).optional().meta({ description: 'What it is for' }),
  })
  .meta({ id: 'CapacityBlockPurchaseRequest' });

export const settlementSchema = z
  .strictObject({
    reservationId: field(z.string().min(1).max(200), 'the id of a reservation, or null').nullable().meta({
      description: 'What was bought, as the cloud’s own console shows it; null = nothing was bought',
    }),
  })
  .meta({ id: 'CapacityBlockSettlement' });

export const purchaseSchema = z
  .strictObject({
    id: z.string(),
    state: z.enum(PURCHASE_STATES).meta({
      description: 'unknown: it was sent, and nobody can tell yet whether it was bought; refused: nothing was sent',
    }),
    stateReason: z.string().nullable(),
    block: capacityBlockSchema,
    maxPrice: amountSchema,
    note: z.string().nullable(),
    reservationId: z.string().nullable(),
    requestedAt: timeSchema,
    decidedAt: timeSchema.nullable(),
    sentAt: timeSchema.nullable(),
    settledAt: timeSchema.nullable(),
  })
  .meta({ id: 'CapacityBlockPurchase' });
export type PurchaseJson = z.infer<typeof purchaseSchema>;

export function purchaseJson(view: PurchaseView): PurchaseJson {
  const { id, state, stateReason, note, reservationId } = view;
  return {
    ...{ id, state, stateReason, note, reservationId },
    block: capacityBlockJson(view.block),
    maxPrice: amountJson(view.maxPriceMicroUsd),
    requestedAt: timeJson(view.requestedAt),
    decidedAt: timeOrNull(view.decidedAt),
    sentAt: timeOrNull(view.sentAt),
    settledAt: timeOrNull(view.settledAt),
  };
}
