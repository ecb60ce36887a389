import { describe, expect, it } from 'vitest';
import type { Plan, PlanInput, PlanWorkload } from '../../src/domain/plan.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { FleetSession } from '../../src/planning/fleet-session.ts';
import type { Increment } from '../../src/planning/increment.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { keptMachines, plannedMachines, policyOf, total } from './fleet-arithmetic.ts';
import { NOW, usd } from './market-builders.ts';
import { faultsOf } from './plan-faults.ts';
import { anyInput } from './random-features.ts';
import type { Dice } from './random-instances.ts';
import { diceFrom } from './random-instances.ts';
import { heldCount, RunningFleet } from './running-fleet.ts';

const SIZE = { offers: 20, workloads: 10, replicas: 3, leases: false };
const SEEDS = Array.from({ length: 12 }, (_, index) => 30_000 + index);
/** Changes of each fleet. */
const STEPS = 12;
/** Micro-dollars an hour that rounding may lose. */
const SAME_COST = 2;

/** What is wrong with what a change added to the fleet, held against planning it from nothing but the leases. */
async function wrongIn(input: PlanInput, increment: Increment): Promise<string[]> {
  const plan = await planFleet(input);
  const { machines, held, effectiveCostMicroUsdPerHour: stated, effectiveBoundMicroUsdPerHour: bound } = increment;
  const wrong: string[] = [];
  if (heldCount(held) !== heldCount(plan.held)) {
    wrong.push(`holds ${heldCount(held)} replicas, a plan ${heldCount(plan.held)}`);
  }
  const cost = total(plannedMachines(input, { ...plan, machines }), 'effective-cost');
  const best = total(plannedMachines(input, plan), 'effective-cost');
  if (Math.abs(cost - stated) > SAME_COST) wrong.push(`states ${stated}, it costs ${cost}`);
  if (wrong.length === 0 && cost > best + (stated - bound) + SAME_COST) {
    wrong.push(`costs ${cost}, a plan ${best}, and states the bound ${bound}`);
  }
  if (wrong.length === 0 && bound > best + SAME_COST) wrong.push(`states the bound ${bound}, a plan costs ${best}`);
  return [...wrong, ...faultsOf(input, planWith(input, plan, increment))];
}

/** The plan with the increment in place of what it adds, and figures that fit. */
function planWith(input: PlanInput, plan: Plan, { machines, held }: Increment): Plan {
  const changed = { ...plan, machines, held };
  const all = [...keptMachines(input), ...plannedMachines(input, changed)];
  const effective = total(all, 'effective-cost');
  return {
    ...changed,
    costMicroUsdPerHour: total(all, 'spend'),
    unconstrainedCostMicroUsdPerHour: 0,
    lowerBoundMicroUsdPerHour: 0,
    effectiveCostMicroUsdPerHour: effective,
    effectiveBoundMicroUsdPerHour: 0,
  };
}

/** A market with room for many changes. */
function roomyInput(seed: number): PlanInput {
  const random = anyInput(seed, SIZE);
  return {
    ...random,
    quotas: random.quotas.map((quota) => ({ ...quota, limit: quota.limit === null ? null : quota.limit * 3 })),
    teamBudgets: random.teamBudgets.map(({ team, limitMicroUsdPerHour }) => {
      return { team, limitMicroUsdPerHour: limitMicroUsdPerHour * 3 };
    }),
  };
}

interface Both {
  readonly session: FleetSession;
  readonly fleet: RunningFleet;
}

/** One more change, made to both; null where there was nothing to place. */
async function change(dice: Dice, { session, fleet }: Both, next: PlanWorkload | undefined): Promise<Increment | null> {
  const { offers, workloads } = fleet.input;
  const [offer] = dice.shuffled(offers);
  const [present] = dice.shuffled(workloads);
  if (offer !== undefined && dice.chance(0.25)) {
    const price = usd(dice.count(1, 12));
    session.reprice(poolKey(offer.pool), price);
    fleet.reprice(poolKey(offer.pool), price);
  }
  if (present !== undefined && dice.chance(0.15)) {
    session.remove(present.id);
    fleet.remove(present.id);
  }
  if (next !== undefined && dice.chance(0.7)) {
    fleet.add(next);
    return session.place(next);
  }
  const lease = dice.shuffled(fleet.input.workloads.flatMap(({ id }) => session.leasesOf(id)))[0];
  if (lease === undefined) return null;
  const { provider, region, zone, instanceType, market } = lease.pool;
  const scope = { provider, region, zone, instanceType, market, quota: null };
  const refusal = { scope, until: NOW + 1000, reason: 'no capacity', strikes: 1 };
  // Of the lease's workload, all that stands in the same pool.
  const lost = session.leasesOf(lease.workloadId).filter(({ pool }) => poolKey(pool) === poolKey(lease.pool));
  const lostIds = lost.map(({ id }) => id);
  fleet.refuse(refusal);
  fleet.lose(lostIds);
  return session.refuse(refusal, lostIds);
}

/** Enters what the session says that runs now; throws where that is not what it answered. */
function carryOut({ session, fleet }: Both, { machines, held }: Increment): void {
  const known = new Set(fleet.input.leases.map(({ id }) => id));
  const leases = fleet.input.workloads.flatMap(({ id }) => session.leasesOf(id)).filter(({ id }) => !known.has(id));
  const told = machines.map(({ adjustedPriceMicroUsdPerHour: _, ...machine }) => machine);
  expect(leases.map(({ id: _, ...lease }) => lease)).toHaveLength(told.length);
  expect(leases.map(({ id: _, ...lease }) => lease)).toEqual(expect.arrayContaining(told));
  fleet.carryOut(leases);
  // A plan of the whole would try the replicas that are held again; the session does only when asked.
  for (const workloadId of new Set(held.map((entry) => entry.workloadId))) {
    session.remove(workloadId);
    fleet.remove(workloadId);
  }
}

/** A running fleet and what the test knows of it, with no workload yet. */
function emptyFleet(input: PlanInput): Both {
  const empty = { ...input, workloads: [] };
  return { session: new FleetSession(empty), fleet: new RunningFleet(empty) };
}

interface Outcome {
  readonly wrong: readonly string[];
  readonly machines: number;
  readonly held: number;
}

async function changed(seed: number): Promise<Outcome> {
  const input = roomyInput(seed);
  const both = emptyFleet(input);
  const dice = diceFrom(seed);
  const waiting = input.workloads.filter(({ spec }) => policyOf(input, spec.team) !== null);
  const wrong: string[] = [];
  let machines = 0;
  let held = 0;
  for (let step = 0; step < STEPS; step += 1) {
    const increment = await change(dice, both, waiting.shift());
    if (increment === null) continue;
    const here = await wrongIn(both.fleet.input, increment);
    wrong.push(...here.map((text) => `seed ${seed} step ${step}: ${text}`));
    machines += increment.machines.length;
    held += heldCount(increment.held);
    carryOut(both, increment);
  }
  return { wrong, machines, held };
}

describe('many changes of a random fleet', () => {
  it('are answered like plans with the leases kept, within the bounds they state', async () => {
    const outcomes: Outcome[] = [];
    for (const seed of SEEDS) outcomes.push(await changed(seed));
    expect(outcomes.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(outcomes.reduce((sum, { machines }) => sum + machines, 0)).toBeGreaterThan(40);
    expect(outcomes.reduce((sum, { held }) => sum + held, 0)).toBeGreaterThan(5);
  });
});
