import { z } from 'zod';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact } from '../world/market-facts.ts';

/** A dollar in the unit that the billing catalogue counts in. */
export const NANOS_PER_USD = 1_000_000_000;
const NANOS_PER_MICRO_USD = 1_000;
/** Local SSD is priced by the month; the catalogue's month has 730 hours. */
export const HOURS_PER_MONTH = 730;

const components = z.object({
  /** Where a region's SKUs say that they are running: `Americas`, `Belgium`. */
  places: z.record(z.string(), z.string()),
  components: z.record(
    z.string(),
    z.object({ description: z.string(), kind: z.enum(['core', 'ram', 'gpu', 'ssd']), resourceGroup: z.string() }),
  ),
  /** Instance type → component → how much of it one machine has. */
  compositions: z.record(z.string(), z.record(z.string(), z.number())),
  /** Region → component → list price in USD per hour (SSD: per month) and unit. */
  pricesUsd: z.record(z.string(), z.record(z.string(), z.string())),
});
export type ComponentFacts = z.infer<typeof components>;

/** The part of the market table that only this cloud has. Throws where it is missing or malformed. */
export function componentFacts(world: World): ComponentFacts {
  return components.parse(world.facts('gcp').extra);
}

/** Price in nano-dollars by component; SSD per month. */
export type ComponentPrices = ReadonlyMap<string, number>;

export function listPrices(facts: ComponentFacts, region: string): ComponentPrices {
  const prices = Object.entries(facts.pricesUsd[region] ?? {});
  return new Map(prices.map(([component, usd]) => [component, Math.round(Number(usd) * NANOS_PER_USD)]));
}

/** What a quantity of a component costs in an hour, in nano-dollars. */
function hourly(facts: ComponentFacts, component: string, nanos: number, quantity: number): number {
  const perHour = nanos * quantity;
  return facts.components[component]?.kind === 'ssd' ? perHour / HOURS_PER_MONTH : perHour;
}

/** The smallest type that a GPU component is in: its spot price sets the spot prices of the family's components. */
interface Reference {
  readonly gpu: string;
  readonly gpuCount: number;
  readonly composition: Readonly<Record<string, number>>;
  readonly spotNanos: number;
  /** Spot price over list price. */
  readonly share: number;
}

function referenceOf(world: World, facts: ComponentFacts, region: string, type: InstanceTypeFact): Reference | null {
  const composition = facts.compositions[type.name];
  const gpu = Object.keys(composition ?? {}).find((name) => facts.components[name]?.kind === 'gpu');
  const [zone] = world.zonesOffering('gcp', region, type.name);
  const list = world.listPrice('gcp', region, type.name);
  if (composition === undefined || gpu === undefined || zone === undefined || list === null) return null;
  const spot = world.price({ cloud: 'gcp', region, zone, instanceType: type.name, market: 'spot' });
  if (spot === null) return null;
  const gpuCount = composition[gpu] ?? 0;
  return { gpu, gpuCount, composition, spotNanos: spot * NANOS_PER_MICRO_USD, share: spot / list };
}

/**
 * Spot prices of a region's components. The world has one spot price per instance type, the catalogue has one per component, so
 * the smallest type of each GPU is the reference: what its components add up to is the world's price exactly, and larger
 * types of the same GPU are sold at the same discount as it. A component that several GPUs share (A2 and N1 vCPUs, memory, SSD) takes the
 * deepest of their discounts, and the GPU takes the rest.
 */
export function spotPrices(world: World, facts: ComponentFacts, region: string): ComponentPrices {
  const list = listPrices(facts, region);
  const references = new Map<string, Reference>();
  for (const type of world.facts('gcp').instanceTypes) {
    const reference = referenceOf(world, facts, region, type);
    if (reference !== null && !references.has(reference.gpu)) references.set(reference.gpu, reference);
  }
  const prices = new Map<string, number>();
  for (const [component, nanos] of list) {
    if (facts.components[component]?.kind === 'gpu') continue;
    const shares = [...references.values()].flatMap(({ composition, share }) =>
      component in composition ? [share] : [],
    );
    if (shares.length > 0) prices.set(component, Math.round(nanos * Math.min(...shares)));
  }
  for (const { gpu, gpuCount, composition, spotNanos } of references.values()) {
    const others = Object.entries(composition)
      .filter(([component]) => component !== gpu)
      .map(([component, quantity]) => hourly(facts, component, prices.get(component) ?? 0, quantity));
    const rest = others.reduce((left, cost) => left - cost, spotNanos);
    prices.set(gpu, Math.round(rest / gpuCount));
  }
  return prices;
}
