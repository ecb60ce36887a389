import { loadMarket } from '../../src/emulators/world/load-market.ts';
import type { CloudId, MarketFacts } from '../../src/emulators/world/market-facts.ts';

/** The clouds of the simulation; the fourth has neither spot nor leftovers, and nothing that these three have not. */
export const CLOUDS = ['aws', 'azure', 'gcp'] as const satisfies readonly CloudId[];
export type SimulatedCloud = (typeof CLOUDS)[number];

export const REGIONS: Readonly<Record<SimulatedCloud, readonly string[]>> = {
  aws: ['us-east-1', 'us-west-2'],
  azure: ['eastus', 'eastus2'],
  gcp: ['us-central1', 'us-east1'],
};

const ZONES = 2;

/** One and four GPUs of one model everywhere, so that replicas share machines and make gangs; another model at two clouds. */
const TYPES: Readonly<Record<SimulatedCloud, readonly string[]>> = {
  aws: ['g4dn.xlarge', 'g4dn.12xlarge', 'g6.xlarge'],
  azure: ['Standard_NC4as_T4_v3', 'Standard_NC64as_T4_v3'],
  gcp: ['n1-standard-4+nvidia-tesla-t4x1', 'n1-standard-16+nvidia-tesla-t4x4', 'g2-standard-4'],
};

/** The shipped market, cut down to what plans of a moment need. */
export async function loadSmallMarket(): Promise<readonly MarketFacts[]> {
  return Promise.all(CLOUDS.map(async (cloud) => small(cloud, await loadMarket(cloud))));
}

function small(cloud: SimulatedCloud, facts: MarketFacts): MarketFacts {
  const regions = facts.regions
    .filter(({ name }) => REGIONS[cloud].includes(name))
    .map((region) => ({ ...region, zones: region.zones.slice(0, ZONES) }));
  const instanceTypes = facts.instanceTypes.filter(({ name }) => TYPES[cloud].includes(name));
  const offered = regions.map((region) => {
    const zones = region.zones.map(({ name }) => name);
    return [region.name, Object.fromEntries(instanceTypes.map(({ name }) => [name, zones]))];
  });
  const prices = regions.map(({ name }) => {
    const listed = Object.entries(facts.listPricesUsd[name] ?? {}).filter(([type]) => TYPES[cloud].includes(type));
    return [name, Object.fromEntries(listed)];
  });
  return {
    ...{ ...facts, regions, instanceTypes },
    zonesOffering: Object.fromEntries(offered),
    listPricesUsd: Object.fromEntries(prices),
  };
}
