import type { Command } from 'commander';
import { policyStateSchema } from '../../api/resources/policy.ts';
import { parsePolicies } from '../../config/load-policies.ts';
import { type CliOptions, contextOf } from '../command-context.ts';
import { invalidFiles, readFiles } from '../workload-files.ts';
import { addPolicyAnalyses } from './analysis.ts';

export function addPolicy(program: Command, cli: CliOptions): void {
  const policy = program
    .command('policy')
    .description('show the policy in force, check policy files, or see what rules cost');
  policy
    .command('check')
    .description('check policy files, together, without a broker')
    .requiredOption('-f, --file <files...>', 'policy files, directories of them, or - for standard input')
    .action(async (options: { file: string[] }, command: Command) => {
      const files = await readFiles(options.file, cli.readInput);
      const parsed = parsePolicies(files.map(({ file, text }) => ({ file, source: text })));
      if (!parsed.ok) throw invalidFiles(parsed.errors, null);
      const names = parsed.value.map(({ file, policy: { name } }) => ({ file, name }));
      contextOf(command, cli).print({ valid: true, policies: names }, () =>
        names.map(({ file, name }) => `${file}: policy ${name} is valid\n`).join(''),
      );
    });
  addPolicyAnalyses(policy, cli);
  policy
    .command('show')
    .description('show the policy in force, as the operator wrote it')
    .action(async (_options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const state = await client.get('v1/policy', policyStateSchema);
      print(state, () => {
        const rejected = state.rejected.map(
          (error) => `# ${terminal.style.bad('a newer file was refused')}: ${error}\n`,
        );
        return `# policy ${state.name}, version ${state.version}\n${rejected.join('')}${state.source}`;
      });
    });
}
