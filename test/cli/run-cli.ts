import { createProgram, runProgram } from '../../src/cli/create-program.ts';
import { PLAIN, type Terminal } from '../../src/cli/terminal.ts';
import { replayRecord } from '../../src/main/replay-record.ts';

/** What a command line printed and returned. */
export interface CliRun {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
}

interface CliRunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with everything printed so far, whenever something is printed. */
  onWrite?(out: string): void;
}

/** Runs a command line as the shell would, on a terminal without colours. */
export async function runCli(args: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  let out = '';
  let errors = '';
  const terminal: Terminal = {
    write: (text) => {
      out += text;
      options.onWrite?.(out);
    },
    writeError: (text) => {
      errors += text;
    },
    style: PLAIN,
  };
  const program = createProgram({
    version: '1.2.3',
    terminal,
    environment: options.environment ?? {},
    fetch,
    now: () => Date.UTC(2026, 10, 1),
    replayRecord,
    readInput: async () => options.input ?? '',
    signal: options.signal ?? new AbortController().signal,
  });
  const exitCode = await runProgram(program, args, terminal);
  return { exitCode, out, errors };
}
