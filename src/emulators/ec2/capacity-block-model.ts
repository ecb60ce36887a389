/**
 * What the emulated EC2 sells as Capacity Blocks (docs/emulated-clouds.md): types of the P families with eight GPUs; spans of 1 to
 * 14 days, or of 3 to 26 whole weeks; blocks of 1, 2, 4 … 64 machines that begin at 11:30 UTC on one of the next 56 days.
 */
import { scaleMoney } from '../../domain/money.ts';
import type { World } from '../world/contract.ts';
import { streamOf, uniformAt } from '../world/random.ts';
import { scarcityOf } from '../world/scarcity.ts';

const DAY_MS = 86_400_000;
const STARTS_AT_MS = (11 * 60 + 30) * 60_000;
const DAYS_AHEAD = 56;
/** An offering is good for this long. */
export const OFFERED_MS = 15 * 60_000;
const MACHINE_COUNTS: ReadonlySet<number> = new Set([1, 2, 4, 8, 16, 32, 64]);

export interface BlockOffering {
  readonly id: string;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly machineCount: number;
  readonly startAt: number;
  readonly endAt: number;
  readonly upfrontMicroUsd: number;
  readonly offeredAt: number;
}

export interface BlockQuery {
  readonly region: string;
  readonly instanceType: string;
  readonly machineCount: number;
  readonly durationHours: number;
  readonly startAfter: number;
  readonly startBefore: number;
}

export function isSoldAsBlocks(world: World, instanceType: string): boolean {
  return instanceType.startsWith('p') && world.instanceType('aws', instanceType)?.acceleratorCount === 8;
}

export function isBlockSize(machineCount: number): boolean {
  return MACHINE_COUNTS.has(machineCount);
}

/** Whole days up to 14, whole weeks up to 26. */
export function isBlockSpan(hours: number): boolean {
  const days = hours / 24;
  if (!Number.isInteger(days) || days < 1) return false;
  return days <= 14 || (days % 7 === 0 && days <= 182);
}

/** At most three, the earliest first, as EC2 proposes the first that fit. */
export function blocksFor(world: World, query: BlockQuery): readonly BlockOffering[] {
  const type = world.instanceType('aws', query.instanceType);
  const list = world.listPrice('aws', query.region, query.instanceType);
  if (type === null || list === null) return [];
  const now = world.clock.now();
  const firstDay = Math.floor(now / DAY_MS);
  const chance = (0.6 * (1 - scarcityOf(type.accelerator)) ** 0.5) / Math.sqrt(query.machineCount);
  const found: BlockOffering[] = [];
  for (let day = firstDay; day <= firstDay + DAYS_AHEAD && found.length < 3; day += 1) {
    const startAt = day * DAY_MS + STARTS_AT_MS;
    if (startAt <= now || startAt < query.startAfter || startAt > query.startBefore) continue;
    for (const zone of world.zonesOffering('aws', query.region, query.instanceType)) {
      const stream = streamOf(world.seed, `capacity-blocks/${query.region}/${zone}/${query.instanceType}`);
      if (uniformAt(stream, day) >= chance || found.length === 3) continue;
      // Between 80 and 100 % of the list price, by the day.
      const share = 0.8 + 0.2 * uniformAt(streamOf(stream, 'price'), day);
      found.push({
        id: `cb-${idDigits(world.seed, `${zone}/${query.instanceType}/${query.machineCount}/${query.durationHours}/${day}/${Math.floor(now / OFFERED_MS)}`)}`,
        region: query.region,
        zone,
        instanceType: query.instanceType,
        machineCount: query.machineCount,
        startAt,
        endAt: startAt + query.durationHours * 3_600_000,
        upfrontMicroUsd: wholeCents(scaleMoney(list, query.machineCount * query.durationHours * share)),
        offeredAt: now,
      });
    }
  }
  return found;
}

function wholeCents(microUsd: number): number {
  return Math.round(microUsd / 10_000) * 10_000;
}

/** 17 hexadecimal digits. */
function idDigits(seed: number, text: string): string {
  const stream = streamOf(seed, text);
  return Array.from({ length: 17 }, (_, index) => Math.floor(uniformAt(stream, index) * 16).toString(16)).join('');
}
