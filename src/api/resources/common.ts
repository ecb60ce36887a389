import * as z from 'zod';
import { field } from '../../config/schema-issues.ts';
import { formatUsd, type MicroUsd, type MicroUsdPerHour } from '../../domain/money.ts';
import { MARKETS, type Pool, poolKey } from '../../domain/pool.ts';
import type { EpochMs } from '../../domain/time.ts';

/** A rate, exact as an integer and readable as a decimal. */
export const rateSchema = z
  .strictObject({
    microUsdPerHour: z.int().meta({ description: 'Millionths of a US dollar per hour', example: 98_320_000 }),
    usdPerHour: z.string().meta({ description: 'The same in dollars', example: '98.32' }),
  })
  .meta({ id: 'Rate' });
export type RateJson = z.infer<typeof rateSchema>;

export function rateJson(rate: MicroUsdPerHour): RateJson {
  return { microUsdPerHour: rate, usdPerHour: formatUsd(rate) };
}

/** An amount, exact as an integer and readable as a decimal. */
export const amountSchema = z
  .strictObject({
    microUsd: z.int().meta({ description: 'Millionths of a US dollar', example: 12_000_000_000 }),
    usd: z.string().meta({ description: 'The same in dollars', example: '12000.00' }),
  })
  .meta({ id: 'Amount' });
export type AmountJson = z.infer<typeof amountSchema>;

export function amountJson(amount: MicroUsd): AmountJson {
  return { microUsd: amount, usd: formatUsd(amount) };
}

/** RFC 3339, UTC. */
export const timeSchema = z.iso.datetime();

export function timeJson(at: EpochMs): string {
  return new Date(at).toISOString();
}

export function timeOrNull(at: EpochMs | null): string | null {
  return at === null ? null : timeJson(at);
}

export const shareSchema = z.number().min(0);

export const sharesSchema = z
  .record(z.string(), z.number())
  .meta({ id: 'Shares', description: 'Shares 0..1 by name, largest first' });

/** The store keeps no order of names. */
export function sharesJson(shares: Readonly<Record<string, number>>): z.infer<typeof sharesSchema> {
  return Object.fromEntries(
    Object.entries(shares).toSorted(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1)),
  );
}

export const marketSchema = z.enum(MARKETS);

export const poolSchema = z
  .strictObject({
    key: z.string().meta({ example: 'aws/us-east-1/us-east-1a/p5.48xlarge/spot' }),
    provider: z.string(),
    region: z.string(),
    zone: z.string().nullable().meta({ description: 'Null where the cloud chooses' }),
    instanceType: z.string(),
    market: marketSchema,
    reservation: z.string().nullable(),
  })
  .meta({ id: 'Pool' });
export type PoolJson = z.infer<typeof poolSchema>;

export function poolJson(pool: Pool): PoolJson {
  const { provider, region, zone, instanceType, market, reservation } = pool;
  return { key: poolKey(pool), provider, region, zone, instanceType, market, reservation };
}

/** One page of a list. `next` is the cursor of the following page, null at the end. */
export function pageSchema<Item extends z.ZodType>(item: Item, id: string) {
  return z.strictObject({ items: z.array(item), next: z.string().nullable() }).meta({ id });
}

export function pageJson<View, Json>(
  page: { readonly items: readonly View[]; readonly next: string | null },
  translate: (view: View) => Json,
): { items: Json[]; next: string | null } {
  return { items: page.items.map(translate), next: page.next };
}

/** Query parameters of every paged list. */
export const pageQuery = {
  cursor: z.string().min(1).max(200).optional().meta({ description: 'From the `next` of the page before' }),
  limit: field(z.coerce.number().int().min(1).max(500), 'a whole number from 1 to 500')
    .default(100)
    .meta({ description: 'Items a page' }),
};

export function pageOf(query: { cursor?: string | undefined; limit: number }): {
  cursor: string | null;
  limit: number;
} {
  return { cursor: query.cursor ?? null, limit: query.limit };
}
