import type { MicroUsdPerHour } from '../domain/money.ts';
import type { OfferVerdict } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { regionKey } from '../domain/pool.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import { matchesRegionPattern } from '../domain/workload.ts';
import type { MarketOffer, MarketView } from './market-view.ts';
import type { Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import { countText, instantText, rateText } from './wording.ts';

/**
 * Rules and facts that decide about one offer for one workload, whatever the rest of the fleet looks like, in the order in
 * which they are told. The first two are facts that nothing lifts; all others can be lifted by somebody.
 */
export const OBSTACLES = [
  'does-not-fit',
  'invalid-offer',
  'architecture',
  'providers.allow',
  'workload.providers',
  'residency.regions',
  'workload.regions',
  'markets.allow',
  'workload.markets',
  'restricted',
  'maxPrice',
  'workload.maxPrice',
  'sold-out',
  'headroom',
  'available-count',
] as const;
export type Obstacle = (typeof OBSTACLES)[number];

/** Whether somebody could lift it: a rule, a limit, a refusal. */
export function isLiftable(obstacle: Obstacle): boolean {
  return obstacle !== 'does-not-fit' && obstacle !== 'invalid-offer';
}

export const VERDICT_OF_OBSTACLE: Readonly<Record<Obstacle, OfferVerdict>> = {
  'does-not-fit': 'does-not-fit',
  'invalid-offer': 'invalid-offer',
  architecture: 'wrong-architecture',
  'providers.allow': 'provider-not-allowed',
  'workload.providers': 'provider-not-allowed',
  'residency.regions': 'outside-residency',
  'workload.regions': 'outside-residency',
  'markets.allow': 'market-not-allowed',
  'workload.markets': 'market-not-allowed',
  restricted: 'restricted',
  maxPrice: 'over-price-limit',
  'workload.maxPrice': 'over-price-limit',
  'sold-out': 'sold-out',
  headroom: 'no-headroom',
  'available-count': 'no-headroom',
};

/** Quota headroom and free machines that are left to plan with. */
export interface Supply {
  readonly headroom: (quota: string) => number;
  /** Machines free in the pool of the offer; null = unknown. */
  readonly available: (marketOffer: MarketOffer) => number | null;
}

export function supplyOf(market: MarketView): Supply {
  return {
    headroom: (quota) => market.headroom.get(quota)?.units ?? Number.POSITIVE_INFINITY,
    available: ({ offer }) => offer.availableCount,
  };
}

/** Adjusted price of what one replica takes: its machines, or its part of a machine as full as the workload can make it. */
export function replicaPrice(spec: WorkloadSpec, shape: Shape, adjusted: MicroUsdPerHour): number {
  const sharing = Math.min(shape.replicasPerMachine, Math.max(1, spec.replicas));
  return (adjusted * shape.machinesPerReplica) / sharing;
}

/** Everything that stands in the way of one choice of the workload at one offer; empty = eligible. */
export function obstaclesOf(
  policy: Policy,
  spec: WorkloadSpec,
  choice: AcceleratorChoice,
  marketOffer: MarketOffer,
  supply: Supply,
): readonly Obstacle[] {
  const { offer } = marketOffer;
  const shape = shapeOf(choice, offer.acceleratorCount);
  if (shape === null) return ['does-not-fit'];
  const { pool } = offer;
  const price = replicaPrice(spec, shape, marketOffer.adjusted);
  const machines = shape.machinesPerReplica;
  const available = supply.available(marketOffer);
  const standing: Readonly<Record<Exclude<Obstacle, 'does-not-fit'>, boolean>> = {
    'invalid-offer': !marketOffer.isValid,
    architecture: offer.architecture !== spec.architecture,
    'providers.allow': !allows(policy.allowedProviders, pool.provider),
    'workload.providers': !allows(spec.providers, pool.provider),
    'residency.regions': !allowsRegion(policy.allowedRegions, pool),
    'workload.regions': !allowsRegion(spec.regions, pool),
    'markets.allow': !policy.allowedMarkets.includes(pool.market),
    'workload.markets': !spec.markets.includes(pool.market),
    restricted: offer.availability === 'restricted',
    maxPrice: policy.maxPriceMicroUsdPerHour !== null && marketOffer.adjusted > policy.maxPriceMicroUsdPerHour,
    'workload.maxPrice': spec.maxPriceMicroUsdPerHour !== null && price > spec.maxPriceMicroUsdPerHour,
    'sold-out': marketOffer.soldOut !== null,
    headroom: marketOffer.claims.some((claim) => claim.units * machines > supply.headroom(claim.quota)),
    'available-count': available !== null && available < machines,
  };
  return OBSTACLES.filter((obstacle) => obstacle !== 'does-not-fit' && standing[obstacle]);
}

function allows(allowed: readonly string[] | null, name: string): boolean {
  return allowed === null || allowed.includes(name);
}

function allowsRegion(patterns: readonly string[] | null, pool: { provider: string; region: string }): boolean {
  return patterns === null || patterns.some((pattern) => matchesRegionPattern(pattern, pool.provider, pool.region));
}

/** An obstacle in words, with the figures. */
export function obstacleText(
  obstacle: Obstacle,
  policy: Policy,
  spec: WorkloadSpec,
  choice: AcceleratorChoice,
  marketOffer: MarketOffer,
  supply: Supply,
): string {
  const { offer } = marketOffer;
  const shape = shapeOf(choice, offer.acceleratorCount) ?? { machinesPerReplica: 1, replicasPerMachine: 1 };
  const limit = (rate: MicroUsdPerHour | null): string => (rate === null ? 'the limit' : rateText(rate));
  const texts: Readonly<Record<Obstacle, () => string>> = {
    'does-not-fit': () =>
      choice.perMachine !== null && choice.perMachine !== offer.acceleratorCount
        ? `the machine has ${offer.acceleratorCount} accelerators, the workload asks for machines with ${choice.perMachine}`
        : `${choice.count} accelerators are not a whole number of machines with ${offer.acceleratorCount}`,
    'invalid-offer': () => 'its price or other figures make no sense, so it is not ranked',
    architecture: () => `the machine is ${offer.architecture}, the workload ${spec.architecture}`,
    'providers.allow': () => `the policy does not allow ${offer.pool.provider}`,
    'workload.providers': () => `the workload does not accept ${offer.pool.provider}`,
    'residency.regions': () => `${regionKey(offer.pool)} is outside the policy's regions`,
    'workload.regions': () => `${regionKey(offer.pool)} is outside the workload's regions`,
    'markets.allow': () => `the policy does not allow ${offer.pool.market}`,
    'workload.markets': () => `the workload does not accept ${offer.pool.market}`,
    restricted: () => 'the cloud does not sell it to this account',
    maxPrice: () =>
      `a machine costs ${rateText(marketOffer.adjusted)}, the policy's limit is ${limit(policy.maxPriceMicroUsdPerHour)}`,
    'workload.maxPrice': () =>
      `a replica costs ${rateText(Math.round(replicaPrice(spec, shape, marketOffer.adjusted)))}, the workload's limit is ${limit(spec.maxPriceMicroUsdPerHour)}`,
    'sold-out': () =>
      marketOffer.soldOut === null
        ? 'not sold out'
        : `sold out until ${instantText(marketOffer.soldOut.until)}: ${marketOffer.soldOut.reason}`,
    headroom: () => headroomText(marketOffer, shape.machinesPerReplica, supply),
    'available-count': () =>
      `${countText(supply.available(marketOffer) ?? 0, 'machine')} free, ${shape.machinesPerReplica} needed`,
  };
  return texts[obstacle]();
}

function headroomText(marketOffer: MarketOffer, machines: number, supply: Supply): string {
  const short = marketOffer.claims.find((claim) => claim.units * machines > supply.headroom(claim.quota));
  if (short === undefined) return 'the quota is used up by this plan';
  return `quota ${short.quota} has ${supply.headroom(short.quota)} left, a replica takes ${short.units * machines}`;
}
