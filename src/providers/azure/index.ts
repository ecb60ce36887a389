import type { Provider, ProviderSettings } from '../provider.ts';
import { checkAccess } from './access.ts';
import { adviseCapacity } from './advice.ts';
import { createClients } from './clients.ts';
import type { AdapterContext } from './context.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { launch } from './launch.ts';
import { listLeftovers, removeLeftover } from './leftovers.ts';
import { NOTICE_RELAY_SCRIPT } from './notice-relay.ts';
import { listOffers } from './offers.ts';
import { listQuotas } from './quotas.ts';
import { readSettings } from './settings.ts';
import { throwawayPublicKey } from './throwaway-key.ts';

/**
 * The adapter for Azure: machines, sizes, usages and reservations through the official SDK, what it does not speak through its pipeline,
 * prices through the Retail Prices API. Throws an Error that names every wrong option.
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
      markets: ['on-demand', 'spot', 'reserved'],
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
    terminate: (ref, call) => terminate(context, ref, call),
    listLeftovers: (query, call) => listLeftovers(context, query, call),
    removeLeftover: (leftover, call) => removeLeftover(context, leftover, call),
    checkAccess: (call) => checkAccess(context, call),
    adviseCapacity: (query, call) => adviseCapacity(context, query, call),
    noticeRelay: { script: NOTICE_RELAY_SCRIPT },
    close: () => Promise.resolve(clients.close()),
  };
}
