import * as z from 'zod';
import { acceleratorMistake } from '../../config/fields.ts';
import { checkAgainst, field } from '../../config/schema-issues.ts';
import { findAccelerator } from '../../domain/accelerators.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { ApiProblem, invalidBody } from '../problems.ts';
import { marketSchema, pageJson, pageOf, pageQuery, pageSchema, timeSchema } from '../resources/common.ts';
import {
  offerJson,
  offerSchema,
  priceHistoryJson,
  priceHistorySchema,
  quarantinedPriceJson,
  quarantinedPriceSchema,
} from '../resources/offers.ts';
import { providerJson, providerSchema } from '../resources/providers.ts';

const word = z.string().min(1).max(100).optional();

const listOffers = defineOperation({
  method: 'get',
  path: '/v1/offers',
  id: 'listOffers',
  tag: 'Market',
  summary: 'List offers: every pool of every cloud, with price, availability and age',
  query: {
    provider: word,
    region: word,
    accelerator: word.meta({ description: 'Any spelling: H100, a100-80gb, nvidia-l4', example: 'H100' }),
    market: marketSchema.optional(),
    ...pageQuery,
  },
  reply: { description: 'One page of offers', schema: pageSchema(offerSchema, 'OfferPage') },
  async handle({ service }, query) {
    const filter = {
      provider: query.provider ?? null,
      region: query.region ?? null,
      accelerator: query.accelerator === undefined ? null : canonicalAccelerator(query.accelerator),
      market: query.market ?? null,
    };
    return pageJson(await service.listOffers(filter, pageOf(query)), offerJson);
  },
});

function canonicalAccelerator(spelling: string): string {
  const lookup = findAccelerator(spelling);
  if (lookup.found) return lookup.accelerator.name;
  const message = acceleratorMistake(spelling) ?? 'unknown accelerator';
  throw new ApiProblem('validation-failed', 'The request has one mistake', [{ parameter: 'accelerator', message }]);
}

const poolKeyField = field(z.string().min(1).max(400), 'a pool key, as GET /v1/offers shows it in pool.key');
const WEEK_MS = 7 * 86_400_000;

const getPriceHistory = defineOperation({
  method: 'get',
  path: '/v1/offers/history',
  id: 'getPriceHistory',
  tag: 'Market',
  summary: 'Read how the price of a pool has changed',
  description: 'Changes are kept for 30 days.',
  query: {
    pool: poolKeyField.meta({ example: 'aws/us-east-1/us-east-1a/p5.48xlarge/spot' }),
    since: field(timeSchema, 'a time such as 2026-11-01T00:00:00Z')
      .optional()
      .meta({ description: 'Default: a week ago' }),
  },
  reply: { description: 'The changes', schema: priceHistorySchema },
  problems: ['pool-not-found'],
  async handle({ service, clock }, { pool, since }) {
    const from = since === undefined ? clock.now() - WEEK_MS : Date.parse(since);
    return priceHistoryJson(await service.getPriceHistory(pool, from));
  },
});

const listQuarantinedPrices = defineOperation({
  method: 'get',
  path: '/v1/quarantined-prices',
  id: 'listQuarantinedPrices',
  tag: 'Market',
  summary: 'List prices that are not ranked, because they cannot be true or are far out of band',
  query: { provider: word, ...pageQuery },
  reply: { description: 'One page of prices', schema: pageSchema(quarantinedPriceSchema, 'QuarantinedPricePage') },
  async handle({ service }, query) {
    const filter = { provider: query.provider ?? null };
    return pageJson(await service.listQuarantinedPrices(filter, pageOf(query)), quarantinedPriceJson);
  },
});

const acceptBody = z.strictObject({ pool: poolKeyField }).meta({ id: 'AcceptPrice' });

const acceptPrice = defineOperation({
  method: 'post',
  path: '/v1/quarantined-prices/accept',
  id: 'acceptPrice',
  tag: 'Market',
  summary: 'Accept a price out of band: it is ranked from the next reading on, which follows at once',
  body: { description: 'The pool by its key', content: { 'application/json': acceptBody } },
  reply: { description: 'The price that was accepted', schema: quarantinedPriceSchema },
  problems: ['price-not-quarantined', 'price-unreadable'],
  async handle({ service, request }) {
    const body = checkAgainst(acceptBody, request.body);
    if (!body.ok) throw invalidBody(body.issues);
    return quarantinedPriceJson(await service.acceptPrice(body.value.pool));
  },
});

const listProviders = defineOperation({
  method: 'get',
  path: '/v1/providers',
  id: 'listProviders',
  tag: 'Market',
  summary: 'List providers: health, regions, quotas with headroom, sold-out scopes',
  reply: { description: 'All providers', schema: pageSchema(providerSchema, 'ProviderPage') },
  async handle({ service }) {
    return { items: (await service.listProviders()).map(providerJson), next: null };
  },
});

const getProvider = defineOperation({
  method: 'get',
  path: '/v1/providers/{id}',
  id: 'getProvider',
  tag: 'Market',
  summary: 'Read one provider',
  params: { id: 'The provider: aws, azure, gcp, lambda' },
  reply: { description: 'The provider', schema: providerSchema },
  problems: ['provider-not-found'],
  async handle({ service, param }) {
    return providerJson(await service.getProvider(param('id')));
  },
});

export const marketOperations: readonly Operation[] = [
  listOffers,
  getPriceHistory,
  listQuarantinedPrices,
  acceptPrice,
  listProviders,
  getProvider,
];
