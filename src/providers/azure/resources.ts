import { z } from 'zod';
import type { Call } from '../provider.ts';
import { listFromArm } from './arm-requests.ts';
import type { AdapterContext } from './context.ts';

const OPERATION = 'resources.list';
const API_VERSION = '2021-04-01';

const resourceSchema = z.object({
  id: z.string(),
  name: z.string(),
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  zones: z.array(z.string()).nullish(),
  managedBy: z.string().nullish(),
  createdTime: z.string().nullish(),
});

/** A resource as ARM's own list has it: without the properties that only its provider knows. */
export type ListedResource = z.infer<typeof resourceSchema>;

/**
 * Resources of one type in one region. ARM's own list is the only one that can be asked by region for disks, interfaces, addresses and
 * reservation groups, so that a region that does not answer spoils no other. Throws the signal's reason or a ProviderError.
 */
export function listResources(
  context: AdapterContext,
  type: string,
  region: string,
  call: Call,
): Promise<readonly ListedResource[]> {
  const { clients, settings } = context;
  const request = {
    path: `/subscriptions/${settings.subscriptionId}/resources`,
    query: {
      'api-version': API_VERSION,
      $filter: `resourceType eq '${type}' and location eq '${region}'`,
      $expand: 'createdTime',
    },
  };
  return listFromArm(clients, OPERATION, request, resourceSchema, call);
}
