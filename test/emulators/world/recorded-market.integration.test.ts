import { beforeAll, describe, expect, it } from 'vitest';
import { parseUsd } from '../../../src/domain/money.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { WorldPool } from '../../../src/emulators/world/contract.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';
import { parseTrace } from '../../../src/emulators/world/load-trace.ts';
import type { MarketFacts } from '../../../src/emulators/world/market-facts.ts';
import { streamOf, uniformAt } from '../../../src/emulators/world/random.ts';
import type { Tick } from '../../support/recorded-spot.ts';
import { asTrace, hasRecording, readRecording } from '../../support/recorded-spot.ts';

const START = Date.UTC(2026, 0, 5);

function poolIn(zone: string): WorldPool {
  return { cloud: 'aws', region: zone.slice(0, -1), zone, instanceType: 'p3.2xlarge', market: 'spot' };
}

// The recording is no part of the project: without ../shared/data there is nothing to replay.
describe.skipIf(!hasRecording)('a recorded spot market (skipped where ../shared/data is absent)', () => {
  let facts: MarketFacts;
  let ticks: readonly Tick[];
  let zones: readonly string[];

  beforeAll(async () => {
    facts = await loadMarket('aws');
    ticks = readRecording();
    const { world } = createWorld({ seed: 1, clock: createManualClock(START), facts: [facts] });
    const recorded = [...(ticks[0]?.zones.keys() ?? [])];
    zones = recorded.filter((zone) => world.zonesOffering('aws', zone.slice(0, -1), 'p3.2xlarge').includes(zone));
  });

  /** The zone's state at the tick in force, as price and room for machines; null = it was not observed. */
  function recorded(tick: Tick | undefined, zone: string): readonly [number, number] | null {
    const seen = tick?.zones.get(zone);
    return seen === undefined ? null : [parseUsd(seen.usd), seen.available ? 2 : 0];
  }

  it('has the recorded prices and room at any time, in every zone', { timeout: 30_000 }, async () => {
    const clock = createManualClock(START);
    const { world, control } = createWorld({ seed: 1, clock, facts: [facts] });
    expect(zones.length).toBeGreaterThanOrEqual(5);
    control.replay(parseTrace(asTrace(ticks, zones, 2), 'recording'));
    const first = ticks[0]?.at ?? 0;
    const length = (ticks.at(-1)?.at ?? 0) - first;
    const stream = streamOf(1, 'moments');
    const moments = Array.from({ length: 150 }, (_, index) => Math.floor(uniformAt(stream, index) * length));
    const compared: (readonly [number, number])[] = [];
    for (const moment of moments.toSorted((a, b) => a - b)) {
      await clock.advance(START + moment - clock.now());
      const tick = ticks.findLast(({ at }) => at <= first + moment);
      const wanted = zones.map((zone) => recorded(tick, zone));
      const real = zones.map((zone) => [world.price(poolIn(zone)), control.freeOf(poolIn(zone))]);
      expect(real.filter((_, index) => wanted[index] !== null)).toEqual(wanted.filter((state) => state !== null));
      compared.push(...wanted.filter((state) => state !== null));
    }
    // Both states were met, or the comparison says little.
    expect(compared.filter(([, free]) => free > 0).length).toBeGreaterThan(100);
    expect(compared.filter(([, free]) => free === 0).length).toBeGreaterThan(100);
  });
});
