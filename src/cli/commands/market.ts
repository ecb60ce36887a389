import { type Command, Option } from 'commander';
import { pageSchema } from '../../api/resources/common.ts';
import { offerSchema } from '../../api/resources/offers.ts';
import { providerSchema } from '../../api/resources/providers.ts';
import { MARKETS } from '../../domain/pool.ts';
import { type CliOptions, contextOf, countOption } from '../command-context.ts';
import { renderOffers, renderProvider, renderProviders } from '../tables/market.ts';

interface OfferOptions {
  readonly provider?: string;
  readonly region?: string;
  readonly accelerator?: string;
  readonly market?: string;
  readonly limit: number;
}

export function addOffers(program: Command, cli: CliOptions): void {
  program
    .command('offers')
    .description('show what the clouds offer, cheapest per accelerator first')
    .option('--provider <id>', 'only of this provider')
    .option('--region <name>', 'only in this region')
    .option('--accelerator <name>', 'only with this accelerator, in any spelling')
    .addOption(new Option('--market <market>', 'only in this market').choices([...MARKETS]))
    .addOption(new Option('--limit <count>', 'offers to show').argParser(countOption).default(30))
    .action(async ({ limit, ...filter }: OfferOptions, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const { provider, region, accelerator, market } = filter;
      const page = pageSchema(offerSchema, 'OfferPage');
      const query = { provider, region, accelerator, market };
      const items = await client.list<typeof offerSchema>('v1/offers', page, query);
      print({ items }, () => renderOffers(items, limit, terminal.style));
    });
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
