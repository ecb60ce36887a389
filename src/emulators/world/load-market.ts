import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { findAccelerator } from '../../domain/accelerators.ts';
import { parseUsd } from '../../domain/money.ts';
import type { CloudId, InstanceTypeFact, MarketFacts, RegionFact } from './market-facts.ts';
import { CLOUD_IDS } from './market-facts.ts';

const name = z.string().min(1);
const positive = z.number().positive();
const quotaScope = z.enum(['region', 'global']);
const claims = z.array(z.strictObject({ quota: name, scope: quotaScope, units: positive }));

const marketFacts = z.strictObject({
  cloud: z.enum(CLOUD_IDS),
  behaviour: z.strictObject({
    spotNoticeSeconds: z.number().nonnegative().nullable(),
    launchLatencyMs: z.number().nonnegative(),
    spotPricePer: z.enum(['zone', 'region']),
    spotDiscountPer: z.enum(['instance-type', 'accelerator']),
    spotVolatility: z.number().nonnegative(),
    namesUniqueIn: z.enum(['region', 'zone']).nullable(),
  }),
  sources: z.array(z.strictObject({ what: name, source: name, date: z.iso.date() })).min(1),
  regions: z
    .array(
      z.strictObject({
        name,
        displayName: name,
        area: name,
        zones: z.array(z.strictObject({ name, physicalId: z.string().nullable() })).min(1),
      }),
    )
    .min(1),
  instanceTypes: z
    .array(
      z.strictObject({
        name,
        accelerator: name,
        acceleratorCount: z.int().positive(),
        vendorGpuName: z.string().nullable(),
        gpuMemoryMiB: positive,
        vcpus: z.int().positive(),
        memoryGiB: positive,
        architecture: z.enum(['x86_64', 'arm64']),
        localSsdGiB: z.number().nonnegative(),
        markets: z.array(z.enum(['on-demand', 'spot'])).min(1),
        quotaClaims: z.strictObject({ 'on-demand': claims, spot: claims }),
        family: name,
      }),
    )
    .min(1),
  quotas: z.array(
    z.strictObject({
      name,
      scope: quotaScope,
      unit: z.enum(['vcpus', 'accelerators', 'machines']),
      displayName: name,
      defaultLimit: z.number().nonnegative(),
    }),
  ),
  listPricesUsd: z.record(name, z.record(name, z.string())),
  zonesOffering: z.record(name, z.record(name, z.array(name))),
  extra: z.unknown().optional(),
});

/** Reads and checks the shipped market table of a cloud. Throws an Error that names every wrong fact. */
export async function loadMarket(cloud: CloudId): Promise<MarketFacts> {
  const text = await readFile(new URL(`./market/${cloud}.json`, import.meta.url), 'utf8');
  return parseMarket(JSON.parse(text), `market/${cloud}.json`);
}

/** `what` names the table in messages. */
export function parseMarket(value: unknown, what: string): MarketFacts {
  const parsed = marketFacts.safeParse(value);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new Error(`${what} is not a market table:\n${wrong.join('\n')}`);
  }
  checkFacts(parsed.data, what);
  return parsed.data;
}

/** Checks what a schema cannot say: that names refer to each other. Throws an Error that names every wrong fact. */
export function checkFacts(facts: MarketFacts, what: string = facts.cloud): void {
  const problems = [...repeatedNames(facts), ...wrongTypes(facts), ...wrongPrices(facts), ...wrongZones(facts)];
  if (problems.length > 0) throw new Error(`${what}: ${problems.length} wrong facts:\n${problems.join('\n')}`);
}

function repeatedNames(facts: MarketFacts): string[] {
  const groups: readonly (readonly [string, readonly { readonly name: string }[]])[] = [
    ['regions', facts.regions],
    ['instanceTypes', facts.instanceTypes],
    ['quotas', facts.quotas],
    ...facts.regions.map((region) => [`zones of ${region.name}`, region.zones] as const),
  ];
  return groups.flatMap(([group, named]) => {
    const seen = new Set<string>();
    return named.flatMap((item) => {
      const repeated = seen.has(item.name);
      seen.add(item.name);
      return repeated ? [`${group}: ${item.name} appears twice`] : [];
    });
  });
}

function wrongTypes(facts: MarketFacts): string[] {
  const quotas = new Set(facts.quotas.map((quota) => `${quota.scope}/${quota.name}`));
  return facts.instanceTypes.flatMap((type) => {
    const problems: string[] = [];
    const lookup = findAccelerator(type.accelerator);
    if (!lookup.found) problems.push(`${type.name}: no accelerator is called ${type.accelerator}`);
    else if (lookup.accelerator.name !== type.accelerator)
      problems.push(`${type.name}: write ${lookup.accelerator.name}, not ${type.accelerator}`);
    for (const claim of [...type.quotaClaims['on-demand'], ...type.quotaClaims.spot]) {
      if (!quotas.has(`${claim.scope}/${claim.quota}`))
        problems.push(`${type.name}: claims ${claim.quota} (${claim.scope}), which is not among the quotas`);
    }
    return problems;
  });
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

function wrongPrices(facts: MarketFacts): string[] {
  const regions = byName<RegionFact>(facts.regions);
  const types = byName<InstanceTypeFact>(facts.instanceTypes);
  return Object.entries(facts.listPricesUsd).flatMap(([region, prices]) => {
    if (!regions.has(region)) return [`listPricesUsd: ${region} is not among the regions`];
    return Object.entries(prices).flatMap(([type, price]) => {
      if (!types.has(type)) return [`listPricesUsd.${region}: ${type} is not among the instance types`];
      return isPositiveUsd(price) ? [] : [`listPricesUsd.${region}.${type}: "${price}" is not a price above 0`];
    });
  });
}

function isPositiveUsd(price: string): boolean {
  try {
    return parseUsd(price) > 0;
  } catch {
    return false;
  }
}

function wrongZones(facts: MarketFacts): string[] {
  const regions = byName<RegionFact>(facts.regions);
  const types = byName<InstanceTypeFact>(facts.instanceTypes);
  return Object.entries(facts.zonesOffering).flatMap(([regionName, offering]) => {
    const region = regions.get(regionName);
    if (region === undefined) return [`zonesOffering: ${regionName} is not among the regions`];
    const zones = byName(region.zones);
    return Object.entries(offering).flatMap(([type, names]) => [
      ...(types.has(type) ? [] : [`zonesOffering.${regionName}: ${type} is not among the instance types`]),
      ...names
        .filter((zone) => !zones.has(zone))
        .map((zone) => `zonesOffering.${regionName}.${type}: ${zone} is not a zone of ${regionName}`),
    ]);
  });
}
