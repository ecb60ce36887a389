/** The adapter for Lambda's On-Demand Cloud (lambda.ai), over its REST API. docs/providers/lambda.md says how to set it up. */
import type { Capabilities, Provider, ProviderSettings } from '../provider.ts';
import { createTransport } from '../rest-transport.ts';
import { checkAccess } from './access.ts';
import { createApi } from './api.ts';
import { createTerminate, getInstance, listOwned } from './instances.ts';
import { launch } from './launch.ts';
import { createLine } from './line.ts';
import { listInstances } from './machines.ts';
import { PROVIDER_ID } from './names.ts';
import { listOffers, readCatalogue } from './offers.ts';
import { listQuotas } from './quotas.ts';
import { readCredential, readOptions } from './settings.ts';
import { createSharedRead } from './shared-read.ts';

const BASE_URL = 'https://cloud.lambda.ai';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand'],
  spotNoticeSeconds: null,
  choosesZone: false,
  refusesAsynchronously: false,
  quotaScopes: ['global'],
};

/** Throws RangeError that names each option which is wrong, or the environment variable which is not set. */
export async function createProvider(settings: ProviderSettings): Promise<Provider> {
  const { clock, regions, endpoints, certificateAuthority } = settings;
  const options = readOptions(settings);
  const credential = readCredential(settings);
  const transport = createTransport(endpoints['api'] ?? BASE_URL, certificateAuthority);
  const api = createApi(transport, credential, clock);
  const maxAgeMs = options.catalogMaxAgeSeconds * 1000;
  const catalogue = createSharedRead(clock, maxAgeMs, (call) => readCatalogue(api, call));
  const instances = createSharedRead(clock, maxAgeMs, (call) => listInstances(api, call));
  const launcher = { api, options, clock, line: createLine() };
  return {
    contract: 1,
    id: PROVIDER_ID,
    capabilities: CAPABILITIES,
    listOffers: (query, call) => listOffers(catalogue, query, call),
    listQuotas: (query, call) => listQuotas(instances, query, call),
    launch: (request, call) => launch(launcher, request, call),
    getInstance: (ref, call) => getInstance(api, ref, call),
    listOwned: (query, call) => listOwned(api, query, call),
    terminate: createTerminate(api, clock),
    // A machine takes its disk and address along, and a launch that fails leaves nothing.
    listLeftovers: async (query) => ({
      leftovers: [],
      regions: query.regions.map((region) => ({ region, complete: true, error: null })),
    }),
    removeLeftover: async () => 'gone',
    checkAccess: (call) => checkAccess(api, { options, regions, clock }, call),
    async close() {
      transport.close();
    },
  };
}
