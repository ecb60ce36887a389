import { beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS } from './market.ts';
import { type RunParts, runStory } from './run.ts';
import type { Act, Story } from './story.ts';
import { prepareRuns } from './worker.ts';

let parts: RunParts;

beforeAll(async () => {
  parts = await prepareRuns();
});

const WORKLOAD = {
  id: 'w0',
  at: 1_000,
  kind: 'apply',
  workload: 'w0',
  shape: 'single',
  replicas: 1,
  isProtected: false,
} as const;

/** One workload of one machine, placed in peace and then deleted; changed as asked. */
function aStory(change: Partial<Story>): Story {
  return {
    ...{ seed: 1, brokers: 1, lagMs: 0, launchMs: 1_000, removesOrphans: false, policy: 'permissive', endMs: 15_000 },
    acts: [WORKLOAD],
    farewell: null,
    ...change,
  };
}

const SLOW_LAUNCHES: readonly Act[] = CLOUDS.map((cloud) => ({
  id: `slow ${cloud}`,
  at: 500,
  kind: 'calls',
  cloud,
  operation: 'launch',
  fault: 'slow-reply',
  share: 1,
  forMs: 40_000,
}));

/** Bugs of the broker that simulations have found, as the smallest stories that showed them. */
describe('what simulations have found stays mended', () => {
  // A crash after the last lease had ended, and before its workload was told so, left the workload `deleting` for ever.
  it.each([25, 26, 27, 28, 29])('a workload is deleted although the broker dies at write %i of it', async (nth) => {
    const result = await runStory(aStory({ farewell: { point: 'write', nth, downMs: 1_000 } }), parts);
    expect(result.violation).toBeNull();
    expect(result.counts['crashes at write']).toBe(1);
  });

  // The promise that keeps a lock is waited for only after the step: its rejection ended the process.
  it('a broker lives on when statements fail while a slow launch is under way', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    const failing: Act = { id: 'store', at: 3_000, kind: 'store', share: 0.4, forMs: 30_000 };
    const acts = [{ ...WORKLOAD, replicas: 4 }, ...SLOW_LAUNCHES, failing];
    const result = await runStory(aStory({ endMs: 60_000, acts }), { ...parts, keepsLines: true });
    process.off('unhandledRejection', hear);
    expect(result.lines.some((line) => line.includes('A lease lock could not be kept'))).toBe(true);
    expect(unheard).toEqual([]);
    expect(result.violation).toBeNull();
  });
});
