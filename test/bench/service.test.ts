import { describe, expect, it } from 'vitest';
import { allOnDemand, evenSpread, spotHedge } from '../../bench/service/baselines.ts';
import { optimalCostShare } from '../../bench/service/optimum.ts';
import { ours } from '../../bench/service/ours.ts';
import { type ServicePolicy, simulateService } from '../../bench/service/simulate.ts';
import { type ServiceWorld, type WorldOptions, worldOf } from '../../bench/service/world.ts';
import type { Trace } from '../../bench/traces/trace.ts';
import type { ServiceRules } from '../../src/planning/spot-services/service-state.ts';

const OPTIONS: WorldOptions = { stepSeconds: 30, onDemandZones: 0, spotShare: 0.25, tracePrices: false, gangSize: 1 };
const SERVICE = { replicas: 2, coldStartSeconds: 60 };
const RULES: ServiceRules = {
  ...SERVICE,
  minAvailable: 2,
  maxZoneShare: 0.5,
  zoneShareOf: 'held',
  reactionSeconds: 30,
  shortageWeight: 60,
};

/** Zones of machine counts by tick of a minute, which is two steps. */
function world(zones: Readonly<Record<string, readonly number[]>>, options: Partial<WorldOptions> = {}): ServiceWorld {
  const named = Object.entries(zones);
  const trace: Trace = {
    name: 'made',
    tickSeconds: 60,
    tickCount: named[0]?.[1].length ?? 0,
    zones: named.map(([name, nodes]) => ({ name, nodes: Uint16Array.from(nodes), spotPrices: null })),
  };
  return worldOf(trace, { ...OPTIONS, ...options });
}

function firstZone(): number {
  return 0;
}

/** Asks for two in the first zone whenever fewer are there. */
const stubborn: ServicePolicy = ({ replicas }) => ({
  launches: [{ market: 'spot', zone: 0, count: 2 - replicas.length }],
  retire: [],
});

describe('simulateService', () => {
  it('bills what is held from the launch on, and counts it as serving after the cold start', () => {
    const figures = simulateService(world({ 'r-1a': [2, 2, 2, 2] }), SERVICE, stubborn);
    // Six steps after the first cold start of two: two spot machines at a quarter.
    expect(figures).toMatchObject({ availability: 1, costShare: 0.25, launches: 2, losses: 0, refusals: 0 });
  });

  it('takes the youngest, refuses what does not fit, and makes whoever was taken start anew', () => {
    const figures = simulateService(world({ 'r-1a': [2, 2, 1, 2, 2, 2] }), SERVICE, stubborn);
    // Ticks of two steps: both serve in 1, one in 2 and 3 (the second starts in 3), both from 4 on: six steps of ten.
    expect(figures.availability).toBeCloseTo(6 / 10, 12);
    expect(figures).toMatchObject({ losses: 1, refusals: 1, worstLossShare: 0.5, largestZoneShare: 1 });
    expect(figures.costShare).toBeCloseTo((0.25 * (10 * 2 - 2)) / 20, 12);
  });

  it('holds on-demand machines through everything', () => {
    const figures = simulateService(world({ 'r-1a': [0, 0, 0, 0] }), SERVICE, allOnDemand(SERVICE));
    expect(figures).toMatchObject({ availability: 1, costShare: 1, losses: 0 });
  });

  it('counts a gang as one replica', () => {
    const figures = simulateService(world({ 'r-1a': [7, 7, 7, 7, 7] }, { gangSize: 4 }), SERVICE, stubborn);
    expect(figures).toMatchObject({ availability: 0, costShare: 0.125 });
  });

  it('takes a trace of zeros and ones for some and none', () => {
    const figures = simulateService(world({ 'r-1a': [1, 1, 1, 1] }), SERVICE, stubborn);
    expect(figures).toMatchObject({ availability: 1, refusals: 0 });
  });
});

describe('baselines', () => {
  it('even spread has no fallback', () => {
    const made = world({ 'r-1a': [2, 2, 2, 2], 'r-1b': [0, 0, 0, 0] });
    expect(simulateService(made, SERVICE, evenSpread(made, SERVICE))).toMatchObject({
      availability: 0,
      costShare: 0.125,
    });
  });

  it('SpotHedge falls back to on-demand while spot starts, and leaves it when spot serves', () => {
    const made = world({ 'r-1a': [4, 4, 4, 4, 4, 4], 'r-1b': [4, 4, 4, 4, 4, 4] });
    const figures = simulateService(made, SERVICE, spotHedge(made, SERVICE, 0, firstZone));
    // On-demand is launched at once and goes one step after both spot replicas serve.
    expect(figures.availability).toBe(1);
    expect(figures.onDemandHours * 120).toBeCloseTo(2, 9);
  });

  it('SpotHedge moves to zones that lost nothing', () => {
    const made = world({ 'r-1a': [4, 4, 4, 0, 4, 4, 4, 4], 'r-1b': [4, 4, 4, 4, 4, 4, 4, 4] });
    const figures = simulateService(made, SERVICE, spotHedge(made, SERVICE, 0, firstZone));
    expect(figures).toMatchObject({ losses: 1, refusals: 0, largestZoneShare: 1 });
  });
});

describe('optimalCostShare', () => {
  it('is the price of spot where spot is always there, and that of on-demand where it never is', async () => {
    expect(await optimalCostShare(world({ 'r-1a': [9, 9, 9, 9, 9] }), SERVICE, {})).toBeCloseTo(0.25, 6);
    expect(await optimalCostShare(world({ 'r-1a': [0, 0, 0, 0, 0] }), SERVICE, {})).toBeCloseTo(1, 6);
  });

  it('pays for both during a cold start', async () => {
    const made = world({ 'r-1a': [0, 0, 0, 0, 0, 9, 9, 9, 9, 9] });
    // Eighteen steps: eight on on-demand, two on both, eight on spot; on-demand before the first cold start is over is not billed.
    expect(await optimalCostShare(made, SERVICE, {})).toBeCloseTo((8 * 1 + 2 * 1.25 + 8 * 0.25) / 18, 6);
  });

  it('holds the rule: half of N in a zone, or a part that any zone’s loss leaves', async () => {
    const made = world({ 'r-1a': [9, 9, 9, 9, 9], 'r-1b': [0, 0, 0, 0, 0] });
    expect(await optimalCostShare(made, SERVICE, { most: 1 })).toBeCloseTo(0.625, 6);
    expect(await optimalCostShare(made, SERVICE, { keep: 1 })).toBeCloseTo(0.625, 6);
    expect(await optimalCostShare(made, SERVICE, { most: 0.4 })).toBeNull();
  });
});

describe('ours in the replay', () => {
  it('keeps its zones’ shares, comes to spot, and is dearer than the optimum under its rule', async () => {
    const calm = Array.from({ length: 400 }, () => 4);
    const stormy = calm.map((count, tick) => (tick % 90 < 60 ? count : 0));
    const made = world({ 'r-1a': calm, 'r-1b': stormy, 's-1a': calm }, { onDemandZones: 1 });
    const figures = simulateService(made, SERVICE, ours(made, RULES));
    expect(figures.largestZoneShare).toBe(0.5);
    expect(figures.availability).toBeGreaterThan(0.98);
    expect(figures.costShare).toBeLessThan(0.6);
    expect(figures.costShare).toBeGreaterThan((await optimalCostShare(made, SERVICE, { most: 1 })) ?? 1);
  });

  it('is the same every time', () => {
    const made = world({ 'r-1a': [4, 4, 0, 4, 4, 4, 0, 4], 'r-1b': [0, 4, 4, 4, 0, 4, 4, 4] }, { onDemandZones: 1 });
    const [first, second] = [1, 2].map(() => simulateService(made, SERVICE, ours(made, RULES)));
    expect(second).toEqual(first);
  });
});
