import { Command, CommanderError, Option } from 'commander';
import { CliError, EXIT } from './cli-error.ts';
import { type CliOptions, DEFAULT_URL } from './command-context.ts';
import { addReplay, addRisk } from './commands/analysis.ts';
import { addEvents } from './commands/events.ts';
import { addCapacityBlocks, addLeftovers } from './commands/execution.ts';
import { addOffers, addProviders } from './commands/market.ts';
import { addPolicy } from './commands/policy.ts';
import { addRebalance } from './commands/rebalance.ts';
import { addApply, addDelete, addExplain, addPlan, addStatus } from './commands/workloads.ts';
import type { Terminal } from './terminal.ts';

/** The client commands. What else the program can do (`start`, `demo` …) is added by the caller with `.command()`. */
export function createProgram(cli: CliOptions): Command {
  const { terminal, environment, version } = cli;
  const program = new Command('gpu-broker')
    .description('keeps GPU workloads placed across clouds at the least cost that the diversification rules allow')
    .version(version)
    .option(
      '--url <url>',
      'where the broker listens, instead of GPU_BROKER_URL',
      environment['GPU_BROKER_URL'] || DEFAULT_URL,
    )
    .addOption(new Option('--output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.writeError(text),
    })
    .showHelpAfterError('("gpu-broker --help" lists the commands and options)');
  addStatus(program, cli);
  addApply(program, cli);
  addPlan(program, cli);
  addExplain(program, cli);
  addRisk(program, cli);
  addReplay(program, cli);
  addRebalance(program, cli);
  addDelete(program, cli);
  addOffers(program, cli);
  addProviders(program, cli);
  addLeftovers(program, cli);
  addCapacityBlocks(program, cli);
  addEvents(program, cli);
  addPolicy(program, cli);
  return program;
}

/**
 * Runs a command line (without node and script) and returns the exit code. Failures that people can act on are printed;
 * anything else is thrown on: it is a bug, and its trace helps.
 */
export async function runProgram(program: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    terminal.writeError(`${terminal.style.bad('error:')} ${error.message}\n`);
    if (error.advice !== null) terminal.writeError(`${error.advice}\n`);
    return error.exitCode;
  }
}
