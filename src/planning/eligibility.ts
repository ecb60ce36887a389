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

interface Question {
  readonly at: MarketOffer;
  readonly choice: AcceleratorChoice;
  readonly shape: Shape;
}

type Check = (judge: Eligibility, question: Question) => boolean;

/** Whether each obstacle but the first stands in the way. */
const STANDS: Readonly<Record<Exclude<Obstacle, 'does-not-fit'>, Check>> = {
  'invalid-offer': (_, { at }) => !at.isValid,
  architecture: ({ spec }, { at }) => at.offer.architecture !== spec.architecture,
  'providers.allow': ({ policy }, { at }) => !allows(policy.allowedProviders, at.offer.pool.provider),
  'workload.providers': ({ spec }, { at }) => !allows(spec.providers, at.offer.pool.provider),
  'residency.regions': (judge, { at }) => !judge.allowsRegion('policy', at),
  'workload.regions': (judge, { at }) => !judge.allowsRegion('workload', at),
  'markets.allow': ({ policy }, { at }) => !policy.allowedMarkets.includes(at.offer.pool.market),
  'workload.markets': ({ spec }, { at }) => !spec.markets.includes(at.offer.pool.market),
  restricted: (_, { at }) => at.offer.availability === 'restricted',
  maxPrice: ({ policy: { maxPriceMicroUsdPerHour: limit } }, { at }) => limit !== null && at.adjusted > limit,
  'workload.maxPrice': ({ spec }, { at, shape }) => {
    const { maxPriceMicroUsdPerHour: limit } = spec;
    return limit !== null && replicaPrice(spec, shape, at.adjusted) > limit;
  },
  'sold-out': (_, { at }) => at.soldOut !== null,
  headroom: ({ supply }, { at, shape }) =>
    at.claims.some((claim) => claim.units * shape.machinesPerReplica > supply.headroom(claim.quota)),
  'available-count': ({ supply }, { at, shape }) => {
    const available = supply.available(at);
    return available !== null && available < shape.machinesPerReplica;
  },
};

const CHECKS = OBSTACLES.flatMap((obstacle) =>
  obstacle === 'does-not-fit' ? [] : [{ obstacle, stands: STANDS[obstacle] }],
);

/** Judges offers for one workload under its policy; what it finds out about a region it remembers. */
export class Eligibility {
  readonly policy: Policy;
  readonly spec: WorkloadSpec;
  readonly supply: Supply;
  readonly #regions = { policy: new Map<string, boolean>(), workload: new Map<string, boolean>() };

  constructor(policy: Policy, spec: WorkloadSpec, supply: Supply) {
    this.policy = policy;
    this.spec = spec;
    this.supply = supply;
  }

  /** Everything that stands in the way of one choice of the workload at one offer; empty = eligible. */
  obstaclesOf(choice: AcceleratorChoice, at: MarketOffer): readonly Obstacle[] {
    const shape = shapeOf(choice, at.offer.acceleratorCount);
    if (shape === null) return ['does-not-fit'];
    const question = { at, choice, shape };
    return CHECKS.filter(({ stands }) => stands(this, question)).map(({ obstacle }) => obstacle);
  }

  /** How a replica lies there; null where something stands in the way. */
  shapeAt(choice: AcceleratorChoice, at: MarketOffer): Shape | null {
    const shape = shapeOf(choice, at.offer.acceleratorCount);
    if (shape === null) return null;
    const question = { at, choice, shape };
    return CHECKS.some(({ stands }) => stands(this, question)) ? null : shape;
  }

  allowsRegion(whose: 'policy' | 'workload', { subjects, offer: { pool } }: MarketOffer): boolean {
    const patterns = whose === 'policy' ? this.policy.allowedRegions : this.spec.regions;
    if (patterns === null) return true;
    const verdicts = this.#regions[whose];
    const region = subjects.region ?? '';
    let verdict = verdicts.get(region);
    if (verdict === undefined) {
      verdict = patterns.some((pattern) => matchesRegionPattern(pattern, pool.provider, pool.region));
      verdicts.set(region, verdict);
    }
    return verdict;
  }
}

function allows(allowed: readonly string[] | null, name: string): boolean {
  return allowed === null || allowed.includes(name);
}

/** Whether the offer can be eligible for some workload of the policy: what no workload's own wishes decide. */
export function allowsAtAll(policy: Policy, supply: Supply, at: MarketOffer): boolean {
  const { pool, availability } = at.offer;
  const { allowedRegions, maxPriceMicroUsdPerHour: limit } = policy;
  return (
    at.isValid &&
    at.soldOut === null &&
    availability !== 'restricted' &&
    allows(policy.allowedProviders, pool.provider) &&
    policy.allowedMarkets.includes(pool.market) &&
    (allowedRegions === null ||
      allowedRegions.some((pattern) => matchesRegionPattern(pattern, pool.provider, pool.region))) &&
    (limit === null || at.adjusted <= limit) &&
    at.claims.every(({ quota, units }) => units <= supply.headroom(quota)) &&
    (supply.available(at) ?? 1) >= 1
  );
}

/** What an obstacle is told of. */
interface Told {
  readonly policy: Policy;
  readonly spec: WorkloadSpec;
  readonly choice: AcceleratorChoice;
  readonly at: MarketOffer;
  readonly supply: Supply;
  readonly shape: Shape;
}

const TEXTS: Readonly<Record<Obstacle, (told: Told) => string>> = {
  'does-not-fit': ({ choice, at: { offer } }) =>
    choice.perMachine !== null && choice.perMachine !== offer.acceleratorCount
      ? `the machine has ${countText(offer.acceleratorCount, 'accelerator')}, the workload asks for machines with ${choice.perMachine}`
      : `${choice.count} accelerators are not a whole number of machines with ${offer.acceleratorCount}`,
  'invalid-offer': () => 'its price or other figures make no sense, so it is not ranked',
  architecture: ({ at, spec }) => `the machine is ${at.offer.architecture}, the workload ${spec.architecture}`,
  'providers.allow': ({ at }) => `the policy does not allow ${at.offer.pool.provider}`,
  'workload.providers': ({ at }) => `the workload does not accept ${at.offer.pool.provider}`,
  'residency.regions': ({ at }) => `${regionKey(at.offer.pool)} is outside the policy's regions`,
  'workload.regions': ({ at }) => `${regionKey(at.offer.pool)} is outside the workload's regions`,
  'markets.allow': ({ at }) => `the policy does not allow ${at.offer.pool.market}`,
  'workload.markets': ({ at }) => `the workload does not accept ${at.offer.pool.market}`,
  restricted: () => 'the cloud does not sell it to this account',
  maxPrice: ({ at, policy }) =>
    `a machine costs ${rateText(at.adjusted)}, the policy's limit is ${limitText(policy.maxPriceMicroUsdPerHour)}`,
  'workload.maxPrice': ({ at, spec, shape }) =>
    `a replica costs ${rateText(Math.round(replicaPrice(spec, shape, at.adjusted)))}, the workload's limit is ${limitText(spec.maxPriceMicroUsdPerHour)}`,
  'sold-out': ({ at: { soldOut } }) =>
    soldOut === null ? 'not sold out' : `sold out until ${instantText(soldOut.until)}: ${soldOut.reason}`,
  headroom: ({ at, shape, supply }) => headroomText(at, shape.machinesPerReplica, supply),
  'available-count': ({ at, shape, supply }) =>
    `${countText(supply.available(at) ?? 0, 'machine')} free, ${shape.machinesPerReplica} needed`,
};

function limitText(rate: MicroUsdPerHour | null): string {
  return rate === null ? 'the limit' : rateText(rate);
}

/** An obstacle in words, with the figures. */
export function obstacleText(
  obstacle: Obstacle,
  policy: Policy,
  spec: WorkloadSpec,
  choice: AcceleratorChoice,
  at: MarketOffer,
  supply: Supply,
): string {
  const shape = shapeOf(choice, at.offer.acceleratorCount) ?? { machinesPerReplica: 1, replicasPerMachine: 1 };
  return TEXTS[obstacle]({ policy, spec, choice, at, supply, shape });
}

function headroomText(marketOffer: MarketOffer, machines: number, supply: Supply): string {
  const short = marketOffer.claims.find((claim) => claim.units * machines > supply.headroom(claim.quota));
  if (short === undefined) return 'the quota is used up by this plan';
  return `quota ${short.quota} has ${supply.headroom(short.quota)} left, a replica takes ${short.units * machines}`;
}
