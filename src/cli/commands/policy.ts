import type { Command } from 'commander';
import { pageSchema } from '../../api/resources/common.ts';
import { policyStateSchema } from '../../api/resources/policy.ts';
import { parsePolicies } from '../../config/load-policies.ts';
import { type CliOptions, contextOf } from '../command-context.ts';
import { renderPolicies, renderSources } from '../tables/policies.ts';
import { invalidFiles, readFiles } from '../workload-files.ts';
import { addPolicyAnalyses } from './analysis.ts';

const policyPageSchema = pageSchema(policyStateSchema, 'PolicyPage');

export function addPolicy(program: Command, cli: CliOptions): void {
  const policy = program
    .command('policy')
    .description('show the policies in force, check policy files, or see what rules cost');
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
    .command('list')
    .description('list the policies in force')
    .action(async (_options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const page = await client.get('v1/policies', policyPageSchema);
      print(page, () => renderPolicies(page.items, terminal.style));
    });
  policy
    .command('show')
    .description('show a policy in force, as the operator wrote it; without a name, all of them')
    .argument('[name]', 'name of the policy')
    .action(async (name: string | undefined, _options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      if (name === undefined) {
        const page = await client.get('v1/policies', policyPageSchema);
        print(page, () => renderSources(page.items, terminal.style));
        return;
      }
      const state = await client.get(`v1/policies/${encodeURIComponent(name)}`, policyStateSchema);
      print(state, () => renderSources([state], terminal.style));
    });
}
