/** The adapter for AWS, over the official SDK clients of EC2, the price list and Service Quotas. */
import type { Capabilities, Provider, ProviderSettings } from '../provider.ts';
import { createClients } from './clients.ts';
import { PROVIDER_ID } from './errors.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { launch } from './launch.ts';
import { listOffers } from './offers.ts';
import { listQuotas } from './quotas.ts';
import { readOptions } from './settings.ts';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand', 'spot'],
  // The spot interruption notice (EC2 documentation, 2026).
  spotNoticeSeconds: 120,
  choosesZone: true,
  refusesAsynchronously: false,
  quotaScopes: ['region'],
};

/** Throws RangeError that names each option which is wrong. */
export function createProvider(settings: ProviderSettings): Promise<Provider> {
  return Promise.resolve().then(() => assemble(settings));
}

function assemble(settings: ProviderSettings): Provider {
  const options = readOptions(settings.options);
  const clients = createClients(settings);
  const { regions, clock } = settings;
  return {
    contract: 1,
    id: PROVIDER_ID,
    capabilities: CAPABILITIES,
    listOffers: (query, call) => listOffers(clients, regions, clock, query, call),
    listQuotas: (query, call) => listQuotas(clients, regions, options.instancesPerPage, query, call),
    launch: (request, call) => launch(clients, regions, options, request, call),
    getInstance: (ref, call) => getInstance(clients, ref, call),
    listOwned: (query, call) => listOwned(clients, regions, options.instancesPerPage, query, call),
    // TODO(helper): real
    listLeftovers: () => Promise.resolve({ leftovers: [], regions: [] }),
    removeLeftover: () => Promise.resolve('gone'),
    checkAccess: () => Promise.resolve([]),
    terminate: (ref, call) => terminate(clients, ref, call),
    close: () => Promise.resolve(clients.close()),
  };
}
