import type { Provider, ProviderSettings } from '../provider.ts';
import { createClients } from './clients.ts';
import type { AdapterContext } from './context.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { launch } from './launch.ts';
import { listOffers } from './offers.ts';
import { listQuotas } from './quotas.ts';
import { readSettings } from './settings.ts';
import { throwawayPublicKey } from './throwaway-key.ts';

/**
 * The adapter for Azure: virtual machines, resource SKUs and usages through the official SDK, prices through the Retail
 * Prices API. Throws an Error that names every wrong option.
 */
export async function createProvider(settings: ProviderSettings): Promise<Provider> {
  const checked = readSettings(settings);
  const clients = await createClients(settings, checked);
  const context: AdapterContext = {
    clients,
    settings: checked,
    clock: settings.clock,
    sshPublicKey: checked.sshPublicKey ?? throwawayPublicKey(),
  };
  return {
    contract: 1,
    id: 'azure',
    capabilities: {
      markets: ['on-demand', 'spot'],
      // Scheduled Events announce a `Preempt` about 30 s ahead, inside the machine only.
      spotNoticeSeconds: 30,
      choosesZone: true,
      refusesAsynchronously: true,
      quotaScopes: ['region'],
    },
    listOffers: (query, call) => listOffers(context, query, call),
    listQuotas: (query, call) => listQuotas(context, query, call),
    launch: (request, call) => launch(context, request, call),
    getInstance: (ref, call) => getInstance(context, ref, call),
    listOwned: (query, call) => listOwned(context, query, call),
    // TODO(helper): real
    listLeftovers: () => Promise.resolve({ leftovers: [], regions: [] }),
    removeLeftover: () => Promise.resolve('gone'),
    checkAccess: () => Promise.resolve([]),
    terminate: (ref, call) => terminate(context, ref, call),
    close: () => Promise.resolve(clients.close()),
  };
}
