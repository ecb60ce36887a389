import { defineConfig } from 'vitest/config';

/**
 * Three projects by cost. `unit` is pure code and in-process parts (seconds, part of `npm run check`);
 * `integration` opens sockets, databases and processes; `long` is for `npm run test:long`.
 * A file chooses its project by its name: `*.test.ts`, `*.integration.test.ts`, `*.long.test.ts`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // Pure code keeps no state: one context for all files halves the time.
          isolate: false,
          setupFiles: ['test/support/property-seed.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.integration.test.ts', 'test/**/*.long.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          setupFiles: ['test/support/property-seed.ts'],
          include: ['test/**/*.integration.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: { name: 'long', include: ['test/**/*.long.test.ts'], testTimeout: 3_600_000, maxWorkers: 2 },
      },
    ],
  },
});
