import { type Command, Option } from 'commander';
import { pageSchema } from '../../api/resources/common.ts';
import { rebalanceLookSchema, rebalanceSchema } from '../../api/resources/rebalances.ts';
import { REBALANCE_STATES } from '../../domain/rebalance.ts';
import { type CliOptions, contextOf } from '../command-context.ts';
import { renderLook, renderRebalance, renderRebalances } from '../tables/rebalance.ts';

const REBALANCES = 'v1/rebalances';

export function addRebalance(program: Command, cli: CliOptions): void {
  const rebalance = program
    .command('rebalance')
    .description(
      'look now which running machines would better run elsewhere, and whether moving them pays; moves nothing',
    )
    .action(async (_options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const look = await client.post(REBALANCES, rebalanceLookSchema, { dryRun: true });
      print(look, () => renderLook(look, terminal.style));
    });
  rebalance
    .command('list')
    .description('show the rebalances that the broker proposed, newest first')
    .addOption(new Option('--state <state>', 'only in this state').choices([...REBALANCE_STATES]))
    .action(async ({ state }: { readonly state?: string }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const page = pageSchema(rebalanceSchema, 'RebalancePage');
      const items = await client.list<typeof rebalanceSchema>(REBALANCES, page, { state });
      print({ items }, () => renderRebalances(items, terminal.style));
    });
  rebalance
    .command('show')
    .description('show one rebalance: each move with its reason, the fleet before and after')
    .argument('<rebalance>', 'its id, as "rebalance list" shows it')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const shown = await client.get(`${REBALANCES}/${encodeURIComponent(id)}`, rebalanceSchema);
      print(shown, () => renderRebalance(shown, terminal.style));
    });
}
