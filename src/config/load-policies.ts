import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Policy } from '../domain/policy.ts';
import { type ConfigError, type ConfigResult, compareConfigErrors } from './config-error.ts';
import { parsePolicy } from './policy.ts';
import { parseOneYaml } from './yaml-source.ts';

export interface LoadedPolicy {
  readonly file: string;
  readonly policy: Policy;
  /** The YAML as the operator wrote it. */
  readonly source: string;
}

/**
 * Reads every `*.yaml` of a directory, in the order of their names. All files must be right, and no two may govern the
 * same team. A directory that cannot be read, or holds no policy, is an error as well.
 */
export async function loadPolicies(directory: string): Promise<ConfigResult<readonly LoadedPolicy[]>> {
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  } catch {
    return { ok: false, errors: [wholeFile(directory, 'this directory of policies cannot be read')] };
  }
  if (names.length === 0) return { ok: false, errors: [wholeFile(directory, 'no policy (*.yaml) in this directory')] };
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(directory, name);
      return { file, source: await readFile(file, 'utf8') };
    }),
  );
  return parsePolicies(files);
}

/** Reads policies that belong together. */
export function parsePolicies(
  files: readonly { readonly file: string; readonly source: string }[],
): ConfigResult<readonly LoadedPolicy[]> {
  const loaded: LoadedPolicy[] = [];
  const errors: ConfigError[] = [];
  for (const { file, source } of files) {
    const parsed = parsePolicy(file, source);
    if (parsed.ok) loaded.push({ file, policy: parsed.value, source });
    else errors.push(...parsed.errors);
  }
  errors.push(...conflictsBetween(loaded));
  return errors.length > 0 ? { ok: false, errors: errors.toSorted(compareConfigErrors) } : { ok: true, value: loaded };
}

/** One policy governs a fleet: two for one team, or two of one name, would contradict each other. */
function conflictsBetween(policies: readonly LoadedPolicy[]): ConfigError[] {
  return policies.flatMap((later, index) =>
    policies.slice(0, index).flatMap((earlier) => {
      const by = `policy "${earlier.policy.name}" (${earlier.file})`;
      const teams = later.policy.teams.flatMap((team, position) => {
        const rival = earlier.policy.teams.find((other) => patternsOverlap(team, other));
        if (rival === undefined) return [];
        const message = `${team} is governed by ${by} already, through "${rival}"`;
        return [at(later, ['spec', 'appliesTo', 'teams', position], message)];
      });
      if (later.policy.name !== earlier.policy.name) return teams;
      return [at(later, ['metadata', 'name'], `${later.policy.name} is the name of ${by} already`), ...teams];
    }),
  );
}

function at(policy: LoadedPolicy, issuePath: readonly PropertyKey[], message: string): ConfigError {
  const source = parseOneYaml(policy.file, policy.source);
  const [error] = source.ok ? source.value.locate([{ path: issuePath, at: 'value', message }]) : source.errors;
  return error ?? wholeFile(policy.file, message);
}

function wholeFile(file: string, message: string): ConfigError {
  return { file, line: 1, column: 1, path: '', message };
}

/** Whether some text matches both patterns, `*` being any run of characters. Time is the product of their lengths. */
export function patternsOverlap(a: string, b: string): boolean {
  /** Row i, column j: whether the rest of `a` from i overlaps the rest of `b` from j. */
  const rows: boolean[][] = Array.from({ length: a.length + 2 }, () => []);
  const overlaps = (i: number, j: number): boolean => rows[i]?.[j] ?? false;
  for (let i = a.length; i >= 0; i--) {
    for (let j = b.length; j >= 0; j--) {
      const row = rows[i] ?? [];
      if (a[i] === '*' || b[j] === '*') row[j] = overlaps(i + 1, j) || overlaps(i, j + 1);
      else row[j] = a[i] === b[j] && (a[i] === undefined || overlaps(i + 1, j + 1));
    }
  }
  return overlaps(0, 0);
}
