import type { PlanInput, PlanLease, PlanOffer, PlanWorkload } from '../../src/domain/plan.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { inputWith, leaseAt, NOW, offerAt, policyWith, usd, workload } from './market-builders.ts';

/** Seeded numbers in [0, 1): mulberry32, a public domain generator by Tommy Ettinger. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Dice {
  readonly chance: (share: number) => boolean;
  readonly count: (least: number, most: number) => number;
  readonly of: <T>(items: readonly [T, ...T[]]) => T;
  readonly shuffled: <T>(items: readonly T[]) => T[];
}

export function diceFrom(seed: number): Dice {
  const next = randomFrom(seed);
  const count = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    chance: (share) => next() < share,
    count,
    of: ([first, ...rest]) => [first, ...rest][count(0, rest.length)] ?? first,
    shuffled: (items) => {
      const left = [...items];
      const taken: (typeof left)[number][] = [];
      while (left.length > 0) taken.push(...left.splice(count(0, left.length - 1), 1));
      return taken;
    },
  };
}

const PROVIDERS = ['aws', 'azure', 'gcp'] as const;

/** Few prices, so that ties happen. */
const PRICES = [1, 2, 3, 4] as const;

function randomOffers(dice: Dice, most: number): PlanOffer[] {
  const offers = new Map<string, PlanOffer>();
  const wanted = dice.count(2, most);
  for (let tries = 0; offers.size < wanted && tries < 50; tries += 1) {
    const count = dice.of([1, 2, 4]);
    const region = dice.of(['r1', 'r2']);
    const zone = dice.of(['a', 'b', '*']);
    const market = dice.of(['on-demand', 'on-demand', 'spot', 'reserved']);
    const accelerator = dice.of(['L4', 'L4', 'A10']);
    const name = `${dice.of(PROVIDERS)}/${region}/${zone}/${accelerator}x${count}/${market}`;
    offers.set(
      name,
      offerAt(name, dice.of(PRICES) * count, {
        accelerator,
        acceleratorCount: count,
        availableCount: dice.chance(0.2) ? dice.count(0, 2) : null,
        availability: dice.chance(0.07) ? 'restricted' : 'available',
        architecture: dice.chance(0.05) ? 'arm64' : 'x86_64',
        successProbability: dice.of([1, 1, 0.8, 0.5]),
        interruptionsPerHour: market === 'spot' ? dice.of([0, 0.1, 0.4]) : 0,
        quotaClaims: dice.chance(0.5)
          ? [
              { quota: 'family', scope: 'region', units: count },
              { quota: 'all', scope: 'global', units: 1 },
            ]
          : [],
      }),
    );
  }
  return [...offers.values()];
}

function randomWorkloads(dice: Dice, most: number, replicas: number): PlanWorkload[] {
  return Array.from({ length: dice.count(1, most) }, (_, index) => {
    const second = dice.chance(0.4)
      ? [{ accelerator: 'A10', count: dice.of([1, 2, 4]), perMachine: null, throughput: 0.5 }]
      : [];
    return workload(`w${index}`, {
      replicas: dice.count(1, replicas),
      accelerators: [
        { accelerator: 'L4', count: dice.of([1, 2, 2, 4]), perMachine: dice.of([null, null, null, 2]), throughput: 1 },
        ...second,
      ],
      markets: dice.chance(0.3) ? ['on-demand'] : ['on-demand', 'spot', 'reserved'],
      providers: dice.chance(0.1) ? ['aws', 'gcp'] : null,
      regions: dice.chance(0.1) ? ['*:r1'] : null,
      priority: dice.of([0, 0, 1]),
      keepShare: dice.chance(0.15) ? 0.5 : null,
      maxPriceMicroUsdPerHour: dice.chance(0.1) ? usd(8) : null,
    });
  });
}

export function randomPolicy(dice: Dice): Policy {
  const cap = (): number | null => (dice.chance(0.2) ? dice.of([0.34, 0.5, 0.6, 0.75]) : null);
  return policyWith({
    measure: dice.of(['spend', 'accelerators']),
    maxShare: { provider: cap(), region: cap(), zone: cap(), pool: cap(), market: null },
    maxSpotShare: cap(),
    minProviders: dice.chance(0.15) ? dice.of([2, 2, 3]) : 1,
    maxConcentration: dice.chance(0.2) ? dice.of([0.4, 0.55, 0.7]) : null,
    survive: dice.chance(0.2) ? [{ loss: 'provider', keepShare: dice.of([0.3, 0.5]) }] : [],
    enforceAboveMicroUsdPerHour: dice.chance(0.2) ? usd(8) : 0,
    allowedProviders: dice.chance(0.1) ? ['aws', 'azure'] : null,
    allowedMarkets: dice.chance(0.1) ? ['on-demand', 'spot'] : ['on-demand', 'spot', 'reserved'],
    maxPriceMicroUsdPerHour: dice.chance(0.1) ? usd(10) : null,
    priceAdjustments: dice.chance(0.2) ? [{ match: 'aws:*', factor: 0.7, reason: 'agreement' }] : [],
  });
}

function randomLeases(dice: Dice, offers: readonly PlanOffer[], workloads: readonly PlanWorkload[]): PlanLease[] {
  const leases: PlanLease[] = [];
  for (const { id, spec } of workloads) {
    for (let replica = 0; replica < spec.replicas; replica += 1) {
      const needed = spec.accelerators[0]?.count ?? 1;
      const fitting = offers.filter(
        ({ accelerator, acceleratorCount }) => accelerator === 'L4' && needed % acceleratorCount === 0,
      );
      const [offer] = dice.shuffled(fitting);
      if (offer === undefined || !dice.chance(0.25)) continue;
      const partCount = needed / offer.acceleratorCount;
      const present = dice.chance(0.3) ? 1 : partCount;
      for (let part = 0; part < present; part += 1) {
        leases.push({
          ...leaseAt(`l-${id}-${replica}-${part}`, id, '', 1, { replicas: [replica], part, partCount }),
          pool: offer.pool,
          accelerator: offer.accelerator,
          acceleratorCount: offer.acceleratorCount,
          priceMicroUsdPerHour: offer.priceMicroUsdPerHour,
        });
      }
    }
  }
  return leases;
}

export interface Size {
  readonly offers: number;
  readonly workloads: number;
  readonly replicas: number;
  readonly leases: boolean;
}

export function randomInput(seed: number, size: Size): PlanInput {
  const dice = diceFrom(seed);
  const offers = randomOffers(dice, size.offers);
  const workloads = randomWorkloads(dice, size.workloads, size.replicas);
  const quotas = PROVIDERS.flatMap((provider) => [
    ...['r1', 'r2'].map((region) => ({
      provider,
      region,
      name: 'family',
      unit: 'accelerators' as const,
      limit: dice.chance(0.6) ? dice.count(3, 14) : null,
      usage: 1,
    })),
    { provider, region: null, name: 'all', unit: 'machines' as const, limit: dice.count(2, 6), usage: 0 },
  ]);
  const refused = dice.chance(0.3) ? [dice.of(PROVIDERS)] : [];
  return inputWith({
    offers,
    workloads,
    policy: randomPolicy(dice),
    leases: size.leases ? randomLeases(dice, offers, workloads) : [],
    quotas,
    soldOut: refused.map((provider) => ({
      scope: { provider, region: 'r1', zone: null, instanceType: null, market: null, quota: null },
      until: NOW + dice.of([-1000, 60_000]),
      reason: 'no capacity',
      strikes: 1,
    })),
  });
}

/** The same input with every list in another order. */
export function reordered(input: PlanInput, seed: number): PlanInput {
  const dice = diceFrom(seed);
  return {
    ...input,
    offers: dice.shuffled(input.offers).map((offer) => ({ ...offer, quotaClaims: dice.shuffled(offer.quotaClaims) })),
    workloads: dice.shuffled(input.workloads).map(({ id, spec }) => ({
      id,
      spec: { ...spec, accelerators: dice.shuffled(spec.accelerators), markets: dice.shuffled(spec.markets) },
    })),
    leases: dice.shuffled(input.leases),
    quotas: dice.shuffled(input.quotas),
    soldOut: dice.shuffled(input.soldOut),
  };
}
