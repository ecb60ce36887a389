import type {
  GetSpotPlacementScoresRequest,
  GetSpotPlacementScoresResult,
  SpotPlacementScore,
} from '@aws-sdk/client-ec2';
import { GetSpotPlacementScores$ } from '@aws-sdk/client-ec2';
import type { World } from '../../world/contract.ts';
import { pageOf } from '../paging.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

/** With fewer types the score is low whatever there is (EC2 user guide, spot placement score). */
const FEWEST_TYPES = 3;
/** Distinct questions in 24 hours. AWS publishes no figure; this one makes a careless caller notice. */
const CONFIGURATIONS = 10;
const DAY_MS = 86_400_000;

function runGetSpotPlacementScores(
  context: ActionContext,
  input: GetSpotPlacementScoresRequest,
): GetSpotPlacementScoresResult {
  const { world } = context;
  const { InstanceTypes: types = [], TargetCapacity: target = 0, TargetCapacityUnitType: unit = 'units' } = input;
  if (unit !== 'units') throw badRequest('UnsupportedOperation', 'The emulated EC2 scores numbers of instances only');
  if (target < 1)
    throw badRequest('InvalidParameterValue', `Value (${target}) for parameter TargetCapacity is invalid.`);
  const unknown = types.find((name) => world.instanceType('aws', name) === null);
  if (types.length === 0 || unknown !== undefined) {
    throw badRequest('InvalidParameterValue', `Invalid value '${unknown ?? ''}' for InstanceType.`);
  }
  const regions = input.RegionNames ?? world.facts('aws').regions.map(({ name }) => name);
  const wrong = regions.find((name) => world.region('aws', name) === null);
  if (wrong !== undefined) throw badRequest('InvalidParameterValue', `Invalid region: [${wrong}]`);
  if (input.NextToken === undefined || input.NextToken === '') countConfiguration(world, { types, target, regions });
  const question = { types, target, single: input.SingleAvailabilityZone === true };
  const scores = regions
    .filter((region) => !world.isDown('aws', region))
    .flatMap((region) => scoresIn(world, region, question));
  const page = pageOf(
    scores.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    keyOf,
    { maxResults: input.MaxResults, nextToken: input.NextToken },
    { least: 10, most: 1000, standard: 10 },
  );
  return {
    SpotPlacementScores: [...page.items],
    ...(page.nextToken === null ? {} : { NextToken: page.nextToken }),
  };
}

/** Best first. */
function keyOf({ Region: region = '', AvailabilityZoneId: zone = '', Score: score = 0 }: SpotPlacementScore): string {
  return `${String(10 - score).padStart(2, '0')} ${region} ${zone}`;
}

interface Question {
  readonly types: readonly string[];
  readonly target: number;
  readonly single: boolean;
}

function scoresIn(world: World, region: string, question: Question): readonly SpotPlacementScore[] {
  const zones = (world.region('aws', region)?.zones ?? []).map(({ name, physicalId }) => ({
    id: physicalId ?? name,
    free: question.types.map((instanceType) => freeSpot(world, region, name, instanceType)),
  }));
  if (question.single) {
    return zones.map(({ id, free }) => ({ Region: region, AvailabilityZoneId: id, Score: scoreOf(free, question) }));
  }
  const inRegion = question.types.map((_, index) => zones.reduce((sum, { free }) => sum + (free[index] ?? 0), 0));
  return [{ Region: region, Score: scoreOf(inRegion, question) }];
}

function freeSpot(world: World, region: string, zone: string, instanceType: string): number {
  if (!world.zonesOffering('aws', region, instanceType).includes(zone)) return 0;
  return world.freeOf({ cloud: 'aws', region, zone, instanceType, market: 'spot' });
}

/**
 * From 1, nothing there, to 10, twice the target free of every type: each type counts by the share of twice the target that is free,
 * and all count alike. At most 3 for fewer than three types.
 */
function scoreOf(free: readonly number[], { types, target }: Question): number {
  const shares = free.map((machines) => Math.min(1, machines / (2 * target)));
  const score = 1 + Math.round((9 * shares.reduce((sum, share) => sum + share, 0)) / types.length);
  return types.length < FEWEST_TYPES ? Math.min(3, score) : score;
}

/** A question is the same again with the same types, target and regions. Throws when there have been too many different ones. */
function countConfiguration(
  world: World,
  question: { readonly types: readonly string[]; readonly target: number; readonly regions: readonly string[] },
): void {
  const asked = world.store<number>('aws', 'placement-score-configurations');
  const now = world.clock.now();
  for (const [key, at] of asked) if (at + DAY_MS <= now) asked.delete(key);
  const key = JSON.stringify([question.types.toSorted(), question.target, question.regions.toSorted()]);
  if (!asked.has(key) && asked.size >= CONFIGURATIONS) {
    throw badRequest(
      'MaxConfigLimitExceeded',
      'You have exceeded your maximum allowed Spot placement configurations. You can retry configurations that you used within the last 24 hours, or wait for 24 hours before specifying a new configuration.',
    );
  }
  asked.set(key, now);
}

export const getSpotPlacementScores = defineAction(GetSpotPlacementScores$, false, runGetSpotPlacementScores);
