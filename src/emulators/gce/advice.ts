import { z } from 'zod';
import type { World, WorldPool } from '../world/contract.ts';
import { scarcityOf } from '../world/scarcity.ts';
import { requiredRegion, resourceUrl } from './resources.ts';
import type { ApiRequest } from './routes.ts';
import { invalidValue } from './vendor-error.ts';

const capacityRequest = z.looseObject({
  size: z.number().int().min(1).default(1),
  distributionPolicy: z.looseObject({ zones: z.array(z.looseObject({ zone: z.string() })).default([]) }).prefault({}),
  instanceFlexibilityPolicy: z.looseObject({
    instanceSelections: z.record(
      z.string(),
      z.looseObject({
        machineTypes: z.array(z.string()).min(1),
        guestAccelerators: z
          .array(z.looseObject({ acceleratorType: z.string(), acceleratorCount: z.number() }))
          .default([]),
      }),
    ),
  }),
  instanceProperties: z.looseObject({ scheduling: z.looseObject({ provisioningModel: z.string() }) }),
});

function lastSegment(reference: string): string {
  return reference.split('/').at(-1) ?? reference;
}

/** Of so many asked for, with so many free: half a chance where they just fit, none where there is nothing. */
export function obtainabilityOf(free: number, size: number): number {
  return Math.round((free / (free + size)) * 100) / 100;
}

/** The API knows three answers: a minute, ten, an hour. */
function uptimeOf(scarcity: number): string {
  if (scarcity > 0.9) return '60s';
  return scarcity > 0.6 ? '600s' : '3600s';
}

/**
 * What the cloud thinks of its own spot capacity. Model: obtainability = free / (free + asked for), of the zone of those asked for that
 * has most; the uptime falls with the accelerator's scarcity. Spot only, one selection in a request, as the real one.
 */
export function adviseCapacity(world: World, request: ApiRequest): object {
  const { project = '', region = '' } = request.path;
  const wanted = capacityRequest.safeParse(request.body);
  if (!wanted.success) {
    const issue = wanted.error.issues[0];
    throw invalidValue(issue?.path.join('.') ?? '', '', issue?.message ?? 'Invalid.');
  }
  const { size, distributionPolicy, instanceFlexibilityPolicy, instanceProperties } = wanted.data;
  const model = instanceProperties.scheduling.provisioningModel;
  if (model !== 'SPOT') throw invalidValue('instanceProperties.scheduling.provisioningModel', model, 'Must be SPOT.');
  const selections = Object.values(instanceFlexibilityPolicy.instanceSelections);
  const [selection] = selections;
  const machineType = selection?.machineTypes[0];
  if (selection === undefined || machineType === undefined || selections.length > 1)
    throw invalidValue('instanceFlexibilityPolicy.instanceSelections', '', 'Must contain exactly one element.');
  const [gpu] = selection.guestAccelerators;
  const instanceType =
    gpu === undefined ? machineType : `${machineType}+${lastSegment(gpu.acceleratorType)}x${gpu.acceleratorCount}`;
  const zones = distributionPolicy.zones.map(({ zone }) => lastSegment(zone));
  const best = requiredRegion(world, region)
    .zones.map(({ name }): WorldPool => ({ cloud: 'gcp', region, zone: name, instanceType, market: 'spot' }))
    .filter((pool) => (zones.length === 0 || zones.includes(pool.zone)) && world.price(pool) !== null)
    .map((pool) => ({ pool, free: world.freeOf(pool) }))
    .toSorted((a, b) => b.free - a.free)[0];
  if (best === undefined) throw invalidValue('instanceSelections.machineTypes', machineType, 'Not offered there.');
  const accelerator = world.instanceType('gcp', instanceType)?.accelerator ?? '';
  return {
    recommendations: [
      {
        scores: {
          obtainability: obtainabilityOf(best.free, size),
          estimatedUptime: uptimeOf(scarcityOf(accelerator)),
        },
        shards: [
          {
            ...{ machineType, provisioningModel: 'SPOT', instanceCount: size },
            zone: resourceUrl(project, `zones/${best.pool.zone}`),
          },
        ],
      },
    ],
  };
}
