import * as z from 'zod';
import { microUsdOf } from '../../config/fields.ts';
import { PURCHASE_STATES } from '../../domain/capacity-purchase.ts';
import { defineOperation, type Operation } from '../operation.ts';
import {
  blockFilter,
  blockTimes,
  capacityBlockJson,
  capacityBlockSchema,
  purchaseJson,
  purchaseRequestSchema,
  purchaseSchema,
  settlementSchema,
} from '../resources/capacity-blocks.ts';
import { pageJson, pageOf, pageQuery, pageSchema } from '../resources/common.ts';
import { readBody } from './execution.ts';

const tag = 'Capacity blocks';
const params = { id: 'Id of the purchase' };
const ofOne = { description: 'The purchase', schema: purchaseSchema };

function times(query: { startAfter?: string | undefined; startBefore?: string | undefined }) {
  const { startAfter, startBefore } = query;
  return {
    startAfter: startAfter === undefined ? null : Date.parse(startAfter),
    startBefore: startBefore === undefined ? null : Date.parse(startBefore),
  };
}

const listBlocks = defineOperation({
  method: 'get',
  path: '/v1/capacity-blocks',
  id: 'listCapacityBlocks',
  tag,
  summary: 'List capacity that a cloud sells in advance: machines for a span of time, paid at once',
  query: { ...blockFilter, ...blockTimes },
  reply: { description: 'What is for sale now', schema: pageSchema(capacityBlockSchema, 'CapacityBlockPage') },
  problems: ['provider-not-found', 'capacity-block-not-found', 'provider-unavailable'],
  async handle({ service }, query) {
    const { provider, region, instanceType, machineCount, durationHours } = query;
    const filter = { provider, region, instanceType, machineCount, durationHours, ...times(query) };
    return { items: (await service.listCapacityBlocks(filter)).map(capacityBlockJson), next: null };
  },
});

const requestPurchase = defineOperation({
  method: 'post',
  path: '/v1/capacity-block-purchases',
  id: 'requestCapacityBlockPurchase',
  tag,
  summary: 'Ask for a capacity block to be bought: a person must approve it',
  description: 'Buys nothing. The same block again is the same request, while that is open.',
  body: {
    description: 'Which block, and the most it may cost',
    content: { 'application/json': purchaseRequestSchema },
  },
  reply: ofOne,
  problems: ['provider-not-found', 'capacity-block-not-found', 'purchase-conflict', 'provider-unavailable'],
  async handle({ service, request }) {
    const { provider, region, instanceType, machineCount, durationHours, blockId, maxPriceUsd, note, ...rest } =
      readBody(request, purchaseRequestSchema);
    const filter = { provider, region, instanceType, machineCount, durationHours, ...times(rest) };
    const price = { maxPriceMicroUsd: microUsdOf(maxPriceUsd), note: note ?? null };
    return purchaseJson(await service.requestPurchase({ ...filter, blockId, ...price }));
  },
});

const listPurchases = defineOperation({
  method: 'get',
  path: '/v1/capacity-block-purchases',
  id: 'listCapacityBlockPurchases',
  tag,
  summary: 'List purchases of capacity blocks, oldest first',
  query: { state: z.enum(PURCHASE_STATES).optional(), ...pageQuery },
  reply: { description: 'One page of purchases', schema: pageSchema(purchaseSchema, 'CapacityBlockPurchasePage') },
  async handle({ service }, query) {
    return pageJson(await service.listPurchases({ state: query.state ?? null }, pageOf(query)), purchaseJson);
  },
});

const getPurchase = defineOperation({
  method: 'get',
  path: '/v1/capacity-block-purchases/{id}',
  id: 'getCapacityBlockPurchase',
  tag,
  summary: 'Read one purchase',
  params,
  reply: ofOne,
  problems: ['purchase-not-found'],
  async handle({ service, param }) {
    return purchaseJson(await service.getPurchase(param('id')));
  },
});

const approve = defineOperation({
  method: 'post',
  path: '/v1/capacity-block-purchases/{id}/approve',
  id: 'approveCapacityBlockPurchase',
  tag,
  summary: 'Approve a purchase: the money is spent at once and cannot be got back',
  description:
    'The request is sent once and never repeated, by nothing. It is not sent where the block, or its price, is no longer what was asked for.',
  params,
  reply: ofOne,
  problems: ['purchase-not-found', 'purchase-conflict'],
  async handle({ service, param }) {
    return purchaseJson(await service.approvePurchase(param('id')));
  },
});

const reject = defineOperation({
  method: 'post',
  path: '/v1/capacity-block-purchases/{id}/reject',
  id: 'rejectCapacityBlockPurchase',
  tag,
  summary: 'Reject a purchase, or take an approval back as long as nothing was sent',
  params,
  reply: ofOne,
  problems: ['purchase-not-found', 'purchase-conflict'],
  async handle({ service, param }) {
    return purchaseJson(await service.rejectPurchase(param('id')));
  },
});

const settle = defineOperation({
  method: 'post',
  path: '/v1/capacity-block-purchases/{id}/settle',
  id: 'settleCapacityBlockPurchase',
  tag,
  summary: 'Say what became of a purchase that is `unknown`, after a look at the cloud’s own console',
  params,
  body: { description: 'What was bought', content: { 'application/json': settlementSchema } },
  reply: ofOne,
  problems: ['purchase-not-found', 'purchase-conflict'],
  async handle({ service, param, request }) {
    const { reservationId } = readBody(request, settlementSchema);
    return purchaseJson(await service.settlePurchase(param('id'), reservationId));
  },
});

export const capacityBlockOperations: readonly Operation[] = [
  listBlocks,
  requestPurchase,
  listPurchases,
  getPurchase,
  approve,
  reject,
  settle,
];
