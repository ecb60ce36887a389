import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { createBillingFront } from './billing-front.ts';
import { createComputeFront } from './compute-front.ts';

/** Compute Engine (`compute`) and the Cloud Billing Catalog (`cloud-billing`). */
export function createFronts(world: World): readonly Front[] {
  return [createComputeFront(world), createBillingFront(world)];
}
