import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLANTED } from './bugs.ts';

/** Preloaded with `--import`: what is loaded from then on has the bug that the environment names. */
const SOURCES = path.join(import.meta.dirname, '../../../src');
const name = process.env['PLANTED_BUG'] ?? '';
const bug = PLANTED.find((one) => one.name === name);
if (bug === undefined)
  throw new RangeError(`there is no planted bug "${name}"; there are ${PLANTED.map((one) => one.name).join(', ')}`);

const texts = new Map<string, string>();
for (const { file, from, to } of bug.edits) {
  const full = path.join(SOURCES, file);
  const text = texts.get(full) ?? readFileSync(full, 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`the bug "${name}" does not fit ${file} any more: its text is not there once`);
  // A function, so that no `$` in the text means anything.
  texts.set(
    full,
    text.replace(from, () => to),
  );
}

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const text = url.startsWith('file:') ? texts.get(fileURLToPath(url)) : undefined;
    return text === undefined ? loaded : { ...loaded, source: text };
  },
});
