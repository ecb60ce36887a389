import { describe, expect, it } from 'vitest';
import { PLANTED } from './bugs.ts';
import { findPlanted } from './find.ts';

const MOST_SEEDS = 200;

describe('the simulation can fail', () => {
  it.each(PLANTED)('a broker with the bug "$name" breaks a promise', async (bug) => {
    const finding = await findPlanted(bug, { most: MOST_SEEDS, workers: 2 });
    expect(finding?.violation ?? null).not.toBeNull();
  });
});
