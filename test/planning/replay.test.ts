import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { planFleet } from '../../src/planning/plan-fleet.ts';
import { PLANNER_VERSION } from '../../src/planning/planner-version.ts';
import { compareReplay } from '../../src/planning/replay.ts';
import { randomInput } from './random-instances.ts';

const INPUT = randomInput(3, { offers: 12, workloads: 4, replicas: 3, leases: true });
const PLAN = await planFleet(INPUT);
const RECORD = { planId: 'p1', createdAt: 0, plannerVersion: PLANNER_VERSION, seed: 0 };

/** As a JSON column gives it back: keys in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? 1 : -1));
  return Object.fromEntries(fields.map(([key, field]) => [key, reordered(field)]));
}

describe('compareReplay', () => {
  it('finds a plan made again from its stored input equal, whatever the order of keys', async () => {
    const stored: typeof INPUT = JSON.parse(JSON.stringify(reordered(INPUT)));
    const plan: Plan = JSON.parse(JSON.stringify(reordered(PLAN)));
    expect(JSON.stringify(plan)).not.toBe(JSON.stringify(PLAN));
    const replay = compareReplay({ ...RECORD, plan }, await planFleet(stored));
    expect(replay).toEqual({
      ...{ planId: 'p1', isEqual: true, recordedVersion: PLANNER_VERSION, plannerVersion: PLANNER_VERSION, seed: 0 },
      ...{ differenceCount: 0, differences: [] },
    });
  });

  it('says where plans differ', () => {
    const [first, ...rest] = PLAN.machines;
    if (first === undefined) throw new Error('the plan of this test has no machines');
    const shares = { ...PLAN.shares, provider: { 'a/b': 1 } };
    const recorded: Plan = { ...PLAN, machines: [{ ...first, replicas: [99] }, ...rest, first], gapShare: 0.5, shares };
    const { isEqual, differences, differenceCount } = compareReplay({ ...RECORD, plan: recorded }, PLAN);
    expect(isEqual).toBe(false);
    expect(differenceCount).toBe(differences.length);
    expect(differences).toContainEqual({ pointer: '/gapShare', recorded: '0.5', replayed: String(PLAN.gapShare) });
    expect(differences).toContainEqual({
      pointer: '/machines/0/replicas/0',
      recorded: '99',
      replayed: String(first.replicas[0]),
    });
    expect(differences).toContainEqual({ pointer: '/shares/provider/a~1b', recorded: '1', replayed: null });
    const added = differences.find(({ pointer }) => pointer === `/machines/${PLAN.machines.length}`);
    expect(added).toMatchObject({ replayed: null });
    expect(added?.recorded?.length).toBeLessThanOrEqual(201);
  });

  it('counts the order of lists as a difference', () => {
    expect(PLAN.machines.length).toBeGreaterThan(1);
    const recorded = { ...PLAN, machines: PLAN.machines.toReversed() };
    expect(compareReplay({ ...RECORD, plan: recorded }, PLAN).isEqual).toBe(false);
  });

  it('tells whose version made the plan', () => {
    expect(PLANNER_VERSION).toMatch(/^gpu-broker \d+\.\d+\.\d+\S*, highs \d+\.\d+\.\d+, meaning \d+$/);
    const old = compareReplay({ ...RECORD, plan: PLAN, plannerVersion: null }, PLAN);
    expect(old).toMatchObject({ isEqual: true, recordedVersion: null });
  });
});
