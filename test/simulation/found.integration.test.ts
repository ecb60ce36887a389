import { beforeAll, describe, expect, it } from 'vitest';
import { type RunParts, runStory } from './run.ts';
import type { Story } from './story.ts';
import { prepareRuns } from './worker.ts';

let parts: RunParts;

beforeAll(async () => {
  parts = await prepareRuns();
});

/** One workload of one machine, placed in peace and then deleted; changed as asked. */
function aStory(change: Partial<Story>): Story {
  return {
    ...{ seed: 1, brokers: 1, lagMs: 0, launchMs: 1_000, removesOrphans: false, policy: 'permissive', endMs: 15_000 },
    acts: [{ id: 'w0', at: 1_000, kind: 'apply', workload: 'w0', shape: 'single', replicas: 1, isProtected: false }],
    farewell: null,
    ...change,
  };
}

/** Bugs of the broker that simulations have found, as the smallest stories that showed them. */
describe('what simulations have found stays mended', () => {
  // A crash after the last lease had ended, and before its workload was told so, left the workload `deleting` for ever.
  it.each([26, 27, 28, 29])(
    'a workload is deleted although the broker dies at write %i of its deletion',
    async (nth) => {
      const result = await runStory(aStory({ farewell: { point: 'write', nth, downMs: 1_000 } }), parts);
      expect(result.violation).toBeNull();
      expect(result.counts['crashes at write']).toBe(1);
    },
  );
});
