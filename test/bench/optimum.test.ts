import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { optimalCost } from '../../bench/replay/optimum.ts';
import { type Choice, IDLE, type Job, ON_DEMAND, type Scene } from '../../bench/replay/scene.ts';
import { simulate } from '../../bench/replay/simulate.ts';

const TICKS = 5;
const ups = fc.array(fc.constantFrom(0, 1), { minLength: TICKS, maxLength: TICKS });
const prices = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: TICKS, maxLength: TICKS });
const instances = fc.record({
  zones: fc.array(fc.record({ ups, prices }), { minLength: 1, maxLength: 2 }),
  task: fc.integer({ min: 1, max: 240 }),
  overhead: fc.integer({ min: 0, max: 150 }),
  egress: fc.constantFrom(0, 0, 2),
});

/** Every schedule, under the simulator's own rules but for its safety net, which an optimum may do without. */
function cheapestOfAll(scene: Scene, job: Job): number {
  const options: Choice[] = [IDLE, ON_DEMAND, ...scene.zones.keys()];
  let least = Number.POSITIVE_INFINITY;
  function extend(schedule: readonly Choice[]): void {
    if (schedule.length < scene.ticks) {
      for (const choice of options) {
        if (choice >= 0 && scene.zones[choice]?.available[schedule.length] !== 1) continue;
        extend([...schedule, choice]);
      }
      return;
    }
    const told = simulate(scene, job, ({ tick }) => schedule[tick] ?? IDLE, { hasSafetyNet: false });
    if (!told.isMissed) least = Math.min(least, told.cost);
  }
  extend([]);
  return least;
}

describe('optimalCost', () => {
  it('is the least of all schedules', () => {
    fc.assert(
      fc.property(instances, ({ zones, task, overhead, egress }) => {
        const scene: Scene = {
          ...{ tickSeconds: 60, ticks: TICKS, onDemandPrice: 8 },
          zones: zones.map((zone, index) => ({
            ...{ name: `z${index}`, region: `r${index}` },
            ...{ available: Uint8Array.from(zone.ups), prices: Float64Array.from(zone.prices) },
            past: { available: new Uint8Array(), prices: new Float64Array() },
          })),
        };
        const job = { taskSeconds: Math.min(task, TICKS * 60 - overhead), overheadSeconds: overhead, egress };
        expect(optimalCost(scene, job)).toBeCloseTo(cheapestOfAll(scene, job), 4);
      }),
      { numRuns: 40 },
    );
  });
});
