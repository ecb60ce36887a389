import type { MicroUsdPerHour } from '../../domain/money.ts';
import { parseUsd } from '../../domain/money.ts';
import type { WorldPool } from './contract.ts';
import type { PoolPattern } from './control-contract.ts';
import { checkFacts } from './load-market.ts';
import type { CloudId, InstanceTypeFact, MarketFacts, RegionFact, WorldMarket } from './market-facts.ts';

const MARKETS: readonly WorldMarket[] = ['on-demand', 'spot'];

/** The market tables, indexed. */
export interface Catalog {
  readonly clouds: readonly CloudId[];
  /** Throws RangeError for a cloud that this world does not hold. */
  facts(cloud: CloudId): MarketFacts;
  instanceType(cloud: CloudId, name: string): InstanceTypeFact | null;
  region(cloud: CloudId, name: string): RegionFact | null;
  zonesOffering(cloud: CloudId, region: string, instanceType: string): readonly string[];
  listPrice(cloud: CloudId, region: string, instanceType: string): MicroUsdPerHour | null;
  isSold(pool: WorldPool): boolean;
  /** Every pool on sale that the pattern matches, in the tables' order. */
  poolsMatching(pattern: PoolPattern): readonly WorldPool[];
}

interface CloudIndex {
  readonly facts: MarketFacts;
  readonly regions: ReadonlyMap<string, RegionFact>;
  readonly types: ReadonlyMap<string, InstanceTypeFact>;
  /** `region/type` → price. */
  readonly prices: ReadonlyMap<string, MicroUsdPerHour>;
}

/** One string per pool of the world. */
export function worldPoolKey(pool: WorldPool): string {
  return `${pool.cloud}/${pool.region}/${pool.zone}/${pool.instanceType}/${pool.market}`;
}

export function isSamePool(one: WorldPool, other: WorldPool): boolean {
  return (
    one.instanceType === other.instanceType &&
    one.zone === other.zone &&
    one.market === other.market &&
    one.region === other.region &&
    one.cloud === other.cloud
  );
}

function indexOf(facts: MarketFacts): CloudIndex {
  checkFacts(facts);
  const prices = Object.entries(facts.listPricesUsd).flatMap(([region, ofRegion]) =>
    Object.entries(ofRegion).map(([type, usd]) => [`${region}/${type}`, parseUsd(usd)] as const),
  );
  return {
    facts,
    regions: new Map(facts.regions.map((region) => [region.name, region])),
    types: new Map(facts.instanceTypes.map((type) => [type.name, type])),
    prices: new Map(prices),
  };
}

/** Throws an Error when a table is wrong or a cloud appears twice. */
export function createCatalog(tables: readonly MarketFacts[]): Catalog {
  const clouds = new Map<CloudId, CloudIndex>();
  for (const facts of tables) {
    if (clouds.has(facts.cloud)) throw new Error(`two market tables for ${facts.cloud}`);
    clouds.set(facts.cloud, indexOf(facts));
  }

  function facts(cloud: CloudId): MarketFacts {
    const index = clouds.get(cloud);
    if (index === undefined) throw new RangeError(`this world has no market of ${cloud}`);
    return index.facts;
  }

  function listPrice(cloud: CloudId, region: string, instanceType: string): MicroUsdPerHour | null {
    return clouds.get(cloud)?.prices.get(`${region}/${instanceType}`) ?? null;
  }

  function zonesOffering(cloud: CloudId, region: string, instanceType: string): readonly string[] {
    const index = clouds.get(cloud);
    if (index === undefined || listPrice(cloud, region, instanceType) === null) return [];
    const named = index.facts.zonesOffering[region]?.[instanceType];
    return named ?? index.regions.get(region)?.zones.map((zone) => zone.name) ?? [];
  }

  function isSold(pool: WorldPool): boolean {
    const type = clouds.get(pool.cloud)?.types.get(pool.instanceType);
    return (
      type?.markets.includes(pool.market) === true &&
      zonesOffering(pool.cloud, pool.region, pool.instanceType).includes(pool.zone)
    );
  }

  function poolsMatching(pattern: PoolPattern): readonly WorldPool[] {
    const index = clouds.get(pattern.cloud);
    if (index === undefined) return [];
    const { cloud } = pattern;
    const regions = index.facts.regions.filter(({ name }) => pattern.region === null || name === pattern.region);
    const types = index.facts.instanceTypes.filter(
      (type) =>
        (pattern.instanceType === null || type.name === pattern.instanceType) &&
        (pattern.accelerator === null || type.accelerator === pattern.accelerator),
    );
    const markets = MARKETS.filter((market) => pattern.market === null || market === pattern.market);
    return regions.flatMap((region) =>
      types.flatMap((type) =>
        zonesOffering(cloud, region.name, type.name)
          .filter((zone) => pattern.zone === null || zone === pattern.zone)
          .flatMap((zone) =>
            markets
              .filter((market) => type.markets.includes(market))
              .map((market) => ({ cloud, region: region.name, zone, instanceType: type.name, market })),
          ),
      ),
    );
  }

  return {
    clouds: [...clouds.keys()],
    facts,
    instanceType: (cloud, name) => clouds.get(cloud)?.types.get(name) ?? null,
    region: (cloud, name) => clouds.get(cloud)?.regions.get(name) ?? null,
    zonesOffering,
    listPrice,
    isSold,
    poolsMatching,
  };
}
