import { z } from 'zod';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import type { InstanceTypeFact } from '../world/market-facts.ts';
import { scarcityOf } from '../world/scarcity.ts';
import { ArmRefusal, jsonAnswer } from './arm-answer.ts';
import { readRestrictedZones } from './resource-skus.ts';

/** Band of hourly evictions, the scarcer the higher: the model of docs/emulated-clouds.md, not a measurement. */
const BANDS = ['0-5', '5-10', '10-15', '15-20', '20+'] as const;

export function evictionBandOf(type: InstanceTypeFact): string {
  const band = Math.floor(scarcityOf(type.accelerator) * BANDS.length);
  return BANDS[Math.min(band, BANDS.length - 1)] ?? BANDS[0];
}

const inputSchema = z.strictObject({
  desiredLocations: z.array(z.string().min(1)).min(1).max(8),
  desiredSizes: z
    .array(z.strictObject({ sku: z.string().min(1) }))
    .min(1)
    .max(5),
  desiredCount: z.int().min(1).max(1000),
  availabilityZones: z.boolean().default(false),
});

interface Score {
  readonly sku: string;
  readonly region: string;
  readonly availabilityZone?: string;
  readonly score: string;
  readonly isQuotaAvailable: boolean;
}

/** `POST placementScores/spot/generate`: how likely so many spot machines can be had, per region or per zone. */
export function generatePlacementScores(world: World, request: FrontRequest): FrontResponse {
  const input = readInput(request.body.toString('utf8'));
  const placementScores = input.desiredLocations.flatMap((region) =>
    input.desiredSizes.flatMap(({ sku }) => scoresOf(world, region.toLowerCase(), sku, input)),
  );
  return jsonAnswer(200, { ...input, placementScores });
}

function readInput(text: string): z.infer<typeof inputSchema> {
  try {
    return inputSchema.parse(JSON.parse(text));
  } catch (error) {
    const words = error instanceof z.ZodError ? z.prettifyError(error) : 'The body is not JSON.';
    throw new ArmRefusal(400, 'InvalidParameter', words);
  }
}

function scoresOf(
  world: World,
  region: string,
  sku: string,
  { desiredCount, availabilityZones }: z.infer<typeof inputSchema>,
): readonly Score[] {
  const type = world.instanceType('azure', sku);
  const zones = type === null || world.isDown('azure', region) ? [] : world.zonesOffering('azure', region, type.name);
  if (type === null || zones.length === 0)
    return [{ sku, region, score: 'DataNotFoundOrStale', isQuotaAvailable: false }];
  const [claim] = type.quotaClaims.spot;
  const quota = world.quotas('azure', region).find(({ fact }) => fact.name === claim?.quota);
  const isQuotaAvailable =
    quota === undefined || claim === undefined || quota.limit - quota.usage >= claim.units * desiredCount;
  const restricted = readRestrictedZones(world)[region]?.[type.name] ?? [];
  const free = zones.map((zone) => ({
    zone,
    free: world.freeOf({ cloud: 'azure', region, zone, instanceType: type.name, market: 'spot' }),
  }));
  if (!availabilityZones)
    return [{ sku, region, score: wordFor(Math.max(...free.map((one) => one.free)), desiredCount), isQuotaAvailable }];
  return [
    ...free.map((one) => ({
      ...{ sku, region, availabilityZone: one.zone, isQuotaAvailable },
      score: wordFor(one.free, desiredCount),
    })),
    ...restricted.map((zone) => ({
      ...{ sku, region, availabilityZone: zone, isQuotaAvailable },
      score: 'RestrictedSkuNotAvailable',
    })),
  ];
}

/** High: room for twice as many; Medium: for as many; Low: for fewer. */
function wordFor(free: number, wanted: number): string {
  if (free >= 2 * wanted) return 'High';
  return free >= wanted ? 'Medium' : 'Low';
}
