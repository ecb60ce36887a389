import { createHash } from 'node:crypto';
import type { World } from '../world/contract.ts';
import type { ComponentFacts } from './component-prices.ts';
import { componentFacts, listPrices, NANOS_PER_USD, spotPrices } from './component-prices.ts';
import { timestamp } from './resources.ts';

/** Compute Engine's service in the billing catalogue. */
export const COMPUTE_SERVICE = '6F81-5844-456A';

interface SkuFacts {
  readonly description: string;
  readonly resourceFamily?: string;
  readonly resourceGroup: string;
  readonly usageType: 'OnDemand' | 'Preemptible' | 'Commit1Yr';
  readonly region: string;
  readonly nanos: number;
  readonly usageUnit: string;
}

const UNIT_NAMES: Readonly<Record<string, string>> = {
  h: 'hour',
  'GiBy.h': 'gibibyte hour',
  'GiBy.mo': 'gibibyte month',
  GiBy: 'gibibyte',
};
const USAGE_UNITS = { core: 'h', ram: 'GiBy.h', gpu: 'h', ssd: 'GiBy.mo' } as const;

function skuResource(facts: SkuFacts, effectiveTime: string): object {
  const { description, resourceGroup, usageType, region, nanos, usageUnit, resourceFamily = 'Compute' } = facts;
  const digest = createHash('sha256').update(`${region}/${usageType}/${description}`).digest('hex').toUpperCase();
  const skuId = `${digest.slice(0, 4)}-${digest.slice(4, 8)}-${digest.slice(8, 12)}`;
  const unitPrice = {
    currencyCode: 'USD',
    units: String(Math.floor(nanos / NANOS_PER_USD)),
    nanos: nanos % NANOS_PER_USD,
  };
  return {
    name: `services/${COMPUTE_SERVICE}/skus/${skuId}`,
    skuId,
    description,
    category: { serviceDisplayName: 'Compute Engine', resourceFamily, resourceGroup, usageType },
    serviceRegions: [region],
    pricingInfo: [
      {
        summary: '',
        pricingExpression: {
          usageUnit,
          usageUnitDescription: UNIT_NAMES[usageUnit] ?? usageUnit,
          baseUnit: 's',
          baseUnitDescription: 'second',
          baseUnitConversionFactor: 3600,
          displayQuantity: 1,
          tieredRates: [{ startUsageAmount: 0, unitPrice }],
        },
        currencyConversionRate: 1,
        effectiveTime,
      },
    ],
    serviceProviderName: 'Google',
    geoTaxonomy: { type: 'REGIONAL', regions: [region] },
  };
}

function onDemandName(component: string, description: string, place: string): string {
  return component === 'local-ssd' ? `${description} in ${place}` : `${description} running in ${place}`;
}

/** The catalogue is not of one mind about where the words go, nor what the larger H100 is called. */
function spotName(component: string, kind: string, description: string, place: string, region: string): string {
  if (component === 'local-ssd') return `${description} attached to Spot Preemptible VMs in ${place}`;
  if (kind !== 'gpu' || component === 'gpu-b200') return `Spot Preemptible ${description} running in ${place}`;
  const name = region.startsWith('asia') ? description.replace('80GB Plus', '80GB Mega') : description;
  return `${name} attached to Spot Preemptible VMs running in ${place}`;
}

function componentSkus(world: World, facts: ComponentFacts, region: string): readonly SkuFacts[] {
  const place = facts.places[region] ?? region;
  const spot = spotPrices(world, facts, region);
  return [...listPrices(facts, region)].flatMap(([component, nanos]) => {
    const fact = facts.components[component];
    if (fact === undefined) throw new Error(`the market table prices an unknown component ${component}`);
    const { description, kind, resourceGroup } = fact;
    const common = { resourceGroup, region, usageUnit: USAGE_UNITS[kind] };
    const listSku = { ...common, description: onDemandName(component, description, place), nanos };
    const spotNanos = spot.get(component);
    const spotDescription = spotName(component, kind, description, place, region);
    const spotSku = {
      ...common,
      description: spotDescription,
      nanos: spotNanos ?? 0,
      usageType: 'Preemptible' as const,
    };
    // As the real catalogue once did: a spot SKU of the newest GPU that calls itself OnDemand, here beside the right one.
    const mislabelled = component === 'gpu-b200' && region === 'us-central1';
    return [
      { ...listSku, usageType: 'OnDemand' as const },
      ...(spotNanos === undefined ? [] : [spotSku]),
      ...(mislabelled ? [{ ...spotSku, nanos: Math.round(nanos / 5), usageType: 'OnDemand' as const }] : []),
      ...decoys(component, { ...listSku, usageType: 'OnDemand' }, description, place),
    ];
  });
}

/** What resembles a price and is none: commitments, calendar mode, defined duration. */
function decoys(component: string, like: SkuFacts, description: string, place: string): readonly SkuFacts[] {
  const half = { ...like, nanos: Math.round(like.nanos / 2) };
  const commitment = {
    ...half,
    usageType: 'Commit1Yr' as const,
    description: `Commitment v1: ${description} running in ${place} for 1 Year`,
  };
  if (component !== 'gpu-h100-80gb' && component !== 'gpu-h100-mega-80gb') {
    return component.startsWith('gpu-') ? [commitment] : [];
  }
  const name = description.replace('80GB Plus', '80GB Mega');
  return [
    commitment,
    { ...half, description: `Reserved ${name} in ${place} in Calendar Mode` },
    {
      ...half,
      description: `${name.replace('80GB Mega', 'Mega 80GB')} attached to DWS Defined Duration VMs running in ${place}`,
    },
  ];
}

function unrelated(region: string, place: string): readonly SkuFacts[] {
  const common = { region, usageType: 'OnDemand' as const };
  return [
    {
      ...common,
      ...{ description: `Network Internet Egress from ${place} to Oceania`, resourceFamily: 'Network' },
      ...{ resourceGroup: 'PremiumInternetEgress', nanos: 190_000_000, usageUnit: 'GiBy' },
    },
    {
      ...common,
      description: `E2 Instance Core running in ${place}`,
      resourceGroup: 'CPU',
      nanos: 21_811_590,
      usageUnit: 'h',
    },
    {
      ...common,
      description: `N1 Custom Instance Core running in ${place}`,
      resourceGroup: 'CPU',
      nanos: 33_174_000,
      usageUnit: 'h',
    },
    {
      ...common,
      description: `Custom Extended Instance Ram running in ${place}`,
      resourceGroup: 'RAM',
      nanos: 9_550_000,
      usageUnit: 'GiBy.h',
    },
    {
      ...common,
      description: `A2 Instance Core running in ${place} with Sole Tenancy`,
      resourceGroup: 'CPU',
      nanos: 90_000_000,
      usageUnit: 'h',
    },
  ];
}

/** Every SKU of the emulated catalogue at this moment, in a stable order. */
export function skuResources(world: World): readonly object[] {
  const facts = componentFacts(world);
  const effectiveTime = timestamp(world.clock.now());
  return world.facts('gcp').regions.flatMap(({ name: region }) => {
    const place = facts.places[region] ?? region;
    return [...unrelated(region, place), ...componentSkus(world, facts, region)].map((sku) =>
      skuResource(sku, effectiveTime),
    );
  });
}
