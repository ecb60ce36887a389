import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { createResourceManagerFront } from './resource-manager-front.ts';
import { createRetailPricesFront } from './retail-prices-front.ts';

/** The emulated Azure: Resource Manager's compute part and the Retail Prices API. */
export function createFronts(world: World): readonly Front[] {
  return [createResourceManagerFront(world), createRetailPricesFront(world)];
}
