import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatConfigError } from '../../src/config/config-error.ts';
import { loadPolicies, parsePolicies } from '../../src/config/load-policies.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

describe('several policies', () => {
  const governing = (name: string, teams: string) =>
    `apiVersion: gpu-broker/v1\nkind: Policy\nmetadata: { name: ${name} }\nspec: { appliesTo: { teams: [${teams}] } }\n`;

  it('may govern different teams', () => {
    const parsed = parsePolicies([
      { file: 'a.yaml', source: governing('a', 'research-*') },
      { file: 'b.yaml', source: governing('b', 'serving, "*-media"') },
    ]);
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([
      'b.yaml:4:39 spec.appliesTo.teams[1]: *-media is governed by policy "a" (a.yaml) already, through "research-*"',
    ]);
    const apart = parsePolicies([
      { file: 'a.yaml', source: governing('a', 'research-*') },
      { file: 'b.yaml', source: governing('b', 'serving, media') },
    ]);
    expect(apart.ok && apart.value.map(({ policy }) => policy.name)).toEqual(['a', 'b']);
  });

  it('need different names', () => {
    const parsed = parsePolicies([
      { file: 'a.yaml', source: governing('a', 'x') },
      { file: 'b.yaml', source: governing('a', 'y') },
    ]);
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([
      'b.yaml:3:19 metadata.name: a is the name of policy "a" (a.yaml) already',
    ]);
  });

  it('of a directory without any are an error', async () => {
    const parsed = await loadPolicies(path.join(ROOT, 'config/schema'));
    expect(parsed.ok ? [] : parsed.errors[0]?.message).toBe('no policy (*.yaml) in this directory');
    const missing = await loadPolicies(path.join(ROOT, 'config/nowhere'));
    expect(missing.ok ? [] : missing.errors[0]?.message).toBe('this directory of policies cannot be read');
  });

  it('as shipped are valid', async () => {
    const parsed = await loadPolicies(path.join(ROOT, 'config/policies'));
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([]);
    const source = readFileSync(path.join(ROOT, 'config/policies/default.yaml'), 'utf8');
    expect(parsed.ok && parsed.value.find(({ policy }) => policy.name === 'default')?.source).toBe(source);
  });
});
