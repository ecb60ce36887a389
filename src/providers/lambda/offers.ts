/**
 * `GET /instance-types`: every type with its one price for all regions, and the regions that have capacity now. Which region has
 * which hardware is not told, so every type is a pool in every region asked; where Lambda sees no capacity, `availableCount` is 0.
 */
import type { z } from 'zod';
import { type Accelerator, findAccelerator } from '../../domain/accelerators.ts';
import { MICRO_USD_PER_USD } from '../../domain/money.ts';
import type { Offer } from '../../domain/offer.ts';
import type { Call, OfferQuery, OfferSnapshot, QuarantinedPrice } from '../provider.ts';
import type { Api } from './api.ts';
import { poolOf } from './machines.ts';
import { QUOTA_NAME } from './names.ts';
import { ofEachRegion } from './regions.ts';
import type { Read } from './shared-read.ts';
import * as wire from './wire.ts';

const MICRO_USD_PER_CENT = MICRO_USD_PER_USD / 100;

export type Catalogue = z.output<typeof wire.instanceTypes>;

export function readCatalogue(api: Api, call: Call): Promise<Catalogue> {
  return api.send(LIST_INSTANCE_TYPES, call);
}

export function listOffers(
  catalogue: (call: Call) => Promise<Read<Catalogue>>,
  { regions }: OfferQuery,
  call: Call,
): Promise<OfferSnapshot> {
  return ofEachRegion(
    regions,
    call,
    async () => {
      const { value, readAt: observedAt } = await catalogue(call);
      const read = Object.values(value).flatMap(({ instance_type: type, regions_with_capacity_available: stocked }) => {
        const accelerator = type.specs.gpus > 0 ? acceleratorOf(type.gpu_description) : null;
        if (accelerator === null) return [];
        const names = stocked.map(({ name }) => name);
        return regions.map((region) => offerOf(type, accelerator, region, names.includes(region), observedAt));
      });
      return {
        offers: read.filter((item) => 'observedAt' in item),
        quarantined: read.filter((item) => 'reason' in item),
      };
    },
    { offers: [], quarantined: [] },
  );
}

const LIST_INSTANCE_TYPES = {
  method: 'GET',
  path: '/api/v1/instance-types',
  operation: 'listInstanceTypes',
  data: wire.instanceTypes,
} as const;

function offerOf(
  type: wire.WireInstanceType,
  accelerator: Accelerator,
  region: string,
  hasCapacity: boolean,
  observedAt: number,
): Offer | QuarantinedPrice {
  const { name, price_cents_per_hour: cents, specs } = type;
  const pool = poolOf(region, name);
  if (!(Number.isSafeInteger(cents) && cents > 0))
    return { pool, reason: `a price must be a whole number of cents above 0, not ${cents}` };
  return {
    pool,
    zonePhysicalId: null,
    accelerator: accelerator.name,
    acceleratorCount: specs.gpus,
    vcpuCount: specs.vcpus,
    memoryGiB: specs.memory_gib,
    // The Grace in GH200 and GB200 is an Arm CPU; the API does not say.
    architecture: /^G[HB]\d/.test(accelerator.name) ? 'arm64' : 'x86_64',
    priceMicroUsdPerHour: cents * MICRO_USD_PER_CENT,
    availability: 'available',
    availableCount: hasCapacity ? null : 0,
    quotaClaims: [{ quota: QUOTA_NAME, scope: 'global', units: 1 }],
    interruptionsPerHour: 0,
    observedAt,
  };
}

/** `H100 (80 GB SXM5)`: model, memory, form. Null = a model that the domain does not know. */
export function acceleratorOf(description: string): Accelerator | null {
  const match = /^(?:NVIDIA )?(?:Tesla )?(.+?)(?: \((\d+) GB(?: ([A-Za-z]+)\d*)?\))?$/.exec(description.trim());
  const [, model = '', memory = '', form = ''] = match ?? [];
  for (const spelling of [`${model}-${memory}GB-${form}`, `${model}-${memory}GB`, model]) {
    const lookup = findAccelerator(spelling);
    if (lookup.found) return isOfForm(lookup.accelerator, form) ? lookup.accelerator : null;
  }
  return null;
}

/** A PCIe card is not the SXM module of the same model, which bare names stand for. */
function isOfForm({ name }: Accelerator, form: string): boolean {
  return form === '' || !/-(SXM|NVL|PCIE)$/.test(name) || name.endsWith(`-${form.toUpperCase()}`);
}
