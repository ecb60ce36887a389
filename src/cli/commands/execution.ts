import { type Command, InvalidArgumentError, Option } from 'commander';
import { capacityBlockSchema, type PurchaseJson, purchaseSchema } from '../../api/resources/capacity-blocks.ts';
import { pageSchema } from '../../api/resources/common.ts';
import { type LeftoverJson, leftoverPageSchema, type SweepJson } from '../../api/resources/leftovers.ts';
import { PURCHASE_STATES } from '../../domain/capacity-purchase.ts';
import { type CliOptions, contextOf, countOption } from '../command-context.ts';
import { renderBlocks, renderLeftovers, renderPurchases } from '../tables/execution.ts';

const PURCHASES = 'v1/capacity-block-purchases';

export function addLeftovers(program: Command, cli: CliOptions): void {
  program
    .command('leftovers')
    .description('show what carries our owner tag in a cloud and no lease accounts for, and how each region was swept')
    .option('--provider <id>', 'only of this provider')
    .action(async ({ provider }: { readonly provider?: string }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const items: LeftoverJson[] = [];
      let sweeps: readonly SweepJson[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.get('v1/leftovers', leftoverPageSchema, { provider, cursor, limit: 500 });
        items.push(...page.items);
        sweeps = page.sweeps;
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      print({ items, sweeps }, () => renderLeftovers(items, sweeps, terminal.style));
    });
}

interface BlockOptions {
  readonly provider: string;
  readonly region: string;
  readonly instanceType: string;
  readonly machines: number;
  readonly hours: number;
  readonly startAfter?: string;
  readonly startBefore?: string;
}

interface RequestOptions extends BlockOptions {
  readonly maxPriceUsd: string;
  readonly note?: string;
}

export function addCapacityBlocks(program: Command, cli: CliOptions): void {
  const blocks = program
    .command('capacity-blocks')
    .description('capacity that a cloud sells in advance: list it, ask for it, approve the purchase');
  blockOptions(blocks.command('list').description('show what is for sale now')).action(
    async (given: BlockOptions, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const page = pageSchema(capacityBlockSchema, 'CapacityBlockPage');
      const { items } = await client.get('v1/capacity-blocks', page, filterOf(given));
      print({ items }, () => renderBlocks(items, terminal.style));
    },
  );
  blockOptions(blocks.command('request').description('ask for a block to be bought; buys nothing until approved'))
    .argument('<block>', 'id of the block, as "capacity-blocks list" shows it')
    .requiredOption('--max-price-usd <dollars>', 'the most it may cost, for all machines and the whole time')
    .option('--note <text>', 'what it is for')
    .action(async (blockId: string, given: RequestOptions, command: Command) => {
      const { maxPriceUsd, note } = given;
      const body = { ...filterOf(given), blockId, maxPriceUsd, ...(note === undefined ? {} : { note }) };
      await postAndShow(PURCHASES, body, command, cli);
    });
  decision(blocks, cli, 'approve', 'approve a purchase: the money is spent at once and cannot be got back');
  decision(blocks, cli, 'reject', 'reject a purchase, or take an approval back as long as nothing was sent');
  addSettle(blocks, cli);
  addStatus(blocks, cli);
}

function blockOptions(command: Command): Command {
  return command
    .requiredOption('--provider <id>', 'the cloud')
    .requiredOption('--region <name>', 'the region')
    .requiredOption('--instance-type <name>', 'the cloud’s name of the machine')
    .addOption(new Option('--machines <count>', 'how many machines').argParser(countOption).default(1))
    .addOption(
      new Option('--hours <count>', 'for how long, as the cloud sells it').argParser(countOption).makeOptionMandatory(),
    )
    .option('--start-after <time>', 'starts then or later, such as 2026-12-01T00:00:00Z', timeOption)
    .option('--start-before <time>', 'starts before', timeOption);
}

function timeOption(text: string): string {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('Write a time such as 2026-12-01T00:00:00Z.');
  return new Date(at).toISOString();
}

function filterOf({ provider, region, instanceType, machines, hours, startAfter, startBefore }: BlockOptions) {
  return {
    ...{ provider, region, instanceType, machineCount: machines, durationHours: hours },
    ...(startAfter === undefined ? {} : { startAfter }),
    ...(startBefore === undefined ? {} : { startBefore }),
  };
}

function decision(blocks: Command, cli: CliOptions, verb: 'approve' | 'reject', description: string): void {
  blocks
    .command(verb)
    .description(description)
    .argument('<purchase>', 'id of the purchase')
    .action(async (id: string, _options: object, command: Command) => {
      await postAndShow(`${PURCHASES}/${encodeURIComponent(id)}/${verb}`, {}, command, cli);
    });
}

function addSettle(blocks: Command, cli: CliOptions): void {
  blocks
    .command('settle')
    .description('say what became of a purchase that is unknown, after a look at the cloud’s own console')
    .argument('<purchase>', 'id of the purchase')
    .option('--reservation <id>', 'it was bought, as this reservation')
    .option('--nothing-bought', 'nothing was bought', false)
    .action(
      async (
        id: string,
        given: { readonly reservation?: string; readonly nothingBought: boolean },
        command: Command,
      ) => {
        const { reservation, nothingBought } = given;
        if ((reservation === undefined) !== nothingBought) {
          command.error('Say either --reservation <id> or --nothing-bought.', { exitCode: 2 });
        }
        const body = { reservationId: reservation ?? null };
        await postAndShow(`${PURCHASES}/${encodeURIComponent(id)}/settle`, body, command, cli);
      },
    );
}

function addStatus(blocks: Command, cli: CliOptions): void {
  blocks
    .command('status')
    .description('show what was asked for, and what became of it')
    .argument('[purchase]', 'only this one')
    .addOption(new Option('--state <state>', 'only in this state').choices([...PURCHASE_STATES]))
    .action(async (id: string | undefined, { state }: { readonly state?: string }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      if (id !== undefined) {
        const purchase = await client.get(`${PURCHASES}/${encodeURIComponent(id)}`, purchaseSchema);
        print(purchase, () => renderPurchases([purchase], terminal.style));
        return;
      }
      const page = pageSchema(purchaseSchema, 'CapacityBlockPurchasePage');
      const items = await client.list<typeof purchaseSchema>(PURCHASES, page, { state });
      print({ items }, () => renderPurchases(items, terminal.style));
    });
}

async function postAndShow(path: string, body: unknown, command: Command, cli: CliOptions): Promise<void> {
  const { client, print, terminal } = contextOf(command, cli);
  const purchase: PurchaseJson = await client.post(path, purchaseSchema, body);
  print(purchase, () => renderPurchases([purchase], terminal.style));
}
