import type { DescribeSpotPriceHistoryRequest, DescribeSpotPriceHistoryResult, SpotPrice } from '@aws-sdk/client-ec2';
import { DescribeSpotPriceHistory$ } from '@aws-sdk/client-ec2';
import { formatUsd, scaleMoney } from '../../../domain/money.ts';
import type { InstanceTypeFact, ZoneFact } from '../../world/market-facts.ts';
import { assertFilterNames, matchesFilters } from '../filters.ts';
import { pageOf, sortableNumber } from '../paging.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';
import { namedType } from './instance-types.ts';

/** EC2 keeps 90 days of spot prices. */
const KEPT_MS = 90 * 24 * 3_600_000;
const LINUX = 'Linux/UNIX';
/** Listed beside Linux, and dearer by the licence: whoever does not ask for a product must tell them apart. */
const PRODUCTS = [
  { name: LINUX, factor: 1 },
  { name: 'Windows', factor: 1.46 },
] as const;
const FILTERS: ReadonlySet<string> = new Set([
  'availability-zone',
  'availability-zone-id',
  'instance-type',
  'product-description',
]);

interface Row {
  readonly price: SpotPrice;
  readonly zoneId: string;
  /** Newest first, then by type, zone and product. */
  readonly key: string;
}

function runDescribeSpotPriceHistory(
  context: ActionContext,
  input: DescribeSpotPriceHistoryRequest,
): DescribeSpotPriceHistoryResult {
  const { world, region } = context;
  assertFilterNames(input.Filters, (name) => FILTERS.has(name));
  const now = world.clock.now();
  const to = Math.min(input.EndTime?.getTime() ?? now, now);
  const from = Math.max(input.StartTime?.getTime() ?? now - KEPT_MS, now - KEPT_MS);
  if (from > now || from > to) {
    throw badRequest('InvalidParameterValue', 'The start time must be before the end time, and not in the future');
  }
  const zone = input.AvailabilityZone;
  if (zone !== undefined && !region.zones.some(({ name }) => name === zone)) {
    throw badRequest('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  }
  const types: readonly string[] = input.InstanceTypes ?? [];
  const products: readonly string[] = input.ProductDescriptions ?? [];
  const rows = world
    .facts('aws')
    .instanceTypes.filter((type) => type.markets.includes('spot'))
    .filter(({ name }) => types.length === 0 || types.includes(name))
    .flatMap((type) => rowsOf(context, type, { from, to }))
    .filter(({ price }) => zone === undefined || price.AvailabilityZone === zone)
    .filter(({ price }) => products.length === 0 || products.includes(price.ProductDescription ?? ''))
    .filter((row) => matchesFilters(input.Filters, (filter) => filterValues(row, filter)))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const page = pageOf(
    rows,
    ({ key }) => key,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 1, most: 1000, standard: 1000 },
  );
  // The last page carries an empty token, not none: real clients have to cope with that.
  return { SpotPriceHistory: page.items.map(({ price }) => price), NextToken: page.nextToken ?? '' };
}

function rowsOf(
  { world, region }: ActionContext,
  type: InstanceTypeFact,
  span: { readonly from: number; readonly to: number },
): readonly Row[] {
  const sold = world.zonesOffering('aws', region.name, type.name);
  return region.zones
    .filter(({ name }) => sold.includes(name))
    .flatMap((zone) => {
      const pool = { cloud: 'aws', region: region.name, zone: zone.name, instanceType: type.name } as const;
      return world
        .spotHistory(pool, span.from, span.to)
        .flatMap(({ at, priceMicroUsdPerHour }) =>
          PRODUCTS.map((product) => rowOf(type.name, zone, at, priceMicroUsdPerHour, product)),
        );
    });
}

function rowOf(
  type: string,
  zone: ZoneFact,
  at: number,
  priceMicroUsdPerHour: number,
  product: (typeof PRODUCTS)[number],
): Row {
  return {
    zoneId: zone.physicalId ?? '',
    key: `${sortableNumber(Number.MAX_SAFE_INTEGER - at)} ${type} ${zone.name} ${product.name}`,
    price: {
      InstanceType: namedType(type),
      ProductDescription: product.name,
      SpotPrice: sixDecimals(formatUsd(scaleMoney(priceMicroUsdPerHour, product.factor))),
      Timestamp: new Date(at),
      AvailabilityZone: zone.name,
      ...(zone.physicalId === null ? {} : { AvailabilityZoneId: zone.physicalId }),
    },
  };
}

function sixDecimals(usd: string): string {
  const [whole = '0', fraction = ''] = usd.split('.');
  return `${whole}.${fraction.padEnd(6, '0')}`;
}

function filterValues({ price, zoneId }: Row, filter: string): readonly string[] | null {
  switch (filter) {
    case 'availability-zone':
      return [price.AvailabilityZone ?? ''];
    case 'availability-zone-id':
      return [zoneId];
    case 'instance-type':
      return [price.InstanceType ?? ''];
    case 'product-description':
      return [price.ProductDescription ?? ''];
    default:
      return null;
  }
}

export const describeSpotPriceHistory = defineAction(DescribeSpotPriceHistory$, false, runDescribeSpotPriceHistory);
