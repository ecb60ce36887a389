import { loadSmallMarket } from './market.ts';
import { type RunParts, type RunResult, runStory } from './run.ts';
import { kindOf, shrink } from './shrink.ts';
import { openSharedStore } from './store.ts';
import { drawStory, type Story } from './story.ts';
import { tellFailure } from './tell.ts';

/** What a worker process reports of one seed. */
export interface SeedReport {
  readonly seed: number;
  readonly hash: string;
  readonly violation: string | null;
  readonly simulatedMs: number;
  readonly counts: Readonly<Record<string, number>>;
  /** The shrunk story in words; null where nothing went wrong, or shrinking was not asked for. */
  readonly story: string | null;
}

const SHRINK_TRIES = 40;

export async function prepareRuns(): Promise<RunParts> {
  const [shared, facts] = [await openSharedStore(), await loadSmallMarket()];
  return { shared, facts };
}

export async function runSeed(seed: number, parts: RunParts, shrinks: boolean): Promise<SeedReport> {
  const story = drawStory(seed);
  const result = await runStory(story, parts);
  const { hash, violation, simulatedMs, counts } = result;
  const told = violation === null || !shrinks ? null : await shrunkStory(story, result, parts);
  return { seed, hash, violation, simulatedMs, counts, story: told };
}

async function shrunkStory(story: Story, result: RunResult, parts: RunParts): Promise<string> {
  const kind = kindOf(result.violation ?? '');
  let last = result;
  const smallest = await shrink(
    story,
    async (candidate) => {
      const tried = await runStory(candidate, parts);
      const fails = tried.violation !== null && kindOf(tried.violation) === kind;
      if (fails) last = tried;
      return fails;
    },
    SHRINK_TRIES,
  );
  return tellFailure(smallest, last, story.acts.length);
}

/** As a child process: runs the seeds it is sent, one after the other, and reports each. */
async function serveParent(): Promise<void> {
  const parts = await prepareRuns();
  process.on('message', (message: { readonly seed: number; readonly shrinks: boolean }) => {
    void runSeed(message.seed, parts, message.shrinks).then(
      (report) => process.send?.({ report }),
      (error: unknown) =>
        process.send?.({ failure: `seed ${message.seed}: ${error instanceof Error ? error.stack : String(error)}` }),
    );
  });
  process.send?.({ ready: true });
}

if (process.argv.includes('--worker')) await serveParent();
