import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { pageOf } from './paging.ts';
import { routedReadFront } from './read-front.ts';
import type { ApiRequest } from './routes.ts';
import { createRouter } from './routes.ts';
import { loadApiSchema } from './schema.ts';
import { COMPUTE_SERVICE, skuResources } from './skus.ts';
import { VendorError } from './vendor-error.ts';

function listSkus(world: World, { path, query }: ApiRequest): object {
  if (path['parent'] !== `services/${COMPUTE_SERVICE}`)
    throw new VendorError({
      status: 404,
      reason: 'notFound',
      message: `Service ${path['parent']} was not found.`,
      canonicalStatus: 'NOT_FOUND',
    });
  const limits = { maximum: 5000, field: 'pageSize' };
  const page = pageOf(skuResources(world), query.get('pageToken'), query.get('pageSize'), limits);
  return { skus: page.items, nextPageToken: page.nextPageToken ?? '' };
}

export function createBillingFront(world: World): Front {
  const schema = loadApiSchema('@google-cloud/billing', 'google.cloud.billing.v1');
  const router = createRouter(schema, [
    {
      method: schema.method('CloudCatalog', 'ListSkus'),
      mutating: false,
      handle: (request) => listSkus(world, request),
    },
  ]);

  return routedReadFront('cloud-billing', router);
}
