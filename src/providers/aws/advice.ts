/**
 * Spot placement scores. AWS scores a set of types, not one: with fewer than three types the score is low whatever there is, and the
 * number of different questions in 24 hours is limited and not adjustable (EC2 user guide, 2026). So a type is asked about together
 * with its nearest relations, the target is rounded up to a power of two, and one question covers all regions.
 */
import type { GetSpotPlacementScoresCommandInput, SpotPlacementScore } from '@aws-sdk/client-ec2';
import { GetSpotPlacementScoresCommand } from '@aws-sdk/client-ec2';
import type { AdviceQuery, Call, CapacityAdvice } from '../provider.ts';
import { zonePhysicalIds } from './catalogue.ts';
import type { AwsContext } from './context.ts';
import { requirePart } from './errors.ts';
import { familyOf } from './instance-types.ts';
import { pagesOf } from './pages.ts';
import { unknownRegion } from './regions.ts';

/** Types that are asked about with each other, by family; a family that is missing here takes the small sizes of its own. */
const RELATIONS: Readonly<Record<string, readonly string[]>> = {
  gr6: ['gr6.4xlarge', 'gr6.8xlarge', 'g6.4xlarge'],
  g7e: ['g7e.2xlarge', 'g7e.4xlarge', 'g7e.8xlarge'],
  p3: ['p3.2xlarge', 'p3.8xlarge', 'p3dn.24xlarge'],
  p3dn: ['p3.2xlarge', 'p3.8xlarge', 'p3dn.24xlarge'],
  p4d: ['p4d.24xlarge', 'p4de.24xlarge', 'p3dn.24xlarge'],
  p4de: ['p4d.24xlarge', 'p4de.24xlarge', 'p3dn.24xlarge'],
  p5: ['p5.48xlarge', 'p5en.48xlarge', 'p4d.24xlarge'],
  p5e: ['p5e.48xlarge', 'p5.48xlarge', 'p5en.48xlarge'],
  p5en: ['p5.48xlarge', 'p5en.48xlarge', 'p4d.24xlarge'],
  'p6-b200': ['p6-b200.48xlarge', 'p6-b300.48xlarge', 'p5en.48xlarge'],
  'p6-b300': ['p6-b200.48xlarge', 'p6-b300.48xlarge', 'p5en.48xlarge'],
};
const SMALL_SIZES = ['xlarge', '2xlarge', '4xlarge'];

type Asked = AdviceQuery['pools'][number];

interface Question {
  readonly types: readonly string[];
  readonly asked: readonly Asked[];
}

/** Advice for spot pools; AWS says nothing about the others. */
export async function adviseCapacity(
  context: AwsContext,
  query: AdviceQuery,
  call: Call,
): Promise<readonly CapacityAdvice[]> {
  const spot = query.pools.filter(({ pool }) => pool.market === 'spot');
  const foreign = spot.find(({ pool }) => !context.regions.includes(pool.region));
  if (foreign !== undefined) throw unknownRegion(foreign.pool.region);
  const advice: CapacityAdvice[] = [];
  // One after the other: such calls are few, and throttled early.
  for (const question of questionsOf(spot)) advice.push(...(await adviceFor(context, question, call)));
  return advice;
}

export function questionsOf(spot: readonly Asked[]): readonly Question[] {
  const byTypes = Map.groupBy(spot, ({ pool }) => typesAskedWith(pool.instanceType).join(','));
  return [...byTypes]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([types, asked]) => ({ types: types.split(','), asked }));
}

function typesAskedWith(instanceType: string): readonly string[] {
  const family = familyOf(instanceType);
  const relations = RELATIONS[family] ?? SMALL_SIZES.map((size) => `${family}.${size}`);
  return [...new Set([...relations, instanceType])].toSorted();
}

async function adviceFor(
  context: AwsContext,
  { types, asked }: Question,
  call: Call,
): Promise<readonly CapacityAdvice[]> {
  const regions = [...new Set(asked.map(({ pool }) => pool.region))].toSorted();
  const [first = ''] = regions;
  const observedAt = context.clock.now();
  const attempted = { operation: 'GetSpotPlacementScores', mutating: false };
  const input = {
    InstanceTypes: [...types],
    TargetCapacity: 2 ** Math.ceil(Math.log2(Math.max(1, ...asked.map(({ count }) => count)))),
    TargetCapacityUnitType: 'units' as const,
    SingleAvailabilityZone: true,
    RegionNames: regions,
    MaxResults: 1000,
  } satisfies GetSpotPlacementScoresCommandInput;
  const scores: SpotPlacementScore[] = [];
  const pages = pagesOf(attempted, call, (more, options) =>
    context.clients.ec2(first).send(new GetSpotPlacementScoresCommand({ ...input, ...more }), options),
  );
  for await (const page of pages) {
    scores.push(...requirePart(page.SpotPlacementScores, attempted, 'SpotPlacementScores'));
  }
  const zoneIds = new Map(
    await Promise.all(
      regions.map(async (region) => [region, await zonePhysicalIds(context.clients.ec2(region), call)] as const),
    ),
  );
  return asked.flatMap(({ pool }) => {
    // Scores name zones by the id that is the same for everybody.
    const zoneId = zoneIds.get(pool.region)?.get(pool.zone ?? '');
    const score = scores.find((each) => each.Region === pool.region && each.AvailabilityZoneId === zoneId)?.Score;
    if (zoneId === undefined || score === undefined) return [];
    const words = `placement score ${score} of 10 for ${types.join(', ')}`;
    return [{ pool, obtainability: score / 10, interruptionsPerHour: null, words, observedAt }];
  });
}
