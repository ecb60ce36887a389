import type { Capabilities, Provider, ProviderSettings } from '../provider.ts';
import { readZoneCatalog } from './catalog.ts';
import { createClients } from './clients.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { launch } from './launch.ts';
import { listOffers } from './offers.ts';
import { readPriceList } from './prices.ts';
import { listQuotas } from './quotas.ts';
import { parseOptions } from './settings.ts';
import { sharedRead } from './shared-read.ts';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand', 'spot'],
  spotNoticeSeconds: 30,
  choosesZone: true,
  refusesAsynchronously: true,
  quotaScopes: ['region', 'global'],
};

/** The adapter for Google Cloud. Throws a ProviderError that names the option when the options are wrong. */
export async function createProvider(settings: ProviderSettings): Promise<Provider> {
  const options = parseOptions(settings);
  const { project } = options;
  const clients = createClients(settings, project);
  const closing = new AbortController();
  const sharing = {
    clock: settings.clock,
    maxAgeMs: options.catalogMaxAgeSeconds * 1000,
    closing: closing.signal,
  };
  const sources = {
    clients,
    project,
    prices: sharedRead(sharing, (call) => readPriceList(clients, settings.regions, call)),
    catalog: sharedRead(sharing, (call) => readZoneCatalog(clients, project, call)),
  };
  return {
    contract: 1,
    id: 'gcp',
    capabilities: CAPABILITIES,
    listOffers: (query, call) => listOffers(sources, query, call),
    listQuotas: (query, call) => listQuotas(clients, project, query, call),
    launch: (request, call) => launch(clients, options, request, call),
    getInstance: (ref, call) => getInstance(clients, project, ref, call),
    listOwned: (query, call) => listOwned(clients, project, query, call),
    // TODO(helper): real
    listLeftovers: () => Promise.resolve({ leftovers: [], regions: [] }),
    removeLeftover: () => Promise.resolve('gone'),
    checkAccess: () => Promise.resolve([]),
    terminate: (ref, call) => terminate(clients, project, ref, call),
    async close() {
      closing.abort(new Error('the provider is closed'));
      await clients.close();
    },
  };
}
