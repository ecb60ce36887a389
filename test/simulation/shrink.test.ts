import { describe, expect, it } from 'vitest';
import { kindOf, shrink } from './shrink.ts';
import { drawStory } from './story.ts';
import { createTime } from './time.ts';

describe('shrinking a story', () => {
  const story = { ...drawStory(4), farewell: { point: 'write', nth: 1, downMs: 0 } as const };

  it('leaves only what it takes to go wrong', async () => {
    const [guilty, accomplice] = [story.acts[1]?.id, story.acts.at(-1)?.id];
    const smallest = await shrink(
      story,
      async ({ acts }) => acts.some(({ id }) => id === guilty) && acts.some(({ id }) => id === accomplice),
      500,
    );
    expect(smallest.acts.map(({ id }) => id)).toEqual([guilty, accomplice]);
    expect(smallest.farewell).toBeNull();
  });

  it('keeps the story that fails for no act in particular empty, and one that cannot be shrunk whole', async () => {
    expect((await shrink(story, async () => true, 500)).acts).toEqual([]);
    expect(await shrink(story, async (candidate) => candidate === story, 500)).toEqual(story);
  });

  it('tries no more often than told', async () => {
    let tries = 0;
    await shrink(
      story,
      async () => {
        tries += 1;
        return false;
      },
      7,
    );
    expect(tries).toBeLessThanOrEqual(8);
  });

  it('tells ways of going wrong apart by their words, not their figures', () => {
    expect(kindOf('a leaked machine: aws machine 3')).toBe(kindOf('a leaked machine: gcp machine 7'));
    expect(kindOf('a leaked machine: aws machine 3')).not.toBe(kindOf('half a gang: replica 1'));
  });
});

describe('drawing a story', () => {
  it('gives the same story for the same seed, in the order of time, within its length', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const story = drawStory(seed);
      expect(drawStory(seed)).toEqual(story);
      const times = story.acts.map(({ at }) => at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times.every((at) => at >= 0 && at < story.endMs)).toBe(true);
    }
  });
});

describe('simulated time', () => {
  it('wakes what is due in order, lets the seed decide among equals, and stands still while work is held', async () => {
    async function orderOf(seed: number): Promise<string> {
      const time = createTime(seed, 0);
      const woken: string[] = [];
      const sleepers = [...'abcdefgh'].map(async (name) => {
        await time.sleep(100);
        woken.push(name);
      });
      const late = time.sleep(200).then(() => woken.push(`!${time.now()}`));
      await time.runUntil(1_000);
      await Promise.all([...sleepers, late]);
      return woken.join('');
    }
    const orders = await Promise.all([1, 2, 3, 4].map(orderOf));
    expect(new Set(orders).size).toBeGreaterThan(1);
    expect(await orderOf(1)).toBe(orders[0]);
    expect(orders.every((order) => order.endsWith('!200'))).toBe(true);
  });

  it('does not move while something is held', async () => {
    const time = createTime(1, 0);
    let endedAt: number | null = null;
    time.after(10, () => {
      const work = new Promise<void>((resolve) => {
        setImmediate(() => setImmediate(() => setImmediate(resolve)));
      });
      void time.hold(work).then(() => {
        endedAt = time.now();
      });
    });
    time.after(11, () => {});
    await time.runUntil(1_000);
    expect(endedAt).toBe(10);
  });
});
