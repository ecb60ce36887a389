import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type RunParts, runStory } from './run.ts';
import { drawStory } from './story.ts';
import { prepareRuns, runSeed } from './worker.ts';

const FIRST_SEED = 1;
const SEEDS = 12;
/** A seed with two brokers and several crashes. */
const SAME_SEED = 101;

let parts: RunParts;

beforeAll(async () => {
  parts = await prepareRuns();
});

describe('the simulation', () => {
  it('plays a seed the same way twice, here and in another process', async () => {
    const first = await runStory(drawStory(SAME_SEED), parts);
    await runStory(drawStory(SAME_SEED + 1), parts);
    const second = await runStory(drawStory(SAME_SEED), parts);
    expect(second.hash).toBe(first.hash);
    const program = path.join(import.meta.dirname, 'main.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--seed', String(SAME_SEED)]);
    expect(stdout).toContain(`trace ${first.hash}`);
  });

  it('plays other seeds differently', async () => {
    const [one, other] = [await runStory(drawStory(1), parts), await runStory(drawStory(2), parts)];
    expect(one.hash).not.toBe(other.hash);
  });
});

describe('a whole broker under crashes and faults', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index))(
    'keeps every promise: seed %i',
    async (seed) => {
      const { violation } = await runSeed(seed, parts, false);
      const words = violation === null ? '' : `${violation}; shrink it: npm run simulate -- --from ${seed} --seeds 1`;
      expect(words).toBe('');
    },
  );
});
