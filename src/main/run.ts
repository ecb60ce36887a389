import { text } from 'node:stream/consumers';
import { createProgram, runProgram } from '../cli/create-program.ts';
import { createTerminal } from '../cli/terminal.ts';
import { addServiceCommands } from './commands.ts';
import { replayRecord } from './replay-record.ts';
import { VERSION } from './version.ts';

/** Reads the command line, hands the process's parts to the commands, and sets the exit code. */
export async function run(): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('Asked to stop'));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const terminal = createTerminal(process.stdout, process.stderr, process.env);
  const program = createProgram({
    version: VERSION,
    terminal,
    environment: process.env,
    fetch,
    now: Date.now,
    replayRecord,
    readInput: () => text(process.stdin),
    signal: stopping.signal,
  });
  const report = { exitCode: 0 };
  addServiceCommands(program, { terminal, signal: stopping.signal, report });
  const exitCode = await runProgram(program, process.argv.slice(2), terminal);
  process.exitCode = exitCode === 0 ? report.exitCode : exitCode;
}
