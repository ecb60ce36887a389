import type { CapacityBlock } from '../domain/capacity-block.ts';
import type { PurchaseState } from '../domain/capacity-purchase.ts';
import { formatUsd } from '../domain/money.ts';
import {
  type CapacityBlockQuery,
  type Provider,
  ProviderError,
  type ProviderErrorKind,
} from '../providers/provider.ts';
import {
  listWorkablePurchases,
  movePurchase,
  noteAsked,
  type PurchaseMove,
  type PurchaseRow,
} from '../store/capacity-purchases.ts';
import { callProvider, MUTATION_LIMITS, READ_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';

/** A sending older than this was cut off: by then its call, which has a deadline of its own, cannot be under way any more. */
const CUT_OFF_MS = MUTATION_LIMITS.deadlineMs * 2;
/** How often the cloud is asked about a purchase that nobody can tell about. */
const ASK_AGAIN_MS = 60_000;

/**
 * Does what is to be done for approved purchases. Each is sent at most once: it becomes `sending` in a committed transaction that only
 * one process wins, and nothing leads back from there. Whatever then goes wrong, the cloud is only asked, by key.
 */
export async function workPurchases(context: BrokerContext): Promise<void> {
  for (const purchase of await listWorkablePurchases(context.store.database)) {
    const provider = context.providers.get(purchase.provider);
    if (provider === undefined) continue;
    try {
      await workPurchase(context, provider, purchase);
    } catch (error) {
      context.logger.warn({ purchase: purchase.id, error: String(error) }, 'A purchase could not be worked');
    }
  }
}

async function workPurchase(context: BrokerContext, provider: Provider, purchase: PurchaseRow): Promise<void> {
  const { state, sentAt, askedAt } = purchase;
  const now = context.clock.now();
  if (state === 'approved') return buy(context, provider, purchase);
  if (state === 'sending' && now - (sentAt ?? 0) >= CUT_OFF_MS) {
    await move(context, purchase, 'sending', 'unknown', { reason: 'The broker stopped before the cloud had answered' });
    return askForIt(context, provider, purchase);
  }
  if (state === 'unknown' && now - (askedAt ?? 0) >= ASK_AGAIN_MS) return askForIt(context, provider, purchase);
}

async function buy(context: BrokerContext, provider: Provider, purchase: PurchaseRow): Promise<void> {
  const { id } = purchase;
  const block = await asApproved(context, provider, purchase);
  if (typeof block === 'string') {
    await move(context, purchase, 'approved', 'refused', { reason: block });
    return;
  }
  const reason = `Sent for ${formatUsd(block.upfrontMicroUsd)} USD`;
  if ((await move(context, purchase, 'approved', 'sending', { reason })) === null) return;
  const order = { owner: context.settings.owner, idempotencyKey: id, block };
  let reservationId: string;
  try {
    reservationId = await callProvider(context, MUTATION_LIMITS, (call) => buyFrom(provider, order, call));
  } catch (error) {
    return afterError(context, provider, purchase, error);
  }
  const bought = { reason: `Bought as ${reservationId}`, reservationId };
  const moved = await move(context, purchase, 'sending', 'bought', bought);
  // Another process took this one for dead meanwhile.
  if (moved === null) await move(context, purchase, 'unknown', 'bought', bought);
}

async function buyFrom(
  provider: Provider,
  ...order: Parameters<NonNullable<Provider['buyCapacityBlock']>>
): Promise<string> {
  if (provider.buyCapacityBlock === undefined) throw soldNot(provider);
  return provider.buyCapacityBlock(...order);
}

const HOUR_MS = 3_600_000;

/** Kinds that the cloud answers with before it does anything. Not `unavailable`: a lost connection is told so too. */
const CERTAINLY_NOT: ReadonlySet<ProviderErrorKind> = new Set([
  'invalid-request',
  'unauthorized',
  'conflict',
  'rate-limited',
]);

/** Only what is certain not to have happened counts as not bought; anything else is asked for. */
async function afterError(
  context: BrokerContext,
  provider: Provider,
  purchase: PurchaseRow,
  error: unknown,
): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof ProviderError && !error.unknownCode && CERTAINLY_NOT.has(error.kind)) {
    await move(context, purchase, 'sending', 'not-bought', { reason });
    return;
  }
  await move(context, purchase, 'sending', 'unknown', {
    reason: `Nobody can tell yet whether it was bought: ${reason}`,
  });
  await askForIt(context, provider, purchase);
}

/** None shown proves nothing: it may show later. Only a reservation with our key does. */
async function askForIt(context: BrokerContext, provider: Provider, purchase: PurchaseRow): Promise<void> {
  const { id, block } = purchase;
  const find = provider.findCapacityBlockPurchase?.bind(provider);
  if (find === undefined) return;
  await noteAsked(context.store.database, id, context.clock.now());
  const reservationId = await callProvider(context, READ_LIMITS, (call) => find(block.region, id, call));
  if (reservationId === null) return;
  await move(context, purchase, 'unknown', 'bought', { reason: `Found as ${reservationId}`, reservationId });
}

/**
 * The block that was approved, as it is for sale now; otherwise why it is not, in words. An offering's id is good for minutes and an
 * approval takes hours: what counts is that the same machines are sold in the same place for the same time and money, under whatever id.
 * Throws where the cloud could not be asked.
 */
async function asApproved(
  context: BrokerContext,
  provider: Provider,
  purchase: PurchaseRow,
): Promise<CapacityBlock | string> {
  const { block, maxPriceMicroUsd } = purchase;
  const now = (await blocksForSale(context, provider, queryOf(purchase))).find((offered) => isSame(offered, block));
  if (now === undefined) return 'The cloud does not offer this block any more; look for another and ask again';
  const [then, today] = [formatUsd(block.upfrontMicroUsd), formatUsd(now.upfrontMicroUsd)];
  if (now.upfrontMicroUsd !== block.upfrontMicroUsd)
    return `Its price is now ${today} USD, and ${then} USD was approved`;
  if (now.upfrontMicroUsd > maxPriceMicroUsd)
    return `It costs ${today} USD, more than ${formatUsd(maxPriceMicroUsd)} USD`;
  return now;
}

function isSame(one: CapacityBlock, other: CapacityBlock): boolean {
  const keys = ['region', 'zone', 'instanceType', 'machineCount', 'startAt', 'endAt'] as const;
  return keys.every((key) => one[key] === other[key]);
}

function queryOf({ block, durationHours }: PurchaseRow): CapacityBlockQuery {
  const { region, instanceType, machineCount, startAt } = block;
  // A cloud proposes the first few that fit: without bounds a later block would not be among them.
  const bounds = { startAfter: startAt - HOUR_MS, startBefore: startAt + HOUR_MS };
  return { region, instanceType, machineCount, durationHours, ...bounds };
}

/** Throws ProviderError `invalid-request` where the provider sells none. */
export function blocksForSale(
  context: BrokerContext,
  provider: Provider,
  query: CapacityBlockQuery,
): Promise<readonly CapacityBlock[]> {
  const list = provider.listCapacityBlocks?.bind(provider);
  if (list === undefined) return Promise.reject(soldNot(provider));
  return callProvider(context, READ_LIMITS, (call) => list(query, call));
}

function soldNot(provider: Provider): ProviderError {
  const message = `${provider.id} sells no capacity blocks`;
  return new ProviderError({
    kind: 'invalid-request',
    provider: provider.id,
    operation: 'capacity blocks',
    code: '',
    message,
  });
}

function move(
  context: BrokerContext,
  purchase: Pick<PurchaseRow, 'id'>,
  from: PurchaseState,
  to: PurchaseState,
  how: Pick<PurchaseMove, 'reason' | 'reservationId'>,
): Promise<PurchaseRow | null> {
  const at = context.clock.now();
  return context.store.transaction((transaction) =>
    movePurchase(transaction, { id: purchase.id, from, to, at, ...how }),
  );
}

/** A person's word on a purchase. Null = it is in another state than the person thought; `getPurchase` tells which. */
export function decidePurchase(
  context: BrokerContext,
  purchase: PurchaseRow,
  to: PurchaseState,
  how: Pick<PurchaseMove, 'reason' | 'reservationId'>,
): Promise<PurchaseRow | null> {
  return move(context, purchase, purchase.state, to, how);
}
