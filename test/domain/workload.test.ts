import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches, matchesRegionPattern } from '../../src/domain/workload.ts';

/** The meaning of a glob, in one line of regular expression. */
function reference(pattern: string): RegExp {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('[^]*')}$`);
}

describe('globMatches', () => {
  it('agrees with a regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '*', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, letters, (glob, text) => {
        expect(globMatches(glob, text)).toBe(reference(glob).test(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('matches any text made by filling its stars', () => {
    const part = fc.string({ maxLength: 4 }).map((text) => text.replaceAll('*', 'x'));
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 5 }),
        fc.array(fc.string({ maxLength: 4 })),
        (parts, fillings) => {
          const text = parts
            .map((piece, index) => (index === 0 ? piece : (fillings[index - 1] ?? '') + piece))
            .join('');
          expect(globMatches(parts.join('*'), text)).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['*a*', 'bab', true],
    ['a*b*c', 'acb', false],
    ['**', 'anything', true],
    ['p5.48xlarge', 'p5x48xlarge', false],
  ])('%j on %j is %s', (pattern, text, expected) => {
    expect(globMatches(pattern, text)).toBe(expected);
  });

  it('does not blow up on a hostile pattern', () => {
    expect(globMatches(`${'a*'.repeat(2000)}b`, 'a'.repeat(20_000))).toBe(false);
  });
});

describe('matchesRegionPattern', () => {
  it('matches provider:region', () => {
    expect(matchesRegionPattern('aws:us-*', 'aws', 'us-east-1')).toBe(true);
    expect(matchesRegionPattern('aws:us-*', 'gcp', 'us-east1')).toBe(false);
    expect(matchesRegionPattern('azure:*us*', 'azure', 'eastus2')).toBe(true);
    expect(matchesRegionPattern('azure:*us*', 'azure', 'westeurope')).toBe(false);
    expect(matchesRegionPattern('*', 'gcp', 'us-central1')).toBe(true);
    expect(matchesRegionPattern('us-*', 'aws', 'us-east-1')).toBe(false);
  });
});
