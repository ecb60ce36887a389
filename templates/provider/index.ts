/** The adapter for Example. Copy this folder to `src/providers/<id>` and fill in what throws; docs/adding-a-provider.md is the guide. */
import type { Capabilities, Provider, ProviderSettings } from '../../src/providers/provider.ts';
import { createTransport } from '../../src/providers/rest-transport.ts';
import { createApi } from './http.ts';
import { readCredential, readOptions } from './settings.ts';

const PROVIDER_ID = 'example';
const BASE_URL = 'https://api.example.com';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand'],
  spotNoticeSeconds: null,
  choosesZone: false,
  refusesAsynchronously: false,
  quotaScopes: [],
};

/** Throws RangeError that names each option which is wrong. */
export async function createProvider(settings: ProviderSettings): Promise<Provider> {
  const options = readOptions(settings);
  const transport = createTransport(settings.endpoints['api'] ?? BASE_URL, settings.certificateAuthority);
  const api = createApi(transport, readCredential(settings));
  const adapter = { api, options, regions: settings.regions, clock: settings.clock };
  return {
    contract: 1,
    id: PROVIDER_ID,
    capabilities: CAPABILITIES,
    // offers.ts: every pool of every region asked, sold-out ones too; a region that fails is named.
    listOffers: (query) => notWritten('listOffers', adapter, query),
    // quotas.ts: limits and usage; null = the cloud does not tell. No quotas: [] and every region complete.
    listQuotas: (query) => notWritten('listQuotas', adapter, query),
    // launch.ts: written before it is sent is the broker's; sent once, found again by its key is ours.
    launch: (request) => notWritten('launch', adapter, request),
    // instances.ts
    getInstance: (ref) => notWritten('getInstance', adapter, ref),
    listOwned: (query) => notWritten('listOwned', adapter, query),
    terminate: (ref) => notWritten('terminate', adapter, ref),
    // leftovers.ts: a cloud whose machines take everything along has none: [] and every region complete.
    listLeftovers: (query) => notWritten('listLeftovers', adapter, query),
    removeLeftover: (leftover) => notWritten('removeLeftover', adapter, leftover),
    // access.ts, over permissions.ts
    checkAccess: () => notWritten('checkAccess', adapter),
    async close() {
      transport.close();
    },
  };
}

function notWritten(method: string, ..._given: readonly unknown[]): never {
  throw new Error(`example: ${method} is not written yet`);
}
