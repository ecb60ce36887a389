import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type ConfigError, formatConfigError } from '../config/config-error.ts';
import { parseWorkloads, workloadKey } from '../config/workload.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { CliError, EXIT } from './cli-error.ts';

/** A file as the user named it. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** Reads files, every `*.yaml` of directories, and `-` for standard input. Throws CliError for what cannot be read. */
export async function readFiles(names: readonly string[], readInput: () => Promise<string>): Promise<TextFile[]> {
  const files = await Promise.all(names.map((name) => readOne(name, readInput)));
  return files.flat();
}

async function readOne(name: string, readInput: () => Promise<string>): Promise<TextFile[]> {
  if (name === '-') return [{ file: 'standard input', text: await readInput() }];
  try {
    if (!(await stat(name)).isDirectory()) return [{ file: name, text: await readFile(name, 'utf8') }];
    const entries = (await readdir(name)).filter((entry) => /\.ya?ml$/.test(entry)).toSorted();
    if (entries.length === 0) throw new CliError(EXIT.usage, `${name} holds no *.yaml file`);
    return await Promise.all(
      entries.map(async (entry) => {
        const file = path.join(name, entry);
        return { file, text: await readFile(file, 'utf8') };
      }),
    );
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(
      EXIT.usage,
      `${name} cannot be read`,
      'Name a YAML file, a directory of them, or - for standard input.',
    );
  }
}

/** The workloads of all files; every mistake of every file at once, before anything is sent. */
export async function readWorkloadFiles(
  names: readonly string[],
  readInput: () => Promise<string>,
): Promise<readonly WorkloadSpec[]> {
  const specs: WorkloadSpec[] = [];
  const errors: ConfigError[] = [];
  const fileOf = new Map<string, string>();
  for (const { file, text } of await readFiles(names, readInput)) {
    const parsed = parseWorkloads(file, text);
    if (!parsed.ok) {
      errors.push(...parsed.errors);
      continue;
    }
    for (const spec of parsed.value) {
      const earlier = fileOf.get(workloadKey(spec));
      if (earlier !== undefined) {
        const message = `workload ${spec.name} of team ${spec.team} stands in ${earlier} already`;
        errors.push({ file, line: 1, column: 1, path: '', message });
      }
      fileOf.set(workloadKey(spec), file);
      specs.push(spec);
    }
  }
  if (errors.length > 0) throw invalidFiles(errors, 'Nothing was sent.');
  return specs;
}

export function invalidFiles(errors: readonly ConfigError[], advice: string | null): CliError {
  return new CliError(EXIT.usage, errors.map(formatConfigError).join('\n'), advice);
}
