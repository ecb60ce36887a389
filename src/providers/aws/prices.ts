/** Prices: the list price of a region's types, and the spot price of its pools. */
import type { EC2Client, SpotPrice } from '@aws-sdk/client-ec2';
import { DescribeSpotPriceHistoryCommand } from '@aws-sdk/client-ec2';
import type { Filter, PricingClient } from '@aws-sdk/client-pricing';
import { GetProductsCommand } from '@aws-sdk/client-pricing';
import { z } from 'zod';
import type { Call } from '../provider.ts';
import { requirePart } from './errors.ts';
import { pagesOf } from './pages.ts';

/** What AWS says a machine costs, as text: reading it, and doubting it, is `offers.ts`'s. */
export type PriceText = string;

/** A filter's value may have 1,024 characters (AWS Price List API). */
const FILTER_VALUE_CHARACTERS = 1024;
const SPOT_PRODUCT = 'Linux/UNIX';

/** Linux, shared hardware, nothing pre-installed, capacity in use: the price people mean. Without all four, rows mix. */
const PLAIN = { operatingSystem: 'Linux', tenancy: 'Shared', preInstalledSw: 'NA', capacitystatus: 'Used' } as const;

const Entry = z.object({
  product: z.object({ attributes: z.record(z.string(), z.string()) }),
  terms: z.object({
    OnDemand: z
      .record(
        z.string(),
        z.object({
          priceDimensions: z.record(
            z.string(),
            z.object({ unit: z.string(), pricePerUnit: z.record(z.string(), z.string()) }),
          ),
        }),
      )
      .optional(),
  }),
});

/** List price by instance type. Types without one are not sold on demand. */
export async function listPrices(
  client: PricingClient,
  region: string,
  instanceTypes: readonly string[],
  call: Call,
): Promise<ReadonlyMap<string, PriceText>> {
  const prices = new Map<string, PriceText>();
  for (const names of chunked(instanceTypes)) {
    const filters: Filter[] = [
      { Type: 'TERM_MATCH', Field: 'regionCode', Value: region },
      { Type: 'ANY_OF', Field: 'instanceType', Value: names },
      ...Object.entries(PLAIN).map(([Field, Value]): Filter => ({ Type: 'TERM_MATCH', Field, Value })),
    ];
    for await (const text of productPages(client, filters, call)) {
      const price = readListPrice(text, region);
      if (price !== null) prices.set(price.instanceType, price.usd);
    }
  }
  return prices;
}

async function* productPages(client: PricingClient, filters: Filter[], call: Call): AsyncGenerator<string> {
  const attempted = { operation: 'GetProducts', mutating: false };
  const fixed = { ServiceCode: 'AmazonEC2', Filters: filters, FormatVersion: 'aws_v1', MaxResults: 100 };
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(new GetProductsCommand({ ...fixed, ...more }), options),
  );
  for await (const page of pages) {
    for (const entry of requirePart(page.PriceList, attempted, 'PriceList')) yield String(entry);
  }
}

/** Null for rows that are not the plain hourly price, whatever the server's filters let through. */
export function readListPrice(
  text: string,
  region: string,
): { readonly instanceType: string; readonly usd: PriceText } | null {
  const entry = Entry.safeParse(parsed(text));
  if (!entry.success) return null;
  const { attributes } = entry.data.product;
  const plain = Object.entries(PLAIN).every(([name, value]) => attributes[name] === value);
  const instanceType = attributes['instanceType'];
  if (!plain || attributes['regionCode'] !== region || instanceType === undefined) return null;
  for (const term of Object.values(entry.data.terms.OnDemand ?? {})) {
    for (const { unit, pricePerUnit } of Object.values(term.priceDimensions)) {
      const usd = pricePerUnit['USD'];
      if (unit === 'Hrs' && usd !== undefined) return { instanceType, usd };
    }
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Comma-separated names, as many to a piece as the filter takes. */
function chunked(names: readonly string[]): readonly string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const name of names) {
    const longer = piece === '' ? name : `${piece},${name}`;
    if (longer.length > FILTER_VALUE_CHARACTERS) {
      pieces.push(piece);
      piece = name;
    } else {
      piece = longer;
    }
  }
  return piece === '' ? pieces : [...pieces, piece];
}

/** The spot price now, by zone and type: `us-east-1a p5.48xlarge`. */
export async function spotPrices(
  client: EC2Client,
  instanceTypes: readonly string[],
  now: Date,
  call: Call,
): Promise<ReadonlyMap<string, PriceText>> {
  const prices = new Map<string, PriceText>();
  const newest = new Map<string, number>();
  for await (const row of spotPages(client, instanceTypes, now, call)) {
    const { AvailabilityZone: zone = '', InstanceType: type = '', SpotPrice: price = '', Timestamp: at } = row;
    const key = spotKey(zone, type);
    const time = at?.getTime() ?? 0;
    if (row.ProductDescription !== SPOT_PRODUCT || time < (newest.get(key) ?? Number.NEGATIVE_INFINITY)) continue;
    newest.set(key, time);
    prices.set(key, price);
  }
  return prices;
}

export function spotKey(zone: string, instanceType: string): string {
  return `${zone} ${instanceType}`;
}

/** Start and end at the same moment: EC2 then answers with the price in force, which is older than both. */
async function* spotPages(
  client: EC2Client,
  instanceTypes: readonly string[],
  now: Date,
  call: Call,
): AsyncGenerator<SpotPrice> {
  const attempted = { operation: 'DescribeSpotPriceHistory', mutating: false };
  const pages = pagesOf(attempted, call, (more, options) =>
    client.send(
      new DescribeSpotPriceHistoryCommand({
        StartTime: now,
        EndTime: now,
        ProductDescriptions: [SPOT_PRODUCT],
        Filters: [{ Name: 'instance-type', Values: [...instanceTypes] }],
        MaxResults: 1000,
        ...more,
      }),
      options,
    ),
  );
  for await (const page of pages) yield* requirePart(page.SpotPriceHistory, attempted, 'SpotPriceHistory');
}
