import type { PurchaseState } from '../domain/capacity-purchase.ts';
import { formatUsd } from '../domain/money.ts';
import { type CapacityBlockQuery, type Provider, ProviderError } from '../providers/provider.ts';
import { getPurchase, listPurchases, type PurchaseRow, requestPurchase } from '../store/capacity-purchases.ts';
import { listLeftovers, listSweeps } from '../store/leftovers.ts';
import { hearCallback } from './callbacks.ts';
import { blocksForSale, decidePurchase } from './capacity-blocks.ts';
import type { BrokerContext } from './context.ts';
import type { CapacityBlockFilter, ExecutionService, PurchaseRequest, PurchaseView } from './execution-service.ts';
import { ServiceError } from './service.ts';

export function createExecutionService(context: BrokerContext): ExecutionService {
  const { database } = context.store;

  async function purchaseOf(id: string): Promise<PurchaseRow> {
    const purchase = await getPurchase(database, id);
    if (purchase !== null) return purchase;
    const advice = 'list them with GET /v1/capacity-block-purchases';
    throw new ServiceError('purchase-not-found', `No purchase has the id "${id}"; ${advice}`);
  }

  /** A person's word; repeating it is no mistake. */
  async function decide(
    id: string,
    to: PurchaseState,
    from: readonly PurchaseState[],
    how: { readonly reason: string; readonly reservationId?: string },
  ): Promise<PurchaseView> {
    const purchase = await purchaseOf(id);
    if (purchase.state === to) return purchase;
    const moved = from.includes(purchase.state) ? await decidePurchase(context, purchase, to, how) : null;
    if (moved !== null) return moved;
    const { state } = await purchaseOf(id);
    throw new ServiceError(
      'purchase-conflict',
      `Purchase ${id} is ${state}; it can be ${to} only from ${from.join(', ')}`,
    );
  }

  return {
    listLeftovers: (provider, page) => listLeftovers(database, provider, page),
    listSweeps: async (provider) =>
      (await listSweeps(database)).filter((sweep) => provider === null || sweep.provider === provider),
    hearCallback: (attemptId, token, notice) => hearCallback(context, attemptId, token, notice),
    listCapacityBlocks: (filter) => forSale(context, filter),
    requestPurchase: (request) => writeRequest(context, request),
    listPurchases: (filter, page) => listPurchases(database, filter, page),
    getPurchase: purchaseOf,
    approvePurchase: (id) => decide(id, 'approved', ['awaiting-approval'], { reason: 'Approved' }),
    rejectPurchase: (id) => decide(id, 'rejected', ['awaiting-approval', 'approved'], { reason: 'Rejected' }),
    settlePurchase: (id, reservationId) =>
      reservationId === null
        ? decide(id, 'not-bought', ['unknown'], { reason: 'An operator looked: nothing was bought' })
        : decide(id, 'bought', ['unknown'], { reason: `An operator found it as ${reservationId}`, reservationId }),
  };
}

async function writeRequest(context: BrokerContext, request: PurchaseRequest): Promise<PurchaseView> {
  const { blockId, maxPriceMicroUsd, note, durationHours } = request;
  const block = (await forSale(context, request)).find(({ id }) => id === blockId);
  if (block === undefined) {
    const advice = 'offerings are good for minutes: list them again';
    throw new ServiceError('capacity-block-not-found', `"${blockId}" is not for sale; ${advice}`);
  }
  if (block.upfrontMicroUsd > maxPriceMicroUsd) {
    const [price, most] = [formatUsd(block.upfrontMicroUsd), formatUsd(maxPriceMicroUsd)];
    throw new ServiceError('purchase-conflict', `It costs ${price} USD, and maxPriceUsd allows ${most}`);
  }
  const purchase = { id: context.newId(), block, durationHours, maxPriceMicroUsd, note, at: context.clock.now() };
  return context.store.transaction((transaction) => requestPurchase(transaction, purchase));
}

async function forSale(context: BrokerContext, filter: CapacityBlockFilter) {
  const provider = sellerOf(context, filter.provider);
  const { region, instanceType, machineCount, durationHours, startAfter, startBefore } = filter;
  const regions = context.regions.get(filter.provider) ?? [];
  if (!regions.includes(region)) {
    throw new ServiceError(
      'capacity-block-not-found',
      `Region "${region}" is not configured; configured are ${regions.join(', ')}`,
    );
  }
  const query: CapacityBlockQuery = { region, instanceType, machineCount, durationHours, startAfter, startBefore };
  try {
    return await blocksForSale(context, provider, query);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const isOurs = error.kind === 'invalid-request';
    throw new ServiceError(isOurs ? 'capacity-block-not-found' : 'provider-unavailable', error.message);
  }
}

function sellerOf(context: BrokerContext, id: string): Provider {
  const provider = context.providers.get(id);
  if (provider === undefined) {
    const known = [...context.providers.keys()].join(', ');
    throw new ServiceError('provider-not-found', `Provider "${id}" is not configured; configured are ${known}`);
  }
  if (provider.listCapacityBlocks === undefined) {
    throw new ServiceError('capacity-block-not-found', `${id} sells no capacity blocks`);
  }
  return provider;
}
