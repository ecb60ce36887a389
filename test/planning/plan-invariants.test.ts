import { beforeAll, describe, expect, it } from 'vitest';
import type { Quota } from '../../src/domain/offer.ts';
import { headroomOf } from '../../src/domain/offer.ts';
import type { Plan, PlanInput, PlanLease, PlanOffer } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { explainWorkload } from '../../src/planning/explain.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import type { Machine } from './fleet-arithmetic.ts';
import { keptMachines, plannedMachines } from './fleet-arithmetic.ts';
import { brokenRules } from './fleet-rules.ts';
import { policyIn } from './market-builders.ts';
import type { Size } from './random-instances.ts';
import { randomInput } from './random-instances.ts';
import { carriedOut, unitsOf } from './running-fleet.ts';

const LARGE: Size = { offers: 40, workloads: 12, replicas: 5, leases: true };
const SEEDS = Array.from({ length: 20 }, (_, index) => 10_000 + index);

interface Planned {
  readonly seed: number;
  readonly input: PlanInput;
  readonly plan: Plan;
}

async function planned(seed: number, size = LARGE): Promise<Planned> {
  const input = randomInput(seed, size);
  return { seed, input, plan: await planFleet(input) };
}

function fleetAfter(input: PlanInput, plan: Plan): Machine[] {
  return [...keptMachines(input), ...plannedMachines(input, plan)];
}

function machinesAt(plan: Plan, offer: PlanOffer): number {
  return plan.machines.filter(({ pool }) => poolKey(pool) === poolKey(offer.pool)).length;
}

/** Units of the quota that the plan's machines take. */
function unitsTaken(quota: Quota, input: PlanInput, plan: Plan): number {
  return input.offers.reduce((sum, offer) => sum + machinesAt(plan, offer) * unitsOf(offer, quota), 0);
}

/** Where each replica stands: its machines, kept and new. */
function gangsOf(input: PlanInput, plan: Plan, workloadId: string, replica: number) {
  return [...plan.machines, ...input.leases].filter(
    (machine) => machine.workloadId === workloadId && machine.replicas.includes(replica),
  );
}

function expectOnePlace(
  gang: readonly Pick<PlanLease, 'part' | 'partCount' | 'pool' | 'replicas'>[],
  seed: number,
): void {
  const shared = gang.filter(({ partCount, replicas }) => partCount > 1 && replicas.length > 1);
  expect(shared, `a gang of two replicas, seed ${seed}`).toEqual([]);
  const parts = new Set(gang.map(({ part }) => part));
  expect(parts.size, `a part twice, seed ${seed}`).toBe(gang.length);
  const places = new Set(gang.map(({ pool }) => [pool.provider, pool.region, pool.instanceType].join()));
  expect(places.size, `a gang in two places, seed ${seed}`).toBeLessThanOrEqual(1);
  // Where the cloud chooses the zone, there is none to tell.
  const zones = new Set(gang.map(({ pool }) => pool.zone).filter((zone) => zone !== null));
  expect(zones.size, `a gang in two zones, seed ${seed}`).toBeLessThanOrEqual(1);
}

describe('every plan', () => {
  const plans: Planned[] = [];
  beforeAll(async () => {
    for (const seed of SEEDS) plans.push(await planned(seed));
  });

  it('keeps every rule that it says is enforced, or breaks it no more than the kept leases do', () => {
    const enforced = plans.filter(({ plan }) =>
      plan.rules.some((use) => use.enforced && use.rule !== 'maxPremiumShare' && use.rule !== 'survive.provider'),
    );
    for (const { seed, input, plan } of enforced) {
      const force = { lifted: new Set<string>(), providers: 1 };
      const broken = brokenRules(policyIn(input), force, keptMachines(input), fleetAfter(input, plan));
      expect(broken, `seed ${seed}`).toEqual([]);
    }
    expect(enforced.filter(({ plan }) => plan.machines.length > 0).length).toBeGreaterThan(8);
  });

  it('accounts for every replica once: served by leases, by new machines, or held with a reason', () => {
    for (const { seed, input, plan } of plans) {
      for (const { id, spec } of input.workloads) {
        const held = plan.held.filter(({ workloadId }) => workloadId === id);
        for (let replica = 0; replica < spec.replicas; replica += 1) {
          const gang = gangsOf(input, plan, id, replica);
          expectOnePlace(gang, seed);
          const whole = gang.length > 0 && gang.length === gang[0]?.partCount;
          const waits = held.some(({ replicas }) => replicas.includes(replica));
          expect(whole !== waits, `${id} ${replica}, seed ${seed}`).toBe(true);
        }
        for (const { reasons } of held) expect(reasons.length, `seed ${seed}`).toBeGreaterThan(0);
      }
    }
  });

  it('buys no machine that serves nobody', () => {
    for (const { replicas } of plans.flatMap(({ plan }) => plan.machines)) expect(replicas.length).toBeGreaterThan(0);
  });

  it('buys no more machines than are free', () => {
    for (const { input, plan } of plans) {
      for (const offer of input.offers.filter(({ availableCount }) => availableCount !== null)) {
        expect(machinesAt(plan, offer)).toBeLessThanOrEqual(offer.availableCount ?? 0);
      }
    }
  });

  it('keeps to every quota that is known', () => {
    for (const { seed, input, plan } of plans) {
      for (const quota of input.quotas) {
        const units = unitsTaken(quota, input, plan);
        expect(units, `${quota.name}, seed ${seed}`).toBeLessThanOrEqual(headroomOf(quota, 0) ?? units);
      }
    }
  });

  it('states costs that add up, a bound below them and shares of one', () => {
    for (const { input, plan } of plans) {
      const cost = fleetAfter(input, plan).reduce((sum, { spend }) => sum + spend, 0);
      expect(plan.costMicroUsdPerHour).toBe(cost);
      expect(plan.lowerBoundMicroUsdPerHour).toBeLessThanOrEqual(cost);
      expect(plan.lowerBoundMicroUsdPerHour).toBeGreaterThanOrEqual(Math.floor(cost * 0.999));
      expect(plan.unconstrainedCostMicroUsdPerHour).toBeLessThanOrEqual(cost);
      expect(plan.premiumShare).toBeGreaterThanOrEqual(0);
      for (const shares of Object.values(plan.shares).filter((share) => Object.keys(share).length > 0)) {
        const values = Object.values(shares);
        expect(values.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(values).toEqual(values.toSorted((a, b) => b - a));
      }
    }
  });

  it('wants nothing more once it is carried out', async () => {
    for (const { seed, input, plan } of plans) {
      const again = await planFleet(carriedOut(input, plan));
      expect(again.machines, `seed ${seed}`).toEqual([]);
      expect(again.costMicroUsdPerHour).toBe(plan.costMicroUsdPerHour);
      if (plan.held.length === 0) expect(again.status).toBe('nothing-to-do');
    }
  });

  it('explains every offer of an accelerator that the workload accepts, once', () => {
    const verdicts = new Set<string>();
    for (const { input, plan } of plans) {
      for (const { id, spec } of input.workloads) {
        const { alternatives, otherAcceleratorCount } = explainWorkload(input, plan, id);
        const accepted = new Set(spec.accelerators.map(({ accelerator }) => accelerator));
        const fitting = input.offers.filter(({ accelerator }) => accepted.has(accelerator));
        const keys = alternatives.map(({ pool }) => poolKey(pool));
        expect(keys.toSorted()).toEqual(fitting.map(({ pool }) => poolKey(pool)).toSorted());
        expect(otherAcceleratorCount).toBe(input.offers.length - fitting.length);
        expect(alternatives.every(({ detail }) => detail !== '')).toBe(true);
        const mine = plan.machines.filter(({ workloadId }) => workloadId === id).map(({ pool }) => poolKey(pool));
        const chosen = alternatives.filter(({ verdict }) => verdict === 'chosen').map(({ pool }) => poolKey(pool));
        expect(chosen).toEqual(expect.arrayContaining(mine));
        for (const { verdict } of alternatives) verdicts.add(verdict);
      }
    }
    expect([...verdicts]).toEqual(
      expect.arrayContaining(['chosen', 'dearer', 'over-cap', 'no-headroom', 'sold-out', 'does-not-fit', 'restricted']),
    );
  });
});
