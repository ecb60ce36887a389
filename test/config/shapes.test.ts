import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronMistake } from '../../src/config/cron-shape.ts';
import { jsonSchemaFiles } from '../../src/config/json-schemas.ts';
import { patternsOverlap } from '../../src/config/load-policies.ts';
import { editDistance, nearestOf } from '../../src/config/suggestion.ts';
import { globMatches } from '../../src/domain/workload.ts';

const SCHEMAS = path.resolve(import.meta.dirname, '../../config/schema');

describe('config/schema', () => {
  it('is current; "npm run schemas" makes it so', () => {
    const onDisk = new Map(readdirSync(SCHEMAS).map((name) => [name, readFileSync(path.join(SCHEMAS, name), 'utf8')]));
    expect(onDisk).toEqual(jsonSchemaFiles());
  });
});

describe('cronMistake', () => {
  it.each(['* * * * *', '0 */6 * * *', '5,35 8-18/2 1 jan-mar mon,FRI', '59 23 31 12 7'])('takes %s', (text) => {
    expect(cronMistake(text)).toBeNull();
  });

  it.each([
    '@daily',
    '* * * *',
    '60 * * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5/2 * * * *',
    '9-5 * * * *',
    'a * * * *',
    '1,,2 * * * *',
    '* * * * * *',
  ])('refuses %s', (text) => {
    expect(cronMistake(text)).not.toBeNull();
  });
});

describe('patternsOverlap', () => {
  const letters = fc.stringMatching(/^[ab*]{0,5}$/);
  const words = ['', 'a', 'b'].flatMap((x) => ['', 'a', 'b'].flatMap((y) => ['', 'a', 'b'].map((z) => x + y + z)));
  const texts = [...new Set(words.flatMap((x) => words.flatMap((y) => words.map((z) => x + y + z))))];

  it('agrees with trying every text', () => {
    fc.assert(
      fc.property(letters, letters, (a, b) => {
        const witness = texts.some((text) => globMatches(a, text) && globMatches(b, text));
        expect(patternsOverlap(a, b)).toBe(witness);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

describe('nearestOf', () => {
  it('finds slips of the keyboard, and no more', () => {
    expect(nearestOf('provdier', ['region', 'provider'])).toBe('provider');
    expect(nearestOf('AWS', ['aws', 'azure'])).toBe('aws');
    expect(nearestOf('elephant', ['aws', 'azure', 'gcp'])).toBeNull();
  });

  it('counts a swap of neighbours as one edit', () => {
    expect(editDistance('azrue', 'azure')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });
});
