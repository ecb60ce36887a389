import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import { pageOf } from './paging.ts';

const PAGE_SIZE = 10;

/** `GET locations/{location}/usages`: the quotas of a region with limit and use, among others that no GPU machine claims. */
export function listUsages(world: World, location: string, request: FrontRequest): FrontResponse {
  const region = location.replaceAll(' ', '').toLowerCase();
  if (world.region('azure', region) === null)
    throw new ArmRefusal(
      400,
      'NoRegisteredProviderFound',
      `No registered resource provider found for location '${location}' and API version '${request.url.searchParams.get('api-version') ?? ''}' for type 'locations/usages'.`,
    );
  const quotas = world
    .quotas('azure', region)
    .map(({ fact, limit, usage }) => usageOf(fact.name, fact.displayName, limit, usage));
  const machines = world.machines('azure').filter(({ pool }) => pool.region === region).length;
  const usages = [
    usageOf('availabilitySets', 'Availability Sets', 2500, 0),
    usageOf('virtualMachines', 'Virtual Machines', 25_000, machines),
    ...quotas,
    usageOf('standardDSv5Family', 'Standard DSv5 Family vCPUs', 100, 4),
    usageOf('PremiumDiskCount', 'Premium Storage Managed Disks', 50_000, 0),
  ];
  return jsonAnswer(200, pageOf(request, usages, PAGE_SIZE));
}

function usageOf(name: string, localizedValue: string, limit: number, currentValue: number): unknown {
  // Names with blanks inside come with one at the end as well: seen in Azure's answers, and it has broken other tools.
  const value = name.includes(' ') ? `${name} ` : name;
  return { unit: 'Count', currentValue, limit, name: { value, localizedValue } };
}
