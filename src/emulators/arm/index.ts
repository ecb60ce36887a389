import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { createMetadataFront } from './imds-front.ts';
import { createResourceManagerFront } from './resource-manager-front.ts';
import { createRetailPricesFront } from './retail-prices-front.ts';

/** The emulated Azure: Resource Manager, the Retail Prices API, and the metadata service that its machines ask. */
export function createFronts(world: World): readonly Front[] {
  return [createResourceManagerFront(world), createRetailPricesFront(world), createMetadataFront(world)];
}
