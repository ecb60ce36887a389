import * as z from 'zod';
import { acceleratorMistake } from '../../config/fields.ts';
import { findAccelerator } from '../../domain/accelerators.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { ApiProblem } from '../problems.ts';
import { marketSchema, pageJson, pageOf, pageQuery, pageSchema } from '../resources/common.ts';
import { offerJson, offerSchema } from '../resources/offers.ts';
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
  params: { id: 'The provider: aws, azure, gcp' },
  reply: { description: 'The provider', schema: providerSchema },
  problems: ['provider-not-found'],
  async handle({ service, param }) {
    return providerJson(await service.getProvider(param('id')));
  },
});

export const marketOperations: readonly Operation[] = [listOffers, listProviders, getProvider];
