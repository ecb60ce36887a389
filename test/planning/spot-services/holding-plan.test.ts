import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cheapestHolding, type PricedPlace } from '../../../src/planning/spot-services/holding-plan.ts';
import { placeAt, poolAt } from './service-world.ts';

const places: fc.Arbitrary<readonly PricedPlace[]> = fc
  .array(
    fc.record({
      zone: fc.constantFrom('aa', 'ab', 'ba'),
      costs: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((drawn) =>
    drawn.map(({ zone, costs }, index) => ({
      place: placeAt(poolAt('x', zone, 'spot', `g${index}`), 1),
      costs: (over: number) => Float64Array.from([0, ...costs], (cost, count) => (count > over ? cost + 5 : cost)),
    })),
  );

/** All ways to hold, tried one by one. */
function tried(given: readonly PricedPlace[], over: number, perZone: number): ReadonlyMap<number, number> {
  let ways = [{ cost: 0, total: 0, zones: new Map<string, number>() }];
  for (const { place, costs } of given) {
    const zone = place.pool.zone ?? '';
    ways = ways.flatMap((way) =>
      [...costs(over).entries()].map(([count, cost]) => ({
        cost: way.cost + cost,
        total: way.total + count,
        zones: new Map(way.zones).set(zone, (way.zones.get(zone) ?? 0) + count),
      })),
    );
  }
  const least = new Map<number, number>();
  for (const { cost, total, zones } of ways) {
    if (Math.max(...zones.values()) <= perZone) least.set(total, Math.min(cost, least.get(total) ?? Infinity));
  }
  return least;
}

describe('cheapestHolding', () => {
  it('finds what trying everything finds, or the most that has room', () => {
    fc.assert(
      fc.property(
        places,
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 4 }),
        (given, total, over, perZone) => {
          const least = tried(given, over, perZone);
          const reachable = Math.min(total, Math.max(...least.keys()));
          const holding = cheapestHolding(given, total, over, perZone);
          expect(holding.total).toBe(reachable);
          expect(holding.cost).toBe(least.get(reachable));
          const told = holding.counts.reduce((sum, count, index) => sum + (given[index]?.costs(over)[count] ?? NaN), 0);
          expect(told).toBe(holding.cost);
        },
      ),
    );
  });
});
