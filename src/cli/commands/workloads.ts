import { type Command, Option } from 'commander';
import * as z from 'zod';
import { pageSchema } from '../../api/resources/common.ts';
import { explanationSchema } from '../../api/resources/explanation.ts';
import { fleetSchema } from '../../api/resources/fleet.ts';
import { planSchema } from '../../api/resources/plans.ts';
import { type WorkloadJson, workloadStateSchema } from '../../api/resources/workloads.ts';
import { workloadDocument } from '../../config/workload.ts';
import { type CliOptions, contextOf, countOption } from '../command-context.ts';
import { renderFleet, renderWorkloads } from '../tables/fleet.ts';
import { renderExplanation } from '../tables/market.ts';
import { renderPlan } from '../tables/plan.ts';
import { readWorkloadFiles } from '../workload-files.ts';

const FILE_OPTION = '-f, --file <files...>';
const FILE_MEANING = 'YAML files, directories of them, or - for standard input';

const appliedSchema = z.strictObject({ items: z.array(workloadStateSchema) });

export function addApply(program: Command, cli: CliOptions): void {
  program
    .command('apply')
    .description('create workloads, or change those of the same team and name')
    .requiredOption(FILE_OPTION, FILE_MEANING)
    .option('--dry-run', 'show the plan that would follow; store and launch nothing', false)
    .action(async (options: { file: string[]; dryRun: boolean }, command: Command) => {
      if (options.dryRun) return showPlan(options.file, command, cli);
      const { client, print, terminal } = contextOf(command, cli);
      const specs = await readWorkloadFiles(options.file, cli.readInput);
      const items: WorkloadJson[] = [];
      for (const spec of specs) {
        const applied = await client.post('v1/workloads', appliedSchema, workloadDocument(spec));
        items.push(...applied.items);
      }
      print({ items }, () => renderWorkloads(items, terminal.style));
    });
}

export function addPlan(program: Command, cli: CliOptions): void {
  program
    .command('plan')
    .description('show what would run where, and at what cost, without applying')
    .requiredOption(FILE_OPTION, FILE_MEANING)
    .action((options: { file: string[] }, command: Command) => showPlan(options.file, command, cli));
}

async function showPlan(files: readonly string[], command: Command, cli: CliOptions): Promise<void> {
  const { client, print, terminal } = contextOf(command, cli);
  const specs = await readWorkloadFiles(files, cli.readInput);
  const plan = await client.post('v1/plans', planSchema, { workloads: specs.map(workloadDocument) });
  print(plan, () => renderPlan(plan, terminal.style));
}

export function addStatus(program: Command, cli: CliOptions): void {
  program
    .command('status')
    .description('show what runs where and at what price, and how the rules stand')
    .action(async (_options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const fleet = await client.get('v1/fleet', fleetSchema);
      const page = pageSchema(workloadStateSchema, 'WorkloadPage');
      const all = await client.list<typeof workloadStateSchema>('v1/workloads', page);
      const workloads = all.filter(({ state }) => state !== 'deleted');
      print({ fleet, workloads }, () => renderFleet(fleet, workloads, terminal.style));
    });
}

export function addExplain(program: Command, cli: CliOptions): void {
  program
    .command('explain')
    .description('show why a workload runs where it runs, and why not elsewhere')
    .argument('<workload>', 'its id or name')
    .addOption(new Option('--limit <count>', 'alternatives to show').argParser(countOption).default(20))
    .action(async (workload: string, options: { limit: number }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const path = `v1/workloads/${encodeURIComponent(workload)}/explanation`;
      const explanation = await client.get(path, explanationSchema);
      print(explanation, () => renderExplanation(explanation, options.limit, terminal.style));
    });
}

export function addDelete(program: Command, cli: CliOptions): void {
  program
    .command('delete')
    .description('delete a workload and release its machines')
    .argument('<workload>', 'its id or name')
    .action(async (workload: string, _options: object, command: Command) => {
      const { client, print } = contextOf(command, cli);
      const deleted = await client.delete(`v1/workloads/${encodeURIComponent(workload)}`, workloadStateSchema);
      const count = deleted.leases.length;
      const machines = count === 1 ? '1 machine' : `${count} machines`;
      print(deleted, () => `${deleted.name} is ${deleted.state}; ${machines} to release\n`);
    });
}
