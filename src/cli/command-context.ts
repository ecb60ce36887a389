import { type Command, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import type { Replay } from '../domain/plan-analysis.ts';
import { ApiClient, type Fetch } from './api-client.ts';
import type { Terminal } from './terminal.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** What the program is given from outside: nothing in the CLI reaches for the process itself. */
export interface CliOptions {
  readonly version: string;
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: Fetch;
  /** Epoch milliseconds. */
  now(): number;
  /** Everything on standard input, for `-f -`. */
  readInput(): Promise<string>;
  /** Makes the plan of a record (JSON, checked) again, without a broker. Throws an Error where it cannot be planned. */
  replayRecord(text: string): Promise<Replay>;
  /** Ends what goes on until told otherwise (`events --follow`). */
  readonly signal: AbortSignal;
}

/** What a command works with: the API, the terminal, and how to print. */
export interface CommandContext {
  readonly client: ApiClient;
  readonly terminal: Terminal;
  readonly cli: CliOptions;
  readonly isJson: boolean;
  /** The JSON as it came, or the text made of it. */
  print(json: unknown, text: () => string): void;
}

const globalOptions = z.object({ url: z.string(), output: z.enum(['table', 'json']) });

/** The context of a command, from the options of the whole program. */
export function contextOf(command: Command, cli: CliOptions): CommandContext {
  const { url, output } = globalOptions.parse(command.optsWithGlobals());
  const isJson = output === 'json';
  return {
    client: new ApiClient(url, cli.fetch),
    terminal: cli.terminal,
    cli,
    isJson,
    print: (json, text) => cli.terminal.write(isJson ? `${JSON.stringify(json, null, 2)}\n` : text()),
  };
}

/** A count on the command line. */
export function countOption(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 1_000_000) return count;
  throw new InvalidArgumentError('Write a whole number of 1 or more.');
}
