import type { Capabilities, Provider, ProviderSettings } from '../provider.ts';
import { checkAccess } from './access.ts';
import { adviseCapacity } from './advice.ts';
import { readZoneCatalog } from './catalog.ts';
import { createClients } from './clients.ts';
import { readFamilyLimits } from './family-limits.ts';
import { countFamilyUsage } from './family-usage.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { pollInterruptions } from './interruptions.ts';
import { launch } from './launch.ts';
import { listLeftovers, removeLeftover } from './leftovers.ts';
import { listOffers } from './offers.ts';
import { readPriceList } from './prices.ts';
import { listQuotas, readProjectLimits } from './quotas.ts';
import { readReservations } from './reservations.ts';
import { parseOptions } from './settings.ts';
import { sharedRead } from './shared-read.ts';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand', 'spot', 'reserved'],
  spotNoticeSeconds: 30,
  choosesZone: true,
  refusesAsynchronously: true,
  quotaScopes: ['region', 'global'],
};

/** The broker reads region by region: what is asked of the project as a whole serves the regions that are read together. */
const USAGE_GOOD_FOR_MS = 2_000;

const RESOURCE_MANAGER = 'https://cloudresourcemanager.googleapis.com';

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
  // Usage that is older would miss machines which the broker no longer counts as in flight.
  const brief = { ...sharing, maxAgeMs: Math.min(sharing.maxAgeMs, USAGE_GOOD_FOR_MS) };
  const sources = {
    clients,
    project,
    prices: sharedRead(sharing, (call) => readPriceList(clients, settings.regions, call)),
    catalog: sharedRead(sharing, (call) => readZoneCatalog(clients, project, call)),
    reservations: sharedRead(sharing, (call) => readReservations(clients, project, call)),
    familyLimits: sharedRead(sharing, (call) => readFamilyLimits(clients, project, call)),
    projectLimits: sharedRead(brief, (call) => readProjectLimits(clients, project, call)),
    familyUsage: sharedRead(brief, (call) => countFamilyUsage(clients, project, call)),
    ...{ regions: settings.regions, clock: settings.clock },
  };
  const resourceManager = settings.endpoints['cloud-resource-manager'] ?? RESOURCE_MANAGER;
  return {
    contract: 1,
    id: 'gcp',
    capabilities: CAPABILITIES,
    listOffers: (query, call) => listOffers(sources, query, call),
    listQuotas: (query, call) => listQuotas(sources, query, call),
    launch: (request, call) => launch(clients, options, request, call),
    getInstance: (ref, call) => getInstance(clients, project, ref, call),
    listOwned: (query, call) => listOwned(clients, project, query, call),
    listLeftovers: (query, call) => listLeftovers(sources, query, call),
    removeLeftover: (leftover, call) => removeLeftover(sources, leftover, call),
    checkAccess: (call) => checkAccess({ clients, options, endpoint: resourceManager }, call),
    adviseCapacity: (query, call) => adviseCapacity(sources, query, call),
    pollInterruptions: (cursor, call) => pollInterruptions(sources, cursor, call),
    terminate: (ref, call) => terminate(sources, ref, call),
    async close() {
      closing.abort(new Error('the provider is closed'));
      await clients.close();
    },
  };
}
