import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** Long enough for a busy machine; a mutant that runs for ever is stopped there and counts as an error of this list. */
const RUN_TIMEOUT_MS = 300_000;

const CONFIG = `import { defineConfig } from 'vitest/config';
export default defineConfig({
  cacheDir: './.cache',
  test: { include: ['test/**/*.test.ts'], setupFiles: ['test/support/property-seed.ts'], isolate: false, testTimeout: 60000 },
});
`;

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(
        z.object({ title: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

interface Verdict {
  readonly title: string;
  readonly status: string;
  readonly failure: string;
}

/** A copy of the planner and its tests, to break and to mend. */
class Copy {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<Copy> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'gpu-broker-mutants-')));
    for (const folder of ['src', 'test/planning', 'test/support']) {
      await cp(join(ROOT, folder), join(root, folder), { recursive: true });
    }
    await cp(join(ROOT, 'package.json'), join(root, 'package.json'));
    await symlink(await realpath(join(ROOT, 'node_modules')), join(root, 'node_modules'));
    await writeFile(join(root, 'vitest.config.ts'), CONFIG);
    return new Copy(root);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  /** Plants the mutant for as long as `run` takes. */
  async broken<T>({ file, from, to }: Mutant, run: () => Promise<T>): Promise<T> {
    const path = join(this.root, 'src/planning', file);
    const text = await readFile(path, 'utf8');
    // A function, so that no `$` in the text means anything.
    await writeFile(
      path,
      text.replace(from, () => to),
    );
    try {
      return await run();
    } finally {
      await writeFile(path, text);
    }
  }

  /** Runs test files of the copy, or only what has the title in them. */
  async run(files: readonly string[], title: string | null): Promise<readonly Verdict[]> {
    const report = join(this.root, 'report.json');
    await rm(report, { force: true });
    const only = title === null ? [] : ['--testNamePattern', title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)];
    const paths = files.map((file) => `test/planning/${file}`);
    const args = ['run', ...paths, ...only, '--maxWorkers=1', '--reporter=json', `--outputFile=${report}`];
    const output = await this.#vitest(args);
    const text = await readFile(report, 'utf8').catch(() => {
      throw new Error(`vitest wrote no report:\n${output}`);
    });
    const { testResults } = reportSchema.parse(JSON.parse(text));
    const loading = testResults.filter(({ assertionResults }) => assertionResults.length === 0);
    if (loading.length > 0) throw new Error(`a test file did not load:\n${loading[0]?.message}`);
    return testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ title: name, status, failureMessages }) => {
        return { title: name, status, failure: failureMessages?.[0] ?? '' };
      }),
    );
  }

  /** What it prints; whether it failed is in the report. */
  #vitest(args: readonly string[]): Promise<string> {
    const program = join(this.root, 'node_modules/vitest/vitest.mjs');
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [program, ...args],
        { cwd: this.root, timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
        (_, stdout, stderr) => resolve(`${stdout}${stderr}`),
      );
    });
  }
}

describe('the tests of the planner can fail', () => {
  let copy: Copy;
  beforeAll(async () => {
    copy = await Copy.make();
  });
  afterAll(() => copy.remove());

  it('the planner as it is passes every test that is to notice something', async () => {
    const verdicts = await copy.run([...new Set(MUTANTS.map(({ noticedBy: [file] }) => file))], null);
    expect(verdicts.filter(({ status }) => status !== 'passed')).toEqual([]);
    const titles = verdicts.map(({ title }) => title);
    expect(titles).toEqual(expect.arrayContaining(MUTANTS.map(({ noticedBy: [, title] }) => title)));
  });

  for (const mutant of MUTANTS) {
    it(`a planner that ${mutant.what} is noticed`, async () => {
      const [file, title] = mutant.noticedBy;
      const verdicts = await copy.broken(mutant, () => copy.run([file], title));
      const judged = verdicts.filter((verdict) => verdict.title === title);
      expect(judged.map(({ status }) => status)).toEqual(['failed']);
      // A machine too busy to end a test in time has noticed nothing.
      expect(judged[0]?.failure).not.toContain('Test timed out');
    });
  }
});
