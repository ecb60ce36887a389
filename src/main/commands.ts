import { flushCompileCache } from 'node:module';
import path from 'node:path';
import type { Command } from 'commander';
import { CliError, EXIT } from '../cli/cli-error.ts';
import type { Terminal } from '../cli/terminal.ts';
import { SAMPLE_CONFIG } from './rig.ts';

export interface ServiceCommandOptions {
  readonly terminal: Terminal;
  /** Aborts when the person, or the service manager, asks to stop. */
  readonly signal: AbortSignal;
  /** Where a command leaves an exit code that is no error of the command line. */
  readonly report: { exitCode: number };
}

const SEED = 7;

/** The commands that start something: the parts behind them are loaded only when asked for, so that the client commands stay quick. */
export function addServiceCommands(program: Command, options: ServiceCommandOptions): void {
  addServe(program, options);
  addStart(program, options);
  addDemo(program, options);
  addClouds(program, options);
  addProvidersCheck(program, options);
}

/** Beside the client command `providers`: this one needs no broker, since it is for before there is one. */
function addProvidersCheck(program: Command, { terminal, signal, report }: ServiceCommandOptions): void {
  const providers = program.commands.find((command) => command.name() === 'providers') ?? program.command('providers');
  providers
    .command('check')
    .description('try every permission that the configured clouds need, with calls that change nothing')
    .option('--config <file>', 'settings of the broker', path.join(SAMPLE_CONFIG, 'broker.yaml'))
    .option('--clouds-file <file>', 'use emulated clouds that run already: what they wrote of themselves')
    .option('--seed <number>', 'seed of the emulated clouds', wholeNumber, SEED)
    .action(async (given: CheckFlags, command: Command) => {
      const { checkProviders } = await import('./providers-check.ts');
      const { ConfigProblem } = await import('./load-providers.ts');
      try {
        report.exitCode = await checkProviders({
          configFile: given.config,
          cloudsFile: given.cloudsFile ?? null,
          seed: given.seed,
          asJson: command.optsWithGlobals()['output'] === 'json',
          ...{ terminal, signal },
        });
      } catch (error) {
        if (error instanceof ConfigProblem)
          throw new CliError(EXIT.usage, `the configuration is wrong\n${error.message}`);
        throw error;
      }
    });
}

interface CheckFlags {
  readonly config: string;
  readonly cloudsFile?: string;
  readonly seed: number;
}

function addServe(program: Command, { terminal, signal }: ServiceCommandOptions): void {
  program
    .command('serve')
    .description('run the broker with its REST API, until stopped')
    .option('--config <file>', 'settings of the broker', path.join(SAMPLE_CONFIG, 'broker.yaml'))
    .option('--policies <directory>', 'policy files', path.join(SAMPLE_CONFIG, 'policies'))
    .option('--data <directory>', 'where the embedded store lives, instead of the config’s')
    .option('--port <number>', 'port of the API, instead of the config’s; 0 = any free one', wholeNumber)
    .option('--clouds-file <file>', 'use emulated clouds that run already: what they wrote of themselves')
    .option('--seed <number>', 'seed of the emulated clouds', wholeNumber, SEED)
    .option('--log-level <level>', 'trace, debug, info, warn or error', 'info')
    .option('--ready-line', 'print one line of JSON when ready, for programs', false)
    .action(async (given: ServeFlags) => {
      const { serve } = await import('./serve.ts');
      const { ConfigProblem } = await import('./load-providers.ts');
      const { StoreError } = await import('../store/errors.ts');
      try {
        const serving = await serve({
          configFile: given.config,
          policiesDirectory: given.policies,
          dataDirectory: given.data ?? null,
          port: given.port ?? null,
          cloudsFile: given.cloudsFile ?? null,
          seed: given.seed,
          logLevel: given.logLevel,
        });
        const { url, controlUrl } = serving;
        if (given.readyLine) terminal.write(`${JSON.stringify({ ready: true, url, controlUrl })}\n`);
        else terminal.write(`The broker listens on ${url}\n`);
        // Now and not at the end: a process that is killed leaves the cache behind for its successor.
        flushCompileCache();
        await aborted(signal);
        await serving.stop();
      } catch (error) {
        if (error instanceof ConfigProblem)
          throw new CliError(EXIT.usage, `the configuration is wrong\n${error.message}`);
        if (error instanceof StoreError) throw new CliError(EXIT.failed, error.message);
        throw error;
      }
    });
}

interface ServeFlags {
  readonly config: string;
  readonly policies: string;
  readonly data?: string;
  readonly port?: number;
  readonly cloudsFile?: string;
  readonly seed: number;
  readonly logLevel: string;
  readonly readyLine: boolean;
}

function addStart(program: Command, { terminal, signal }: ServiceCommandOptions): void {
  program
    .command('start')
    .description('emulated clouds, a broker and the sample workloads, until stopped: the demo’s set-up, to play with')
    .option('--port <number>', 'port of the API', wholeNumber, 8080)
    .option('--seed <number>', 'seed of the emulated clouds', wholeNumber, SEED)
    .action(async (given: { readonly port: number; readonly seed: number }) => {
      const { runStart } = await import('./start.ts');
      await runStart({ ...given, terminal, stopAsked: aborted(signal) });
    });
}

function addDemo(program: Command, { terminal, signal, report }: ServiceCommandOptions): void {
  program
    .command('demo')
    .description('the main job from end to end on emulated clouds, with a stock-out and a lost machine, in a minute')
    .option('--keep', 'leave it running at the end, until Ctrl-C', false)
    .option('--show-requests', 'print what the clouds were asked, and by which client', false)
    .option('--port <number>', 'port of the API; 0 = any free one', wholeNumber, 0)
    .option('--seed <number>', 'seed of the emulated clouds', wholeNumber, SEED)
    .action(async (given: DemoFlags) => {
      const { runDemo } = await import('./demo.ts');
      report.exitCode = await runDemo({ ...given, terminal, stopAsked: aborted(signal) });
    });
}

interface DemoFlags {
  readonly keep: boolean;
  readonly showRequests: boolean;
  readonly port: number;
  readonly seed: number;
}

function addClouds(program: Command, _options: ServiceCommandOptions): void {
  program
    .command('clouds')
    .description('run the emulated clouds as a process of their own, until stopped')
    .option('--seed <number>', 'seed of prices, capacity and faults', wholeNumber, SEED)
    .option('--speed <factor>', 'world seconds per real second', Number, 1)
    .option('--trace <file>', 'replay a recorded market from a .csv or .csv.gz file (docs/emulated-clouds.md)')
    .option('--trace-speed <factor>', 'recorded seconds per world second', Number, 1)
    .option('--no-rate-limits', 'without the API rate limits that the clouds document')
    .option('--ready-file <file>', 'write where they listen to this file instead of standard output')
    .option('--stop-with-parent', 'stop when standard input ends', false)
    .action(async (given: CloudsFlags) => {
      const { runCloudsProcess } = await import('../emulators/process.ts');
      const { TraceError } = await import('../emulators/world/load-trace.ts');
      await runCloudsProcess({
        seed: given.seed,
        speed: given.speed,
        stopWhenInputEnds: given.stopWithParent,
        rateLimits: given.rateLimits,
        traceSpeed: given.traceSpeed,
        ...(given.trace === undefined ? {} : { traceFile: given.trace }),
        ...(given.readyFile === undefined ? {} : { readyFile: given.readyFile }),
      }).catch((error: unknown) => {
        // A wrong trace, or a number that cannot be: what was asked for is wrong, not the program.
        if (error instanceof TraceError || error instanceof RangeError || isMissingFile(error, given.trace))
          throw new CliError(EXIT.usage, error.message);
        throw error;
      });
    });
}

interface CloudsFlags {
  readonly seed: number;
  readonly speed: number;
  readonly trace?: string;
  readonly traceSpeed: number;
  readonly rateLimits: boolean;
  readonly readyFile?: string;
  readonly stopWithParent: boolean;
}

/** Whether the error is of reading this file. */
function isMissingFile(error: unknown, file: string | undefined): error is Error {
  return error instanceof Error && 'path' in error && error.path === file && file !== undefined;
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CliError(EXIT.usage, `"${text}" is not a whole number`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
