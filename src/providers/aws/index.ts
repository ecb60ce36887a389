/** The adapter for AWS, over the official SDK clients of EC2, the price list, Service Quotas and SQS. */
import type { Capabilities, Provider, ProviderSettings } from '../provider.ts';
import { checkAccess } from './access.ts';
import { adviseCapacity } from './advice.ts';
import { buyCapacityBlock, findCapacityBlockPurchase, listCapacityBlocks } from './capacity-blocks.ts';
import { createClients } from './clients.ts';
import { PROVIDER_ID } from './errors.ts';
import { getInstance, listOwned, terminate } from './instances.ts';
import { pollInterruptions } from './interruptions.ts';
import { launch } from './launch.ts';
import { listLeftovers, removeLeftover } from './leftovers.ts';
import { listOffers } from './offers.ts';
import { listQuotas } from './quotas.ts';
import type { AwsOptions } from './settings.ts';
import { readOptions } from './settings.ts';

const CAPABILITIES: Capabilities = {
  markets: ['on-demand', 'spot', 'reserved'],
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
  const context = { clients, regions, options, clock };
  const queues = interruptionQueues(settings, options);
  return {
    contract: 1,
    id: PROVIDER_ID,
    capabilities: CAPABILITIES,
    listOffers: (query, call) => listOffers(clients, regions, clock, query, call),
    listQuotas: (query, call) => listQuotas(clients, regions, options.instancesPerPage, query, call),
    launch: (request, call) => launch(clients, regions, options, request, call),
    getInstance: (ref, call) => getInstance(clients, ref, call),
    listOwned: (query, call) => listOwned(clients, regions, options.instancesPerPage, query, call),
    terminate: (ref, call) => terminate(clients, ref, call),
    listLeftovers: (query, call) => listLeftovers(context, query, call),
    removeLeftover: (leftover, call) => removeLeftover(context, leftover, call),
    checkAccess: (call) => checkAccess(context, queues, call),
    adviseCapacity: (query, call) => adviseCapacity(context, query, call),
    pollInterruptions: (cursor, call) => pollInterruptions(context, queues, cursor, call),
    listCapacityBlocks: (query, call) => listCapacityBlocks(context, query, call),
    buyCapacityBlock: (purchase, call) => buyCapacityBlock(context, purchase, call),
    findCapacityBlockPurchase: (region, key, call) => findCapacityBlockPurchase(context, region, key, call),
    close: () => Promise.resolve(clients.close()),
  };
}

/** The emulated account has a queue in every region: it needs no configuration. */
function interruptionQueues(settings: ProviderSettings, options: AwsOptions): Readonly<Record<string, string>> {
  const endpoint = settings.endpoints['sqs'];
  if (settings.credentials !== 'emulated' || endpoint === undefined) return options.interruptionQueues;
  const url = `${endpoint}/000000000000/gpu-broker-interruptions`;
  return { ...Object.fromEntries(settings.regions.map((region) => [region, url])), ...options.interruptionQueues };
}
