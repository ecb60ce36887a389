import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';

const PLANNER = join(import.meta.dirname, '../../../src/planning');

it('every mutant finds the text that it breaks once in its file: where the planner changed, adapt the mutant', async () => {
  const wrong: string[] = [];
  for (const { what, file, from } of MUTANTS) {
    const text = await readFile(join(PLANNER, file), 'utf8');
    const found = text.split(from).length - 1;
    if (found !== 1) wrong.push(`${file} has this text ${found} times (a planner that ${what}): ${from}`);
  }
  expect(wrong).toEqual([]);
});
