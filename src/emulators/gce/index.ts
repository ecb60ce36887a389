import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { createBillingFront } from './billing-front.ts';
import { createCloudQuotasFront } from './cloud-quotas-front.ts';
import { createComputeFront } from './compute-front.ts';
import { createResourceManagerFront } from './resource-manager-front.ts';

/** Compute Engine (`compute`), the Billing Catalog, Cloud Quotas and Cloud Resource Manager. */
export function createFronts(world: World): readonly Front[] {
  return [
    createComputeFront(world),
    createBillingFront(world),
    createCloudQuotasFront(world),
    createResourceManagerFront(world),
  ];
}
