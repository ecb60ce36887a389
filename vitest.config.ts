import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait for whole processes: begun first, they share the time with all the others instead of coming last. */
const LONGEST = ['test/faults/', 'test/main/demo', 'test/broker/broker.', 'test/store/open-store'];

function rank({ moduleId }: TestSpecification): number {
  const index = LONGEST.findIndex((name) => moduleId.includes(name));
  return index < 0 ? LONGEST.length : index;
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

/**
 * Three projects by cost. `unit` is pure code and in-process parts (seconds, part of `npm run check`);
 * `integration` opens sockets, databases and processes, or tries hundreds of random cases; `long` is for `npm run test:long`.
 * A file chooses its project by its name: `*.test.ts`, `*.integration.test.ts`, `*.long.test.ts`.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          // Pure code keeps no state: one context for all files halves the time.
          isolate: false,
          setupFiles: ['test/support/property-seed.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts', 'test/**/*.long.test.ts'],
          // `npm run check` runs compilers beside these tests.
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          setupFiles: ['test/support/property-seed.ts'],
          include: ['test/**/*.integration.test.ts'],
          testTimeout: 120_000,
          // A machine that is busy takes its time to start databases and processes.
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        test: { name: 'long', include: ['test/**/*.long.test.ts'], testTimeout: 3_600_000, maxWorkers: 2 },
      },
    ],
  },
});
