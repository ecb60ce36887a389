import { type Command, InvalidArgumentError, Option } from 'commander';
import { pageSchema } from '../../api/resources/common.ts';
import { offerSchema, priceHistorySchema, quarantinedPriceSchema } from '../../api/resources/offers.ts';
import { providerSchema } from '../../api/resources/providers.ts';
import { MARKETS } from '../../domain/pool.ts';
import { type CliOptions, contextOf, countOption } from '../command-context.ts';
import { renderProvider, renderProviders } from '../tables/market.ts';
import { renderHistory, renderOffers, renderQuarantine } from '../tables/offers.ts';

interface OfferOptions {
  readonly provider?: string;
  readonly region?: string;
  readonly accelerator?: string;
  readonly market?: string;
  readonly quarantined?: boolean;
  readonly limit: number;
}

export function addOffers(program: Command, cli: CliOptions): void {
  const offers = program
    .command('offers')
    .description('show what the clouds offer, cheapest per accelerator first')
    .option('--provider <id>', 'only of this provider')
    .option('--region <name>', 'only in this region')
    .option('--accelerator <name>', 'only with this accelerator, in any spelling')
    .addOption(new Option('--market <market>', 'only in this market').choices([...MARKETS]))
    .addOption(
      new Option('--quarantined', 'show the prices that are not ranked, and why').conflicts([
        'region',
        'accelerator',
        'market',
      ]),
    )
    .addOption(new Option('--limit <count>', 'offers to show').argParser(countOption).default(30))
    .action(async ({ limit, quarantined, ...filter }: OfferOptions, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const { provider, region, accelerator, market } = filter;
      if (quarantined === true) {
        const page = pageSchema(quarantinedPriceSchema, 'QuarantinedPricePage');
        const items = await client.list<typeof quarantinedPriceSchema>('v1/quarantined-prices', page, { provider });
        print({ items }, () => renderQuarantine(items, terminal.style));
        return;
      }
      const page = pageSchema(offerSchema, 'OfferPage');
      const query = { provider, region, accelerator, market };
      const items = await client.list<typeof offerSchema>('v1/offers', page, query);
      print({ items }, () => renderOffers(items, limit, terminal.style));
    });
  offers
    .command('history')
    .description('show how the price of a pool has changed')
    .argument('<pool>', 'its key, such as aws/us-east-1/us-east-1a/p5.48xlarge/spot')
    .addOption(new Option('--days <count>', 'days to look back').argParser(countOption).default(7))
    .addOption(new Option('--since <time>', 'instead of --days: from this time on').argParser(timeOption))
    .addOption(new Option('--changes <count>', 'changes to show').argParser(countOption).default(20))
    .action(async (pool: string, options: HistoryOptions, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const since = options.since ?? new Date(cli.now() - options.days * DAY_MS).toISOString();
      const history = await client.get('v1/offers/history', priceHistorySchema, { pool, since });
      print(history, () => renderHistory(history, options.changes, cli.now(), terminal.style));
    });
  offers
    .command('accept')
    .description('accept a price that is in quarantine: it is ranked from the next reading on')
    .argument('<pool>', 'its key, as "offers --quarantined" shows it')
    .action(async (pool: string, _options: object, command: Command) => {
      const { client, print } = contextOf(command, cli);
      const accepted = await client.post('v1/quarantined-prices/accept', quarantinedPriceSchema, { pool });
      print(accepted, () => `${accepted.pool.key} is ranked from the next reading on, which follows at once\n`);
    });
}

const DAY_MS = 86_400_000;

interface HistoryOptions {
  readonly days: number;
  readonly since?: string;
  readonly changes: number;
}

/** A time on the command line, as the API takes it. */
function timeOption(text: string): string {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError('Write a time such as 2026-11-01 or 2026-11-01T12:00:00Z.');
}

export function addProviders(program: Command, cli: CliOptions): void {
  program
    .command('providers')
    .description('show the clouds: health, quotas, what is sold out')
    .argument('[provider]', 'show this one in detail')
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      if (id !== undefined) {
        const provider = await client.get(`v1/providers/${encodeURIComponent(id)}`, providerSchema);
        print(provider, () => renderProvider(provider, terminal.style));
        return;
      }
      const { items } = await client.get('v1/providers', pageSchema(providerSchema, 'ProviderPage'));
      print({ items }, () => renderProviders(items, terminal.style));
    });
}
