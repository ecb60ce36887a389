import { describe, expect, it } from 'vitest';
import type { PoolPattern } from '../../../src/emulators/world/control-contract.ts';
import { EVERYWHERE, SPOT, START, stage } from './world-stage.ts';

const ZONE_A: PoolPattern = { ...EVERYWHERE, region: 'north', zone: 'north-a', instanceType: 'small', market: 'spot' };

describe('a replayed trace', () => {
  it('of 200,000 points is quick to replay and to ask about', async () => {
    const on = stage();
    const points = Array.from({ length: 200_000 }, (_, index) => ({
      offsetMs: index * 10,
      pattern: ZONE_A,
      free: index % 7,
      priceMicroUsdPerHour: 300_000 + (index % 97),
    }));
    on.control.replay({ points });
    await on.clock.advance(2_000_000);
    expect(on.control.freeOf(SPOT)).toBe(199_999 % 7);
    const history = on.world.spotHistory(SPOT, START, on.clock.now());
    expect(history).toHaveLength(200_000);
  });
});
