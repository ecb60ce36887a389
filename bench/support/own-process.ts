import { execFile } from 'node:child_process';

/** The answer of a program to one question, both as JSON. In a process of its own, so that its memory and caches are nobody else's. */
export function inOwnProcess<Answer>(
  program: string,
  question: unknown,
  flags: readonly string[] = [],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const run = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...flags, program],
      { maxBuffer: 16 * 1024 * 1024 },
      (error, output) => {
        if (error === null) resolve(JSON.parse(output));
        else reject(error);
      },
    );
    run.stdin?.end(JSON.stringify(question));
  });
}
