import { z } from 'zod';
import type { Pool } from '../../domain/pool.ts';
import type { AdviceQuery, Call, CapacityAdvice } from '../provider.ts';
import { askArm, readAs } from './arm-requests.ts';
import { mapConcurrently } from './calls.ts';
import type { AdapterContext } from './context.ts';
import { providerErrorOf } from './errors.ts';
import { queryGraph, quotedList } from './history.ts';

const OPERATION = 'placementScores.generate';
const API_VERSION = '2025-06-05';
/** Per call, as documented. */
const MAX_REGIONS = 8;
const MAX_SIZES = 5;
const CALLS_AT_ONCE = 2;

/**
 * Azure's words as chances. It documents an order, no numbers: these keep the order, with even odds in the middle. A size that is
 * restricted cannot be had; stale or missing data says nothing.
 */
const OBTAINABILITY: Readonly<Record<string, number>> = {
  high: 0.9,
  medium: 0.5,
  low: 0.1,
  restrictedskunotavailable: 0,
};

/**
 * Middle of each band of hourly evictions, as machines per machine-hour: Azure publishes "the chance of being evicted within an hour" over
 * the last 28 days, in bands. The open one is taken as wide as the others.
 */
const EVICTIONS_PER_HOUR: Readonly<Record<string, number>> = {
  '0-5': 0.025,
  '5-10': 0.075,
  '10-15': 0.125,
  '15-20': 0.175,
  '20+': 0.225,
};

const answerSchema = z.object({
  placementScores: z.array(
    z.object({
      sku: z.string(),
      region: z.string(),
      availabilityZone: z.string().nullish(),
      score: z.string(),
      isQuotaAvailable: z.boolean().nullish(),
    }),
  ),
});
type Score = z.infer<typeof answerSchema>['placementScores'][number];

const rateSchema = z.object({ skuName: z.string(), location: z.string(), spotEvictionRate: z.string() });

type Finalist = AdviceQuery['pools'][number];

/**
 * Placement scores and eviction bands of the spot pools; Azure gives advice on no other. Scores of several zones come in one call. Throws
 * the signal's reason or a ProviderError.
 */
export async function adviseCapacity(
  context: AdapterContext,
  query: AdviceQuery,
  call: Call,
): Promise<readonly CapacityAdvice[]> {
  const finalists = query.pools.filter(({ pool }) => pool.market === 'spot');
  if (finalists.length === 0) return [];
  const [scores, rates] = await Promise.all([
    mapConcurrently(batchesOf(finalists), CALLS_AT_ONCE, (batch) => readScores(context, batch, call)),
    readEvictionRates(context, finalists, call),
  ]);
  const byPool = new Map(scores.flat().map((score) => [score.key, score]));
  const observedAt = context.clock.now();
  return finalists.flatMap(({ pool, count }) => {
    const score = byPool.get(keyOf(pool, count));
    const band = rates.get(`${pool.region}/${pool.instanceType.toLowerCase()}`);
    if (score === undefined && band === undefined) return [];
    return [{ pool, ...wordsOf(score, band), observedAt }];
  });
}

/** Sizes, regions and one count per call; zones of a region share one, zone or no zone does not mix. */
interface Batch {
  readonly count: number;
  readonly zonal: boolean;
  readonly regions: readonly string[];
  readonly sizes: readonly string[];
}

export function batchesOf(finalists: readonly Finalist[]): readonly Batch[] {
  const groups = Map.groupBy(finalists, ({ pool, count }) => `${count}/${pool.zone === null ? 'regional' : 'zonal'}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const regions = chunksOf([...new Set(group.map(({ pool }) => pool.region))], MAX_REGIONS);
    return regions.flatMap((chunk) => {
      const sizes = group.filter(({ pool }) => chunk.includes(pool.region)).map(({ pool }) => pool.instanceType);
      return chunksOf([...new Set(sizes)], MAX_SIZES).map((some) => ({
        count: first.count,
        zonal: first.pool.zone !== null,
        regions: chunk,
        sizes: some,
      }));
    });
  });
}

function chunksOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

async function readScores(
  context: AdapterContext,
  { count, zonal, regions, sizes }: Batch,
  call: Call,
): Promise<readonly (Score & { readonly key: string })[]> {
  const { clients, settings } = context;
  // The location in the path only says who answers; the body says what is asked about.
  const location = regions[0] ?? '';
  const request = {
    method: 'POST' as const,
    path: `/subscriptions/${settings.subscriptionId}/providers/Microsoft.Compute/locations/${location}/placementScores/spot/generate`,
    query: { 'api-version': API_VERSION },
    body: {
      desiredLocations: regions,
      desiredSizes: sizes.map((sku) => ({ sku })),
      desiredCount: count,
      availabilityZones: zonal,
    },
  };
  const answer = await askArm(clients, request, call);
  if (!answer.ok) throw providerErrorOf(answer.failure, OPERATION, 'read');
  return readAs(OPERATION, answerSchema, answer.value.body).placementScores.map((score) => ({
    ...score,
    key: keyOf({ region: score.region, zone: score.availabilityZone || null, instanceType: score.sku }, count),
  }));
}

function keyOf({ region, zone, instanceType }: Pick<Pool, 'region' | 'zone' | 'instanceType'>, count: number): string {
  return `${region}/${zone ?? '*'}/${instanceType}/${count}`.toLowerCase();
}

/** `region/size` → band. */
async function readEvictionRates(
  context: AdapterContext,
  finalists: readonly Finalist[],
  call: Call,
): Promise<ReadonlyMap<string, string>> {
  const sizes = [...new Set(finalists.map(({ pool }) => pool.instanceType.toLowerCase()))];
  const regions = [...new Set(finalists.map(({ pool }) => pool.region))];
  const query = [
    'SpotResources',
    `where type =~ 'microsoft.compute/skuspotevictionrate/location'`,
    `where sku.name in~ (${quotedList(sizes)})`,
    `where location in~ (${quotedList(regions)})`,
    'project skuName = tostring(sku.name), location, spotEvictionRate = tostring(properties.evictionRate)',
  ].join(' | ');
  const rows = await queryGraph(context, query, rateSchema, call);
  return new Map(
    rows.map(({ skuName, location, spotEvictionRate }) => [
      `${location.toLowerCase()}/${skuName.toLowerCase()}`,
      spotEvictionRate,
    ]),
  );
}

function wordsOf(
  score: Score | undefined,
  band: string | undefined,
): Pick<CapacityAdvice, 'obtainability' | 'interruptionsPerHour' | 'words'> {
  const quota = score?.isQuotaAvailable === false ? ' (the spot quota does not suffice)' : '';
  return {
    obtainability: score === undefined ? null : (OBTAINABILITY[score.score.toLowerCase()] ?? null),
    interruptionsPerHour: band === undefined ? null : (EVICTIONS_PER_HOUR[band.replaceAll(' ', '')] ?? null),
    words: [
      ...(score === undefined ? [] : [`placement score ${score.score}${quota}`]),
      ...(band === undefined ? [] : [`eviction rate ${band} % per hour`]),
    ].join(', '),
  };
}
