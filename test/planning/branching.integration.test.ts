import { describe, expect, it } from 'vitest';
import { concentrationOf } from '../../src/domain/concentration.ts';
import type { PlanInput } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { inputWith, leaseAt, offerAt, policyWith, usd, workload } from './market-builders.ts';
import type { Dice } from './random-instances.ts';
import { diceFrom } from './random-instances.ts';

const PROVIDERS = ['aws', 'azure', 'gcp'] as const;
const KINDS = ['H100-80GB-SXM', 'A100-80GB', 'L4', 'T4'] as const;

interface Kind {
  readonly replicas: number;
  /** Micro-dollars an hour at each provider. */
  readonly prices: readonly number[];
}

function kindFrom(dice: Dice): Kind {
  return { replicas: dice.count(1, 3), prices: PROVIDERS.map(() => usd(dice.count(20, 90))) };
}

function inputOf(kinds: readonly Kind[], maxConcentration: number): PlanInput {
  return inputWith({
    policy: policyWith({ maxConcentration }),
    offers: kinds.flatMap(({ prices }, index) =>
      PROVIDERS.map((provider, place) =>
        offerAt(`${provider}/r1/a/m${index}/on-demand`, (prices[place] ?? 0) / 1e6, {
          accelerator: KINDS[index] ?? 'L4',
        }),
      ),
    ),
    workloads: kinds.map(({ replicas }, index) => {
      const choice = { accelerator: KINDS[index] ?? 'L4', count: 8, perMachine: null, throughput: 1 };
      return workload(`w${index}`, { replicas, accelerators: [choice] });
    }),
  });
}

/** Every way to spread so many replicas over the providers. */
function spreads(replicas: number): number[][] {
  const all: number[][] = [];
  for (let aws = 0; aws <= replicas; aws += 1) {
    for (let azure = 0; azure <= replicas - aws; azure += 1) all.push([aws, azure, replicas - aws - azure]);
  }
  return all;
}

/** The least that any spread of all replicas within the limit costs; null where none is. */
function cheapest(kinds: readonly Kind[], limit: number): number | null {
  let best: number | null = null;
  const look = (index: number, spends: readonly number[]): void => {
    const kind = kinds[index];
    if (kind === undefined) {
      const cost = spends.reduce((sum, spend) => sum + spend, 0);
      const concentration = concentrationOf(
        new Map(PROVIDERS.map((provider, place) => [provider, spends[place] ?? 0])),
      );
      if (concentration <= limit + 1e-9 && (best === null || cost < best)) best = cost;
      return;
    }
    for (const spread of spreads(kind.replicas)) {
      look(
        index + 1,
        spends.map((spend, place) => spend + (spread[place] ?? 0) * (kind.prices[place] ?? 0)),
      );
    }
  };
  look(0, [0, 0, 0]);
  return best;
}

/** One machine of each kind, from six types at each provider. */
function typesFrom(dice: Dice): number[][] {
  return PROVIDERS.map(() => Array.from({ length: 6 }, () => usd(dice.count(20, 90))));
}

/** The least that one machine of each kind costs within the limit; null where none keeps it. */
function cheapestTypes(kinds: readonly (readonly (readonly number[])[])[], limit: number): number | null {
  let best: number | null = null;
  const look = (index: number, spends: readonly number[]): void => {
    const kind = kinds[index];
    const cost = spends.reduce((sum, spend) => sum + spend, 0);
    if (best !== null && cost >= best) return;
    if (kind === undefined) {
      if (isWithin(spends, limit)) best = cost;
      return;
    }
    for (const [place, prices] of kind.entries()) {
      for (const price of prices) look(index + 1, spends.with(place, (spends[place] ?? 0) + price));
    }
  };
  look(0, [0, 0, 0]);
  return best;
}

function isWithin(spends: readonly number[], limit: number): boolean {
  const concentration = concentrationOf(new Map(PROVIDERS.map((provider, place) => [provider, spends[place] ?? 0])));
  return concentration <= limit + 1e-9;
}

describe('branching', () => {
  it('uses dear machines that no relaxation calls for where only they keep the limit', async () => {
    const wrong: string[] = [];
    let compared = 0;
    for (let seed = 1; seed <= 8; seed += 1) {
      const dice = diceFrom(seed);
      const kinds = KINDS.slice(0, 3).map(() => typesFrom(dice));
      const limit = dice.of([0.3335, 0.334, 0.335]);
      const best = cheapestTypes(kinds, limit);
      if (best === null) continue;
      compared += 1;
      const input = inputWith({
        policy: policyWith({ maxConcentration: limit }),
        offers: kinds.flatMap((kind, index) =>
          kind.flatMap((prices, place) =>
            prices.map((price, type) =>
              offerAt(`${PROVIDERS[place]}/r1/a/m${index}-${type}/on-demand`, price / 1e6, {
                accelerator: KINDS[index] ?? 'L4',
              }),
            ),
          ),
        ),
        workloads: kinds.map((_, index) => {
          const choice = { accelerator: KINDS[index] ?? 'L4', count: 8, perMachine: null, throughput: 1 };
          return workload(`w${index}`, { accelerators: [choice] });
        }),
      });
      const { costMicroUsdPerHour: cost } = await planFleet(input, { gapShare: 0 });
      if (cost !== best) wrong.push(`seed ${seed}: ${cost}, not ${best}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(5);
  });

  it('finds the cheapest fleet of few large machines under a concentration limit', async () => {
    const wrong: string[] = [];
    let compared = 0;
    for (let seed = 1; seed <= 30; seed += 1) {
      const dice = diceFrom(seed);
      const kinds = KINDS.map(() => kindFrom(dice));
      const limit = dice.of([0.34, 0.36, 0.4]);
      const best = cheapest(kinds, limit);
      if (best === null) continue;
      compared += 1;
      const plan = await planFleet(inputOf(kinds, limit), { gapShare: 0 });
      const { costMicroUsdPerHour: cost, effectiveBoundMicroUsdPerHour: bound, status } = plan;
      if (cost !== best || status !== 'optimal' || bound > best) wrong.push(`seed ${seed}: ${cost}, not ${best}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(20);
  });
});

describe('a fleet that stands at too few providers', () => {
  it('holds no replica although one more machine makes fewer providers count', async () => {
    // azure holds 20 % now, and less once there is one more machine at gcp, the only place there is.
    const input = inputWith({
      policy: policyWith({ minProviders: 3, minProviderShare: 0.2 }),
      offers: [offerAt('gcp/r1/a/a3/on-demand', 10)],
      workloads: [workload('w', { replicas: 3 })],
      leases: [
        leaseAt('l0', 'w', 'azure/r1/a/nd/on-demand', 4),
        leaseAt('l1', 'w', 'gcp/r1/a/a3/on-demand', 16, { replicas: [1] }),
      ],
    });
    const plan = await planFleet(input);
    expect(plan.held).toEqual([]);
    expect(plan.machines).toHaveLength(1);
  });
});
