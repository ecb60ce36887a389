import { runSeeds } from '../pool.ts';
import type { PlantedBug } from './bugs.ts';

export interface Finding {
  readonly seed: number;
  readonly tried: number;
  readonly violation: string;
}

/** Simulates the broker with the bug until a promise is broken; null = not within so many seeds. */
export async function findPlanted(
  bug: PlantedBug,
  { most, workers }: { readonly most: number; readonly workers: number },
): Promise<Finding | null> {
  let tried = 0;
  let finding: Finding | null = null;
  await runSeeds({
    seeds: Array.from({ length: most }, (_, index) => index + 1),
    workers: Math.max(1, workers),
    shrinks: false,
    planted: bug.name,
    onReport: ({ seed, violation }) => {
      tried += 1;
      if (violation !== null) finding ??= { seed, tried, violation };
      return violation !== null;
    },
  });
  return finding;
}
