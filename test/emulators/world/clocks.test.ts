import { describe, expect, it } from 'vitest';
import { createManualClock, createScaledClock, isManualClock } from '../../../src/emulators/world/clocks.ts';

describe('manual clock', () => {
  it('stands still until told', () => {
    const clock = createManualClock(1_000);
    expect(clock.now()).toBe(1_000);
    expect(clock.nextDueAt()).toBeNull();
  });

  it('wakes sleepers in the order in which they are due, each at its time', async () => {
    const clock = createManualClock(0);
    const woken: string[] = [];
    async function sleeper(name: string, ms: number): Promise<void> {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.now()}`);
    }
    const all = [sleeper('c', 30), sleeper('a', 10), sleeper('b', 20), sleeper('a2', 10), sleeper('late', 31)];
    expect(clock.nextDueAt()).toBe(10);
    await clock.advance(30);
    expect(woken).toEqual(['a@10', 'a2@10', 'b@20', 'c@30']);
    expect(clock.now()).toBe(30);
    expect(clock.nextDueAt()).toBe(31);
    await clock.advance(1);
    await Promise.all(all);
  });

  it('lets a loop that sleeps again run through the stretch', async () => {
    const clock = createManualClock(0);
    const ticks: number[] = [];
    async function loop(): Promise<void> {
      while (ticks.length < 5) {
        await clock.sleep(100);
        await Promise.resolve();
        ticks.push(clock.now());
      }
    }
    const done = loop();
    await clock.advance(1_000);
    await done;
    expect(ticks).toEqual([100, 200, 300, 400, 500]);
    expect(clock.now()).toBe(1_000);
  });

  it('rejects with the reason of the signal, before or during the sleep, and forgets the sleeper', async () => {
    const clock = createManualClock(0);
    const abort = new AbortController();
    const asleep = clock.sleep(100, abort.signal);
    abort.abort(new Error('enough'));
    await expect(asleep).rejects.toThrow('enough');
    await expect(clock.sleep(100, abort.signal)).rejects.toThrow('enough');
    expect(clock.nextDueAt()).toBeNull();
  });

  it('does not wait for nothing, and refuses to go back', async () => {
    const clock = createManualClock(5);
    await clock.sleep(0);
    await clock.sleep(-1);
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    await expect(clock.sleep(Number.NaN)).rejects.toThrow(RangeError);
    expect(clock.now()).toBe(5);
  });
});

describe('scaled clock', () => {
  const SPEED = 1_000_000;

  it('starts where told and wakes no sleeper early', async () => {
    const clock = createScaledClock({ startAt: 1_000, speed: SPEED });
    const before = clock.now();
    expect(before).toBeGreaterThanOrEqual(1_000);
    await clock.sleep(2_500);
    expect(clock.now() - before).toBeGreaterThanOrEqual(2_500);
    expect(isManualClock(clock)).toBe(false);
    expect(isManualClock(createManualClock(0))).toBe(true);
  });

  it('rejects with the reason of the signal', async () => {
    const clock = createScaledClock({ speed: 1 });
    const abort = new AbortController();
    const asleep = clock.sleep(1e12, abort.signal);
    abort.abort(new Error('enough'));
    await expect(asleep).rejects.toThrow('enough');
  });

  it('refuses a speed that stands still', () => {
    expect(() => createScaledClock({ speed: 0 })).toThrow(RangeError);
    expect(() => createScaledClock({ speed: Number.POSITIVE_INFINITY })).toThrow(RangeError);
  });
});
