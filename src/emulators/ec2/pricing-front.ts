import type { Filter, GetProductsRequest, GetProductsResponse } from '@aws-sdk/client-pricing';
import { GetProducts$ } from '@aws-sdk/client-pricing';
import type { MicroUsdPerHour } from '../../domain/money.ts';
import { formatUsd, scaleMoney } from '../../domain/money.ts';
import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact, RegionFact } from '../world/market-facts.ts';
import { createJsonFront, defineOperation } from './json-front.ts';
import { pageOf } from './paging.ts';
import { badRequest, VendorError } from './vendor-error.ts';

/** AWS serves its price lists from these regions only (AWS Billing documentation, 2026). */
const PRICING_REGIONS: ReadonlySet<string> = new Set(['us-east-1', 'eu-central-1', 'ap-south-1']);
const ON_DEMAND_TERM = 'JRTCKXETXF';
const HOURLY_RATE = '6YS6EN2CT7';
/** A filter's value may name several instance types, but not at any length. */
const FILTER_VALUE_CHARACTERS = 1024;

/**
 * How one instance type is sold. The first is the price people mean; the others stand beside it in the real list and must be
 * told apart: another tenancy, another system, software on top, unused and already paid capacity.
 */
const VARIANTS = [
  { tenancy: 'Shared', operatingSystem: 'Linux', preInstalledSw: 'NA', capacitystatus: 'Used', factor: 1 },
  { tenancy: 'Dedicated', operatingSystem: 'Linux', preInstalledSw: 'NA', capacitystatus: 'Used', factor: 1.065 },
  { tenancy: 'Shared', operatingSystem: 'Windows', preInstalledSw: 'NA', capacitystatus: 'Used', factor: 1.46 },
  { tenancy: 'Shared', operatingSystem: 'Linux', preInstalledSw: 'SQL Web', capacitystatus: 'Used', factor: 1.12 },
  {
    tenancy: 'Shared',
    operatingSystem: 'Linux',
    preInstalledSw: 'NA',
    capacitystatus: 'AllocatedCapacityReservation',
    factor: 0,
  },
] as const;

interface Product {
  readonly sku: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly price: MicroUsdPerHour;
}

export function createPricingFront(world: World): Front {
  // List prices are facts: they never change while a world lives.
  const products = productsOf(world).toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
  return createJsonFront(world, {
    service: 'pricing',
    signingName: 'pricing',
    target: 'AWSPriceListService',
    operations: [
      defineOperation(GetProducts$, (region, input: GetProductsRequest) => getProducts(products, region, input)),
    ],
    faults: {
      throttle: badRequest('ThrottlingException', 'Rate exceeded'),
      'internal-error': new VendorError(500, 'InternalErrorException', 'An internal error has occurred.'),
      unavailable: new VendorError(
        500,
        'InternalErrorException',
        'An error on the server occurred during the processing of your request.',
      ),
      unauthorized: badRequest('AccessDeniedException', 'User is not authorized to perform: pricing:GetProducts'),
    },
  });
}

function getProducts(products: readonly Product[], region: RegionFact, input: GetProductsRequest): GetProductsResponse {
  if (!PRICING_REGIONS.has(region.name)) {
    throw badRequest('InvalidParameterException', `The price list is not served in ${region.name}`);
  }
  if (input.ServiceCode !== 'AmazonEC2') {
    throw badRequest('InvalidParameterException', `Unknown service code ${input.ServiceCode ?? ''}`);
  }
  const filters = (input.Filters ?? []).map(readFilter);
  const page = pageOf(
    products.filter(({ attributes }) => filters.every((accepts) => accepts(attributes))),
    ({ sku }) => sku,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 1, most: 100, standard: 100 },
  );
  return {
    FormatVersion: 'aws_v1',
    PriceList: page.items.map((product) => JSON.stringify(priceListEntry(product))),
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

function readFilter(filter: Filter): (attributes: Readonly<Record<string, string>>) => boolean {
  const { Type: type, Field: field = '', Value: value = '' } = filter;
  if (type === undefined || field === '' || value === '' || value.length > FILTER_VALUE_CHARACTERS) {
    throw badRequest(
      'InvalidParameterException',
      `A filter has a Type, and a Field and Value of 1 to ${FILTER_VALUE_CHARACTERS} characters`,
    );
  }
  const values = value.split(',').map((part) => part.trim());
  const of = (attributes: Readonly<Record<string, string>>) =>
    field === 'ServiceCode' ? 'AmazonEC2' : (attributes[field] ?? '');
  switch (type) {
    case 'TERM_MATCH':
    case 'EQUALS':
      return (attributes) => of(attributes) === value;
    case 'CONTAINS':
      return (attributes) => of(attributes).includes(value);
    case 'ANY_OF':
      return (attributes) => values.includes(of(attributes));
    case 'NONE_OF':
      return (attributes) => !values.includes(of(attributes));
    default:
      throw badRequest('InvalidParameterException', `Unknown filter type ${String(type)}`);
  }
}

function productsOf(world: World): readonly Product[] {
  const { regions, instanceTypes } = world.facts('aws');
  return regions.flatMap((region, regionIndex) =>
    instanceTypes.flatMap((type, typeIndex) => {
      const price = world.listPrice('aws', region.name, type.name);
      if (price === null) return [];
      return VARIANTS.map(({ factor, ...variant }, variantIndex) => ({
        sku: skuOf(regionIndex, typeIndex, variantIndex),
        attributes: { ...attributesOf(region, type), ...variant },
        price: scaleMoney(price, factor),
      }));
    }),
  );
}

/** Sixteen letters and digits like a real one, and the same in every run. */
function skuOf(regionIndex: number, typeIndex: number, variantIndex: number): string {
  const text = ((regionIndex * 1000 + typeIndex) * 10 + variantIndex).toString(36).toUpperCase();
  return `GPU${text.padStart(13, '0')}`;
}

function attributesOf(region: RegionFact, type: InstanceTypeFact): Readonly<Record<string, string>> {
  return {
    servicecode: 'AmazonEC2',
    servicename: 'Amazon Elastic Compute Cloud',
    location: region.displayName,
    locationType: 'AWS Region',
    regionCode: region.name,
    instanceType: type.name,
    instanceFamily: 'GPU instance',
    currentGeneration: 'Yes',
    vcpu: String(type.vcpus),
    memory: `${type.memoryGiB} GiB`,
    gpu: String(type.acceleratorCount),
    licenseModel: 'No License required',
    marketoption: 'OnDemand',
    operation: 'RunInstances',
    usagetype: `BoxUsage:${type.name}`,
  };
}

function priceListEntry({ sku, attributes, price }: Product): object {
  const rateCode = `${sku}.${ON_DEMAND_TERM}.${HOURLY_RATE}`;
  const usd = tenDecimals(formatUsd(price));
  const { operatingSystem = '', instanceType = '' } = attributes;
  return {
    product: { productFamily: 'Compute Instance', attributes, sku },
    serviceCode: 'AmazonEC2',
    terms: {
      OnDemand: {
        [`${sku}.${ON_DEMAND_TERM}`]: {
          priceDimensions: {
            [rateCode]: {
              unit: 'Hrs',
              endRange: 'Inf',
              description: `$${formatUsd(price)} per On Demand ${operatingSystem} ${instanceType} Instance Hour`,
              appliesTo: [],
              rateCode,
              beginRange: '0',
              pricePerUnit: { USD: usd },
            },
          },
          sku,
          effectiveDate: '2026-01-01T00:00:00Z',
          offerTermCode: ON_DEMAND_TERM,
          termAttributes: {},
        },
      },
    },
    version: '20260101000000',
    publicationDate: '2026-01-01T00:00:00Z',
  };
}

function tenDecimals(usd: string): string {
  const [whole = '0', fraction = ''] = usd.split('.');
  return `${whole}.${fraction.padEnd(10, '0')}`;
}
